"""The delta rule as one would write it on paper: a loop over positions, differentiated by autograd.

It is slow. In float64 it judges the others; it also runs where a gradient is to go back over one update only.

Shapes: B rows, T positions, H heads, K key width, V value width.
"""

import torch
from torch import Tensor

from newllm.kernels.operators import run_loop
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
    length = steps.value.shape[1]
    return run_loop(_positions, length, steps, initial_BHKV, reset_BT, through_time)


def _positions(
    steps: Steps, initial_BHKV: Tensor, reset_BT: Tensor | None, through_time: bool
) -> tuple[Tensor, Tensor]:
    matrix_BHKV, readings = initial_BHKV, list[Tensor]()
    resets = [None] * steps.value.shape[1] if reset_BT is None else list(reset_BT.unbind(1))
    # Unbound first: indexing a sequence under autograd costs a full-size gradient a position.
    positions = zip(zip(*(sequence.unbind(1) for sequence in steps), strict=True), resets, strict=True)
    # Autocast would make its products bfloat16: these are long sums.
    with torch.autocast(initial_BHKV.device.type, enabled=False):
        for one, reset_B in positions:
            matrix_BHKV = matrix_BHKV if through_time else matrix_BHKV.detach()
            if reset_B is not None:
                matrix_BHKV = torch.where(reset_B[:, None, None, None], 0.0, matrix_BHKV)
            reading_BHV, matrix_BHKV = _step(Steps(*one), matrix_BHKV)
            readings.append(reading_BHV)
    return torch.stack(readings, dim=1), matrix_BHKV


def _step(now_BH: Steps, matrix_BHKV: Tensor) -> tuple[Tensor, Tensor]:
    """Return the reading of one position `[B, H, V]`, and the matrices after it."""
    matrix_BHKV = now_BH.log_decay.exp()[..., None] * matrix_BHKV
    error_BHV = now_BH.value - torch.einsum("bhkv,bhk->bhv", matrix_BHKV, now_BH.lookup)
    matrix_BHKV = matrix_BHKV + now_BH.key[..., None] * error_BHV[..., None, :]
    return torch.einsum("bhkv,bhk->bhv", matrix_BHKV, now_BH.query), matrix_BHKV


def forward(steps: Steps, initial_BHKV: Tensor, reset_BT: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return `matrix_steps` computed in float64, in the value's dtype."""
    readings, last = matrix_steps(Steps(*(tensor.double() for tensor in steps)), initial_BHKV.double(), reset_BT)
    return readings.to(steps.value.dtype), last.to(steps.value.dtype)
