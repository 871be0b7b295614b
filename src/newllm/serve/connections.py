"""The connections of the server: bounded in number, in how long a request may take to come, and an answer to be read.

Each holds a file descriptor, and a process has few. A client that stops reading would hold what is written for it.
"""

import asyncio
import functools
from typing import Any

import h11

from newllm.servers.connection import TimedConnection

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


class Connection(TimedConnection):
    """One connection. Where there are too many, the one that has waited longest for a request makes room."""

    header_seconds = 20.0

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._stalled: asyncio.TimerHandle | None = None
        self._behind = 0  # bytes that were unread when `_stalled` was set
        self._all_read: asyncio.Future[bool] | None = None
        self._is_lost = False
        self._most = most_connections()
        self.app_state = {"connection": self}  # of each request's scope

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request; make room where there is none."""
        super().connection_made(transport)
        if len(self.connections) > self._most:
            waiting = [one for one in self.others() if one.waits]
            # Where all are being answered, the one that came last is one too many.
            min(waiting, key=lambda one: one.since, default=self).transport.abort()

    @property
    def is_answering(self) -> bool:
        """Whether a request that has come whole has an answer that is not with the client yet."""
        if self._is_answered:
            return self.unread > 0
        return not self.cycle.more_body or self.cycle.response_started

    async def sent(self) -> bool:
        """Wait until all that was written has left this process; False where the connection was lost before."""
        if self._is_lost or not self.unread:
            return not self._is_lost
        if self._all_read is None:
            self._all_read = self.loop.create_future()
            self.transport.set_write_buffer_limits(0)  # `resume_writing` is called as soon as nothing is left
        return await asyncio.shield(self._all_read)

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
        """Wait for nobody any more."""
        super().connection_lost(exc)
        self._is_lost = True
        self._tell_all_read(False)
        if self._stalled is not None:
            self._stalled.cancel()

    def pause_writing(self) -> None:
        """Give the client a while to read: the buffers are full."""
        super().pause_writing()
        self._give_time()

    def resume_writing(self) -> None:
        """Go on: it has read."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
        if not self.unread:
            self._tell_all_read(True)

    def _give_time(self) -> None:
        self._behind = self.unread
        self._stalled = self.loop.call_later(self.reading_seconds, self._end_unless_it_reads)

    def _end_unless_it_reads(self) -> None:
        if self.unread < self._behind:
            self._give_time()
        else:
            self.transport.abort()

    def _tell_all_read(self, is_read: bool) -> None:
        if self._all_read is not None:
            self._all_read.set_result(is_read)
            self._all_read = None
            self.transport.set_write_buffer_limits()
