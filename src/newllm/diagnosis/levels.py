"""Levels of a noisy series: at its start, at its end, and from where on it stays beyond a limit."""

import numpy as np

from newllm.diagnosis.losses import finite, rolling_median
from newllm.trace import Series, Trace

SMOOTH = 0.04  # of the run
START = 0.03  # of the run
END = 0.2  # of the run
FEWEST_POINTS = 10
LAST = 0.1  # of the run
_LAST_POINTS = 5  # that tell where a series ends, and a tenth of all at most
LEARNT = 0.75  # of the loss at the start
PAST_BEST = 0.3  # of what was learnt


def smoothed(series: Series) -> np.ndarray:
    """Return the level around each point: (n,)."""
    return rolling_median(series.value, max(3, int(SMOOTH * len(series.value)) | 1))


def start_level(series: Series) -> float:
    """Return the level of the first few points; NaN without any."""
    return median(series.value[: max(3, int(START * len(series.value)))])


def end_level(series: Series, share: float = END) -> float:
    """Return the level of the last part; NaN without any point."""
    return median(series.value[-max(3, int(share * len(series.value))) :])


def last_level(value: np.ndarray) -> float:
    """Return where (n,) ends: of few points the last one, of more the median of the last few."""
    return median(value[-min(_LAST_POINTS, max(1, len(value) // 10)) :])


def median(value: np.ndarray) -> float:
    """Return the median of (n,), NaN where there is nothing."""
    return float(np.median(value)) if len(value) else float("nan")


def scatter(value: np.ndarray) -> float:
    """Return the scatter of single points (n,), by the differences of neighbours."""
    return float(1.4826 * median(np.abs(np.diff(value) - median(np.diff(value)))) / np.sqrt(2))


def has_learnt(trace: Trace) -> bool:
    """Whether the training loss has fallen by a quarter and more, and neither it nor validation is far past its best.

    What a layer shows then has harmed nothing so far.
    """
    whole, validation = trace.series("loss"), finite(trace.series("validation_loss")).value
    loss = finite(whole)
    if len(loss.value) < FEWEST_POINTS or len(loss.value) < len(whole.value):
        return False
    start, end, best = start_level(loss), end_level(loss, LAST), float(smoothed(loss).min())
    # Of a loss that falls below zero, as of a density, the share of the whole range says so.
    learnt = LEARNT * start if loss.value.min() >= 0 else start - (1 - LEARNT) * float(np.ptp(smoothed(loss)))
    if end > learnt or end - best > PAST_BEST * (start - best):
        return False
    return not len(validation) or validation[-2:].min() - validation.min() <= PAST_BEST * (
        validation[0] - validation.min()
    )


def for_good(series: Series, beyond: np.ndarray) -> tuple[float, float] | None:
    """Return the step from which a truth value (n,) holds to the end, and for which share of the points; or None."""
    where = np.flatnonzero(~beyond)
    first = int(where[-1]) + 1 if len(where) else 0
    return (float(series.step[first]), 1 - first / len(beyond)) if first < len(beyond) else None


def longest(beyond: np.ndarray) -> tuple[int, int]:
    """Return the first index of the longest stretch in which a truth value (n,) holds, and the one behind its last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], beyond.astype(np.int8), [0]])))
    if not len(edges):
        return 0, 0
    at = int(np.argmax(edges[1::2] - edges[::2]))
    return int(edges[2 * at]), int(edges[2 * at + 1])


def is_still(value: np.ndarray, blocks: int = 8) -> bool:
    """Whether a series only scatters about one level: its blocks differ no more than their points' scatter says."""
    parts = np.array_split(value, blocks)
    if min(map(len, parts)) < 3:
        return False
    within = float(np.mean([np.var(part, ddof=1) / len(part) for part in parts]))
    between = float(np.var([part.mean() for part in parts], ddof=1))
    return between <= 4 * within
