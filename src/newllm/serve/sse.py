"""Server-sent events as the model writes: pieces that wait for one client go out together."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from json.encoder import encode_basestring_ascii
from typing import Any, Protocol

from starlette.types import Receive, Scope, Send

from newllm.serve.api_errors import ApiError
from newllm.serve.connections import Connection
from newllm.serve.generation import ClientGoneError, Event, Generation

_PATIENCE = 1.0  # seconds for an error to come before the head has said that all is well
_ALIVE = 10.0  # seconds after which a client that waits for its turn is told that we are there
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]  # fmt: skip
DONE = b"data: [DONE]\n\n"

quoted_json: Callable[[str], str] = encode_basestring_ascii
"""A text in JSON, in ASCII."""


class Events(Protocol):
    """The events of one stream."""

    def begin(self) -> bytes:
        """Return those before all others."""
        ...

    def piece(self, events: list[Event]) -> bytes:
        """Return those that tell of what has been written; b"" where there is nothing to tell."""
        ...

    async def end(self) -> bytes:
        """Return the last ones, once all has been told of."""
        ...

    def failed(self, error: ApiError) -> bytes:
        """Return the last one of a stream that an error ends."""
        ...


class EventStream:
    """The response of a request that is streamed.

    Args:
        generation: what is being written.
        events: what is told of it.
        headers: further headers.
    """

    def __init__(self, generation: Generation, events: Events, headers: Mapping[str, str]) -> None:
        self._generation, self._events = generation, events
        self._headers = [*_HEADERS, *((name.encode(), value.encode()) for name, value in headers.items())]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        generation = self._generation
        try:
            async with listening(receive, generation):
                await generation.wait(_PATIENCE)
                if generation.error is not None and generation.is_silent:
                    scope["newllm.entry"].error = generation.error.logged
                    await generation.error.response()(scope, receive, send)
                else:
                    await self._stream(scope, send)
        except ClientGoneError:
            scope["newllm.entry"].error = "the client went away"
        finally:
            generation.close()

    async def _stream(self, scope: Scope, send: Send) -> None:
        generation, events = self._generation, self._events

        async def write(content: bytes) -> None:
            if content:
                await send({"type": "http.response.body", "body": content, "more_body": True})

        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        await write(events.begin())
        while not await generation.wait(_ALIVE):
            await write(b": waiting\n\n")
        generation.tap = self._tap(scope.get("state", {}).get("connection"))
        try:
            while taken := await generation.take():
                await write(events.piece(taken))
            await write(await events.end())
        except ApiError as error:
            scope["newllm.entry"].error = error.logged
            await write(events.failed(error))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _tap(self, connection: Connection | None) -> Callable[[list[Event]], bool] | None:
        """Return what writes pieces without waking the task of this response, as long as the client reads.

        It does what the task would do: two thirds of the cost of a piece are the way through the task.
        """
        if connection is None:  # another server than ours
            return None
        piece = self._events.piece

        def tap(events: list[Event]) -> bool:
            if not connection.takes_chunks:
                return False
            try:
                content = piece(events)
            except Exception:  # a defect of ours ends this response, told by its task, and not the worker's other ones
                self._generation.tap = None
                return False
            if content:
                connection.write_chunk(content)
            return True

        return tap


@contextlib.asynccontextmanager
async def listening(receive: Receive, generation: Generation) -> AsyncGenerator[None, None]:
    """Within this, end a generation as soon as its client goes away."""

    async def listen() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        generation.leave()

    task = asyncio.create_task(listen())
    try:
        yield
    finally:
        task.cancel()


def event(content: Any) -> bytes:
    """Return an event of completions and chat completions: data alone."""
    return b"data: " + dumped(content) + b"\n\n"


def named_event(name: str, content: Any) -> bytes:
    """Return an event of responses: its name and its data."""
    return b"event: " + name.encode() + b"\ndata: " + dumped(content) + b"\n\n"


def dumped(content: Any) -> bytes:
    """Return content as JSON in ASCII."""
    return json.dumps(content, separators=(",", ":"), allow_nan=False).encode()
