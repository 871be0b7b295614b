"""Root-mean-square norm over the last axis (Zhang and Sennrich 2019, arXiv:1910.07467).

Shapes: N positions of all rows, D width.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from newllm.kernels import threads
from newllm.kernels.fusing import should_fuse, written_dtype
from newllm.kernels.memory import array, borrowed, new, rows
from newllm.kernels.operators import Differentiable, Operator

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
    return _rms_norm(x, weight_D, epsilon, written_dtype(x.dtype))


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
    return _residual_rms_norm(x, added, weight_D, epsilon, dtype, written_dtype(dtype))


def residual_rms_norm_naive(
    x: Tensor, added: Tensor, weight_D: Tensor, epsilon: float | None = None
) -> tuple[Tensor, Tensor]:
    """Return the same from torch's own operations."""
    total = x + added
    return rms_norm_naive(total, weight_D, epsilon), total


def _scales(x: Tensor) -> Tensor:
    return torch.empty(x.numel() // x.shape[-1], device=x.device)


def _weight_parts(x: Tensor) -> Tensor:
    """Return zeros for the weight's gradient, a row a block."""
    return torch.zeros(-(-x.numel() // x.shape[-1] // _BLOCK), x.shape[-1], device=x.device)


def _forward(x: Tensor, weight: Tensor, epsilon: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    from newllm.kernels import loops  # numba is an extra, and slow to import

    normed, scales = new(x, dtype), _scales(x)
    arrays = [rows(x), borrowed(weight.contiguous()), np.float32(epsilon), rows(normed), array(scales)]
    threads.run(loops.rms_norm, arrays, threads.by_positions(len(scales), x.shape[-1]))
    return normed, scales


def _backward(gradient: Tensor, x: Tensor, weight: Tensor, scales: Tensor) -> tuple[Tensor, Tensor]:
    from newllm.kernels import loops

    d_x, d_weights = new(x), _weight_parts(x)
    given = [rows(gradient), rows(x), borrowed(weight.contiguous()), array(scales), _BLOCK]
    jobs = threads.by_positions(len(scales), x.shape[-1], _BLOCK)
    threads.run(loops.rms_norm_backward, [*given, rows(d_x), array(d_weights)], jobs)
    return d_x, d_weights


def _save(ctx: Any, inputs: tuple[Any, ...], outputs: tuple[Tensor, Tensor]) -> None:
    x, weight, *_ = inputs
    ctx.save_for_backward(x, weight, outputs[1])


def _formula(ctx: Any, backward: Callable[..., tuple[Tensor, Tensor]], gradient: Tensor) -> tuple[Any, ...]:
    d_x, d_weights = backward(gradient, *ctx.saved_tensors)
    return d_x, d_weights.sum(dim=0), None, None


_rms_norm = Differentiable(
    Operator(
        "rms_norm(Tensor x, Tensor weight, float epsilon, ScalarType dtype) -> (Tensor, Tensor)",
        _forward,
        fake=lambda x, _weight, _epsilon, dtype: (new(x, dtype), _scales(x)),
    ),
    Operator(
        "rms_norm_backward(Tensor gradient, Tensor x, Tensor weight, Tensor scales) -> (Tensor, Tensor)",
        _backward,
        fake=lambda _, x, *__: (new(x), _weight_parts(x)),
    ),
    _save,
    _formula,
)


def _residual_forward(
    x: Tensor, added: Tensor, weight: Tensor, epsilon: float, dtype: torch.dtype, normed_dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor]:
    from newllm.kernels import loops  # numba is an extra, and slow to import

    normed, total, scales = new(x, normed_dtype), new(x, dtype), _scales(x)
    arrays = [rows(x), rows(added), borrowed(weight.contiguous()), np.float32(epsilon), rows(total), rows(normed)]
    jobs = threads.by_positions(len(scales), x.shape[-1])
    threads.run(loops.residual_rms_norm, [*arrays, array(scales)], jobs)
    return normed, total, scales


def _residual_gradients(total: Tensor, x_dtype: torch.dtype, added_dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Return room for the gradients of x, of what is added, and of the weight, in parts.

    Where the first two have one dtype one gradient serves both, and the second is empty.
    """
    shape = (0, total.shape[-1]) if x_dtype == added_dtype else total.shape
    return new(total, x_dtype), total.new_empty(shape, dtype=added_dtype), _weight_parts(total)


def _residual_backward(
    gradient: Tensor,
    passing: Tensor,
    total: Tensor,
    weight: Tensor,
    scales: Tensor,
    x_dtype: torch.dtype,
    added_dtype: torch.dtype,
) -> tuple[Tensor, Tensor, Tensor]:
    from newllm.kernels import loops

    d_x, d_added, d_weights = into = _residual_gradients(total, x_dtype, added_dtype)
    given = [rows(gradient), rows(passing), rows(total), borrowed(weight.contiguous()), array(scales), _BLOCK]
    jobs = threads.by_positions(len(scales), total.shape[-1], _BLOCK)
    threads.run(loops.residual_rms_norm_backward, [*given, rows(d_x), rows(d_added), array(d_weights)], jobs)
    return into


def _residual_save(ctx: Any, inputs: tuple[Any, ...], outputs: tuple[Tensor, Tensor, Tensor]) -> None:
    x, added, weight, *_ = inputs
    ctx.save_for_backward(outputs[1], weight, outputs[2])
    ctx.dtypes = x.dtype, added.dtype


def _residual_formula(
    ctx: Any, backward: Callable[..., tuple[Tensor, Tensor, Tensor]], gradient: Tensor, passing: Tensor
) -> tuple[Any, ...]:
    d_x, d_added, d_weights = backward(gradient, passing, *ctx.saved_tensors, *ctx.dtypes)
    is_one = ctx.dtypes[0] == ctx.dtypes[1]
    return d_x, d_x if is_one else d_added, d_weights.sum(dim=0), None, None, None


_residual_rms_norm = Differentiable(
    Operator(
        "residual_rms_norm(Tensor x, Tensor added, Tensor weight, float epsilon, ScalarType dtype, "
        "ScalarType normed_dtype) -> (Tensor, Tensor, Tensor)",
        _residual_forward,
        fake=lambda x, _added, _weight, _epsilon, dtype, normed: (new(x, normed), new(x, dtype), _scales(x)),
    ),
    Operator(
        "residual_rms_norm_backward(Tensor gradient, Tensor passing, Tensor total, Tensor weight, Tensor scales, "
        "ScalarType x_dtype, ScalarType added_dtype) -> (Tensor, Tensor, Tensor)",
        _residual_backward,
        fake=lambda _gradient, _passing, total, _weight, _scales, *dtypes: _residual_gradients(total, *dtypes),
    ),
    _residual_save,
    _residual_formula,
    results=2,
)
