"""`context = alpha * context + (1 - alpha) * delta`: the document's exponential moving average."""

from collections.abc import Sequence

import torch
from torch import Tensor

from newllm.recurrence.rules.rule import ConstantDecay, Rule, timescales

FOUNDING_ALPHA = 0.9


class ExponentialMovingAverage(Rule):
    """Decay alpha, input (1 - alpha) * delta; alpha is 0.9 as in the document."""

    name = "ema"
    has_constant_decay = True

    def build(self, source: int, learn_decay: bool) -> None:  # noqa: ARG002 (it has no gate)
        """Add alpha."""
        self.alpha = ConstantDecay(torch.full((self.channels,), FOUNDING_ALPHA), learn=learn_decay)

    def constant(self) -> Tensor:
        """Return alpha, `[channels]`."""
        return self.alpha()

    @staticmethod
    def combine(
        delta: Tensor,
        gates: Sequence[Tensor],  # noqa: ARG004 (it has none)
        constant: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """Return alpha and (1 - alpha) * delta."""
        assert constant is not None
        alpha = constant.to(delta.dtype)
        return alpha.expand_as(delta), (1 - alpha) * delta

    def spread_timescales(self, longest: float) -> None:
        """Give every channel its own alpha, `1 - 1 / time scale`."""
        self.alpha.start_at(1 - 1 / timescales(self.channels, longest))
