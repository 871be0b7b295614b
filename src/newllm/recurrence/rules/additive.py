"""`context = context + delta`: the document's model."""

from collections.abc import Sequence

import torch
from torch import Tensor

from newllm.recurrence.rules.rule import Rule


class Additive(Rule):
    """Nothing is ever forgotten: decay 1, input delta."""

    name = "additive"

    @staticmethod
    def combine(
        delta: Tensor,
        gates: Sequence[Tensor],  # noqa: ARG004 (it has none)
        constant: Tensor | None,  # noqa: ARG004 (it has none)
    ) -> tuple[Tensor, Tensor]:
        """Return decay 1 and the delta."""
        return torch.ones_like(delta), delta
