"""How far the replays of a run are: a moving line on a terminal, a plain line now and then elsewhere."""

from types import TracebackType
from typing import Self, TextIO

from rich.progress import Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from newllm.cli.doctor_paper import PageConsole, say
from newllm.cli.replay_page import outcome
from newllm.messages import Message
from newllm.replays.watcher import Watcher
from newllm.report import verdict_words as words
from newllm.report.plain import plain
from newllm.report.words import count
from newllm.time_limit import TimeLimit
from newllm.trace import Tried, Verdict
from newllm.trace.verdict import HELPS

PLAIN_SECONDS = 10.0
_BAR = 20  # cells
_NAME = 36  # cells of a name, so that what follows stands in columns


class _SpentColumn(ProgressColumn):
    """How much of the time is spent: a bar that moves between replays too, and is never ahead or behind."""

    def __init__(self, time: TimeLimit) -> None:
        super().__init__()
        self._time = time

    def render(self, task: Task) -> Table:
        """Return the bar, and the time in words."""
        del task
        grid = Table.grid(padding=(0, 1))
        spent = min(self._time.spent, self._time.seconds)
        share = spent / self._time.seconds  # of endless time nothing is ever spent
        grid.add_row(ProgressBar(total=1.0, completed=share, width=_BAR), _of(self._time))
        return grid


class ReplayProgress(Watcher):
    """Told of every replay.

    Args:
        stream: where to show it.
        quiet: show nothing.
        time: that it all may take.
    """

    def __init__(self, stream: TextIO, *, quiet: bool, time: TimeLimit) -> None:
        self._console = PageConsole(stream)
        self._quiet, self._live = quiet, stream.isatty() and not quiet
        self._bar = Progress(
            TextColumn("{task.description:<12} {task.completed:,} done"),
            _SpentColumn(time),
            TextColumn("{task.fields[name]}", markup=False),
            console=self._console,
            transient=True,
        )
        self._task: TaskID | None = None
        self._time = time
        self._stage, self._done, self._may = "", 0, 0
        self._spoke = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
        if kind is not None and issubclass(kind, KeyboardInterrupt) and self._stage:
            self._say(Text("what was replayed is kept: the same command goes on from there"))

    def noticed(self, said: Message) -> None:
        """Say it in a line."""
        self._say(Text(f"note: {plain(str(said), 2000)}"))

    def planned(self, stage: str, replays: int) -> None:
        """Begin a stage."""
        self._stage, self._done, self._may = stage, 0, replays
        if not self._live:
            self._say(Text(f"{stage}: up to {count(replays, 'replay')}"))
            return
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(stage, total=None, name="")
        self._bar.start()

    def replayed(self, stage: str, name: str, replay: int, spiked: bool | None, seconds: float) -> None:
        """Count a replay."""
        del seconds
        self._done += 1
        end = "" if spiked is None else " spiked" if spiked else " did not spike"
        line = f"{plain(name) or 'unmodified'} #{replay}{end}"
        if self._live and self._task is not None:
            self._bar.update(self._task, completed=self._done, name=line)
        elif self._time.spent - self._spoke >= PLAIN_SECONDS:
            self._spoke = self._time.spent
            self._say(Text(f"{stage} {self._done:,}/{self._may:,}   {line}   {_of(self._time)}"))

    def tried(self, tried: Tried) -> None:
        """Say what was confirmed, and what helped in the screen; the page tells the rest."""
        if tried.stage == "screened" and tried.outcome not in HELPS:
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

    def _say(self, line: Text) -> None:
        if self._live:
            self._console.print(line, soft_wrap=True)
        elif not self._quiet:
            say(f"{line.plain}\n", self._console.file)


def _of(time: TimeLimit) -> str:
    return f"{time.spent:.0f} of {time.seconds:.0f} s"
