"""A loss whose batches lie at one level, and from a step on at two: a part of them became another kind."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from newllm.diagnosis.losses import comparable

FEWEST, MOST = 80, 8192  # points; of more, as many at equal distances
WINDOW, WIDEST = 0.05, 41  # of the run, and points: of the trend that is taken away
LOW = 0.25  # quantile of the window: a trend that up to half of the batches cannot lift
BEFORE = 0.1  # of the run, with one level
SHARE = (0.15, 0.7)  # of the batches since are at the higher level
APART = 5.0  # times what each level scatters
BETWEEN = 0.05  # of the batches since lie in the middle third between the levels
SWITCHES = 10  # from one level to the other
LAST = (0.1, 0.05)  # part of the run at its end in which so many are high: it goes on
ROUNDS = 50


@dataclass(frozen=True)
class TwoLevels:
    """From where on a loss (n,) lies at two levels.

    Attributes:
        first: the first point at the higher level.
        share: of the points since that are at the higher level.
        low: median of the loss of the points since at the lower level.
        high: of those at the higher one.
    """

    first: int
    share: float
    low: float
    high: float


def two_levels(loss: np.ndarray) -> TwoLevels | None:
    """Return from where on a finite loss (n,) lies at two levels, where before it lay at one and it goes on to the end.

    What makes it so from the start, as tasks in turn or a last batch that is short, is how the training is.
    """
    each = 1 + len(loss) // MOST
    found = _two_levels(np.ascontiguousarray(loss[::each], dtype=float).tobytes())
    return found if found is None or each == 1 else replace(found, first=found.first * each)


@lru_cache(maxsize=16)  # several detectors ask about one series
def _two_levels(content: bytes) -> TwoLevels | None:
    loss = np.frombuffer(content)
    if len(loss) < FEWEST:
        return None
    risen = _above_trend(comparable(loss))
    limit = _between(risen)
    if limit is None:
        return None
    high = risen > limit
    first = int(np.argmax(high))
    since, above = high[first:], risen[first:]
    if first < BEFORE * len(loss) or not SHARE[0] <= since.mean() <= SHARE[1]:
        return None
    if np.abs(np.diff(since.astype(int))).sum() < SWITCHES or high[-int(LAST[0] * len(loss)) :].mean() < LAST[1]:
        return None
    levels = [float(np.median(above[~since])), float(np.median(above[since]))]
    gap = levels[1] - levels[0]
    scatter = max(_scatter(above[~since]), _scatter(above[since]))
    middle = (above > levels[0] + gap / 3) & (above < levels[1] - gap / 3)
    if gap < APART * scatter or middle.mean() > BETWEEN:
        return None
    return TwoLevels(
        first, float(since.mean()), float(np.median(loss[first:][~since])), float(np.median(loss[first:][since]))
    )


def _above_trend(scaled: np.ndarray) -> np.ndarray:
    width = min(WIDEST, int(WINDOW * len(scaled))) | 1
    padded = np.pad(scaled, width // 2, mode="edge")
    return scaled - np.quantile(np.lib.stride_tricks.sliding_window_view(padded, width), LOW, axis=1)


def _between(risen: np.ndarray) -> float | None:
    """Return the number midway between the medians of two groups of (n,); None where there are no two."""
    limit = float(np.quantile(risen, LOW) + np.quantile(risen, 0.98)) / 2
    for _ in range(ROUNDS):
        low, high = risen[risen <= limit], risen[risen > limit]
        if not len(low) or not len(high):
            return None
        before, limit = limit, float(np.median(low) + np.median(high)) / 2
        if limit == before:
            break
    return limit


def _scatter(value: np.ndarray) -> float:
    return 1.4826 * float(np.median(np.abs(value - np.median(value))))
