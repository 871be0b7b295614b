"""The worker between its input and its output: frames in, steps of the batch, frames out.

One thread hears frames, so that a cancellation is known at once, and makes requests of them; two others make those
that are long, which takes a while, and those that are very long. The thread that runs the batch takes requests between
two steps.
"""

import contextlib
import dataclasses
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any, BinaryIO

from newllm.errors import UserError, quoted
from newllm.frames import encode_frame, read_frame
from newllm.inference.batch import Batch
from newllm.inference.failures import defect, error_frame, one_line
from newllm.inference.preparing import Preparing, Steps, at_once
from newllm.inference.request import Intake, Request
from newllm.inference.state_blob import StateError

Frame = dict[str, Any]

_LONG = 1 << 16  # characters or ids of a prompt
_VERY_LONG = 1 << 20  # a text without a blank is one piece of work: it shall keep no shorter one
_LONG_BLOB = 1 << 20
_STATS_EVERY = 1.0  # seconds
_SWITCH = 0.0005  # seconds that a thread may keep the others from Python: the batch shall not wait for a long prompt


class Output:
    """Frames to whoever started the worker; those of one step in one piece."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._parts = stream, list[bytes]()

    def send(self, frame: bytes) -> None:
        """Keep a frame for `flush`."""
        self._parts.append(frame)

    def flush(self) -> None:
        """Write what is kept.

        Raises:
            OSError: nobody listens.
        """
        parts, self._parts = self._parts, []
        if parts:
            self._stream.write(b"".join(parts))
            self._stream.flush()


class Worker:
    """Hears and answers.

    Args:
        given: where frames come from.
        output: where they go.
        intake: makes requests of them.
        batch: answers requests.
    """

    def __init__(self, given: BinaryIO, output: Output, intake: Intake, batch: Batch) -> None:
        self._given, self._output, self._intake, self._batch = given, output, intake, batch
        self._heard: queue.SimpleQueue[Request | int | Frame | Exception] = queue.SimpleQueue()
        self._long, self._very_long = Preparing(self._heard.put), Preparing(self._heard.put)
        self._told_at, self._told_steps = 0.0, 0

    def run(self) -> None:
        """Answer until the input ends.

        Raises:
            ValueError: what came is no frame.
            OSError: nobody listens.
        """
        sys.setswitchinterval(_SWITCH)
        for work in (self._hear, self._long.run, self._very_long.run):
            threading.Thread(target=work, daemon=True).start()
        while True:
            for item in self._heard_now():
                if isinstance(item, EOFError):
                    return
                self._take(item)
            if self._batch.is_busy:
                self._guard(self._batch.tell_in_time)
                self._output.flush()
                self._guard(self._batch.step)
            self._tell_stats()
            if not self._batch.is_busy:
                self._output.flush()

    def _heard_now(self) -> list[Request | int | Frame | Exception]:
        """Return what has been heard; wait for it where there is nothing else to do."""
        heard = [] if self._batch.is_busy else [self._heard.get()]
        with contextlib.suppress(queue.Empty):
            while True:
                heard.append(self._heard.get_nowait())
        return heard

    def _take(self, item: Request | int | Frame | Exception) -> None:
        if isinstance(item, Exception):
            raise item
        if isinstance(item, Request):
            if self._batch.has(item.number):
                self._output.send(
                    encode_frame(
                        error_frame(item.number, f"request {item.number} has not ended: give another id", "request")
                    )
                )
            else:
                self._guard(lambda: self._batch.add(item))
        elif isinstance(item, int):
            self._batch.cancel(item)
        else:
            self._output.send(encode_frame(item))

    def _guard(self, work: Callable[[], None]) -> None:
        """Do a part of the batch's work: a defect of ours in it ends all its requests, but not the worker."""
        try:
            work()
        except Exception as error:
            traceback.print_exc()
            self._batch.fail_all(defect(error))

    def _hear(self) -> None:
        """Read frames until there are no more."""
        try:
            while (frame := read_frame(self._given)) is not None:
                self._hear_one(*frame)
            self._heard.put(EOFError())
        except Exception as error:
            self._heard.put(error)

    def _hear_one(self, header: Frame, blob: bytes) -> None:
        match header.get("op"), header.get("id"):
            case "cancel", int(number):
                for preparing in (self._long, self._very_long):
                    preparing.cancel(number)
                self._heard.put(number)
            case "generate", int(number) if len(blob) > _LONG_BLOB or _length(header) > _LONG:
                preparing = self._very_long if _length(header) > _VERY_LONG else self._long
                flow = header.get("flow")
                preparing.add(number, flow if isinstance(flow, str) else "", self._steps(header, blob))
            case "generate", _:
                self._heard.put(at_once(self._steps(header, blob)))
            case op, number:
                shown = (
                    f"unknown op {quoted(op)} of request {quoted(number)}: give generate or cancel, and a whole number"
                )
                self._heard.put(error_frame(number, shown, "request"))

    def _steps(self, header: Frame, blob: bytes) -> Steps:
        """Return the request that a frame makes, or the frame that refuses it."""
        try:
            return (yield from self._intake.request(header, blob))
        except StateError as error:
            return error_frame(header.get("id"), one_line(error), "state")
        except UserError as error:
            return error_frame(header.get("id"), one_line(error), "request")
        except Exception as error:  # a defect of ours in one request must not end the others
            traceback.print_exc()
            return error_frame(header.get("id"), defect(error), "internal")

    def _tell_stats(self) -> None:
        """Say how much has been done: now and then, and when all of it is."""
        counts, now = self._batch.counts, time.monotonic()
        is_due = not self._batch.is_busy or now - self._told_at > _STATS_EVERY
        if is_due and counts.steps != self._told_steps:
            self._told_at, self._told_steps = now, counts.steps
            waiting = self._batch.waiting + len(self._long) + len(self._very_long)
            stats = {"op": "stats", "rows": self._batch.rows, "waiting": waiting, **dataclasses.asdict(counts)}
            self._output.send(encode_frame(stats))


def _length(header: Frame) -> int:
    """Return how many characters or ids a prompt has."""
    prompts = header.get("text"), header.get("tokens")
    return max((len(prompt) for prompt in prompts if isinstance(prompt, str | list)), default=0)
