"""What a person sees while a run trains: a live display on a terminal, plain lines elsewhere."""

import math
import os
import time
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from newllm.training.evaluation import Evaluation
from newllm.training.observer import Observer
from newllm.training.step import StepReport

PLAIN_SECONDS = 10.0
_SMOOTH = 0.95


def choose_display(stream: TextIO) -> Observer:
    """Return the live display where `stream` is a terminal, else plain lines."""
    console = _LastingConsole(file=stream, highlight=False, soft_wrap=not stream.isatty())
    return LiveDisplay(console) if stream.isatty() else PlainDisplay(console)


class _LastingConsole(Console):
    """A console whose reader may go away, as `head` does: the run goes on without it."""

    def on_broken_pipe(self) -> None:
        """Write nothing more, where rich would end the program."""
        self.quiet = True
        self.file = Path(os.devnull).open("w")  # noqa: SIM115 (for as long as the program runs)


class _Display:
    """What both displays know: the smoothed loss and the speed of late."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.loss = math.nan
        self.speed = math.nan
        self._since, self._tokens = time.monotonic(), 0

    def started(self, summary: dict[str, Any]) -> None:
        """Say what begins."""
        scan = "" if summary["scan_backend"] == "none" else f", scan {summary['scan_backend']}"
        where = f"on {summary['device']} in {summary['precision']}{scan}"
        begin = f"from step {summary['step']:,} " if summary["step"] else ""
        size, steps = f"{summary['parameters']:,} parameters", f"{summary['steps']:,} steps"
        self.console.print(f"training {size} {begin}for {steps} {where}")

    def noticed(self, line: str) -> None:
        """Say the line."""
        self.console.print(f"note: {line}")

    def stepped(self, report: StepReport) -> None:
        """Take in an update."""
        self.loss = report.loss if math.isnan(self.loss) else _SMOOTH * self.loss + (1 - _SMOOTH) * report.loss
        self._tokens += report.tokens
        passed = time.monotonic() - self._since
        if passed >= 2.0:
            self.speed, self._since, self._tokens = self._tokens / passed, time.monotonic(), 0

    def evaluated(self, step: int, evaluation: Evaluation, *, best: bool) -> None:
        """Say the numbers."""
        bits = evaluation.bits_per_byte
        in_bits = "" if bits is None else f", {bits:.4f} bits per byte"
        mark = "  best so far" if best and step else ""
        numbers = f"{evaluation.loss:.4f} nats, perplexity {evaluation.perplexity:.2f}{in_bits}"
        self.console.print(f"step {step:>7,}  validation {numbers}{mark}")
        self._since, self._tokens = time.monotonic(), 0  # the evaluation is no part of the training speed

    def ended(self, summary: dict[str, Any]) -> None:
        """Say nothing: the command says how it ended."""


class PlainDisplay(_Display):
    """A line every ten seconds."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._told = time.monotonic()
        self._steps = 0

    def started(self, summary: dict[str, Any]) -> None:
        """Say what begins."""
        super().started(summary)
        self._steps = summary["steps"]
        self._began, self._first = time.monotonic(), summary["step"]

    def stepped(self, report: StepReport) -> None:
        """Take in an update."""
        super().stepped(report)
        if time.monotonic() - self._told < PLAIN_SECONDS:
            return
        self._told = time.monotonic()
        per_step = (time.monotonic() - self._began) / max(1, report.step - self._first)
        left = per_step * (self._steps - report.step)
        self.console.print(f"step {report.step:>7,}  loss {self.loss:.4f}  {_speed(self.speed)}  {left:,.0f} s left")


class LiveDisplay(_Display):
    """One moving line under the evaluations."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._progress = Progress(
            TextColumn("step {task.completed:,}/{task.total:,}"),
            BarColumn(bar_width=24),
            TextColumn("loss {task.fields[loss]}  {task.fields[bits]}{task.fields[speed]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._task: TaskID | None = None
        self._bits = ""

    def started(self, summary: dict[str, Any]) -> None:
        """Say what begins."""
        super().started(summary)
        self._task = self._progress.add_task(
            "training", total=summary["steps"], completed=summary["step"], loss="...", bits="", speed=""
        )
        self._progress.start()

    def stepped(self, report: StepReport) -> None:
        """Take in an update."""
        super().stepped(report)
        if self._task is not None:
            self._progress.update(
                self._task, completed=report.step, loss=f"{self.loss:.4f}", bits=self._bits, speed=_speed(self.speed)
            )

    def evaluated(self, step: int, evaluation: Evaluation, *, best: bool) -> None:
        """Say the numbers."""
        if evaluation.bits_per_byte is not None:
            self._bits = f"{evaluation.bits_per_byte:.3f} bits per byte  "
        super().evaluated(step, evaluation, best=best)

    def ended(self, summary: dict[str, Any]) -> None:
        """Stop the moving line."""
        self._progress.stop()
        super().ended(summary)


def _speed(tokens_per_second: float) -> str:
    return "" if math.isnan(tokens_per_second) else f"{tokens_per_second:,.0f} tokens/s"
