"""The stream of a response: its events by name, numbered from 0."""

from collections.abc import Awaitable, Callable
from typing import Any

from newllm.serve.api_errors import ApiError
from newllm.serve.generation import Event
from newllm.serve.openai.choices import Choice
from newllm.serve.openai.logprobs import chat_form
from newllm.serve.openai.response_object import ResponseObject, part
from newllm.serve.openai.usage import Usage
from newllm.serve.sse import dumped, named_event, quoted_json

_DELTA = "response.output_text.delta"


class ResponseEvents:
    """Events of one response.

    Args:
        response: that is written.
        account: notes what was used.
        keep: stores the response, before its end is told.
    """

    def __init__(
        self, response: ResponseObject, account: Callable[[Usage], None], keep: Callable[[], Awaitable[str]]
    ) -> None:
        self._response, self._account, self._keep = response, account, keep
        self._next, self._choice, self._usage = 0, Choice(), Usage()
        self._where: dict[str, Any] = {"item_id": response.message, "output_index": 0, "content_index": 0}
        start = dumped({"type": _DELTA, **self._where})[:-1]
        self._delta = b"event: %b\ndata: %b" % (_DELTA.encode(), start)

    def begin(self) -> bytes:
        """Return the events before all others."""
        response, item = self._response, self._response.item("in_progress", [])
        return b"".join((
            self._event("response.created", response=response.content),
            self._event("response.in_progress", response=response.content),
            self._event("response.output_item.added", output_index=0, item=item),
            self._event("response.content_part.added", **self._where, part=part(None)),
        ))  # fmt: skip

    def piece(self, events: list[Event]) -> bytes:
        """Return the events that tell of what has been written."""
        written = []
        for one in events:
            self._choice.add(one)
            if "finish" in one:
                self._usage.add(one, 1)
            elif one["text"] or one.get("logprobs"):
                written.append(self._piece(one))
        return b"".join(written)

    async def end(self) -> bytes:
        """Store the response, and return the last events."""
        self._account(self._usage)
        self._response.end(self._choice, self._usage)
        await self._keep()
        content, whole = self._response.content, part(self._choice)
        text, logprobs = whole["text"], whole["logprobs"]
        return b"".join((
            self._event("response.output_text.done", **self._where, text=text, logprobs=logprobs),
            self._event("response.content_part.done", **self._where, part=whole),
            self._event("response.output_item.done", output_index=0, item=content["output"][0]),
            self._event(f"response.{content['status']}", response=content),
        ))  # fmt: skip

    def failed(self, error: ApiError) -> bytes:
        """Return the event that ends the stream with an error."""
        self._response.fail(error)
        return self._event("response.failed", response=self._response.content)

    def _piece(self, one: Event) -> bytes:
        number, self._next = self._next, self._next + 1
        logprobs = dumped(chat_form(one["logprobs"])) if one.get("logprobs") else b"[]"
        text = quoted_json(one["text"]).encode()
        return b'%b,"sequence_number":%d,"delta":%b,"logprobs":%b}\n\n' % (self._delta, number, text, logprobs)

    def _event(self, name: str, **content: Any) -> bytes:
        number, self._next = self._next, self._next + 1
        return named_event(name, {"type": name, **content, "sequence_number": number})
