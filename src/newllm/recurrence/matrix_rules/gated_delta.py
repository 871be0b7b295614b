"""`S = a S (I - b k k^T) + b v k^T`: the gated delta rule (Yang et al. 2024, arXiv:2412.06464)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from newllm.recurrence.matrix_rules.rule import MatrixRule, unit
from newllm.recurrence.matrix_scan import Steps
from newllm.recurrence.rules.rule import Gate, full_precision, logit, timescales


class GatedDelta(MatrixRule):
    """Each head forgets all of its matrix by one gate, and what stands under the key by another one.

    Keys and queries have length 1, so that a position replaces what stands under its key by `b` of the new value.
    """

    name = "delta"

    def build(self, source: int, heads: int, keys: int) -> None:  # noqa: ARG002 (one gate for all keys)
        """Add the gate that writes and the gate that forgets."""
        self.write, self.forget = Gate(source, heads), Gate(source, heads)

    def forward(self, query_BTHK: Tensor, key_BTHK: Tensor, value_BTHV: Tensor, source_BTD: Tensor) -> Steps:
        """Return what each position does."""
        query, lookup = unit(full_precision(query_BTHK)), unit(full_precision(key_BTHK))
        strength_BTH1 = torch.sigmoid(full_precision(self.write(source_BTD)))[..., None]
        log_decay_BTH1 = F.logsigmoid(-full_precision(self.forget(source_BTD)))[..., None]
        return Steps(query, strength_BTH1 * lookup, full_precision(value_BTHV), lookup, log_decay_BTH1)

    def spread_timescales(self, longest: float) -> None:
        """Start the forgetting gate at 1 / time scale."""
        with torch.no_grad():
            self.forget.bias.copy_(logit(1 / timescales(self.heads, longest)))
