"""What a person sees while a run trains: a live display with the curve so far on a terminal, plain lines elsewhere."""

import math
import time
from typing import Any, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from newllm.cli.live_curve import LiveCurve
from newllm.cli.paper import LineConsole, can_draw
from newllm.cli.time_left import TimeLeft, duration
from newllm.diagnosis.onset import Onset
from newllm.messages import Catalogue, Message, message
from newllm.trace.samples import Sample
from newllm.training.evaluation import Evaluation
from newllm.training.observer import Observer, Past
from newllm.training.step import StepReport
from newllm.words.plain import plain

PLAIN_SECONDS = 10.0
LIVE_SECONDS = 0.25  # between two drawings, at least
_SHARE = 0.02  # of the time, at most, is spent on drawing, also where the machine is busy or the terminal slow
SAMPLE_CELLS = 100


def choose_display(stream: TextIO, words: Catalogue) -> "Display":
    """Return the live display where `stream` is a terminal, else plain lines."""
    console = LineConsole(stream, soft_wrap=not stream.isatty())
    return LiveDisplay(console, words) if stream.isatty() else PlainDisplay(console, words)


class Display(Observer):
    """What both displays know: the last loss, the speed of late, and where the loss left its trend.

    Args:
        console: where it is shown.
        words: the language.

    Attributes:
        onsets: steps at which the training loss left its trend, rising; of what a guard took back none.
        steps: that the run is to have.
        sample: what the model wrote last, in one line.
    """

    def __init__(self, console: Console, words: Catalogue) -> None:
        self.console, self.words = console, words
        self.loss = math.nan
        self.speed = math.nan
        self.onsets: list[int] = []
        self.steps = 0
        self.sample = ""
        self._step = 0
        self._time_left = TimeLeft(0)
        self._since, self._passed, self._tokens = time.monotonic(), 0.0, 0

    def started(self, summary: dict[str, Any]) -> None:
        """Say what begins."""
        self._since = time.monotonic()
        self.steps = summary["steps"]
        self._time_left = TimeLeft(self.steps)
        known = {name: summary[name] for name in ("parameters", "device", "precision", "ranks")}
        length = self.words.text(_length(summary))
        self.console.print(self.words("train-begins", length=length, scan=summary["scan_backend"], **known))

    def resumed(self, past: Past) -> None:
        """Keep where the loss left its trend before."""
        self.onsets += [onset.onset for onset in past.onsets]

    def noticed(self, notice: Message) -> None:
        """Say it in a line."""
        self.console.print(self.words("remark_line-note", remark=plain(self.words.text(notice), 2000)))

    def planned(self, steps: int, seconds_left: float) -> None:
        """Take in how many steps a run by the clock is to have."""
        self.steps = steps
        self._time_left.plan(steps, seconds_left)

    def stepped(self, report: StepReport) -> None:
        """Take in an update."""
        if report.step <= self._step:
            self.went_back(report.step)
        self._step = report.step
        self._time_left.at(report.step)
        self.loss = report.loss
        self._tokens += report.tokens
        self._passed = time.monotonic() - self._since
        if self._passed >= 2.0:
            self.speed = self._tokens / self._passed
            self._since, self._passed, self._tokens = time.monotonic(), 0.0, 0

    @property
    def time_left(self) -> str:
        """The time to the last step in words; empty while it is not known."""
        seconds = self._time_left.at(self._step)
        return "" if seconds is None else self.words("about-left", time=duration(self.words, seconds))

    @property
    def rate(self) -> str:
        """The speed of late in words; empty while it is not known."""
        return "" if math.isnan(self.speed) else self.words("train-speed", speed=self.speed)

    def went_back(self, step: int) -> None:
        """Forget what came from this step on: a guard has taken the run back."""
        self.onsets = [one for one in self.onsets if one < step]

    def left_trend(self, onset: Onset) -> None:
        """Keep the place."""
        if onset.onset not in self.onsets[-1:]:  # told before, where by now it is no number any more
            self.onsets.append(onset.onset)

    def sampled(self, sample: Sample) -> None:
        """Keep it."""
        self.sample = plain(" ".join(sample.text.split()), SAMPLE_CELLS)

    def evaluated(self, step: int, evaluation: Evaluation, *, best: bool) -> None:
        """Say the numbers."""
        numbers = {"loss": evaluation.loss, "perplexity": evaluation.perplexity, "bits": evaluation.bits_per_byte}
        mark = [self.words("train-best_so_far")] if best and step else []
        self.say(step, self.words("train-validation", **numbers), *mark)
        self._since = time.monotonic() - self._passed  # the evaluation is no part of the training speed

    def ended(self, summary: dict[str, Any]) -> None:
        """Say nothing: the command says how it ended."""

    def say(self, step: int, *parts: str) -> None:
        """Say in a line what is known at a step; a part that is empty is left out."""
        self.console.print("  ".join(filter(None, (self.words("train-step", step=f"{step:>7,}"), *parts))))


