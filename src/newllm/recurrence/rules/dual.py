"""Two contexts, short and long: the document's `short += delta_s`, `long = 0.99 * long + 0.01 * delta_l`."""

from collections.abc import Sequence

import torch
from torch import Tensor

from newllm.errors import UserError
from newllm.recurrence.rules.rule import ConstantDecay, Rule

FOUNDING_LONG_DECAY = 0.99


class Dual(Rule):
    """The first half of the channels is the short context (decay 1), the second half the long one (0.99)."""

    name = "dual"
    has_constant_decay = True

    def build(self, source: int, learn_decay: bool) -> None:  # noqa: ARG002 (it has no gate)
        """Add the long context's decay."""
        if self.channels % 2:
            raise UserError(
                f"rule 'dual' splits the context in two halves: context {self.channels} is odd, take an even one"
            )
        self.long = ConstantDecay(torch.full((self.channels // 2,), FOUNDING_LONG_DECAY), learn=learn_decay)

    def constant(self) -> Tensor:
        """Return the long context's decay, `[channels / 2]`."""
        return self.long()

    @staticmethod
    def combine(
        delta: Tensor,
        gates: Sequence[Tensor],  # noqa: ARG004 (it has none)
        constant: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """Return [1, long decay] and [delta_s, (1 - long decay) * delta_l]."""
        assert constant is not None
        long = constant.to(delta.dtype)
        one = torch.ones_like(long)
        return torch.cat([one, long]).expand_as(delta), torch.cat([one, 1 - long]) * delta
