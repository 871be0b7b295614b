"""`silu(gate) * value`, the gate of a mixer's output and of SwiGLU (Shazeer 2020, arXiv:2002.05202).

Shapes: N positions of all rows, C channels.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from newllm.kernels import threads
from newllm.kernels.fusing import should_fuse, written_dtype
from newllm.kernels.memory import rows


def silu_product(gate: Tensor, value: Tensor) -> Tensor:
    """Return `silu(gate) * value`, in autocast's dtype where that is on.

    Args:
        gate: `[..., C]`.
        value: of the same shape.
    """
    if not should_fuse(gate, value):
        return silu_product_naive(gate, value)
    dtype = torch.promote_types(gate.dtype, value.dtype)
    return _SiluProduct.apply(gate, value, written_dtype(torch.empty(0, dtype=dtype)))


def swiglu(both: Tensor) -> Tensor:
    """Return `silu(gate) * value` of `[..., 2 C]`, whose first half is the gate and whose second is the value."""
    return _SwiGLU.apply(both, written_dtype(both)) if should_fuse(both) else swiglu_naive(both)


def silu_product_naive(gate: Tensor, value: Tensor) -> Tensor:
    """Return the same as `silu_product` from torch's own operations."""
    return F.silu(gate) * value


def swiglu_naive(both: Tensor) -> Tensor:
    """Return the same as `swiglu` from torch's own operations."""
    gate, value = both.chunk(2, dim=-1)
    return F.silu(gate) * value


class _SiluProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gate: Tensor, value: Tensor, dtype: torch.dtype) -> Tensor:
        gate, value = gate.contiguous(), value.contiguous()
        ctx.save_for_backward(gate, value)
        return _forward(gate, value, (0, 0, gate.shape[-1]), dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:  # type: ignore[override]
        gate, value = ctx.saved_tensors
        d_gate, d_value = torch.empty_like(gate), torch.empty_like(value)
        _backward(gradient, (gate, value), (d_gate, d_value), (0, 0, gate.shape[-1]))
        return d_gate, d_value, None


class _SwiGLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, both: Tensor, dtype: torch.dtype) -> Tensor:
        both, half = both.contiguous(), both.shape[-1] // 2
        ctx.save_for_backward(both)
        return _forward(both, both, (0, half, half), dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        (both,) = ctx.saved_tensors
        d_both, half = torch.empty_like(both), both.shape[-1] // 2
        _backward(gradient, (both, both), (d_both, d_both), (0, half, half))
        return d_both, None


def _forward(gate: Tensor, value: Tensor, at: tuple[int, int, int], dtype: torch.dtype) -> Tensor:
    from newllm.kernels import loops  # numba is an extra, and slow to import

    out = gate.new_empty(*gate.shape[:-1], at[2], dtype=dtype)
    arrays = [rows(gate), rows(value), rows(out), at]
    threads.run(loops.silu_product, arrays, threads.by_positions(out.numel() // at[2], at[2]))
    return out


def _backward(
    gradient: Tensor, given: tuple[Tensor, Tensor], into: tuple[Tensor, Tensor], at: tuple[int, int, int]
) -> None:
    from newllm.kernels import loops

    arrays = [rows(tensor) for tensor in (gradient.contiguous(), *given, *into)]
    jobs = threads.by_positions(gradient.numel() // at[2], at[2])
    threads.run(loops.silu_product_backward, [*arrays, at], jobs)
