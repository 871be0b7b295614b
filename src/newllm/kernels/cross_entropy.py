"""Cross-entropy that writes nothing of the size of the logits but their gradient, and that into their own memory.

Shapes: N predictions, V vocabulary.
"""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from newllm.errors import UserError
from newllm.kernels import threads
from newllm.kernels.fusing import can_fuse
from newllm.kernels.memory import array


def cross_entropy_sum(logits_NV: Tensor, targets_N: Tensor, ignored: int, *, consume: bool = False) -> Tensor:
    """Return the sum of -log p over all targets that are not ignored; float32, or float64 if the logits are.

    Args:
        logits_NV: in any float dtype; sums run in float32 (float64).
        targets_N: int64.
        ignored: the target that counts nothing.
        consume: let the backward pass write the gradient into the memory of the logits, whose values are lost.

    Raises:
        UserError: a target is neither ignored nor in the vocabulary.
    """
    if not can_fuse(logits_NV):
        return cross_entropy_sum_naive(logits_NV, targets_N, ignored)
    _check(targets_N, ignored, logits_NV.shape[1])
    return _CrossEntropy.apply(logits_NV, targets_N, ignored, consume)


def cross_entropy_sum_naive(logits_NV: Tensor, targets_N: Tensor, ignored: int) -> Tensor:
    """Return the same from torch's own operation."""
    logits_NV = logits_NV if logits_NV.dtype == torch.float64 else logits_NV.float()
    return F.cross_entropy(logits_NV, targets_N, ignore_index=ignored, reduction="sum")


def _check(targets: Tensor, ignored: int, vocabulary: int) -> None:
    wrong = targets[((targets < 0) | (targets >= vocabulary)) & (targets != ignored)]
    if len(wrong):
        raise UserError(f"target {int(wrong[0])} is not in the vocabulary of {vocabulary}: give 0 to {vocabulary - 1}")


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor, ignored: int, consume: bool) -> Tensor:
        from newllm.kernels import loops  # numba is an extra, and slow to import

        logits, targets = logits.contiguous(), targets.contiguous()
        nats, log_z = torch.empty(len(logits)), torch.empty(len(logits))
        arrays = [array(logits), array(targets), ignored, array(nats), array(log_z)]
        threads.run(loops.cross_entropy, arrays, threads.by_positions(*logits.shape))
        ctx.save_for_backward(logits, targets, log_z)
        ctx.ignored, ctx.consume = ignored, consume
        return nats.sum()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:  # type: ignore[override]
        from newllm.kernels import loops

        logits, targets, log_z = ctx.saved_tensors
        d_logits = logits.detach() if ctx.consume else logits.clone()
        scale = np.float32(gradient.item())
        arrays = [scale, array(d_logits), array(targets), ctx.ignored, array(log_z)]
        jobs = threads.by_positions(*logits.shape)
        threads.run(loops.cross_entropy_backward, arrays, jobs)
        return d_logits, None, None, None
