"""What is done to a process at its k-th call that changes the file system."""

import errno
import os
import signal
from collections.abc import Callable
from typing import Any

from campaign.calls import Call

NEEDS_ROOM = {"create", "write", "mkdir"}
MOMENTS = ("before", "half", "after")


class Record:
    """Makes every call, and keeps it."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def __call__(self, call: Call, make: Callable[[bytes], Any]) -> Any:
        """Make the call and keep it."""
        done = make(call.data)
        self.calls.append(call._replace(data=call.data[:done]) if call.kind == "write" else call)
        return done


class Kill:
    """Kills the process at a call.

    Args:
        at: which call, from 1.
        moment: "before" it, when "half" of its bytes are written, or "after" it.
    """

    def __init__(self, at: int, moment: str) -> None:
        self.at, self.moment, self.seen = at, moment, 0

    def __call__(self, call: Call, make: Callable[[bytes], Any]) -> Any:
        """Make the call, or die at it."""
        self.seen += 1
        if self.seen != self.at:
            return make(call.data)
        if self.moment == "after":
            make(call.data)
        elif self.moment == "half" and call.data:
            make(call.data[: len(call.data) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("killed")


class Fail:
    """Lets the file system refuse a call, and those after it too.

    Args:
        at: from which call on, from 1.
        number: the system's error: ENOSPC, EDQUOT (a quota), EROFS (mounted read-only by then) or EIO.
        lasting: whether the error stays; otherwise one call fails.
    """

    def __init__(self, at: int, number: int, *, lasting: bool) -> None:
        self.at, self.number, self.lasting, self.seen, self.failed = at, number, lasting, 0, 0

    def __call__(self, call: Call, make: Callable[[bytes], Any]) -> Any:
        """Make the call, or refuse it."""
        self.seen += 1
        due = self.seen >= self.at if self.lasting else self.failed == 0 and self.seen >= self.at
        if not due or not self._concerns(call):
            return make(call.data)
        self.failed += 1
        if len(call.data) > 1 and self.failed == 1 and self.number != errno.EROFS:
            return make(call.data[: len(call.data) // 2])  # a full disk takes what still fits, and refuses the rest
        raise OSError(self.number, os.strerror(self.number), call.path)

    def _concerns(self, call: Call) -> bool:
        if self.number == errno.EROFS:
            return call.kind != "sync"
        return call.kind in NEEDS_ROOM or (self.number == errno.EIO and call.kind == "sync")
