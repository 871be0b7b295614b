"""Cross-entropy that writes nothing of the size of the logits but their gradient, and that into their own memory.

Shapes: N predictions, V vocabulary.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from newllm.errors import UserError
from newllm.kernels import threads
from newllm.kernels.fusing import can_fuse
from newllm.kernels.memory import array
from newllm.kernels.operators import Differentiable, Operator, like


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
    return _cross_entropy(logits_NV, targets_N, ignored, consume)


def cross_entropy_sum_naive(logits_NV: Tensor, targets_N: Tensor, ignored: int) -> Tensor:
    """Return the same from torch's own operation."""
    logits_NV = logits_NV if logits_NV.dtype == torch.float64 else logits_NV.float()
    return F.cross_entropy(logits_NV, targets_N, ignore_index=ignored, reduction="sum")


def _check(targets: Tensor, ignored: int, vocabulary: int) -> None:
    wrong = targets[((targets < 0) | (targets >= vocabulary)) & (targets != ignored)]
    if len(wrong):
        raise UserError(f"target {int(wrong[0])} is not in the vocabulary of {vocabulary}: give 0 to {vocabulary - 1}")


def _forward(logits: Tensor, targets: Tensor, ignored: int, consume: bool) -> tuple[Tensor, Tensor]:  # noqa: ARG001 (the gradient's)
    from newllm.kernels import loops  # numba is an extra, and slow to import

    _check(targets, ignored, logits.shape[1])
    nats, log_z = torch.empty(len(logits)), torch.empty(len(logits))
    arrays = [array(logits.contiguous()), array(targets.contiguous()), ignored, array(nats), array(log_z)]
    threads.run(loops.cross_entropy, arrays, threads.by_positions(*logits.shape))
    return nats.sum(), log_z


def _turn(gradient: Tensor, logits: Tensor, targets: Tensor, ignored: int, log_z: Tensor) -> Tensor:
    """Turn logits into their gradient."""
    from newllm.kernels import loops

    arrays = [np.float32(gradient.item()), array(logits), array(targets.contiguous()), ignored, array(log_z)]
    threads.run(loops.cross_entropy_backward, arrays, threads.by_positions(*logits.shape))
    return logits


def _backward(gradient: Tensor, logits: Tensor, targets: Tensor, ignored: int, log_z: Tensor) -> Tensor:
    copy = logits.clone(memory_format=torch.contiguous_format)
    return _turn(gradient, copy, targets, ignored, log_z)


def _save(ctx: Any, inputs: tuple[Any, ...], outputs: tuple[Tensor, Tensor]) -> None:
    logits, targets, ctx.ignored, ctx.consume = inputs
    ctx.save_for_backward(logits, targets, outputs[1])


def _formula(ctx: Any, backward: Callable[..., Tensor], gradient: Tensor) -> tuple[Tensor, None, None, None]:
    logits, targets, log_z = ctx.saved_tensors
    if ctx.consume and backward is _backward and logits.is_contiguous():  # an operator changes no input
        backward, logits = _turn, logits.detach()
    return backward(gradient, logits, targets, ctx.ignored, log_z), None, None, None


_cross_entropy = Differentiable(
    Operator(
        "cross_entropy(Tensor logits, Tensor targets, int ignored, bool consume) -> (Tensor, Tensor)",
        _forward,
        fake=lambda logits, *_: tuple(logits.new_empty(shape, dtype=torch.float32) for shape in ((), logits.shape[0])),
    ),
    Operator(
        "cross_entropy_backward(Tensor gradient, Tensor logits, Tensor targets, int ignored, Tensor log_z) -> Tensor",
        _backward,
        fake=like(1),
    ),
    _save,
    _formula,
)
