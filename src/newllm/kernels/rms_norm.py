"""Root-mean-square norm over the last axis (Zhang and Sennrich 2019, arXiv:1910.07467).

Shapes: N positions of all rows, D width.
"""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from newllm.kernels import threads
from newllm.kernels.fusing import should_fuse, written_dtype
from newllm.kernels.memory import array, borrowed, rows

_BLOCK = 64  # positions; the gradient of the weight is summed block by block


def rms_norm(x: Tensor, weight_D: Tensor, epsilon: float | None = None) -> Tensor:
    """Return `x / sqrt(mean(x^2) + epsilon) * weight`, in autocast's dtype where that is on.

    Args:
        x: `[..., D]`.
        weight_D: one factor a channel.
        epsilon: None for the smallest step from 1 of x's dtype, as torch takes it.
    """
    if not should_fuse(x, weight_D) or weight_D.dtype != torch.float32:
        return rms_norm_naive(x, weight_D, epsilon)
    epsilon = torch.finfo(x.dtype).eps if epsilon is None else epsilon
    return _RMSNorm.apply(x, weight_D, epsilon, written_dtype(x))


def rms_norm_naive(x: Tensor, weight_D: Tensor, epsilon: float | None = None) -> Tensor:
    """Return the same from torch's own operation."""
    return F.rms_norm(x, (x.shape[-1],), weight_D, epsilon)


def residual_rms_norm(
    x: Tensor, added: Tensor, weight_D: Tensor, epsilon: float | None = None
) -> tuple[Tensor, Tensor]:
    """Return `x + added` normed, as `rms_norm` does, and `x + added` itself.

    Args:
        x: `[..., D]`, the residual stream.
        added: of the same shape.
        weight_D: one factor a channel.
        epsilon: None for the smallest step from 1 of the sum's dtype.
    """
    if not should_fuse(x, added, weight_D) or weight_D.dtype != torch.float32:
        return residual_rms_norm_naive(x, added, weight_D, epsilon)
    dtype = torch.promote_types(x.dtype, added.dtype)
    epsilon = torch.finfo(dtype).eps if epsilon is None else epsilon
    return _ResidualRMSNorm.apply(x, added, weight_D, epsilon, dtype)


def residual_rms_norm_naive(
    x: Tensor, added: Tensor, weight_D: Tensor, epsilon: float | None = None
) -> tuple[Tensor, Tensor]:
    """Return the same from torch's own operations."""
    total = x + added
    return rms_norm_naive(total, weight_D, epsilon), total


class _RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, epsilon: float, dtype: torch.dtype) -> Tensor:
        from newllm.kernels import loops  # numba is an extra, and slow to import

        x, weight = x.contiguous(), weight.contiguous()
        normed = torch.empty_like(x, dtype=dtype)
        scales = torch.empty(x.numel() // x.shape[-1])
        arrays = [rows(x), borrowed(weight), np.float32(epsilon), rows(normed), array(scales)]
        threads.run(loops.rms_norm, arrays, threads.by_positions(len(scales), x.shape[-1]))
        ctx.save_for_backward(x, weight, scales)
        return normed

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:  # type: ignore[override]
        from newllm.kernels import loops

        x, weight, scales = ctx.saved_tensors
        d_x = torch.empty_like(x)
        jobs = threads.by_positions(len(scales), x.shape[-1], _BLOCK)
        d_weights = torch.zeros(-(-len(scales) // _BLOCK), len(weight))
        arrays = [rows(gradient.contiguous()), rows(x), borrowed(weight), array(scales), _BLOCK]
        threads.run(loops.rms_norm_backward, [*arrays, rows(d_x), array(d_weights)], jobs)
        return d_x, d_weights.sum(dim=0), None, None


class _ResidualRMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, added: Tensor, weight: Tensor, epsilon: float, dtype: torch.dtype
    ) -> tuple[Tensor, Tensor]:
        from newllm.kernels import loops  # numba is an extra, and slow to import

        x, added, weight = x.contiguous(), added.contiguous(), weight.contiguous()
        total = torch.empty_like(x, dtype=dtype)
        normed = torch.empty_like(x, dtype=written_dtype(total))
        scales = torch.empty(x.numel() // x.shape[-1])
        arrays = [rows(x), rows(added), borrowed(weight), np.float32(epsilon), rows(total), rows(normed)]
        jobs = threads.by_positions(len(scales), x.shape[-1])
        threads.run(loops.residual_rms_norm, [*arrays, array(scales)], jobs)
        ctx.save_for_backward(total, weight, scales)
        ctx.dtypes = x.dtype, added.dtype
        return normed, total

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor, passing: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:  # type: ignore[override]
        from newllm.kernels import loops

        total, weight, scales = ctx.saved_tensors
        d_x = torch.empty_like(total, dtype=ctx.dtypes[0])
        is_one = ctx.dtypes[0] == ctx.dtypes[1]  # then one gradient serves both
        d_added = total.new_empty((0, total.shape[-1]) if is_one else total.shape, dtype=ctx.dtypes[1])
        jobs = threads.by_positions(len(scales), total.shape[-1], _BLOCK)
        d_weights = torch.zeros(-(-len(scales) // _BLOCK), len(weight))
        given = [rows(gradient.contiguous()), rows(passing.contiguous()), rows(total)]
        into = [rows(d_x), rows(d_added), array(d_weights)]
        arrays = [*given, borrowed(weight), array(scales), _BLOCK, *into]
        threads.run(loops.residual_rms_norm_backward, arrays, jobs)
        return d_x, d_x if is_one else d_added, d_weights.sum(dim=0), None, None
