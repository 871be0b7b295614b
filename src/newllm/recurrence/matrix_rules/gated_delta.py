"""`S = a S (I - b k k^T) + b v k^T`: the gated delta rule (Yang et al. 2024, arXiv:2412.06464)."""

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

    def build(self, source: int) -> None:
        """Add the gate that writes and the gate that forgets."""
        self.write, self.forget = Gate(source, self.heads), Gate(source, self.heads)

    def forward(self, projected_BTE: Tensor, source_BTD: Tensor) -> Steps:
        """Return what each position does."""
        strength_BTH = torch.sigmoid(full_precision(self.write(source_BTD)))
        log_decay_BTH = F.logsigmoid(-full_precision(self.forget(source_BTD)))
        inputs = head_inputs if self.fused else head_inputs_naive
        query, key, value, lookup = inputs(projected_BTE, strength_BTH, self.keys)
        return Steps(query, key, value, lookup, log_decay_BTH[..., None])

    def spread_timescales(self, longest: float) -> None:
        """Start the forgetting gate at 1 / time scale; a single head has the longest."""
        share = torch.arange(1, self.heads + 1) / self.heads
        with torch.no_grad():
            self.forget.bias.copy_(logit(longest**-share))
