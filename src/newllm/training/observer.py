"""What may watch a training run. The loop knows only this."""

import dataclasses
from typing import Any

from newllm.diagnosis.onset import Onset
from newllm.messages import Message
from newllm.trace import Series
from newllm.trace.samples import Sample
from newllm.training.evaluation import Evaluation
from newllm.training.recording import Signals
from newllm.training.step import StepReport


@dataclasses.dataclass(frozen=True, eq=False)
class Past:
    """What a run that goes on has behind it.

    Attributes:
        loss, validation: nats per token by step.
        onsets: where the training loss left its trend, in order.
    """

    loss: Series
    validation: Series
    onsets: tuple[Onset, ...]


class Observer:
    """Hears of a run and does nothing; the base of what watches. No method may change the run."""

    def started(self, summary: dict[str, Any]) -> None:
        """Training begins or goes on; `summary` is summary.json's content."""

    def resumed(self, past: Past) -> None:
        """A run from its last snapshot on, told after `started`."""

    def noticed(self, notice: Message) -> None:
        """Something that the person should know, in one line: `str(notice)` is English."""

    def planned(self, steps: int, seconds_left: float) -> None:
        """A run by the clock is to have so many steps now, and so many seconds are left for them."""

    def stepped(self, report: StepReport) -> None:
        """An update was done."""

    def recorded(self, step: int, signals: Signals) -> None:
        """A row of the trace was written: of an update, of an evaluation, or of what a guard did in between."""

    def left_trend(self, onset: Onset) -> None:
        """The training loss has left its trend upwards, told after the update at which that became clear."""

    def evaluated(self, step: int, evaluation: Evaluation, *, best: bool) -> None:
        """An evaluation was done; `best` if it is the best until now."""

    def sampled(self, sample: Sample) -> None:
        """The model wrote a sample, told before the evaluation that it belongs to."""

    def ended(self, summary: dict[str, Any]) -> None:
        """Training has ended, however."""
