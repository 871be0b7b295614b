"""Requests that take long to make: pieces of the work for many of them in turn, in a thread of their own."""

import dataclasses
import threading
from collections import deque
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from newllm.inference.request import Request

Made = Request | dict[str, Any]
"""A request, or the frame that refuses it."""

Steps = Generator[None, None, Made]
"""Makes a request, and pauses between two pieces of the work."""

_Result = TypeVar("_Result")


@dataclasses.dataclass(eq=False)
class _Work:
    number: int
    flow: str
    steps: Steps


class Preparing:
    """Makes requests in turns: flows take turns, and within a flow its requests, for a piece of work each.

    So one of k pieces waits at most for k pieces of every other flow, and of every other request of its own flow: a
    short one is not kept by long ones, nor a long one by however many come after it.

    Args:
        take: is given what is made, in the thread that runs.
    """

    def __init__(self, take: Callable[[Made], None]) -> None:
        self._take, self._changed = take, threading.Condition()
        self._works: dict[int, _Work] = {}  # by id, all that are not made
        self._flows: dict[str, deque[_Work]] = {}  # those that wait for a turn; the first is the next

    def __len__(self) -> int:
        """Return how many are not made."""
        return len(self._works)

    def add(self, number: int, flow: str, steps: Steps) -> None:
        """Let a request be made.

        Args:
            number: its id.
            flow: who asks.
            steps: makes it.
        """
        with self._changed:
            self._works[number] = work = _Work(number, flow, steps)
            self._wait(work)
            self._changed.notify()

    def cancel(self, number: int) -> None:
        """Let a request not be made, or not to its end: it is given to nobody after this."""
        with self._changed:
            work = self._works.pop(number, None)
            if work is not None and work in (waiting := self._flows.get(work.flow, deque())):
                waiting.remove(work)
                if not waiting:
                    del self._flows[work.flow]

    def run(self) -> None:
        """Make requests for ever."""
        while True:
            self._turn()  # which keeps nothing of a request, however long it is, until there is another

    def _turn(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._flows)
            work = self._next()
        made = _made(work.steps)
        with self._changed:
            if self._works.get(work.number) is not work:  # cancelled
                return
            if made is None:
                self._wait(work)
            else:
                del self._works[work.number]
                self._take(made)

    def _wait(self, work: _Work) -> None:
        self._flows.setdefault(work.flow, deque()).append(work)

    def _next(self) -> _Work:
        flow = next(iter(self._flows))
        waiting = self._flows.pop(flow)
        work = waiting.popleft()
        if waiting:
            self._flows[flow] = waiting  # as the last
        return work


def at_once(steps: Generator[None, None, _Result]) -> _Result:
    """Return what is made, without a pause."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def _made(steps: Steps) -> Made | None:
    """Do a piece of work, and return what has been made by it, if it was the last."""
    try:
        next(steps)
    except StopIteration as end:
        return end.value
    return None
