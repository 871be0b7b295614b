"""How far the replays of a run are: a moving line on a terminal, a plain line now and then elsewhere."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from newllm.cli.doctor_paper import PageConsole, say
from newllm.cli.replay_page import outcome
from newllm.replays.watcher import Watcher
from newllm.report import verdict_words as words
from newllm.report.plain import plain
from newllm.report.words import count
from newllm.trace import Tried, Verdict

PLAIN_SECONDS = 10.0
_BAR = 20  # cells
_HELPS = ("removes", "reduces", "delays")
_NAME = 36  # cells of a name, so that what follows stands in columns


class _Clock(ProgressColumn):
    """Time that passes between replays too."""

    def __init__(self, time: Callable[[], str]) -> None:
        super().__init__()
        self._text = time

    def render(self, task: Task) -> Text:
        """Return the time in words."""
        del task
        return Text(self._text())


class ReplayProgress(Watcher):
    """Told of every replay.

    Args:
        stream: where to show it.
        quiet: show nothing.
        budget: seconds that it all may take.
    """

    def __init__(self, stream: TextIO, *, quiet: bool, budget: float) -> None:
        self._console = PageConsole(stream)
        self._quiet, self._live = quiet, stream.isatty() and not quiet
        self._bar = Progress(
            TextColumn("{task.description:<12} {task.completed:,}/{task.total:,}", markup=False),
            BarColumn(bar_width=_BAR),
            _Clock(self._time),
            TextColumn("{task.fields[name]}", markup=False),
            console=self._console,
            transient=True,
        )
        self._task: TaskID | None = None
        self._budget = budget
        self._stage, self._done, self._may = "", 0, 0
        self._began = self._spoke = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
        if kind is not None and issubclass(kind, KeyboardInterrupt) and self._stage:
            self._say(Text("what was replayed is kept: the same command goes on from there"))

    def noticed(self, line: str) -> None:
        """Say the line."""
        self._say(Text(f"note: {plain(line, 2000)}"))

    def planned(self, stage: str, replays: int) -> None:
        """Begin a stage."""
        self._stage, self._done, self._may = stage, 0, replays
        self._spoke = time.monotonic()
        if not self._live:
            self._say(Text(f"{stage}: up to {count(replays, 'replay')}"))
            return
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(stage, total=max(1, replays), name="")
        self._bar.start()

    def replayed(self, stage: str, name: str, replay: int, spiked: bool | None, seconds: float) -> None:
        """Count a replay."""
        del seconds
        self._done += 1
        end = "" if spiked is None else " spiked" if spiked else " did not spike"
        line = f"{plain(name) or 'unmodified'} #{replay}{end}"
        if self._live and self._task is not None:
            # It may take fewer replays than were planned, never more: an estimate that grows is shown as it is.
            self._bar.update(self._task, completed=self._done, total=max(self._may, self._done), name=line)
        elif time.monotonic() - self._spoke >= PLAIN_SECONDS:
            self._spoke = time.monotonic()
            self._say(Text(f"{stage} {self._done:,}/{self._may:,}   {line}   {self._time()}"))

    def tried(self, tried: Tried) -> None:
        """Say what was confirmed, and what helped in the screen; the page tells the rest."""
        if tried.stage == "screened" and tried.outcome not in _HELPS:
            return
        line = Text(f"{tried.stage}  {plain(tried.name):<{_NAME}}  ")
        line.append_text(outcome(tried, unicode=self._console.paper.unicode))
        line.append(f", {words.spiked(tried)} spiked")
        self._say(line)

    def ended(self, verdict: Verdict) -> None:
        """Take the moving line away."""
        del verdict
        self._stop()

    def _stop(self) -> None:
        if self._bar.live.is_started:
            self._bar.stop()

    def _time(self) -> str:
        return f"{time.monotonic() - self._began:.0f} of {self._budget:.0f} s"

    def _say(self, line: Text) -> None:
        if self._live:
            self._console.print(line, soft_wrap=True)
        elif not self._quiet:
            say(f"{line.plain}\n", self._console.file)
