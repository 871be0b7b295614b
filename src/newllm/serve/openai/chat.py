"""POST /v1/chat/completions: a reply to messages, which an explicit template turns into the text that the model reads.

With a `state` the messages are those after the reply that the state ends with. Without one they are the whole chat, as
every client sends it; what of it has been read and written here before is not read again (`conversations`).
"""

from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp

from newllm.serve.conversations import Asker
from newllm.serve.openai.answers import Answer
from newllm.serve.openai.call import MOST_LOGPROBS, MOST_TOKENS, TOKENS, begin, choices, sampling
from newllm.serve.openai.choices import Choice
from newllm.serve.openai.fields import Fields
from newllm.serve.openai.forms import Form
from newllm.serve.openai.logprobs import Token, chat_form
from newllm.serve.openai.messages import no_template, read_messages


async def chat_completions(request: Request) -> ASGIApp:
    """Answer a request."""
    call = await begin(request)
    fields, template = call.fields, call.service.templates.get(call.model.name)
    if template is None:
        raise no_template(call.model.name, "chats")
    messages, state = read_messages("messages", fields.raw("messages"), fields), call.state()
    text, stops = template.render_after_reply(messages) if state else template.render(messages)
    sampled = sampling(fields)
    sampled["stop"] += stops
    n, logprobs = choices(fields, sampled["seed"]), _logprobs(fields)
    known, asker = call.service.conversations, Asker(call.owner, call.ready.fingerprint)
    remember, begun = None, 0
    if not state:
        begun, state = known.longest(asker, text)

        def remember(reply: Choice) -> None:
            # The text must be what was read: bytes that are no text came as U+FFFD, and would come back as it.
            if reply.is_whole and "\ufffd" not in reply.text:
                known.put(asker, text + reply.text, reply.state)

    answer = Answer(call, _Form(), n, logprobs is not None, sampled["seed"], remember)
    asked = {
        **sampled, "text": text[begun:], "n": n, "logprobs": logprobs, "echo": False, "flow": call.flow(),
        "max_tokens": _most_tokens(fields), "keep": answer.keep or remember is not None,
    }  # fmt: skip
    return await answer.of([(asked, state)])


def _logprobs(fields: Fields) -> int | None:
    wanted, top = fields.flag("logprobs", False), fields.whole("top_logprobs", 0, 0, MOST_LOGPROBS)
    return top if wanted else None


def _most_tokens(fields: Fields) -> int:
    given = [fields.whole(name, None, 0, MOST_TOKENS) for name in ("max_completion_tokens", "max_tokens")]
    return next((one for one in given if one is not None), TOKENS)


class _Form(Form):
    """Of chat completions."""

    prefix, object, chunk = "chatcmpl", "chat.completion", "chat.completion.chunk"
    first = b'"delta":{"role":"assistant","content":""}'
    piece, last = (b'"delta":{"content":', b"}"), b'"delta":{}'

    def whole(self, text: str) -> dict[str, Any]:
        """Return a text as a choice has it."""
        return {"message": {"role": "assistant", "content": text, "refusal": None}}

    def logprobs(self, choice: int, tokens: list[Token]) -> dict[str, Any]:
        """Return the log probabilities of tokens."""
        del choice
        return {"content": chat_form(tokens), "refusal": None}
