"""The smoothing of a loss: by it progress and levels are compared, in replays and in studies alike."""

from collections.abc import Sequence

import numpy as np

SMOOTHED = 5
"""So many probes, the last of them the one that is smoothed."""


def trailing_median(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return the median of each value and the four before it, as far as there are any."""
    values = np.asarray(values, dtype=float)
    return np.array([np.median(values[max(0, at - SMOOTHED + 1) : at + 1]) for at in range(len(values))])


def lowest_before(values: Sequence[float] | np.ndarray, *, smoothed: bool = False) -> np.ndarray:
    """Return for each value of (n,) the lowest one before it, or median of five; for the first itself."""
    values = np.asarray(values, dtype=float)
    lowest = np.minimum.accumulate(trailing_median(values) if smoothed else values)
    return np.concatenate([lowest[:1], lowest[:-1]])
