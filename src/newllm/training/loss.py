"""The loss of a language model: the sum of -log p over the targets.

Shapes: B rows, T positions, V vocabulary, N = B * T.
"""

import torch

from newllm.data import IGNORED
from newllm.kernels import cross_entropy_sum, cross_entropy_sum_naive


def sum_nats(
    logits_BTV: torch.Tensor, targets_BT: torch.Tensor, *, fused: bool = True, consume: bool = False
) -> torch.Tensor:
    """Return the sum of -log p over all targets that are not ignored, in float32; in float64 if the logits are.

    Args:
        logits_BTV: the predictions.
        targets_BT: the truth.
        fused: whether the fused kernel may run.
        consume: let the backward pass lose the logits: their gradient takes their memory.
    """
    logits_NV, targets_N = logits_BTV.flatten(0, 1), targets_BT.flatten()
    if not fused:
        return cross_entropy_sum_naive(logits_NV, targets_N, IGNORED)
    return cross_entropy_sum(logits_NV, targets_N, IGNORED, consume=consume)
