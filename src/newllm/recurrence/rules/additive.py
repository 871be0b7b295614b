"""`context = context + delta`: the founding document's model, section 2."""

import torch
from torch import Tensor

from newllm.recurrence.rules.rule import Rule, full_precision


class Additive(Rule):
    """Nothing is ever forgotten: decay 1, input delta."""

    name = "additive"

    def forward(self, features: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ARG002 (it has no gate)
        """Return decay 1 and the delta."""
        delta = full_precision(self.delta(features))
        return torch.ones_like(delta), delta
