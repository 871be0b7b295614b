"""When something first happens, where some runs end before it has: Kaplan and Meier's curve and the log-rank test.

A run of 50 epochs without a spike does not say "never": it says "not in 50 epochs". It is right-censored there.
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from newllm.statistics.interval import check_level

if TYPE_CHECKING:
    from scipy import stats  # a second to import, and of the extra "train": a few studies alone ask for it

_HALF = 0.5 + 1e-9  # the curve is a product of fractions: one half may come out a little above


@dataclass(frozen=True)
class Survival:
    """The share of runs to which it has not happened yet, as a step function that begins at 1.

    Attributes:
        times: ascending, each time at which it happened to a run or a run ended.
        probability: from that time on.
        low: lower end of the pointwise confidence interval; None where it has none (probability 1 or 0).
        high: upper end; None exactly where `low` is.
    """

    times: tuple[float, ...]
    probability: tuple[float, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]


@dataclass(frozen=True)
class MedianTime:
    """The time by which it has happened to half of the runs.

    Attributes:
        time: None where the curve stays above one half.
        low: lower end of its confidence interval, None where the data give no such end.
        high: upper end, None likewise: with many censored runs it is common, and means "no upper limit".
    """

    time: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class LogRank:
    """What the log-rank test says.

    Attributes:
        statistic: standard normal if the groups are alike; negative where it happens later in the first group.
        p: two-sided p value.
    """

    statistic: float
    p: float


def kaplan_meier(times: Sequence[float], observed: Sequence[bool], level: float = 0.95) -> Survival:
    """Return the Kaplan-Meier curve with pointwise log-log ("exponential Greenwood") intervals.

    Args:
        times: of each run, when it happened or the run ended.
        observed: whether it happened; otherwise the run is censored at that time.
        level: of confidence, at each time by itself.

    Raises:
        ValueError: no runs, a time that is not finite, not one entry a run, or a level outside (0, 1).
    """
    from scipy import stats

    check_level(level)
    curve = stats.ecdf(_censored(times, observed)).sf
    with warnings.catch_warnings():  # undefined where the curve is 1 or 0: None, as promised
        warnings.filterwarnings("ignore", "The confidence interval is undefined", RuntimeWarning)
        bounds = curve.confidence_interval(level, method="log-log")
    low, high = _known(bounds.low.probabilities), _known(bounds.high.probabilities)
    return Survival(tuple(map(float, curve.quantiles)), tuple(map(float, curve.probabilities)), low, high)


def median_time(survival: Survival) -> MedianTime:
    """Return when the curve, and each end of its interval, first reaches one half (Brookmeyer & Crowley 1982)."""

    def reached(ends: Sequence[float | None]) -> float | None:
        times = zip(survival.times, ends, strict=True)
        return next((time for time, end in times if end is not None and end <= _HALF), None)

    return MedianTime(reached(survival.probability), reached(survival.low), reached(survival.high))


def logrank(
    times: Sequence[float], observed: Sequence[bool], other_times: Sequence[float], other_observed: Sequence[bool]
) -> LogRank:
    """Test whether it happens at the same pace in two groups.

    The p value is that of a normal approximation, rough below about ten events, and takes all runs as
    independent: it uses no pairing by seed. Where neither group can be told from the other (no event at all),
    p is 1.

    Args:
        times: of the first group, as for `kaplan_meier`.
        observed: likewise.
        other_times: of the second group.
        other_observed: likewise.

    Raises:
        ValueError: a group without runs, a time that is not finite, or not one entry a run.
    """
    from scipy import stats

    groups = _censored(times, observed), _censored(other_times, other_observed)
    with np.errstate(divide="ignore", invalid="ignore"):
        result = stats.logrank(*groups)
    statistic = float(result.statistic)
    return LogRank(statistic, float(result.pvalue)) if math.isfinite(statistic) else LogRank(0.0, 1.0)


def _censored(times: Sequence[float], observed: Sequence[bool]) -> "stats.CensoredData":
    from scipy import stats

    if len(times) != len(observed) or not len(times):
        raise ValueError(f"{len(times)} times, {len(observed)} observed: give one of each a run, and at least one run")
    when, happened = np.array(times, dtype=float), np.array(observed, dtype=bool)
    if not np.isfinite(when).all():
        raise ValueError(f"a time is {when[~np.isfinite(when)][0]}: a run without the event is censored at its end")
    return stats.CensoredData(uncensored=when[happened], right=when[~happened])


def _known(values: np.ndarray) -> tuple[float | None, ...]:
    return tuple(None if math.isnan(value) else float(value) for value in values)
