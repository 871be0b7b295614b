"""The answers of completions and chat completions, streamed or whole."""

import secrets
import time
from typing import Any

from starlette.types import ASGIApp

from newllm.serve.api_errors import Json
from newllm.serve.openai.answer_events import AnswerEvents, Remember
from newllm.serve.openai.call import Call, encoded
from newllm.serve.openai.choices import Choice, collected, finish_reason
from newllm.serve.openai.fields import STREAM_OPTIONS
from newllm.serve.openai.forms import Form
from newllm.serve.sse import EventStream


class Answer:
    """How a request is to be answered: takes from its fields what there is to say about that.

    Args:
        call: the request.
        form: of the answer.
        n: choices a prompt.
        logprobs: whether log probabilities are wanted.
        seed: of the first choice.
        remember: told each choice; None where nobody asks.

    Attributes:
        keep: whether the states are wanted.
    """

    def __init__(
        self, call: Call, form: Form, n: int, logprobs: bool, seed: int, remember: Remember | None = None
    ) -> None:
        fields = call.fields
        self._call, self._form, self._n, self._logprobs, self._remember = call, form, n, logprobs, remember
        self.keep = fields.flag("return_state", False)
        self._streamed, options = fields.flag("stream", False), fields.inner("stream_options", STREAM_OPTIONS)
        self._with_usage = options.flag("include_usage", False)
        fields.pass_over("stream_options", options.ignored())
        self._head = {
            "id": f"{form.prefix}-{secrets.token_hex(16)}", "object": form.chunk if self._streamed else form.object,
            "created": int(time.time()), "model": call.model.name,
            "system_fingerprint": f"fp_{call.ready.fingerprint[:16]}", "seed": seed,
        }  # fmt: skip

    async def of(self, requests: list[tuple[dict[str, Any], bytes]]) -> ASGIApp:
        """Ask the worker and answer.

        Args:
            requests: as the worker takes them.
        """
        headers = self._call.headers
        generation = await self._call.ask(requests, keeps_logprobs=not self._streamed)
        if self._streamed:
            events = AnswerEvents(self._call, self._form, self._head, generation.choices, self._n)
            events.logprobs, events.state, events.with_usage = self._logprobs, self.keep, self._with_usage
            events.remember = self._remember
            return EventStream(generation, events, headers)
        choices, usage = await collected(generation, self._call.request.receive, self._n)
        self._call.account(usage)
        if self._remember is not None:
            for choice in choices:
                self._remember(choice)
        content = [self._choice(index, choice) for index, choice in enumerate(choices)]
        return Json({**self._head, "choices": content, "usage": usage.as_completion()}, headers=headers)

    def _choice(self, index: int, choice: Choice) -> dict[str, Any]:
        logprobs = self._form.logprobs(index, choice.tokens) if self._logprobs else None
        state = {"state": encoded(choice.state)} if self.keep else {}
        reason = finish_reason(choice.finish)
        return {"index": index, **self._form.whole(choice.text), "logprobs": logprobs, "finish_reason": reason, **state}
