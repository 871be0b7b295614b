"""One run of a program, stopped once its recording has come to a step."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from newllm.errors import UserError
from newllm.trace import read_signal
from newllm.trace.blocks import blocks_path
from newllm.trace.rows import step_of

_POLLS = (0.05, 0.5)  # seconds between two looks, at first and at last
_ENDING = 5.0  # seconds until SIGTERM is followed by SIGKILL
_TAIL = 1 << 16  # bytes of the end of a trace that hold a whole row
_LINES, _LINE = 12, 300  # of what a trial printed last, and characters of each


@dataclass(frozen=True)
class Ran:
    """How a program ran.

    Attributes:
        recordings: directories with recordings that it made, in the order of their names.
        step: the last that was recorded of the furthest.
        seconds: that it took.
        code: that it ended with; None where it was stopped at the step.
        is_late: whether it was stopped as its time was up.
        said: the last lines that it printed.
    """

    recordings: tuple[Path, ...]
    step: int
    seconds: float
    code: int | None
    is_late: bool
    said: tuple[str, ...]

    def recording(self, names: Sequence[str]) -> Path | None:
        """Return the recording of one of these names, or the only one; None where it is not known which is meant."""
        by_name = {one.name: one for one in self.recordings}
        found = next((by_name[name] for name in names if name in by_name), None)
        return found or (self.recordings[0] if len(self.recordings) == 1 else None)


def run_until(
    command: Sequence[str], directory: Path, environment: Mapping[str, str], made: Path, step: int, seconds: float
) -> Ran:
    """Run a program until its recordings have come to a step.

    Args:
        command: the program and its arguments.
        directory: that it runs in.
        environment: all of it.
        made: directory for its recordings, in `recordings`, and for what it prints.
        step: that its recording has to come to.
        seconds: that it may take.
    """
    began = time.monotonic()
    recordings, log = made / "recordings", made / "printed.txt"
    with log.open("wb") as printed:
        process = subprocess.Popen(
            command, cwd=directory, env=dict(environment), stdin=subprocess.DEVNULL, stdout=printed,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        is_there = is_late = False
        try:
            pause = _POLLS[0]
            while process.poll() is None and not is_there and not is_late:
                time.sleep(pause)
                pause = min(pause * 1.2, _POLLS[1])
                is_there = _last_step(recordings) >= step
                is_late = not is_there and time.monotonic() - began > seconds
            code = process.poll()
        finally:
            _end(process)
    taken = time.monotonic() - began
    found = tuple(sorted(path.parent for path in recordings.glob("*/recording.json")))
    return Ran(found, _last_step(recordings), taken, code, is_late and code is None, _last_lines(log))


def _last_step(recordings: Path) -> int:
    """Return the last step that stands in a trace of any of the recordings, 0 without any."""
    return max((_step_of(trace) for trace in recordings.glob("*/trace.jsonl")), default=0)


def _step_of(trace: Path) -> int:
    try:
        with trace.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL))
            lines = file.read().split(b"\n")[:-1]
    except OSError:
        return 0
    for line in reversed(lines):
        if (step := step_of(line)) is not None:
            return step
    if blocks_path(trace).is_file():
        with contextlib.suppress(UserError):  # half written
            found = read_signal(trace, "loss").step
            return int(found[-1]) if len(found) else 0
    return 0


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program and all that it has started."""
    _signal(process, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_ENDING)
    _signal(process, getattr(signal, "SIGKILL", signal.SIGTERM))
    process.wait()


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # all have ended
        if hasattr(os, "killpg"):
            os.killpg(process.pid, number)
        else:  # Windows
            process.send_signal(number)


def _last_lines(log: Path) -> tuple[str, ...]:
    with log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL))
        text = file.read().decode("utf-8", "replace")
    lines = [line.rstrip().rpartition("\r")[2] for line in text.split("\n") if line.strip()]  # of a bar as it is last
    return tuple(line[:_LINE] for line in lines[-_LINES:])
