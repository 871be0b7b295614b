"""Targets of a sequence that stand among the inputs of the same row: how far ahead, and how many of them.

Shapes: B rows, L positions of the input with D numbers each, T positions of the output with E numbers each.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

_FEWEST_ROWS, _FEWEST_PLACES = 8, 3
_MOST_CHANNELS = 8  # of the output, each looked for
_NEAR = 1e-5  # of the largest number: what is left of a target that was worked out in float32
_VARIES = 100 * _NEAR


def copied_targets(x: Tensor, targets: Iterable[Tensor], shape: torch.Size) -> dict[str, float]:
    """Return where the targets stand among the inputs, by equality in every row of all places that both have.

    Args:
        x: inputs `[B, L, D]`, `[B, D, L]` or `[B, L]`.
        targets: what they may be, each flat; of a wrong one nothing is found.
        shape: of the outputs: `[B, T, E]`, `[B, E, T]` or `[B, T]`; in the order of the inputs.

    Returns:
        `target_steps_ahead` where input and output have the same positions and each target is the input that stands
        so many positions behind its own; `targets_in_window` where they have others, the share of the targets that are
        the latest inputs. Nothing where targets are inputs nowhere, or those of their own position.
    """
    if x.dim() not in (2, 3) or len(shape) not in (2, 3) or len(x) < _FEWEST_ROWS:
        return {}
    by_channel = x.dim() == len(shape) == 3 and x.shape[1] != shape[1] and x.shape[2] == shape[2]
    for target in targets:
        y = target.reshape(shape)
        found = _ahead(x.mT, y.mT) if by_channel else {}
        found = found or _ahead(x.reshape(*x.shape[:2], -1), y.reshape(*y.shape[:2], -1))
        if found:
            return found
    return {}


def _ahead(x_BLD: Tensor, y_BTE: Tensor) -> dict[str, float]:
    length, places = x_BLD.shape[1], y_BTE.shape[1]
    if min(length, places) < _FEWEST_PLACES:
        return {}
    size = float(torch.maximum(x_BLD.abs().max(), y_BTE.abs().max()))
    for y_BT in y_BTE.unbind(-1)[:_MOST_CHANNELS]:
        first_B = y_BT[:, 0]
        if float(first_B.std()) <= _VARIES * size:
            continue
        is_first_LD = ((x_BLD - first_B[:, None, None]).abs() <= _NEAR * size).all(0)
        for start, channel in is_first_LD.nonzero().tolist():
            both = min(places, length - start)
            if start and bool(((x_BLD[:, start : start + both, channel] - y_BT[:, :both]).abs() <= _NEAR * size).all()):
                is_same = places == length
                return {"target_steps_ahead": float(start)} if is_same else {"targets_in_window": both / places}
    return {}
