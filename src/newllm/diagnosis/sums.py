"""A loss that is logged with its parts: the weight of each part, where these weights give the loss at every point."""

from collections.abc import Sequence

import numpy as np

from newllm.diagnosis.losses import finite, is_validation
from newllm.diagnosis.roles import is_layered
from newllm.trace import Trace

FEWEST = 12  # points
A_PART = 3  # points for each part
EXACT = 2e-3  # of the loss, at the usual point: logs are rounded
EXPLAINED = 0.02  # of its scatter is left
NEEDED = 20.0  # times as much is left without any of the parts
OF_POINTS = 0.8  # of the loss: so many have all parts beside them
MOST_POINTS = 2000


def other_losses(trace: Trace) -> list[str]:
    """Return the names of the other losses of training. Of several, each has a weight that somebody chose."""
    named = [name for name in trace.signals if name != "loss" and "loss" in name.lower()]
    return [name for name in named if not is_validation(name) and not is_layered(name)]


def weights(trace: Trace, total: str, parts: Sequence[str]) -> np.ndarray | None:
    """Return the weights (n,) with which n parts add up to a loss; None where they do not, or not by these alone.

    Each part must be needed: without it the sum is `NEEDED` times as far off.
    """
    columns = [finite(trace.series(name)) for name in (total, *parts)]
    step = columns[0].step[:: 1 + len(columns[0].step) // MOST_POINTS]
    wanted = len(step)
    if not all(len(one.step) for one in columns):
        return None
    for one in columns[1:]:
        step = step[one.step[np.minimum(np.searchsorted(one.step, step), len(one.step) - 1)] == step]
    if len(step) < max(FEWEST, A_PART * len(parts), OF_POINTS * wanted):
        return None
    whole, *apart = (one.value[np.searchsorted(one.step, step)] for one in columns)
    of_parts = np.stack(apart, axis=1)
    found, left = _fit(of_parts, whole)
    if not np.isfinite(found).all():
        return None
    if np.median(left) > EXACT * np.median(np.abs(whole)) or left.std() > EXPLAINED * max(float(np.std(whole)), 1e-12):
        return None
    for at in range(len(parts)) if len(parts) > 1 else ():
        without = _fit(np.delete(of_parts, at, axis=1), whole)[1]
        if without.mean() <= NEEDED * left.mean():
            return None
    return found


def _fit(parts: np.ndarray, whole: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the best weights of parts (m, n) for a whole (m,), and how far off each point is."""
    size = np.maximum(np.abs(parts).max(axis=0), 1e-300)  # a log may hold numbers of any size
    largest = max(float(np.abs(whole).max()), 1e-300)
    found = np.linalg.lstsq(parts / size, whole / largest, rcond=None)[0]
    return found * largest / size, np.abs(whole / largest - parts / size @ found) * largest
