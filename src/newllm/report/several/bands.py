"""Curves of several runs on one axis: the mean over seeds with its interval, and differences to a control.

All of it is plain numpy. Nothing is smoothed but progress itself (`at_equal_progress`), and what is not finite in one
run is a gap in the mean of all: a mean over those that survived would flatter them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from newllm.statistics.distributions import students_reach
from newllm.trace import Series

LEVEL = 0.95
_ALIKE = 0.5  # of the shorter run's points: with so many in common none is interpolated
_WINDOW = 9  # steps of training over which the median is progress
_HAIR = 1e-3  # of the axis of progress


@dataclass(frozen=True, eq=False)
class Band:
    """A curve with its interval.

    Attributes:
        x: positions, rising strictly [N].
        middle: mean at each [N]; NaN where a run has no finite value.
        low, high: ends of its 95 % interval [N]; None where there is but one run.
        n: runs, or pairs of runs, that it is the mean of.
    """

    x: np.ndarray
    middle: np.ndarray
    low: np.ndarray | None
    high: np.ndarray | None
    n: int


def band(series: Sequence[Series]) -> Band | None:
    """Return the mean of a signal over runs of different seeds; None where they have no steps in common."""
    if not series:
        return None
    x, values = common(series)
    return _of_rows(x, values) if len(x) else None


def difference(pairs: Sequence[tuple[Series, Series]]) -> Band | None:
    """Return the mean of the paired differences, second minus first; None where there are no common steps."""
    if not pairs:
        return None
    x, values = common([one for pair in pairs for one in pair])
    return _of_rows(x, values[1::2] - values[::2]) if len(x) else None


def unpaired(first: Band, second: Band) -> Band | None:
    """Return the difference of two means, second minus first: without an interval, since no runs are paired."""
    x, values = common([Series(first.x, first.middle), Series(second.x, second.middle)])
    return Band(x, values[1] - values[0], None, None, 0) if len(x) else None


def common(series: Sequence[Series]) -> tuple[np.ndarray, np.ndarray]:
    """Return common steps [N] and the value of each series there [series, N], NaN where it is not finite.

    Steps that all have are taken as they are, where they are half of the shortest series or more. Otherwise every step
    of any of them that lies within all is a common one, and values between two steps are interpolated.
    """
    if any(not len(one.step) for one in series):
        return np.empty(0, np.int64), np.empty((len(series), 0))
    shared = series[0].step
    for one in series[1:]:
        if np.array_equal(shared, one.step):  # as a rule: runs of one arm are evaluated at the same steps
            continue
        shared = np.intersect1d(shared, one.step, assume_unique=True)
    if len(shared) >= _ALIKE * min(len(one.step) for one in series):
        return shared, np.stack([_finite(one.value[np.searchsorted(one.step, shared)]) for one in series])
    first, last = max(one.step[0] for one in series), min(one.step[-1] for one in series)
    steps = np.unique(np.concatenate([one.step for one in series]))
    steps = steps[(steps >= first) & (steps <= last)]
    return steps, np.stack([np.interp(steps, one.step, _finite(one.value)) for one in series])


def at_equal_progress(training: Series, measured: Series) -> tuple[np.ndarray, np.ndarray] | None:
    """Return a signal over progress: x, the nats that training had gained when it was measured, and its values.

    Progress is the lowest that the median of a few training losses ever was, below the first. Where it stands still (in
    a spike) the signal goes straight up and down: each point lies a hair to the right of the one before, together less
    than a thousandth of the axis, so that x rises strictly, as float32 too.

    Returns:
        None where nothing was gained, or nothing measured after the first step of training.
    """
    gained = _progress(training)
    at = np.searchsorted(training.step, measured.step, side="right") - 1
    seen = at >= 0
    if not len(gained) or not seen.any() or gained[at[seen]][-1] <= 0:
        return None
    progress = gained[at[seen]]
    x = progress + _HAIR * progress[-1] * np.arange(len(progress)) / len(progress)
    rises = np.append(True, np.diff(x.astype(np.float32)) > 0)
    return x[rises], measured.value[seen][rises]


def reached(series: Series, target: float) -> int | None:
    """Return the first step at which a loss was as low as `target`; None if it never was."""
    there = np.flatnonzero(series.value <= target)
    return int(series.step[there[0]]) if len(there) else None


def _progress(training: Series) -> np.ndarray:
    """Return how far below its first value training ever was up to each step; rising, 0 at first."""
    values = np.where(np.isfinite(training.value), training.value, np.inf)
    if not len(values):
        return values
    padded = np.concatenate([np.full(_WINDOW - 1, values[0]), values])
    middle = np.median(np.lib.stride_tricks.sliding_window_view(padded, _WINDOW), axis=1)
    lowest = np.minimum.accumulate(middle)
    first = lowest[np.isfinite(lowest)][:1]
    return np.where(np.isfinite(lowest), first - lowest, 0.0) if len(first) else np.zeros(len(lowest))


def _of_rows(x: np.ndarray, values: np.ndarray) -> Band:
    """Return the mean over rows and Student's t interval at each column, as `statistics.mean_interval` has it."""
    n, middle = len(values), values.mean(axis=0)
    if n < 2:
        return Band(x, middle, None, None, n)
    reach = students_reach(n - 1, LEVEL) * values.std(axis=0, ddof=1) / np.sqrt(n)
    return Band(x, middle, middle - reach, middle + reach, n)


def _finite(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, np.nan)
