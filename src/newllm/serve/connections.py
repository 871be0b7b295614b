"""The connections of the server: bounded in number, in how long a request may take to come, and an answer to be read.

Each holds a file descriptor, and a process has few. A client that stops reading would hold what is written for it.
"""

import asyncio
import functools
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_SECONDS = 20.0
"""For the head of a request, from the connection's beginning or the response before."""

WRITE_SECONDS = 30.0
"""For a client to take something of what is written to it, once the buffers between us are full."""

_MOST = 8192
_SPARE = 64  # descriptors for pipes and files
ACCEPTED_AT_ONCE = 64
"""Before any of them is counted."""


@functools.cache
def most_connections() -> int:
    """Return how many there may be, after raising the number of file descriptors that this process may have."""
    try:
        import resource
    except ImportError:  # Windows counts none
        return _MOST
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * _MOST
    if 0 <= soft < wanted:
        raised = wanted if hard < 0 else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
        soft = raised
    return _MOST if soft < 0 else max(1, min(_MOST, soft - _SPARE - ACCEPTED_AT_ONCE))


class Connection(H11Protocol):
    """One connection. Where there are too many, the one that has waited longest for a request makes room."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._since = 0.0
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._most = most_connections()
        self.app_state = {"connection": self}  # of each request's scope

    @property
    def waits(self) -> bool:
        """Whether no request of it is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self._wait()
        if len(self.connections) > self._most:
            there = [one for one in self.connections if isinstance(one, Connection) and one is not self]
            waiting = [one for one in there if one.waits and not one.transport.is_closing()]
            # Where all are being answered, the one that came last is one too many.
            min(waiting, key=lambda one: one._since, default=self).transport.abort()

    @property
    def takes_chunks(self) -> bool:
        """Whether `write_chunk` may be called: not where the client does not read, has gone, or knows no chunks."""
        is_open = not (self.flow.write_paused or self.transport.is_closing())
        return is_open and self.conn.our_state is h11.SEND_BODY and self.scope["http_version"] == "1.1"

    def write_chunk(self, content: bytes) -> None:
        """Write a chunk of a response at once, past ASGI and h11, which would take three times as long.

        Args:
            content: not empty, or it would be the last.
        """
        self.transport.write(b"%x\r\n%b\r\n" % (len(content), content))

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        super().connection_lost(exc)
        for timer in (self._deadline, self._stalled):
            if timer is not None:
                timer.cancel()

    def pause_writing(self) -> None:
        """Give the client a while to read: the buffers are full."""
        super().pause_writing()
        self._stalled = self.loop.call_later(WRITE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: it has read."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._wait()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP; where an answer has begun, end without a word. Nothing more is answered."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        self.transport.close()
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def _wait(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._since = self.loop.time()
        self._deadline = self.loop.call_later(HEADER_SECONDS, self._end_if_it_waits)

    def _end_if_it_waits(self) -> None:
        if self.waits:
            self.transport.abort()  # not `close`, which would wait for a client that does not read
