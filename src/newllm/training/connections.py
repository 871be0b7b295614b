"""Connections between the processes of a training: a network that is cut says nothing by itself.

Where a process ends, its system says so at once, and one that computes for long still answers.
"""

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

_CUT = 6  # seconds without an answer of the other machine after which a connection counts as lost; all end some later


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """Have the system end a connection that is made meanwhile once its other side does not answer."""
    others = _sockets()
    yield
    for number in _sockets() - others:
        with contextlib.suppress(OSError):  # closed by now, or one that listens
            _watch(number)


def _sockets() -> set[int]:
    """Return the descriptors of the sockets of this process; none but on Linux."""
    found = set()
    folder = Path("/proc/self/fd")
    for one in folder.iterdir() if folder.is_dir() else ():
        with contextlib.suppress(OSError):  # closed by now
            if str(one.readlink()).startswith("socket:"):
                found.add(int(one.name))
    return found


def _watch(number: int) -> None:
    names = ("SO_KEEPALIVE", "TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")
    if not all(hasattr(socket, name) for name in names):
        return
    with socket.socket(fileno=os.dup(number)) as one:
        if (
            one.family not in (socket.AF_INET, socket.AF_INET6)
            or one.type != socket.SOCK_STREAM
            or not one.getpeername()
        ):
            return
        one.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _CUT // 3)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _CUT // 3)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 2)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * _CUT)
