"""`silu(gate) * value`, the gate of a mixer's output and of SwiGLU (Shazeer 2020, arXiv:2002.05202).

Shapes: N positions of all rows, C channels.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from newllm.kernels import threads
from newllm.kernels.fusing import should_fuse, written_dtype
from newllm.kernels.memory import new, rows
from newllm.kernels.operators import Differentiable, Operator, like


def silu_product(gate: Tensor, value: Tensor) -> Tensor:
    """Return `silu(gate) * value`, in autocast's dtype where that is on.

    Args:
        gate: `[..., C]`.
        value: of the same shape.
    """
    if not should_fuse(gate, value):
        return silu_product_naive(gate, value)
    dtype = torch.promote_types(gate.dtype, value.dtype)
    return _silu_product(gate, value, written_dtype(dtype))


def swiglu(both: Tensor) -> Tensor:
    """Return `silu(gate) * value` of `[..., 2 C]`, whose first half is the gate and whose second is the value."""
    return _swiglu(both, written_dtype(both.dtype)) if should_fuse(both) else swiglu_naive(both)


def silu_product_naive(gate: Tensor, value: Tensor) -> Tensor:
    """Return the same as `silu_product` from torch's own operations."""
    return F.silu(gate) * value


def swiglu_naive(both: Tensor) -> Tensor:
    """Return the same as `swiglu` from torch's own operations."""
    gate, value = both.chunk(2, dim=-1)
    return F.silu(gate) * value


def _run(gate: Tensor, value: Tensor, at: tuple[int, int, int], dtype: torch.dtype) -> Tensor:
    from newllm.kernels import loops  # numba is an extra, and slow to import

    out = gate.new_empty(*gate.shape[:-1], at[2], dtype=dtype)
    arrays = [rows(gate), rows(value), rows(out), at]
    threads.run(loops.silu_product, arrays, threads.by_positions(out.numel() // at[2], at[2]))
    return out


def _run_backward(
    gradient: Tensor, given: tuple[Tensor, Tensor], into: tuple[Tensor, Tensor], at: tuple[int, int, int]
) -> None:
    from newllm.kernels import loops

    arrays = [rows(tensor) for tensor in (gradient, *given, *into)]
    jobs = threads.by_positions(gradient.numel() // at[2], at[2])
    threads.run(loops.silu_product_backward, [*arrays, at], jobs)


def _product(gate: Tensor, value: Tensor, dtype: torch.dtype) -> Tensor:
    return _run(gate, value, (0, 0, gate.shape[-1]), dtype)


def _product_backward(gradient: Tensor, gate: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    into = new(gate), new(value)
    _run_backward(gradient, (gate, value), into, (0, 0, gate.shape[-1]))
    return into


def _halves(both: Tensor, dtype: torch.dtype) -> Tensor:
    half = both.shape[-1] // 2
    return _run(both, both, (0, half, half), dtype)


def _halves_backward(gradient: Tensor, both: Tensor) -> Tensor:
    d_both, half = new(both), both.shape[-1] // 2
    _run_backward(gradient, (both, both), (d_both, d_both), (0, half, half))
    return d_both


_silu_product = Differentiable(
    Operator(
        "silu_product(Tensor gate, Tensor value, ScalarType dtype) -> Tensor",
        _product,
        fake=lambda gate, _, dtype: new(gate, dtype),
    ),
    Operator(
        "silu_product_backward(Tensor gradient, Tensor gate, Tensor value) -> (Tensor, Tensor)",
        _product_backward,
        fake=like(1, 2),
    ),
    lambda ctx, inputs, _: ctx.save_for_backward(*inputs[:2]),
    lambda ctx, backward, gradient: (*backward(gradient, *ctx.saved_tensors), None),
)
_swiglu = Differentiable(
    Operator(
        "swiglu(Tensor both, ScalarType dtype) -> Tensor",
        _halves,
        fake=lambda both, dtype: both.new_empty(*both.shape[:-1], both.shape[-1] // 2, dtype=dtype),
    ),
    Operator(
        "swiglu_backward(Tensor gradient, Tensor both) -> Tensor",
        _halves_backward,
        fake=like(1),
    ),
    lambda ctx, inputs, _: ctx.save_for_backward(inputs[0]),
    lambda ctx, backward, gradient: (backward(gradient, *ctx.saved_tensors), None),
)
