"""Whether the axes of what a model is given are mixed up, as by a reshape where a transpose belongs.

In a picture a number goes with the one below it. Where a picture of H columns was reshaped to W columns, the numbers
that go together lie H apart, one behind the other, and those W apart have nothing to do with each other.

Shapes: N rows, D numbers of a row; of pictures (N, C, H, W), of series (N, T, F).
"""

import torch
from torch import Tensor

from newllm.recorder.isolation import Protect, unprotected
from newllm.recorder.pending import Row

_LOOKS = 8  # updates
_MOST_ROWS, _MOST_NUMBERS, _FEWEST_ROWS = 64, 1 << 15, 8
_NARROWEST = 4
_STANDS_OUT, _DOES_NOT = 0.08, 0.02  # of a correlation above those at half the distance more and less
_OF_THAT = 0.1  # of what stands out: likewise
_CLOSER = 0.6  # of what is left of 1 at the distance that should be
_FADES = 1.3  # times what is left of 1, at twice the distance: what is periodic in itself does not fade


class InputAxes:
    """Looks at the inputs of the first updates.

    Args:
        protect: keeps errors from the training.
        is_resumed: whether updates came before: then these were the first.
    """

    def __init__(self, protect: Protect = unprotected, *, is_resumed: bool = False) -> None:
        self._protect = protect
        self._looks = _LOOKS if is_resumed else 0

    def put(self, inputs: list[Tensor], row: Row) -> None:
        """Record whether the axes of the first of these are mixed up: 0, or the distance at which numbers go together.

        Args:
            inputs: of an update.
            row: where it is put.
        """
        first = inputs[0].detach() if inputs else None
        if first is None or self._looks >= _LOOKS or not first.is_floating_point() or first.dim() not in (3, 4):
            return
        if len(first) >= _FEWEST_ROWS and first[0].numel() <= _MOST_NUMBERS:
            self._looks += 1
            some, shape = first[:_MOST_ROWS].reshape(min(len(first), _MOST_ROWS), -1).clone(), first.shape[1:]
            row.put_late(self._protect(lambda: mixed_axes(some.cpu().float(), shape)))


def mixed_axes(rows_ND: Tensor, shape: torch.Size) -> dict[str, float] | None:
    """Return at which distance numbers go together that are no neighbours in rows of this shape, 0 where at none.

    None where that cannot be told: of rows that are too narrow, or in which nothing goes together.
    """
    width, distances = shape[-1], {shape[-2], shape[-1] * (shape[0] if len(shape) == 3 else 1)} - {shape[-1]}
    apart_ND = rows_ND - rows_ND.mean(0)
    is_finite = bool(torch.isfinite(apart_ND).all())
    below = _stands_out(apart_ND, width) if is_finite and apart_ND.abs().sum() > 0 else None
    if below is None:
        return None
    for distance in sorted(distances):
        found = _stands_out(apart_ND, distance)
        if found is None or found[1] < _STANDS_OUT or below[1] > max(_DOES_NOT, _OF_THAT * found[1]):
            continue
        within = apart_ND.reshape(-1, width) if 2 * distance < width else apart_ND
        left, further = (1 - _correlation(within, one) for one in (distance, 2 * distance))
        if 1 - found[0] < _CLOSER * (1 - below[0]) and further > _FADES * left:
            return {"axes_mixed": float(distance), "axes_apart": found[0], "axes_below": below[0]}
    return {"axes_mixed": 0.0}


def _stands_out(rows_ND: Tensor, distance: int) -> tuple[float, float] | None:
    """Return how numbers so far apart correlate, and by how much more than those a half nearer or further."""
    half = distance // 2
    if distance < _NARROWEST or 2 * distance >= rows_ND.shape[1]:
        return None
    here, nearer, further = (_correlation(rows_ND, one) for one in (distance, distance - half, distance + half))
    return here, here - max(nearer, further)


def _correlation(rows_ND: Tensor, distance: int) -> float:
    x, y = rows_ND[:, :-distance], rows_ND[:, distance:]
    x, y = x - x.mean(), y - y.mean()
    return float((x * y).sum() / (x.norm() * y.norm()).clamp(min=1e-12))
