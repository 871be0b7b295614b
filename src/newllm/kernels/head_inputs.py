"""What the gated delta rule is given at a position, made of one projection in one pass.

Shapes: B rows, T positions, H heads, K key width, V value width, E = 2 * H * K + H * V.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from newllm.kernels import threads
from newllm.kernels.fusing import can_fuse
from newllm.kernels.memory import new, rows
from newllm.kernels.operators import Differentiable, Operator, like

EPSILON = 1e-6  # keeps the length of a vector of zeros from being divided by


def head_inputs(projected_BTE: Tensor, strength_BTH: Tensor, keys: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return query, key, value and lookup of every head: SiLU, and queries and lookups of length 1.

    Args:
        projected_BTE: queries `[H, K]`, keys `[H, K]` and values `[H, V]`, one after another.
        strength_BTH: how much of what stands under a key a position replaces.
        keys: K.

    Returns:
        Query, `strength * lookup`, and lookup `[B, T, H, K]`; value `[B, T, H, V]`; float32 (float64 if given).
    """
    if not can_fuse(projected_BTE, strength_BTH) or strength_BTH.dtype != torch.float32:
        return head_inputs_naive(projected_BTE, strength_BTH, keys)
    return _head_inputs(projected_BTE, strength_BTH, keys)


def head_inputs_naive(projected_BTE: Tensor, strength_BTH: Tensor, keys: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the same from torch's own operations."""
    heads = strength_BTH.shape[-1]
    wide = projected_BTE if projected_BTE.dtype == torch.float64 else projected_BTE.float()
    values = projected_BTE.shape[-1] - 2 * heads * keys
    parts = F.silu(wide).split([heads * keys, heads * keys, values], dim=-1)
    query, lookup, value = (part.unflatten(-1, (heads, -1)) for part in parts)
    query, lookup = _unit(query), _unit(lookup)
    return query, strength_BTH[..., None] * lookup, value, lookup


def _unit(vectors: Tensor) -> Tensor:
    return vectors * torch.rsqrt((vectors * vectors).sum(dim=-1, keepdim=True) + EPSILON)


def _outputs(projected: Tensor, strength: Tensor, keys: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    heads, positions = strength.shape[-1], strength.shape[:-1]
    values = projected.shape[-1] // heads - 2 * keys
    query, key, value, lookup = (strength.new_empty(*positions, heads, n) for n in (keys, keys, values, keys))
    return query, key, value, lookup


def _forward(projected: Tensor, strength: Tensor, keys: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    from newllm.kernels import head_loops  # numba is an extra, and slow to import

    into = _outputs(projected, strength, keys)
    threads.run(head_loops.head_inputs, list(map(rows, (projected, strength, *into))), _jobs(projected))
    return into


def _backward(
    d_query: Tensor,
    d_key: Tensor,
    d_value: Tensor,
    d_lookup: Tensor,
    projected: Tensor,
    strength: Tensor,
    query: Tensor,
    lookup: Tensor,
) -> tuple[Tensor, Tensor]:
    from newllm.kernels import head_loops

    into = new(projected), new(strength)
    tensors = (d_query, d_key, d_value, d_lookup, projected, strength, query, lookup, *into)
    threads.run(head_loops.head_inputs_backward, list(map(rows, tensors)), _jobs(projected))
    return into


def _jobs(projected: Tensor) -> list[tuple[int, int]]:
    return threads.by_positions(projected.shape[:-1].numel(), projected.shape[-1])


def _save(ctx: Any, inputs: tuple[Any, ...], outputs: tuple[Tensor, Tensor, Tensor, Tensor]) -> None:
    projected, strength, _ = inputs
    query, _, _, lookup = outputs
    ctx.save_for_backward(projected, strength, query, lookup)


_head_inputs = Differentiable(
    Operator(
        "head_inputs(Tensor projected, Tensor strength, SymInt keys) -> (Tensor, Tensor, Tensor, Tensor)",
        _forward,
        fake=_outputs,
    ),
    Operator(
        "head_inputs_backward(Tensor d_query, Tensor d_key, Tensor d_value, Tensor d_lookup, Tensor projected, "
        "Tensor strength, Tensor query, Tensor lookup) -> (Tensor, Tensor)",
        _backward,
        fake=like(4, 5),
    ),
    _save,
    lambda ctx, backward, *gradients: (*backward(*gradients, *ctx.saved_tensors), None),
    results=4,
)
