"""How far a study is: a moving line on a terminal, a plain line now and then elsewhere."""

import math
from collections.abc import Sequence
from typing import Self, TextIO

from rich.progress import BarColumn, Progress, TextColumn

from newllm.cli.paper import LineConsole
from newllm.cli.time_left import duration
from newllm.messages import Catalogue, Message
from newllm.study import Cell, Watcher
from newllm.time_limit import TimeLimit

PLAIN_SECONDS = 5.0


class StudyProgress(Watcher):
    """Told of what runs and what has been run.

    Args:
        stream: where to show it.
        words: the language.
        quiet: show nothing.
        time: that it may take.
    """

    def __init__(self, stream: TextIO, words: Catalogue, *, quiet: bool, time: TimeLimit) -> None:
        self._console, self._words = LineConsole(stream, quiet=quiet), words
        self._live = stream.isatty() and not quiet
        self._bar = Progress(
            TextColumn("{task.fields[done]}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.description}", markup=False),
            console=self._console,
            transient=True,
        )
        self._workers, self._time = 1, time
        self._total = self._done = 0
        self._work = self._worked = self._seconds = 0.0
        self._finished = 0
        self._spoke = self._since = time.spent

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar.live.is_started:
            self._bar.stop()

    def planned(self, cells: Sequence[Cell], waiting: Sequence[Cell]) -> None:
        """Begin."""
        self._total, self._done = len(cells), len(cells) - len(waiting)
        self._work = sum(_updates(cell) for cell in waiting)
        self._console.print(self._words("study-planned", count=self._total, done=self._done))
        if self._live:
            self._task = self._bar.add_task("", total=self._total, completed=self._done, done=self._tally())
            self._bar.start()

    def running(self, cells: Sequence[Cell]) -> None:
        """Say now and then what runs, and how long it all takes."""
        self._workers = max(self._workers, len(cells))
        runs = self._words("list").join(self._words("study-run", arm=cell.arm, seed=cell.seed) for cell in cells)
        line = f"{self._words('study-running', runs=runs)}   {self._how_long()}"
        if self._live:
            self._bar.update(self._task, completed=self._done, description=line, done=self._tally())
        elif self._time.spent - self._spoke >= PLAIN_SECONDS:
            self._spoke = self._time.spent
            self._console.print(f"{self._tally()}   {line}".rstrip(), soft_wrap=True)

    def finished(self, cell: Cell, seconds: float) -> None:
        """Take in a cell that took so many seconds."""
        self._done += 1
        self._finished += 1
        self._since = self._time.spent
        self._worked += _updates(cell)
        self._seconds += seconds

    def failed(self, cell: Cell, why: str) -> None:
        """Say it, and count the cell as done with."""
        self._console.print(self._words("study-cell_failed", arm=cell.arm, seed=cell.seed, why=why))
        self._done += 1
        self._work -= _updates(cell)

    def died(self, death: Message) -> None:
        """Say it."""
        self._console.print(self._words("study-cell_died", death=death))

    def _how_long(self) -> str:
        """Return the time in words: what is left once every worker has finished a cell, no more than there is."""
        limit = self._time
        spent = duration(self._words, limit.spent)
        most = duration(self._words, limit.seconds) if math.isfinite(limit.seconds) else None
        said = "" if most is None else self._words("study-spent", spent=spent, most=most)
        if self._finished < self._workers:
            return said or spent
        needed = (self._work - self._worked) * self._seconds / self._worked / self._workers
        left = min(needed - (limit.spent - self._since), limit.left)
        ends = self._words("study-left", time=duration(self._words, left)) if left > 0 else ""
        return self._words("list").join(filter(None, (said, ends)))

    def _tally(self) -> str:
        return self._words("study-done", done=self._done, total=self._total)


def _updates(cell: Cell) -> float:
    """Return what a cell costs, in updates times weights of its layers: enough to foresee the time."""
    model = cell.config.model
    return cell.config.training.steps * (model.layers * model.hidden**2 + 1000 * model.hidden)
