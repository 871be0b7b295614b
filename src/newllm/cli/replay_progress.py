"""How far the replays of a run are: a moving line on a terminal, a plain line now and then elsewhere."""

from types import TracebackType
from typing import Self, TextIO

from rich.progress import Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from newllm.api.replay_lines import ReplayLines
from newllm.cli.paper import PageConsole, say
from newllm.cli.replay_page import outcome
from newllm.messages import Catalogue
from newllm.time_limit import TimeLimit
from newllm.trace import Tried, Verdict

_BAR = 20  # cells


class _SpentColumn(ProgressColumn):
    """How much of the time is spent: a bar that moves between replays too, and is never ahead or behind."""

    def __init__(self, time: TimeLimit, words: Catalogue) -> None:
        super().__init__()
        self._time, self._words = time, words

    def render(self, task: Task) -> Table:
        """Return the bar, and the time in words."""
        del task
        grid = Table.grid(padding=(0, 1))
        spent = min(self._time.spent, self._time.seconds)
        share = spent / self._time.seconds  # of endless time nothing is ever spent
        grid.add_row(ProgressBar(total=1.0, completed=share, width=_BAR), _of(self._time, self._words))
        return grid


class ReplayProgress(ReplayLines):
    """Told of every replay.

    Args:
        stream: where to show it.
        words: the language.
        quiet: show nothing.
        time: that it all may take.
    """

    def __init__(self, stream: TextIO, words: Catalogue, *, quiet: bool, time: TimeLimit) -> None:
        super().__init__(stream, words, lambda: time.spent)
        self._console = PageConsole(stream, words)
        self._quiet, self._live = quiet, stream.isatty() and not quiet
        self._bar = Progress(
            TextColumn("{task.description:<12} {task.fields[done]}", markup=False),
            _SpentColumn(time, words),
            TextColumn("{task.fields[name]}", markup=False),
            console=self._console,
            transient=True,
        )
        self._task: TaskID | None = None
        self._time = time
        self._has_begun = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
        if kind is not None and issubclass(kind, KeyboardInterrupt) and self._has_begun:
            self.write(self.words("terminal-kept"))

    def planned(self, stage: str, replays: int) -> None:
        """Begin a stage, or go on with it."""
        self._has_begun = True
        if not self._live:
            super().planned(stage, replays)
            return
        if self._task is not None:
            self._bar.remove_task(self._task)
        name, done = self.words(f"terminal-stage-{stage}"), self.words("terminal-done", count=self.done[stage])
        self._task = self._bar.add_task(name, total=None, name="", done=done)
        self._bar.start()

    def replayed(self, stage: str, name: str, replay: int, spiked: bool | None, seconds: float) -> None:
        """Count a replay."""
        if not self._live or self._task is None:
            super().replayed(stage, name, replay, spiked, seconds)
            return
        self.done[stage] += 1
        line = self.words("terminal-replayed", name=self.named(stage, name), number=replay, spiked=spiked)
        done = self.words("terminal-done", count=self.done[stage])
        self._bar.update(self._task, completed=self.done[stage], name=line, done=done)

    def ended(self, verdict: Verdict) -> None:
        """Take the moving line away."""
        del verdict
        self._stop()

    def write_tried(self, tried: Tried, before: str, after: str) -> None:
        """Say what an intervention did, in its colour."""
        self._say(Text(before).append_text(outcome(tried, self._console.paper)).append(after))

    def write(self, line: str) -> None:
        """Write a line above the moving one."""
        self._say(Text(line))

    def spent(self) -> str:
        """Return how much of the time is spent, in words."""
        return _of(self._time, self.words)

    def _stop(self) -> None:
        if self._bar.live.is_started:
            self._bar.stop()

    def _say(self, line: Text) -> None:
        if self._live:
            self._console.print(line, soft_wrap=True)
        elif not self._quiet:
            say(f"{line.plain}\n", self._console.file)


def _of(time: TimeLimit, words: Catalogue) -> str:
    return words("terminal-seconds_of", spent=f"{time.spent:.0f}", seconds=f"{time.seconds:.0f}")
