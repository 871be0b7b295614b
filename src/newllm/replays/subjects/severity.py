"""How bad a spike is: excess log-loss over the trend, its peak and its area. No torch.

A spike opens where the loss lies above its best so far and above the lowest of the few points just before it, by more
than the *healthy limit*: a loss that falls, or creeps up slowly (over-fitting), opens none, as in a smooth curve
(diagnosis/spike.py). Its peak and area are then measured from that best, until it is back.

Batches differ, so a healthy run has an excess too. The healthy limit is the larger of two: the rise that opens a spike
at the level and the noise of that replay, and the height that the tail of the losses before the onset reaches once
in a hundred such runs: of the run's training losses, and of the first null replay's other losses (`Assessor`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from newllm.diagnosis.excursion import SAFETY, tail
from newllm.diagnosis.spike import spike_limit
from newllm.statistics import lowest_before, trailing_median

HIGHEST = 100.0  # nats: the least that a loss which is not finite counts as
_RISE = 5  # points within which a spike rises, at least
SMALLEST = 1e-3  # nats: below it a loss is as good as nothing, and ratios mean nothing
_LATE, _LEVEL = 100, 20  # points before the onset, for its scatter and for its level
_SCATTERED = 3.0  # times the median of the points just before, above which one point in twenty lies
_ONCE_IN = 100  # healthy runs
_FEW = 30  # with fewer points there is no tail to speak of
_MARGIN = 1.5  # times the highest healthy excess, where there is no tail


@dataclass(frozen=True)
class Severity:
    """The severity of what a loss did, on the log scale: 0.1 is about a tenth.

    Attributes:
        peak: highest excess over the trend.
        area: sum of what lies above the healthy limit, times the steps that each point stands for.
        onset: first step above the healthy limit; None if it never was: no spike.
        limit: the healthy limit at the onset, or where the excess came nearest to it.
        floor: the loss below which no ratio was counted.
    """

    peak: float
    area: float
    onset: int | None
    limit: float
    floor: float = SMALLEST

    @property
    def above(self) -> float:
        """How far the peak lies above the healthy limit; 0 without a spike."""
        return max(self.peak - self.limit, 0.0) if self.spiked else 0.0

    @property
    def spiked(self) -> bool:
        """Whether there was a spike."""
        return self.onset is not None


def noise_floor(before: Sequence[float] | np.ndarray) -> float:
    """Return the loss below which ratios mean nothing, from the losses (n,) of a run before its onset.

    Where a loss is nearly nothing its batches lie apart by factors of a hundred and more: what one batch in twenty
    reaches there is the least that a rise is taken from.
    """
    late = np.maximum(_capped(before)[-_LATE:], np.finfo(float).tiny)
    if len(late) < _LEVEL:
        return SMALLEST
    scatter = float(np.quantile(late[1:] / trailing_median(late)[:-1], 0.95))
    return max(SMALLEST, scatter * float(np.median(late[-_LEVEL:]))) if scatter > _SCATTERED else SMALLEST


def excess(loss: Sequence[float] | np.ndarray, floor: float = SMALLEST, *, smoothed: bool = False) -> np.ndarray:
    """Return for each point of a loss (n,) its sudden excess, in log-loss, at least 0.

    It is taken from the higher of the best before and the lowest of the points just before.
    """
    logs = _logs(loss, floor)
    over = np.zeros(len(logs))
    best = lowest_before(logs, smoothed=smoothed)
    for at in range(1, len(logs)):
        over[at] = logs[at] - max(best[at], logs[max(0, at - _rise(at)) : at].min())
    return np.maximum(over, 0.0)


def healthy_limit(before: Sequence[float] | np.ndarray, floor: float = SMALLEST, *, smoothed: bool = False) -> float:
    """Return the highest excess that a healthy run may show, from the losses (n,) of a run before its onset.

    Args:
        before: these losses.
        floor: the loss below which ratios mean nothing.
        smoothed: see `severity`.

    Raises:
        ValueError: there is no loss.
    """
    loss = _capped(before)
    if not len(loss):
        raise ValueError("no loss before the onset: give at least one")
    lowest = float((trailing_median(loss) if smoothed else loss).min())
    opens = float(np.log1p(spike_limit(loss) / max(lowest, floor)))
    excesses = excess(loss, floor, smoothed=smoothed)
    return max(opens, _tail_height(excesses) if len(excesses) >= _FEW else _MARGIN * float(excesses.max()))


def severity(
    steps: Sequence[int],
    loss: Sequence[float],
    limit: float,
    history: Sequence[float] = (),
    floor: float = SMALLEST,
    *,
    smoothed: bool = False,
) -> Severity:
    """Return the severity of a loss.

    Args:
        steps: of each point, rising.
        loss: at each; not finite counts as very high.
        limit: the healthy limit of the original.
        history: the losses before the first point: a loss that is high from there on has risen, too.
        floor: the loss below which ratios mean nothing.
        smoothed: whether the best before is that of medians of five points. A loss of single batches has now and then
            a lucky one, from which all others are a rise.
    """
    whole, ahead = [*history, *loss], len(history)
    logs, over = _logs(loss, floor), excess(whole, floor, smoothed=smoothed)[ahead:]
    limits = _limits(loss, limit, history, floor, smoothed=smoothed)
    opens = np.flatnonzero(over > limits)
    if not len(opens):
        near = int(np.argmax(over - limits)) if len(over) else 0
        here = (float(over[near]), float(limits[near])) if len(over) else (0.0, limit)
        return Severity(here[0], 0.0, None, here[1], floor)
    widths = np.diff(np.asarray(steps, dtype=float))
    widths = np.append(widths, widths[-1] if len(widths) else 1.0)
    best = lowest_before(_logs(whole, floor), smoothed=smoothed)[ahead:]
    worst, area, back = opens[0], 0.0, 0
    peaks = {}
    for onset in opens:
        if onset < back:
            continue
        above = logs[onset:] - best[onset]
        healed = np.flatnonzero(above <= limits[onset])
        back = onset + (int(healed[0]) if len(healed) else len(above))
        peaks[onset] = float(above[: back - onset].max())
        worst = max(worst, onset, key=lambda at: peaks[at] - limits[at])
        area += float(np.sum((above[: back - onset] - limits[onset]) * widths[onset:back]))
    return Severity(peaks[worst], area, int(steps[opens[0]]), float(limits[worst]), floor)


def _limits(
    loss: Sequence[float], limit: float, history: Sequence[float], floor: float, *, smoothed: bool
) -> np.ndarray:
    """Return the healthy limit at each point (n,): the original's, or more where the replay is lower or noisier."""
    whole, before = _capped([*history, *loss]), len(history)
    best = np.exp(lowest_before(_logs(whole, floor), smoothed=smoothed))[before:]
    opens = [spike_limit(whole[: before + at]) for at in range(len(loss))]
    return np.maximum(limit, np.log1p(np.array(opens) / best))


