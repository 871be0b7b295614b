"""Single points of a loss that are worse than guessing, told apart from the noise of a batch.

Beside the tests of `excursion`, which hold a loss against itself by ratio, and against what came before. The first few
points have nothing before them. And near nothing the ratios of a sound run are wild: a batch of random labels, worse
than guessing, is no longer one ratio of many, but by difference no other batch comes near it.
"""

import math

import numpy as np

from newllm.diagnosis.excursion import ALARMS, SHORT, tail
from newllm.diagnosis.losses import rolling_median

FIRST = 5  # points: behind them excursions have points enough before them
NEAR = 64  # so many points on a side tell the noise
FEW = 5  # with more points above, that is how noisy the run is
CHANCE = 1e-6  # of a single point in the whole run: real tails are heavier than exponential ones
TIMES = 3.0  # the highest of the others near
_SMOOTH = 9


def outlier_points(value: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """Return which points of (n,) above the limit (n,) are, by difference, no noise of the points around them."""
    above, real = value > limit, np.zeros(len(value), dtype=bool)
    if not 0 < above.sum() <= FEW:
        return real
    residual = value - rolling_median(value, _SMOOTH)
    for point in np.flatnonzero(above):
        near = slice(max(0, point - NEAR), point + NEAR + 1)
        others = residual[near][~above[near]]
        height = float(residual[point])
        if len(others) >= SHORT and height > TIMES * others.max():
            real[point] = len(value) * tail(others, height) <= CHANCE
    return real


def overshot(value: np.ndarray, limit: float, start: float) -> np.ndarray:
    """Return which of the first points are above the limit and too far above the start for the points behind them.

    By ratio as well as by difference: the loss falls fast there, and its noise with it or not.

    Args:
        value: the loss, positive, (n,).
        limit: in the loss's units.
        start: the loss of an untrained model.

    Returns:
        One truth value for each of the first `FIRST` points (of all, where there are fewer).
    """
    if len(value) < SHORT + FIRST:
        return np.zeros(min(FIRST, len(value)), dtype=bool)
    level, behind = rolling_median(value, _SMOOTH), slice(FIRST, FIRST + NEAR)
    by_ratio, by_difference = np.log(value / level)[behind], (value - level)[behind]
    above = value[:FIRST] > limit
    for point in np.flatnonzero(above):
        height = float(value[point])
        chance = max(tail(by_ratio, math.log(height / start)), tail(by_difference, height - start))
        above[point] = FIRST * chance <= ALARMS and height - start > TIMES * by_difference.max()
    return above
