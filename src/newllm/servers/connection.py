"""A connection that ends where no request comes within a time: anybody can open one and send nothing."""

import asyncio
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


class TimedConnection(H11Protocol):
    """One connection.

    Attributes:
        header_seconds: for the head of a request, from the connection's beginning or the end of the response before.
        reading_seconds: for a client to read something more of what is written to it.
        since: when it began to wait for a request last.
    """

    header_seconds: ClassVar[float]
    reading_seconds: ClassVar[float] = 30.0

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.since = 0.0
        self._left = 0
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def unread(self) -> int:
        """Bytes that are written and have not left this process: the client reads slower than they were made."""
        return self.transport.get_write_buffer_size()

    @property
    def waits(self) -> bool:
        """Whether no request of it is being answered, and the last answer is with the client."""
        return self._is_answered and not self.unread

    @property
    def _is_answered(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def others(self) -> "list[TimedConnection]":
        """Return the server's other connections, but for those that are being closed."""
        there = [one for one in self.connections if isinstance(one, TimedConnection) and one is not self]
        return [one for one in there if not one.transport.is_closing()]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self._wait()

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
        self.since, self._left = self.loop.time(), self.unread
        seconds = self.reading_seconds if self._left else self.header_seconds
        self._deadline = self.loop.call_later(seconds, self._end_if_it_waits)

    def _end_if_it_waits(self) -> None:
        if not self._is_answered:
            return
        if self.unread < self._left:  # it has read of the last response
            self._wait()
        else:
            self.transport.abort()  # not `close`, which would wait for a client that does not read
