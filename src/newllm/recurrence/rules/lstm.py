"""`context = f * context + i * delta`: the LSTM's gates, with which the document contrasts its rule."""

from collections.abc import Sequence

import torch
from torch import Tensor

from newllm.recurrence.rules.rule import Gate, Rule, logit, timescales


class LSTMGates(Rule):
    """Decay f, input i * delta, `f, i = sigmoid(W source)`.

    Hochreiter and Schmidhuber 1997, "Long short-term memory"; the forget gate is Gers et al. 2000.
    """

    name = "lstm"

    def build(self, source: int, learn_decay: bool) -> None:  # noqa: ARG002 (refused by the base)
        """Add the forget gate and the input gate."""
        self.forget = Gate(source, self.channels)
        self.input = Gate(source, self.channels)

    @staticmethod
    def combine(
        delta: Tensor,
        gates: Sequence[Tensor],
        constant: Tensor | None,  # noqa: ARG004 (it has none)
    ) -> tuple[Tensor, Tensor]:
        """Return f and i * delta."""
        forget, admit = gates
        return torch.sigmoid(forget), torch.sigmoid(admit) * delta

    def spread_timescales(self, longest: float) -> None:
        """Start f at 1 - 1 / time scale and i at sqrt(1 - f^2): the context varies as the delta does."""
        forget = 1 - 1 / timescales(self.channels, longest)
        with torch.no_grad():
            self.forget.bias.copy_(logit(forget))
            self.input.bias.copy_(logit(torch.sqrt(1 - forget**2)))
