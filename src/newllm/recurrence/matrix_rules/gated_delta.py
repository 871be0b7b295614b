"""`S = a S (I - b k k^T) + b v k^T`: the gated delta rule (Yang et al. 2024, arXiv:2412.06464), and two like it."""

import torch
import torch.nn.functional as F
from torch import Tensor

from newllm.kernels import head_inputs, head_inputs_naive
from newllm.recurrence.matrix_rules.rule import MatrixRule
from newllm.recurrence.matrix_scan import Steps
from newllm.recurrence.rules.rule import Gate, full_precision, logit


class GatedDelta(MatrixRule):
    """Each head forgets all of its matrix by one gate, and what stands under the key by another one.

    Keys and queries have length 1, so that a position replaces what stands under its key by `b` of the new value.
    """

    name = "delta"
    strongest = 1.0  # b
    decays_each_key = False

    def build(self, source: int) -> None:
        """Add the gate that writes and the gate that forgets."""
        self.write = Gate(source, self.heads)
        self.forget = Gate(source, self.heads * (self.keys if self.decays_each_key else 1))

    def forward(self, projected_BTE: Tensor, source_BTD: Tensor) -> Steps:
        """Return what each position does."""
        strength_BTH = self.strongest * torch.sigmoid(full_precision(self.write(source_BTD)))
        log_decay_BTHG = F.logsigmoid(-full_precision(self.forget(source_BTD))).unflatten(-1, (self.heads, -1))
        inputs = head_inputs if self.fused else head_inputs_naive
        query, key, value, lookup = inputs(projected_BTE, strength_BTH, self.keys)
        return Steps(query, key, value, lookup, log_decay_BTHG)

    def spread_timescales(self, longest: float) -> None:
        """Start the forgetting gate at 1 / time scale; a single head, or key, has the longest."""
        share = torch.arange(1, len(self.forget.bias) + 1) / len(self.forget.bias)
        with torch.no_grad():
            self.forget.bias.copy_(logit(longest**-share))


class SignedDelta(GatedDelta):
    """The same with b up to 2: what stands under a key may be turned round, which is needed to count in twos.

    The matrix that a state is multiplied by then has eigenvalues from -1 (Grazzi et al. 2024, arXiv:2411.12537).
    """

    name = "signed-delta"
    strongest = 2.0


class KimiDelta(GatedDelta):
    """The same with a decay for each key channel (Kimi Delta Attention, arXiv:2510.26692)."""

    name = "kda"
    decays_each_key = True
