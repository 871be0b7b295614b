"""What a run writes while it goes: the trace, step by step, and the summary, second by second."""

import contextlib
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from newllm.errors import UserError
from newllm.trace import Context, Summary, TraceWriter, Validation, truncate_after
from newllm.training.config import RunConfig, scan_that_runs
from newllm.training.evaluation import Evaluation
from newllm.training.recording import Signals
from newllm.training.run import RunDirectory
from newllm.training.snapshots import Progress, list_snapshots
from newllm.training.step import StepReport

HEARTBEAT_SECONDS = 1.0


class Journal:
    """Keeps trace.jsonl and summary.json.

    Args:
        run: where.
        summary: the summary at the start of this session.
        progress: what the run has come to; kept up to date here.
        recorded: is called with the step and the signals of every row.
    """

    def __init__(
        self,
        run: RunDirectory,
        summary: Summary,
        progress: Progress,
        recorded: Callable[[int, Signals], None] = lambda *_: None,
    ) -> None:
        self.run, self.summary, self.progress, self._recorded = run, summary, progress, recorded
        run.check_lock()
        # A run without a snapshot begins anew: what an earlier start recorded of step 0 is recorded again.
        truncate_after(run.trace, progress.step if list_snapshots(run.snapshots) else -1)
        self.trace = TraceWriter(run.trace)
        self.save()
        self._saved = time.monotonic()

    def stepped(self, report: StepReport, seconds: float, more: Signals) -> None:
        """Take in an update that took so many seconds, and what else was measured of it."""
        self.run.check_lock()
        signals = {
            "loss": report.loss,
            "gradient_norm": report.gradient_norm,
            "learning_rate": report.learning_rate,
        }
        if report.context is not None:
            norm, mean, std = report.context.norm, report.context.mean, report.context.std
            signals |= {"context_norm": norm, "context_mean": mean, "context_std": std}
            self.summary.last_context = Context(report.step, norm, mean, std)
        self._write(report.step, {**signals, **more})
        if report.finite:
            self.progress.step = report.step
            self.progress.tokens += report.tokens
            self.progress.seconds += seconds
        self.beat()

    def mark(self, signals: Signals) -> None:
        """Take in signals of the present step that come before its update; mostly there are none."""
        if signals:
            self.run.check_lock()
            self._write(self.progress.step, signals)

    def beat(self) -> None:
        """Save the summary if that was last done more than a second ago."""
        if time.monotonic() - self._saved >= HEARTBEAT_SECONDS:
            self.save()

    def evaluated(self, evaluation: Evaluation, more: Signals) -> bool:
        """Take in an evaluation, and what else was measured of it; return whether it is the best until now."""
        self.run.check_lock()
        step = self.progress.step
        signals = {"validation_loss": evaluation.loss}
        if evaluation.bits_per_byte is not None:
            signals["validation_bits_per_byte"] = evaluation.bits_per_byte
        self._write(step, {**signals, **more})
        self.summary.validated(step, evaluation.loss, evaluation.bits_per_byte)
        last, best = self.summary.last_validation, self.summary.best_validation
        self.progress.last = None if last is None else vars(last)
        self.progress.best = None if best is None else vars(best)
        self.flush()
        self.save()
        return best is last

    def save(self) -> None:
        """Write the summary with a new heartbeat."""
        self.run.check_lock()
        summary, progress = self.summary, self.progress
        summary.step, summary.tokens, summary.seconds = progress.step, progress.tokens, round(progress.seconds, 3)
        if progress.seconds > 0:
            summary.tokens_per_second = round(progress.tokens / progress.seconds, 1)
        summary.save(self.run.summary)
        self._saved = time.monotonic()

    def flush(self) -> None:
        """Hand the trace to the operating system, where a kill cannot reach it."""
        self.run.check_lock()
        self.trace.flush()

    def sync(self) -> None:
        """Have the trace on the disk, where a power cut cannot reach it."""
        self.run.check_lock()
        self.trace.sync()

    def _write(self, step: int, signals: Signals) -> None:
        self.trace.write_row(step, signals)
        self._recorded(step, signals)

    def close(self) -> None:
        """Flush and close the trace; where the run is not ours any more, what was not flushed yet is dropped."""
        try:
            self.run.check_lock()
        except UserError:
            self.trace.discard()
            raise
        self.trace.close()


def announce(run: RunDirectory, config: RunConfig, preparation: Mapping[str, Any] | None = None) -> None:
    """Write a summary that says only that somebody prepares a run here: no steps, no parameters, settings as asked for.

    Its heartbeat stands still until the training begins.
    """
    numerics = config.numerics
    summary = Summary(
        steps=0,
        parameters=0,
        scan_backend=scan_that_runs(config),
        precision=numerics.precision,
        device=numerics.device,
        preparation=dict(preparation or {}),
    )
    if run.summary.is_file():  # said before, when less was known
        summary.started = Summary.load(run.summary).started
    summary.save(run.summary)


def restore(summary: Summary, run: RunDirectory, progress: Progress) -> None:
    """Put into a summary what was before: a snapshot's evaluations, the start, the findings.

    A summary.json that is damaged is written anew: the snapshot knows all but when the run began.
    """
    for name in ("last", "best"):
        kept = getattr(progress, name)
        if kept is not None and kept["loss"] is not None and math.isfinite(kept["loss"]):
            setattr(summary, f"{name}_validation", Validation(**kept))
    if run.summary.is_file():
        with contextlib.suppress(UserError):
            before = Summary.load(run.summary)
            summary.started, summary.findings = before.started, before.findings
            summary.preparation = before.preparation
            if before.last_context is not None and before.last_context.step <= progress.step:
                summary.last_context = before.last_context
