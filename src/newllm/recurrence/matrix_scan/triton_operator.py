"""The delta rule's Triton kernels as an operator of torch. Importing this imports no Triton: that is an extra.

For the gradient are kept, beside the inputs, the errors, and of each chunk the matrix before it, the inverse of the
system that its errors solve and what its positions read of each error (`triton_kernel`).
"""

from typing import Any

import torch
from torch import Tensor

from newllm.kernels.memory import new
from newllm.kernels.operators import Differentiable, Operator, like
from newllm.recurrence.matrix_scan.steps import Steps

CHUNK = 32
"""Positions of a chunk."""


def forward(steps: Steps, initial_BHKV: Tensor, reset_BT: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return every reading `[B, T, H, V]` and the last matrices; all float32."""
    given = (*steps, initial_BHKV)
    is_trained = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in given)
    return _matrix_scan(*given, reset_BT, is_trained)


def outputs(value: Tensor, initial: Tensor, *, is_trained: bool) -> tuple[Tensor, ...]:
    """Return room for readings, last matrices, errors, matrices before chunks, inverses and reads.

    Errors and matrices have no rows where nothing is trained.
    """
    count, heads, keys, values = initial.shape
    chunks, kept = -(-value.shape[1] // CHUNK), count if is_trained else 0
    before = initial.new_empty(kept, heads, chunks, keys, values)
    inverse, reads = (initial.new_empty(count, heads, chunks, CHUNK, CHUNK) for _ in range(2))
    return new(value), new(initial), value.new_empty(kept, *value.shape[1:]), before, inverse, reads


def _forward(*given: Any) -> tuple[Tensor, ...]:
    from newllm.recurrence.matrix_scan import triton_scan

    *tensors, is_trained = given
    into = outputs(given[2], given[5], is_trained=is_trained)
    triton_scan.forward(*tensors, into=into, is_trained=is_trained)
    return into


def _backward(*given: Any) -> tuple[Tensor, ...]:
    from newllm.recurrence.matrix_scan import triton_scan

    return triton_scan.backward(*given)


def _save(ctx: Any, inputs: tuple[Any, ...], made: tuple[Tensor, ...]) -> None:
    query, key, _, lookup, log_decay, _, reset, _ = inputs
    ctx.save_for_backward(query, key, lookup, log_decay, reset, *made[2:])  # the errors say all that the values did


_ANY_DEVICE = "CompositeExplicitAutograd"
_matrix_scan = Differentiable(
    Operator(
        "matrix_scan_triton(Tensor query, Tensor key, Tensor value, Tensor lookup, Tensor log_decay, Tensor initial, "
        "Tensor? reset, bool is_trained) -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)",
        _forward,
        fake=lambda *given: outputs(given[2], given[5], is_trained=given[7]),
        device=_ANY_DEVICE,
    ),
    Operator(
        "matrix_scan_triton_backward(Tensor d_readings, Tensor d_last, Tensor query, Tensor key, Tensor lookup, "
        "Tensor log_decay, Tensor? reset, Tensor errors, Tensor before, Tensor inverse, Tensor reads) "
        "-> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)",
        _backward,
        fake=like(2, 3, 7, 4, 5, 1),
        device=_ANY_DEVICE,
    ),
    _save,
    lambda ctx, backward, *gradients: (*backward(*gradients, *ctx.saved_tensors), None, None),
    results=2,
)
