"""`context = (1 - u) * context + u * delta`: the document's update gate."""

from collections.abc import Sequence

import torch
from torch import Tensor

from newllm.kernels import gated_scan, should_fuse
from newllm.recurrence.rules.rule import Gate, Rule, logit, timescales
from newllm.recurrence.scan import resolve_backend


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

    def scan(
        self, features: Tensor, source: Tensor, initial: Tensor, reset: Tensor | None, *, backend: str
    ) -> tuple[Tensor, Tensor]:
        """Return every context and the last one, where the fused kernel runs without decay and input between."""
        is_own = "combine" not in vars(self)  # `change_decay` puts another one before it
        if not is_own or resolve_backend(backend, features.device) != "numba" or not should_fuse(features, initial):
            return super().scan(features, source, initial, reset, backend=backend)
        contexts = gated_scan(self.delta(features), self.gate(source), initial, reset)
        return contexts, contexts[:, -1].clone()  # a view would keep all of them alive

    def spread_timescales(self, longest: float) -> None:
        """Start u at 1 / time scale."""
        with torch.no_grad():
            self.gate.bias.copy_(logit(1 / timescales(self.channels, longest)))
