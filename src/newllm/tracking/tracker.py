"""One experiment tracker in a process of its own: it may hang, raise, die or fill its memory, and no training notices.

A training puts events into a bounded queue; a thread writes them to the process as JSON lines. What the queue has no
room for is dropped and counted. The process is `python -m newllm.integrations.trackers NAME`; it answers in JSON lines
too: "ready" or "refused", "where" when its run has begun, "failed" for each kind of call that did, "taken" now and then
with the number of steps, "finished".
It goes on after Ctrl-C and after a kill of the training, and ends by itself once it has sent what it was given.
"""

import collections
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from typing import Any

from newllm.errors import UserError
from newllm.messages import Message, message

MOST_WAITING = 10_000  # events that wait for a tracker, at most; about 20 MB
_MANY = ("step", "text")  # kinds of events that there is not always room for
_PAUSE = 0.2  # seconds between two looks at the queue
_READY = 20.0  # seconds until a tracker must have said that it can begin


class Tracker:
    """Sends events to one tracker.

    Args:
        name: one of `newllm.tracking.names.TRACKERS`, or "MODULE:CLASS" of a sink of one's own.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._steps, self._taken = 0, 0
        self._waiting: collections.deque[tuple[Any, ...]] = collections.deque()
        self._news: collections.deque[Message] = collections.deque()
        self._begun, self._closing, self._over = threading.Event(), threading.Event(), threading.Event()
        self._refused: str | None = None
        self._finished = False
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "newllm.integrations.trackers", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONUNBUFFERED": "1"},
            start_new_session=True,  # Ctrl-C at the terminal is the training's alone
        )
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._write, self._read)]
        for thread in self._threads:
            thread.start()

    def check(self) -> None:
        """Wait until the tracker can begin; one that does not answer in time is left to its own.

        Raises:
            UserError: its package is missing or of another version, or it has no credentials.
        """
        self._begun.wait(_READY)
        if self._refused is not None:
            raise UserError(self._refused)
        if self._over.is_set():
            how = f"python -m newllm.integrations.trackers {self.name}"
            raise UserError(f"the process of tracker '{self.name}' ended at once: see what '{how}' says")

    def send(self, *event: Any) -> None:
        """Queue an event: its kind and its arguments, plain data."""
        self._steps += event[0] == "step"
        if len(self._waiting) < MOST_WAITING or event[0] not in _MANY:
            self._waiting.append(event)

    def news(self) -> list[Message]:
        """Return what the person should know and was not yet given."""
        found = []
        while self._news:
            found.append(self._news.popleft())
        return found

    def finish(self, status: str, until: float) -> None:
        """Send the end.

        Args:
            status: as a summary has it.
            until: when the tracker is left alone, as `time.monotonic` counts; `wait` does.
        """
        self._waiting.append(("finish", status, round(until - time.monotonic(), 1)))
        self._closing.set()

    def wait(self, until: float) -> None:
        """Wait for the end of the process; what has not ended by then is killed."""
        self._over.wait(max(0.0, until - time.monotonic()))
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        if not self._finished:
            died = self._process.poll() is not None
            self._news.append(message("notice-tracker_died" if died else "notice-tracker_hung", tracker=self.name))
        self.kill()
        if dropped := self._steps - self._taken:
            self._news.append(message("notice-tracker_dropped", tracker=self.name, count=dropped))

    def kill(self) -> None:
        """End the process at once, and what belongs to it here."""
        self._closing.set()
        with contextlib.suppress(OSError):
            self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5.0)
        for thread in self._threads:
            thread.join(1.0)
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError, ValueError):
                pipe and pipe.close()

    def _write(self) -> None:
        """Hand over what waits, until the end or until nobody takes it any more. A thread of its own."""
        pipe = self._process.stdin
        assert pipe is not None, "a pipe was asked for"
        with contextlib.suppress(OSError, ValueError):  # the process has ended
            while True:
                self._closing.wait(_PAUSE)
                is_last = self._closing.is_set()
                while self._waiting:
                    pipe.write(self._encoded(self._waiting[0]))
                    self._waiting.popleft()
                pipe.flush()
                if is_last:
                    return

    def _encoded(self, event: tuple[Any, ...]) -> bytes:
        try:
            return json.dumps(event, default=_plain).encode() + b"\n"
        except (ValueError, TypeError, RecursionError):
            return b""

    def _read(self) -> None:
        """Take in what the process says, until it ends. A thread of its own."""
        for line in self._process.stdout or ():
            with contextlib.suppress(ValueError, TypeError, LookupError):
                self._take(json.loads(line))
        self._begun.set()
        self._over.set()

    def _take(self, said: dict[str, Any]) -> None:
        kind, text = said["event"], str(said.get("text", ""))
        if kind == "ready":
            self._begun.set()
        elif kind == "refused":
            self._refused = text
            self._begun.set()
        elif kind == "where":
            self._news.append(message("notice-tracking", tracker=self.name, where=text))
        elif kind == "failed":
            self._news.append(message("notice-tracker_failed", tracker=self.name, call=said["call"], error=text))
        elif kind == "taken":
            self._taken = int(said["steps"])
        elif kind == "finished":
            self._finished = True
            self._over.set()


def _plain(value: Any) -> Any:
    """Return what JSON can hold in the stead of a number of numpy, a path, or anything else."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return str(value)
