"""What a person sees while a run trains: a live display with the curve so far on a terminal, plain lines elsewhere."""

import math
import os
import time
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from newllm.cli.live_curve import LiveCurve
from newllm.cli.paper import can_draw
from newllm.cli.time_left import TimeLeft, duration
from newllm.diagnosis.onset import Onset
from newllm.messages import Message
from newllm.trace.samples import Sample
from newllm.training.evaluation import Evaluation
from newllm.training.observer import Observer, Past
from newllm.training.step import StepReport
from newllm.words.plain import plain

PLAIN_SECONDS = 10.0
LIVE_SECONDS = 0.25  # between two drawings, at least
_SHARE = 0.02  # of the time, at most, is spent on drawing, also where the machine is busy or the terminal slow
SAMPLE_CELLS = 100


def choose_display(stream: TextIO) -> "Display":
    """Return the live display where `stream` is a terminal, else plain lines."""
    console = _LastingConsole(
        file=stream, highlight=False, markup=False, emoji=False, soft_wrap=not stream.isatty()
    )  # fmt: skip
    return LiveDisplay(console) if stream.isatty() else PlainDisplay(console)


class _LastingConsole(Console):
    """A console whose reader may go away, as `head` does: the run goes on without it."""

    def on_broken_pipe(self) -> None:
        """Write nothing more, where rich would end the program."""
        self.quiet = True
        self.file = Path(os.devnull).open("w")  # noqa: SIM115 (for as long as the program runs)


class Display(Observer):
    """What both displays know: the last loss, the speed of late, and where the loss left its trend.

    Attributes:
        onsets: steps at which the training loss left its trend, rising; of what a guard took back none.
        steps: that the run is to have.
        sample: what the model wrote last, in one line.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
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
        scan = "" if summary["scan_backend"] == "none" else f", scan {summary['scan_backend']}"
        where = f"on {summary['device']} in {summary['precision']}{scan}"
        step, steps = summary["step"], summary["steps"]
        budget = summary.get("preparation", {}).get("budget")
        if step:  # a run that goes on by the clock does not know yet to which one
            length = f"from step {step:,}{f' to {steps:,}' if step < steps else ''}"
        else:
            length = f"for {steps:,} steps" if budget is None else f"for {budget:g} s in all, about {steps:,} steps,"
        self.console.print(f"training {summary['parameters']:,} parameters {length} {where}")

    def resumed(self, past: Past) -> None:
        """Keep where the loss left its trend before."""
        self.onsets += [onset.onset for onset in past.onsets]

    def noticed(self, notice: Message) -> None:
        """Say it in a line."""
        self.console.print(f"note: {plain(notice, 2000)}")

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
        return "" if seconds is None else f"{duration(seconds)} left"

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
        bits = evaluation.bits_per_byte
        in_bits = "" if bits is None else f", {bits:.4f} bits per byte"
        mark = "  best so far" if best and step else ""
        numbers = f"{evaluation.loss:.4f} nats, perplexity {evaluation.perplexity:.2f}{in_bits}"
        self.console.print(f"step {step:>7,}  validation {numbers}{mark}")
        self._since = time.monotonic() - self._passed  # the evaluation is no part of the training speed

    def ended(self, summary: dict[str, Any]) -> None:
        """Say nothing: the command says how it ended."""


class PlainDisplay(Display):
    """A line every ten seconds."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._told = time.monotonic()
        self._sampled = -PLAIN_SECONDS

    def evaluated(self, step: int, evaluation: Evaluation, *, best: bool) -> None:
        """Say the numbers, and what the model wrote where that was not said just now."""
        super().evaluated(step, evaluation, best=best)
        if self.sample and time.monotonic() - self._sampled >= PLAIN_SECONDS:
            self._sampled = time.monotonic()
            self.console.print(f"step {step:>7,}  writes: {self.sample}")

    def stepped(self, report: StepReport) -> None:
        """Take in an update."""
        super().stepped(report)
        if time.monotonic() - self._told < PLAIN_SECONDS:
            return
        self._told = time.monotonic()
        parts = (f"step {report.step:>7,}", f"loss {self.loss:.4f}", _speed(self.speed), self.time_left)
        self.console.print("  ".join(part for part in parts if part))


class LiveDisplay(Display):
    """One moving line and the curve so far under the evaluations; at the end the curve stays."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._curve = LiveCurve(unicode=can_draw(console.file))
        self._progress = Progress(
            TextColumn("step {task.completed:,}/{task.total:,}"),
            BarColumn(bar_width=24),
            TextColumn("loss {task.fields[loss]}  {task.fields[bits]}{task.fields[speed]}  {task.fields[left]}"),
            console=console,
        )
        self._task: TaskID | None = None
        self._bits, self._due = "", 0.0
        self._live = Live(get_renderable=self._shown, console=console, auto_refresh=False)

    def started(self, summary: dict[str, Any]) -> None:
        """Say what begins."""
        super().started(summary)
        self._task = self._progress.add_task(
            "training", total=summary["steps"], completed=summary["step"], loss="...", bits="", speed="", left=""
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
            self._bits = f"{evaluation.bits_per_byte:.3f} bits per byte  "
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
            fields = {"bits": self._bits, "speed": _speed(self.speed), "left": self.time_left}
            loss = f"{self.loss:.4f}"
            self._progress.update(self._task, completed=self._step, total=self.steps, loss=loss, **fields)
        self._live.refresh()
        self._due = began + max(LIVE_SECONDS, (time.monotonic() - began) / _SHARE)

    def _shown(self) -> RenderableType:
        if self._task is None:
            return self._curve
        written = [Text(f"writes: {self.sample}", no_wrap=True, overflow="ellipsis")] if self.sample else []
        return Group(self._progress.get_renderable(), *written, self._curve)


def _speed(tokens_per_second: float) -> str:
    return "" if math.isnan(tokens_per_second) else f"{tokens_per_second:,.0f} tokens/s"
