"""What may measure a training run and write signals into its trace. The loop knows only this.

The package `recorder` knows no trainer and the trainer no recorder; `newllm.api` brings the two together here.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from newllm.training.step import StepReport

Signals = Mapping[str, float]


class Recording:
    """Measures nothing; the base of what measures something.

    No method may change the run, draw from torch's chance, or return what is not a function of the step: a run
    that was stopped and resumed has the same trace.
    """

    def started(self, model: nn.Module, optimizer: Optimizer, step: int) -> None:
        """Training begins, or goes on from a step; -1 where not even the evaluation of step 0 is done with."""

    def stepping(self, step: int) -> None:
        """The update that leads from `step` to `step + 1` begins."""

    def training_batch(self, logits_BTV: Tensor, targets_BT: Tensor, nats: Tensor) -> None:
        """One batch of an update, before its backward pass, which may write over the logits.

        Args:
            logits_BTV: of each next token.
            targets_BT: what came, -1 where nothing is to be predicted.
            nats: sum of -log p over the targets.
        """

    def first_part_done(self) -> None:
        """What comes now of this update is the part of another rank, which would not be seen if that computed it."""

    def stepped(self, report: StepReport) -> Signals:  # noqa: ARG002 (an interface)
        """Return the signals of an update that is done."""
        return {}

    @contextlib.contextmanager
    def evaluating(self) -> Iterator[None]:
        """Be told of the predictions of an evaluation while this is open."""
        yield

    def evaluation_batch(self, logits_BTV: Tensor, targets_BT: Tensor) -> Any:
        """Return what is kept of a batch of an evaluation, as data: another process may have computed it.

        Args:
            logits_BTV: of each next token.
            targets_BT: what came, -1 where nothing was to be predicted.
        """

    def evaluation_seen(self, seen: Any) -> None:
        """Take in what was kept of a batch; called for all of them, in their order."""

    def evaluated(self, step: int) -> Signals:  # noqa: ARG002 (an interface)
        """Return the signals of the evaluation that is done, at a step."""
        return {}

    def ended(self) -> None:
        """Training has ended, however it did."""
