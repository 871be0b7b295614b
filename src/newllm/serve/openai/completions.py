"""POST /v1/completions: a text is continued. The form of OpenAI's completions, streamed or whole.

Beyond it: `top_k`, `min_p`, `repetition_penalty`; `seed` in the response, with which the same text comes again;
`return_state` puts the state after a choice into it as `state`, and `state` in a request goes on from one.
"""

from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp

from newllm.serve.api_errors import bad_value
from newllm.serve.openai.answers import Answer
from newllm.serve.openai.call import MOST_LOGPROBS, MOST_TOKENS, begin, choices, sampling
from newllm.serve.openai.forms import Form
from newllm.serve.openai.logprobs import CompletionLogprobs, Token
from newllm.serve.openai.prompts import MOST_PROMPTS, read_prompts

_TOKENS = 16  # OpenAI's default


async def completions(request: Request) -> ASGIApp:
    """Answer a request."""
    call = await begin(request)
    fields = call.fields
    prompts = read_prompts(fields.raw("prompt"), call.ready.vocabulary)
    sampled = sampling(fields)
    n = choices(fields, sampled["seed"])
    if n * len(prompts) > MOST_PROMPTS:
        raise bad_value("n", n, f"so small that there are at most {MOST_PROMPTS:,} texts in all")
    logprobs = fields.whole("logprobs", None, 0, MOST_LOGPROBS)
    answer = Answer(call, _Form(n * len(prompts)), n, logprobs is not None, sampled["seed"])
    asked = {
        **sampled, "n": n, "logprobs": logprobs, "echo": fields.flag("echo", False), "flow": call.flow(),
        "max_tokens": fields.whole("max_tokens", _TOKENS, 0, MOST_TOKENS), "keep": answer.keep,
    }  # fmt: skip
    state = call.state()
    return await answer.of([({**asked, **prompt}, state) for prompt in prompts])


class _Form(Form):
    """Of completions.

    Args:
        choices: how many there are.
    """

    prefix, object, chunk = "cmpl", "text_completion", "text_completion"
    first, piece, last = b"", (b'"text":', b""), b'"text":""'

    def __init__(self, choices: int) -> None:
        self._logprobs = [CompletionLogprobs() for _ in range(choices)]

    def whole(self, text: str) -> dict[str, Any]:
        """Return a text as a choice has it."""
        return {"text": text}

    def logprobs(self, choice: int, tokens: list[Token]) -> dict[str, Any]:
        """Return the log probabilities of tokens that follow those before of a choice."""
        return self._logprobs[choice].form(tokens)