def _logs(loss: Sequence[float] | np.ndarray, floor: float) -> np.ndarray:
    return np.log(np.maximum(_capped(loss), floor))


def _rise(before: int) -> int:
    """Return within how many points a spike rises, after so many: what comes later must not decide what was one."""
    return max(_RISE, before // 20)


def _tail_height(excesses: np.ndarray) -> float:
    """Return the height that the tail of (n,) throws once in so many runs of n points."""
    low, high = float(excesses.max()), float(excesses.max()) + 1.0
    # Of an exponential tail, whose highest of n points is usually at log(n) of its scale, no more than this.
    most = low * (1 + SAFETY * np.log(_ONCE_IN) / np.log(len(excesses)))
    while len(excesses) * tail(excesses, high) > 1 / _ONCE_IN and high < HIGHEST:
        high += 1.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if len(excesses) * tail(excesses, middle) > 1 / _ONCE_IN else (low, middle)
    return min(high, float(most))


def _capped(loss: Sequence[float] | np.ndarray) -> np.ndarray:
    values = np.array([np.nan if value is None else value for value in loss], dtype=float)
    known = values[np.isfinite(values)]
    highest = max(HIGHEST, 10 * float(known.max())) if len(known) else HIGHEST
    return np.where(np.isfinite(values), values, highest)
