"""The connections of the local page, bounded: in number, and in how long one may take to say what it wants.

Anybody on this machine can open connections and send nothing. Each holds a file descriptor, and a process has few.
"""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_SECONDS = 10.0
"""For the head of a request, from the connection's beginning or the answer before."""

_MOST = 512
ACCEPTED_AT_ONCE = 16
"""Before any of them is counted."""


def most_connections() -> int:
    """Return how many there may be: at most half of the file descriptors that this process may have."""
    try:
        import resource
    except ImportError:  # Windows counts none
        return _MOST
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST if descriptors < 0 else max(1, min(_MOST, descriptors // 2 - ACCEPTED_AT_ONCE))


class Connection(H11Protocol):
    """One connection. Where there are too many, the one that has waited longest for a request makes room.

    If none waits, the one whose answer has taken longest does: a page opens its stream again.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._since = 0.0
        self._deadline: asyncio.TimerHandle | None = None
        self._most = most_connections()

    @property
    def waits(self) -> bool:
        """Whether no request of it is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self._wait()
        there = [one for one in self.connections if isinstance(one, Connection) and not one.transport.is_closing()]
        if len(there) > self._most:
            others = [one for one in there if one is not self]
            min(others, key=lambda one: (not one.waits, one._since)).transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        super().connection_lost(exc)
        if self._deadline is not None:
            self._deadline.cancel()

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
            self.transport.close()
