"""The delta rule as one would write it on paper: a loop over positions, differentiated by autograd.

It is slow. In float64 it judges the others; it also runs where a gradient is to go back over one update only.

Shapes: B rows, T positions, H heads, K key width, V value width.
"""

import torch
from torch import Tensor

from newllm.recurrence.matrix_scan.steps import Steps


def matrix_steps(
    steps: Steps, initial_BHKV: Tensor, reset_BT: Tensor | None, *, through_time: bool = True
) -> tuple[Tensor, Tensor]:
    """Return every reading `[B, T, H, V]` and the last matrices, as `matrix_scan` does.

    Args:
        steps: what each position does.
        initial_BHKV: matrices before the first position.
        reset_BT: True where a new document starts, or None.
        through_time: False lets no gradient go back from a position to the one before it.
    """
    matrix_BHKV, readings = initial_BHKV, []
    resets = [None] * steps.value.shape[1] if reset_BT is None else list(reset_BT.unbind(1))
    # Unbound first: indexing a sequence under autograd costs a full-size gradient a position.
    for one, reset_B in zip(zip(*(sequence.unbind(1) for sequence in steps), strict=True), resets, strict=True):
        query_BHK, key_BHK, value_BHV, lookup_BHK, log_decay_BHG = one
        if not through_time:
            matrix_BHKV = matrix_BHKV.detach()
        if reset_B is not None:
            matrix_BHKV = torch.where(reset_B[:, None, None, None], 0.0, matrix_BHKV)
        matrix_BHKV = log_decay_BHG.exp()[..., None] * matrix_BHKV
        error_BHV = value_BHV - torch.einsum("bhkv,bhk->bhv", matrix_BHKV, lookup_BHK)
        matrix_BHKV = matrix_BHKV + key_BHK[..., None] * error_BHV[..., None, :]
        readings.append(torch.einsum("bhkv,bhk->bhv", matrix_BHKV, query_BHK))
    return torch.stack(readings, dim=1), matrix_BHKV


def forward(steps: Steps, initial_BHKV: Tensor, reset_BT: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return `matrix_steps` computed in float64, in the value's dtype."""
    readings, last = matrix_steps(Steps(*(tensor.double() for tensor in steps)), initial_BHKV.double(), reset_BT)
    return readings.to(steps.value.dtype), last.to(steps.value.dtype)
