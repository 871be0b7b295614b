"""One run of a program, stopped once its recording has come to a step."""

import contextlib
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from newllm.child_process import supervised
from newllm.errors import UserError
from newllm.trace import read_signal
from newllm.trace.blocks import blocks_path
from newllm.trace.program import read_program
from newllm.trace.rows import step_of

_POLLS = (0.05, 0.5)  # seconds between two looks, at first and at last
_ENDING, _ENDED = 10.0, 5.0  # seconds until SIGTERM is followed by SIGKILL, and until that is done
_TAIL = 1 << 16  # bytes of the end of a trace that hold a whole row
_KNOWN: dict[Path, int] = {}  # which recording of its process one is
_LINES, _LINE = 12, 300  # of what a trial printed last, and characters of each


@dataclass(frozen=True)
class Ran:
    """How a program ran.

    Attributes:
        recording: directory of the one that it was run for; None where it did not come to that.
        step: the last that was recorded there.
        seconds: that it took.
        code: that it ended with; None where it was stopped at the step.
        is_late: whether it was stopped as its time was up.
        said: the last lines that it printed.
    """

    recording: Path | None
    step: int
    seconds: float
    code: int | None
    is_late: bool
    said: tuple[str, ...]


@dataclass(frozen=True)
class Wanted:
    """Which of the recordings of a program is meant: a sweep makes several, one after another.

    Attributes:
        nth: of its process, from 1; 0 where that was not kept.
        names: of its directory.
    """

    nth: int
    names: tuple[str, ...]

    def among(self, recordings: Path) -> Path | None:
        """Return the one that is meant, as far as it has begun; where that is not known, the only one."""
        found = sorted(path.parent for path in recordings.glob("*/recording.json"))
        if self.nth and all(_nth(one) for one in found):
            return next((one for one in found if _nth(one) == self.nth), None)
        by_name = {one.name: one for one in found}
        named = next((by_name[name] for name in self.names if name in by_name), None)
        return named or (found[0] if len(found) == 1 else None)


def _nth(recording: Path) -> int:
    """Return which recording of its process one is; 0 as long as that is not written, or where it was not kept."""
    if recording not in _KNOWN:
        with contextlib.suppress(OSError, ValueError):  # half written
            program = read_program(recording)
            if program is None or not program.nth:
                return 0
            _KNOWN[recording] = program.nth
    return _KNOWN.get(recording, 0)


def run_until(
    command: Sequence[str],
    directory: Path,
    environment: Mapping[str, str],
    made: Path,
    wanted: Wanted,
    step: int,
    seconds: float,
) -> Ran:
    """Run a program until its recording has come to a step. It ends with this process, however that comes about.

    Args:
        command: the program and its arguments.
        directory: that it runs in.
        environment: all of it.
        made: directory for its recordings, in `recordings`, and for what it prints.
        wanted: which of its recordings is meant.
        step: that its recording has to come to.
        seconds: that it may take.
    """
    began = time.monotonic()
    recordings, log = made / "recordings", made / "printed.txt"
    with log.open("wb") as printed:
        process = subprocess.Popen(
            supervised(command, _ENDING), cwd=directory, env=dict(environment), stdin=subprocess.PIPE, stdout=printed,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        is_there = is_late = False
        try:
            pause = _POLLS[0]
            while process.poll() is None and not is_there and not is_late:
                time.sleep(pause)
                pause = min(pause * 1.2, _POLLS[1])
                is_there = _last_step(wanted.among(recordings)) >= step
                is_late = not is_there and time.monotonic() - began > seconds
            code = process.poll()
        finally:
            _end(process)
    taken = time.monotonic() - began
    found = wanted.among(recordings)
    return Ran(found, _last_step(found), taken, code, is_late and code is None, _last_lines(log))


def _last_step(recording: Path | None) -> int:
    """Return the last step that stands in the trace of a recording, 0 without any."""
    trace = None if recording is None else recording / "trace.jsonl"
    return 0 if trace is None or not trace.is_file() else _step_of(trace)


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
    assert process.stdin is not None
    with contextlib.suppress(OSError):
        process.stdin.close()
    try:
        process.wait(_ENDING + _ENDED)
    except subprocess.TimeoutExpired:  # who watches over it hangs itself
        process.kill()
        process.wait()


def _last_lines(log: Path) -> tuple[str, ...]:
    with log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL))
        text = file.read().decode("utf-8", "replace")
    lines = [line.rstrip().rpartition("\r")[2] for line in text.split("\n") if line.strip()]  # of a bar as it is last
    return tuple(line[:_LINE] for line in lines[-_LINES:])
