"""`context = (1 - u) * context + u * delta`: the document's update gate, section 6."""

from collections.abc import Sequence

import torch
from torch import Tensor

from newllm.recurrence.rules.rule import Gate, Rule, logit, timescales


class Gated(Rule):
    """Decay 1 - u, input u * delta, `u = sigmoid(W source)`."""

    name = "gated"

    def build(self, source: int, learn_decay: bool) -> None:  # noqa: ARG002 (refused by the base)
        """Add the gate."""
        self.gate = Gate(source, self.channels)

    @staticmethod
    def combine(
        delta: Tensor,
        gates: Sequence[Tensor],
        constant: Tensor | None,  # noqa: ARG004 (it has none)
    ) -> tuple[Tensor, Tensor]:
        """Return 1 - u and u * delta."""
        (gate,) = gates
        # sigmoid(-x) rather than 1 - sigmoid(x): exact where the gate is nearly shut or open.
        return torch.sigmoid(-gate), torch.sigmoid(gate) * delta

    def spread_timescales(self, longest: float) -> None:
        """Start u at 1 / time scale."""
        with torch.no_grad():
            self.gate.bias.copy_(logit(1 / timescales(self.channels, longest)))
