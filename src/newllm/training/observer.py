"""What may watch a training run. The loop knows only this."""

from typing import Any, Protocol

from newllm.diagnosis.onset import Onset
from newllm.training.evaluation import Evaluation
from newllm.training.step import StepReport


class Observer(Protocol):
    """Watches a run; none of its methods may change the run."""

    def started(self, summary: dict[str, Any]) -> None:
        """Training begins or goes on; `summary` is summary.json's content."""

    def noticed(self, line: str) -> None:
        """Something that the person should know, in one line."""

    def stepped(self, report: StepReport) -> None:
        """An update was done."""

    def left_trend(self, onset: Onset) -> None:
        """The training loss has left its trend upwards, told after the update at which that became clear."""

    def evaluated(self, step: int, evaluation: Evaluation, *, best: bool) -> None:
        """An evaluation was done; `best` if it is the best until now."""

    def ended(self, summary: dict[str, Any]) -> None:
        """Training has ended, however."""
