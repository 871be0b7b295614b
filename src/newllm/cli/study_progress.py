"""How far a study is: a moving line on a terminal, a plain line now and then elsewhere."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from newllm.study import Cell, Watcher

PLAIN_SECONDS = 10.0


class StudyProgress(Watcher):
    """Told of every finished cell; estimates the time left from the updates done until now.

    Args:
        stream: where to show it.
        quiet: show nothing.
    """

    def __init__(self, stream: TextIO, *, quiet: bool) -> None:
        self._console = Console(file=stream, highlight=False, quiet=quiet)
        self._live = stream.isatty() and not quiet
        self._bar = Progress(
            TextColumn("{task.completed:,}/{task.total:,} runs"),
            BarColumn(bar_width=24),
            TextColumn("{task.description}"),
            console=self._console,
            transient=True,
        )
        self._total = self._done = 0
        self._work = self._worked = 0.0
        self._began = self._told = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar.live.is_started:
            self._bar.stop()

    def planned(self, cells: Sequence[Cell], waiting: Sequence[Cell]) -> None:
        """Begin."""
        self._total, self._done = len(cells), len(cells) - len(waiting)
        self._work = sum(_updates(cell) for cell in waiting)
        self._began = self._told = time.monotonic()
        earlier = f", {self._done:,} of them finished already" if self._done else ""
        self._console.print(f"{self._total:,} runs{earlier}")
        if self._live:
            self._task = self._bar.add_task("", total=self._total, completed=self._done)
            self._bar.start()

    def finished(self, cell: Cell, seconds: float) -> None:
        """Take in a cell that took so many seconds."""
        self._done += 1
        self._worked += _updates(cell)
        passed = time.monotonic() - self._began
        left = passed / self._worked * (self._work - self._worked)
        line = f"{cell.arm}, seed {cell.seed}: {seconds:.0f} s   about {_duration(left)} left"
        if self._live:
            self._bar.update(self._task, completed=self._done, description=line)
        elif time.monotonic() - self._told >= PLAIN_SECONDS:
            self._told = time.monotonic()
            self._console.print(f"{self._done:,}/{self._total:,} runs   {line}")

    def failed(self, cell: Cell, why: str) -> None:
        """Say it, and count the cell as done with."""
        self._console.print(f"failed: {cell.arm}, seed {cell.seed}: {why}")
        self.finished(cell, 0.0)

    def died(self, line: str) -> None:
        """Say it."""
        self._console.print(f"note: {line}; it is run again")


def _updates(cell: Cell) -> float:
    """Return what a cell costs, in updates times weights of its layers: enough to foresee the time."""
    model = cell.config.model
    return cell.config.training.steps * (model.layers * model.hidden**2 + 1000 * model.hidden)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
