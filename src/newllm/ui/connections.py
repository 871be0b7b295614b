"""The connections of the local page, bounded: in number, and in how long one may take to say what it wants.

Anybody on this machine can open connections and send nothing. Each holds a file descriptor, and a process has few.
"""

import asyncio
from typing import Any

from newllm.servers.connection import TimedConnection

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


class Connection(TimedConnection):
    """One connection. Where there are too many, the one that has waited longest for a request makes room.

    If none waits, the one whose answer has taken longest does: a page opens its stream again.
    """

    header_seconds = 10.0

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._most = most_connections()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request; make room where there is none."""
        super().connection_made(transport)
        if len(others := self.others()) >= self._most:
            min(others, key=lambda one: (not one.waits, one.since)).transport.abort()
