"""How far the replays of a run are: a moving line on a terminal, a plain line now and then elsewhere."""

from collections import Counter
from types import TracebackType
from typing import Self, TextIO

from rich.progress import Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from newllm.cli.paper import PageConsole, say
from newllm.cli.replay_page import outcome
from newllm.messages import Catalogue, Message
from newllm.replays.watcher import Watcher
from newllm.time_limit import TimeLimit
from newllm.trace import Tried, Verdict
from newllm.trace.verdict import HELPS
from newllm.words.plain import plain
from newllm.words.replays import spiked

PLAIN_SECONDS = 10.0
_BAR = 20  # cells
_NAME = 36  # cells of a name, so that what follows stands in columns


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


class ReplayProgress(Watcher):
    """Told of every replay.

    Args:
        stream: where to show it.
        words: the language.
        quiet: show nothing.
        time: that it all may take.
    """

    def __init__(self, stream: TextIO, words: Catalogue, *, quiet: bool, time: TimeLimit) -> None:
        self._console, self._words = PageConsole(stream, words), words
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
        self._stage = ""
        self._done, self._may = Counter[str](), dict[str, int]()  # by stage: a stage can go on after another
        self._spoke = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
        if kind is not None and issubclass(kind, KeyboardInterrupt) and self._stage:
            self._say(Text(self._words("terminal-kept")))

    def noticed(self, said: Message) -> None:
        """Say it in a line."""
        self._say(Text(self._words("remark_line-note", remark=plain(self._words.text(said), 2000))))

    def planned(self, stage: str, replays: int) -> None:
        """Begin a stage, or go on with it: what is known already is not said again."""
        self._stage = self._words(f"terminal-stage-{stage}")
        known, self._may[stage] = self._may.get(stage), replays
        if not self._live:
            if replays != known:
                self._say(Text(self._words("terminal-planned", stage=self._stage, count=replays)))
            return
        if self._task is not None:
            self._bar.remove_task(self._task)
        done = self._words("terminal-done", count=self._done[stage])
        self._task = self._bar.add_task(self._stage, total=None, name="", done=done)
        self._bar.start()

    def replayed(self, stage: str, name: str, replay: int, spiked: bool | None, seconds: float) -> None:
        """Count a replay."""
        del seconds
        self._done[stage] += 1
        line = self._words("terminal-replayed", name=plain(name) or None, number=replay, spiked=spiked)
        if self._live and self._task is not None:
            done = self._words("terminal-done", count=self._done[stage])
            self._bar.update(self._task, completed=self._done[stage], name=line, done=done)
        elif self._time.spent - self._spoke >= PLAIN_SECONDS:
            self._spoke = self._time.spent
            spent = _of(self._time, self._words)
            name = self._words(f"terminal-stage-{stage}")
            self._say(Text(f"{name} {self._done[stage]:,}/{self._may[stage]:,}   {line}   {spent}"))

    def tried(self, tried: Tried) -> None:
        """Say what was confirmed, and what helped in the screen; the page tells the rest."""
        if tried.stage == "screened" and tried.effect_class not in HELPS:
            return
        line = Text(f"{self._words(f'terminal-stage-{tried.stage}')}  {plain(tried.name):<{_NAME}}  ")
        line.append_text(outcome(tried, self._console.paper))
        line.append(self._words("terminal-spiked_of", spiked=spiked(tried)))
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


def _of(time: TimeLimit, words: Catalogue) -> str:
    return words("terminal-seconds_of", spent=f"{time.spent:.0f}", seconds=f"{time.seconds:.0f}")
