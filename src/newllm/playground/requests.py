"""JSON lines between a worker and whoever started it: one request a line in, one event a line out.

Requests are answered one after another; `stop` is heard at once. Lines are read with a bound, so that no line,
however long, is held in memory. At the end of the input whatever runs is stopped.
"""

import json
import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from newllm.errors import UserError, unknown_name
from newllm.files import to_json
from newllm.playground.task import Task

LONGEST_LINE = 8 * 2**20
"""Bytes of one request."""

MOST_WAITING = 64
"""Requests that may wait for their turn."""

Verbs = Mapping[str, Callable[[Task], dict[str, Any]]]
Request = dict[str, Any]


class Requests:
    """Reads requests from one stream, answers them on another.

    Every request ends with exactly one event, `done` or `error`, whose `error` is one line.

    Args:
        given: where requests come from.
        answers: where events go.
    """

    def __init__(self, given: BinaryIO, answers: BinaryIO) -> None:
        self._given, self._answers = given, answers
        self._lock = threading.Lock()
        self._waiting: queue.Queue[Request | None] = queue.Queue(MOST_WAITING)
        self._unfinished: set[Any] = set()
        self._stopped: set[Any] = set()
        self._ended = threading.Event()

    def send(self, request: Any, event: str, fields: Mapping[str, Any]) -> None:
        """Write one event of a request; None for one of the worker itself."""
        line = to_json({"id": request, "event": event, **fields}).encode(errors="backslashreplace") + b"\n"
        try:
            with self._lock:
                self._answers.write(line)
                self._answers.flush()
        except OSError:  # nobody listens any more
            self._ended.set()

    def answer_all(self, verbs: Verbs, idle: float) -> None:
        """Answer until the input ends, or nothing has been asked for `idle` seconds."""
        threading.Thread(target=self._hear, daemon=True).start()
        while not self._ended.is_set():
            try:
                request = self._waiting.get(timeout=idle)
            except queue.Empty:
                return
            if request is not None:
                self._answer(request, verbs)

    def _answer(self, request: Request, verbs: Verbs) -> None:
        own, verb = request.pop("id"), request.pop("verb", None)
        task = Task(
            request,
            lambda event, fields: self.send(own, event, fields),
            lambda: self._ended.is_set() or own in self._stopped,
        )
        event, fields = self._outcome(verb, task, verbs)
        self._unfinished.discard(own)  # before its end is told: it can be stopped no more, and its id is free
        self._stopped.discard(own)
        self.send(own, event, fields)

    def _outcome(self, verb: Any, task: Task, verbs: Verbs) -> tuple[str, dict[str, Any]]:
        """Return the last event of a request."""
        try:
            if not isinstance(verb, str) or verb not in verbs:
                raise unknown_name("verb", str(verb)[:64], [*verbs, "stop"])
            return "done", verbs[verb](task)
        except UserError as error:
            return "error", {"error": _one_line(error)}
        except Exception as error:  # a defect of ours in one request must not end the others; it is told
            traceback.print_exc()
            return "error", {"error": f"defect of newllm in '{verb}': {type(error).__name__}: {_one_line(error)}"}

    def _hear(self) -> None:
        """Read lines until there are no more."""
        while line := self._given.readline(LONGEST_LINE + 1):
            if len(line) > LONGEST_LINE:
                self._skip_rest(line)
                self._refuse(None, f"a request of more than {LONGEST_LINE:,} bytes: give a shorter text")
            elif line.strip():
                self._take(line)
        self._ended.set()
        self._wake()

    def _skip_rest(self, line: bytes) -> None:
        while line and not line.endswith(b"\n"):
            line = self._given.readline(LONGEST_LINE)

    def _take(self, line: bytes) -> None:
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            request = None
        own = request.get("id") if isinstance(request, dict) else None
        if not isinstance(request, dict) or type(own) not in (int, str) or len(str(own)) > 64:
            shown = ascii(line[:60].decode(errors="replace"))
            self._refuse(None, f'no request: {shown}; give one JSON object a line, as {{"id": 1, "verb": "about"}}')
        elif own in self._unfinished:
            self._refuse(None, f"request {own!r} is not finished: give another id")
        elif request.get("verb") == "stop":
            self._stop(own, request.get("of"))
        else:
            self._enqueue(own, request)

    def _stop(self, own: Any, wanted: Any) -> None:
        """Stop a request; one that is finished already needs no stop."""
        found = type(wanted) in (int, str) and wanted in self._unfinished
        if found:
            self._stopped.add(wanted)
        self.send(own, "done", {"stopped": found})

    def _enqueue(self, own: Any, request: Request) -> None:
        self._unfinished.add(own)
        try:
            self._waiting.put_nowait(request)
        except queue.Full:
            self._unfinished.discard(own)
            self._refuse(own, f"{MOST_WAITING} requests wait already: wait for their answers")

    def _refuse(self, own: Any, why: str) -> None:
        self.send(own, "error", {"error": why})

    def _wake(self) -> None:
        try:
            self._waiting.put_nowait(None)
        except queue.Full:  # then there is something to wake up by
            return


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def private_output() -> BinaryIO:
    """Return standard output for events alone: whatever else prints goes to standard error from now on."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers
