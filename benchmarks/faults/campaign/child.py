"""Runs a command in a forked child: torch is imported once, a case takes milliseconds to start."""

import os
import resource
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CPU_SECONDS = 60  # a command of the campaign takes one or two
WALL_SECONDS = 600  # for what waits for ever; the machine may be busy
_TICK = 0.04  # seconds that pass between two looks at the clock: see `still_clock`


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        code: exit code, negative for a signal.
        stdout: what it printed.
        stderr: likewise.
    """

    code: int
    stdout: str
    stderr: str

    @property
    def killed(self) -> bool:
        """Whether our own kill ended it."""
        return self.code == -signal.SIGKILL

    @property
    def hung(self) -> bool:
        """Whether it took more time than any command here may."""
        return self.code in (-signal.SIGXCPU, -signal.SIGALRM)

    @property
    def refused(self) -> bool:
        """Whether it ended as a mistake must: exit code 2, and one line of ours, the last one, that says why."""
        ours = [line.startswith("newllm: ") for line in self.stderr.splitlines()]
        return self.code == 2 and sum(ours) == 1 and ours[-1]


def run(command: Callable[[], int], place: Path, before: Callable[[], None] = lambda: None) -> Ended:
    """Run a command in a child whose working directory is `place`, and wait for its end.

    Args:
        command: returns the exit code.
        place: the directory.
        before: called in the child first.
    """
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if not pid:
            _live(command, place, before, (stdout.fileno(), stderr.fileno()))
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        for file in (stdout, stderr):
            file.seek(0)
        return Ended(code, stdout.read().decode(errors="replace"), stderr.read().decode(errors="replace"))


def _live(command: Callable[[], int], place: Path, before: Callable[[], None], outputs: tuple[int, int]) -> None:
    code = 70
    try:
        for number, handle in enumerate(outputs, start=1):
            os.dup2(handle, number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        signal.alarm(WALL_SECONDS)
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, resource.RLIM_INFINITY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.chdir(place)
        still_clock()
        wait_for_writers()
        before()
        code = command()
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def still_clock() -> None:
    """Let time pass by looks at the clock alone: how often a run beats and flushes is the same in every process."""
    looks = [1000.0]

    def monotonic() -> float:
        looks[0] += _TICK
        return looks[0]

    time.monotonic = monotonic


def wait_for_writers() -> None:
    """Let the thread that writes pinned states write at once, so that the order of all calls is the same every time."""
    start = threading.Thread.start

    def started(self: threading.Thread) -> None:
        start(self)
        if self.name == "newllm-pins":
            self.join()

    threading.Thread.start = started  # type: ignore[method-assign]