class PlainDisplay(Display):
    """A line every ten seconds."""

    def __init__(self, console: Console, words: Catalogue) -> None:
        super().__init__(console, words)
        self._written_at = time.monotonic()
        self._sampled = -PLAIN_SECONDS

    def evaluated(self, step: int, evaluation: Evaluation, *, best: bool) -> None:
        """Say the numbers, and what the model wrote where that was not said just now."""
        super().evaluated(step, evaluation, best=best)
        if self.sample and time.monotonic() - self._sampled >= PLAIN_SECONDS:
            self._sampled = time.monotonic()
            self.say(step, self.words("train-writes", text=self.sample))

    def stepped(self, report: StepReport) -> None:
        """Take in an update."""
        super().stepped(report)
        if time.monotonic() - self._written_at < PLAIN_SECONDS:
            return
        self._written_at = time.monotonic()
        self.say(report.step, self.words("train-loss", loss=f"{self.loss:.4f}"), self.rate, self.time_left)


class LiveDisplay(Display):
    """One moving line and the curve so far under the evaluations; at the end the curve stays."""

    def __init__(self, console: Console, words: Catalogue) -> None:
        super().__init__(console, words)
        self._curve = LiveCurve(words, unicode=can_draw(console.file))
        self._progress = Progress(
            TextColumn("{task.fields[at]}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[state]}", markup=False),
            console=console,
        )
        self._task: TaskID | None = None
        self._bits, self._due = "", 0.0
        self._live = Live(get_renderable=self._renderable, console=console, auto_refresh=False)

    def started(self, summary: dict[str, Any]) -> None:
        """Say what begins."""
        super().started(summary)
        self._task = self._progress.add_task(
            "", total=summary["steps"], completed=summary["step"], **self._fields(summary["step"], "...", "")
        )
        self._live.start(refresh=True)

    def resumed(self, past: Past) -> None:
        """Draw what a run that goes on has behind it."""
        super().resumed(past)
        self._curve.resumed(past)

    def stepped(self, report: StepReport) -> None:
        """Take in an update."""
        super().stepped(report)
        self._curve.stepped(report.step, report.loss)
        if time.monotonic() >= self._due:
            self._refresh()

    def went_back(self, step: int) -> None:
        """Forget what came from this step on."""
        super().went_back(step)
        self._curve.went_back(step)

    def left_trend(self, onset: Onset) -> None:
        """Mark the place."""
        super().left_trend(onset)
        self._curve.left_trend(onset)

    def evaluated(self, step: int, evaluation: Evaluation, *, best: bool) -> None:
        """Say the numbers."""
        if evaluation.bits_per_byte is not None:
            self._bits = f"{self.words('train-bits', bits=evaluation.bits_per_byte)}  "
        self._curve.evaluated(step, evaluation.loss)
        super().evaluated(step, evaluation, best=best)

    def ended(self, summary: dict[str, Any]) -> None:
        """Take the moving line away and leave the curve."""
        self._task = None
        self._live.stop()
        super().ended(summary)

    def _refresh(self) -> None:
        """Draw anew, and no sooner again than the time that this took allows."""
        began = time.monotonic()
        if self._task is not None:
            fields = self._fields(self._step, f"{self.loss:.4f}", self.time_left)
            self._progress.update(self._task, completed=self._step, total=self.steps, **fields)
        self._live.refresh()
        self._due = began + max(LIVE_SECONDS, (time.monotonic() - began) / _SHARE)

    def _renderable(self) -> RenderableType:
        if self._task is None:
            return self._curve
        writes = self.words("train-writes", text=self.sample)
        written = [Text(writes, no_wrap=True, overflow="ellipsis")] if self.sample else []
        return Group(self._progress.get_renderable(), *written, self._curve)

    def _fields(self, step: int, loss: str, left: str) -> dict[str, Any]:
        """Return what stands on both sides of the bar."""
        state = f"{self.words('train-loss', loss=loss)}  {self._bits}{self.rate}  {left}"
        return {"at": self.words("train-step", step=f"{step:,}/{self.steps:,}"), "state": state}


def _length(summary: dict[str, Any]) -> Message:
    """Return how far a run goes; one that goes on by the clock does not know yet to which step."""
    step, steps = summary["step"], summary["steps"]
    if step:
        return message("train-from_to" if step < steps else "train-from", step=step, steps=steps)
    budget = summary.get("preparation", {}).get("budget")
    return message("train-for" if budget is None else "train-for_seconds", steps=steps, seconds=budget)
