"""An estimate with its interval: that of a share, that of the mean of a few numbers, that of one more of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from newllm.statistics.differences import finite
from newllm.statistics.distributions import students_reach


@dataclass(frozen=True)
class Interval:
    """An estimate and how far it can be trusted.

    Attributes:
        estimate: from the data as they are.
        low: lower end of the confidence interval; None where there is no interval (no interval, no claim).
        high: upper end; None exactly where `low` is.
    """

    estimate: float
    low: float | None
    high: float | None


def wilson(successes: int, n: int, level: float = 0.95) -> Interval:
    """Return a share with Wilson's score interval, which keeps its level with few trials and near 0 and 1.

    It takes the trials as independent. Runs that share a data set are not: use `paired_interval`, or count
    data sets.

    Args:
        successes: how many of them.
        n: trials, at least one.
        level: of confidence.

    Raises:
        ValueError: no trials, more successes than trials, or a level outside (0, 1).
    """
    check_level(level)
    if not 0 <= successes <= n or n == 0:
        raise ValueError(f"{successes} successes of {n} trials: give at least one trial and 0 to n successes")
    z, share = NormalDist().inv_cdf((1 + level) / 2), successes / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # At 0 and 1 the formula gives the share itself, but for rounding.
    return Interval(share, max(middle - reach, 0.0) if successes else 0.0, middle + reach if successes < n else 1.0)


def mean_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """Return the mean of independent numbers with Student's t interval (1908, doi 10.2307/2331554).

    With normal numbers it covers the truth as often as promised however few they are; a bootstrap of 3 to 16
    numbers does not. With 3 or 4 numbers it is wide (of 3, the mean +- 2.5 of their standard deviations): that
    is what so few can tell. Where a few of them are far out to one side it covers less often. Pairs that share
    a data set are not independent: use `paired_interval`.

    Where all numbers are equal both ends are their mean, which is no certainty.

    Args:
        values: run minus control, one a pair.
        level: of confidence.

    Returns:
        the interval; without ends for a single number.

    Raises:
        ValueError: no numbers, one that is not finite, or a level outside (0, 1).
    """
    return _students(values, level, one_more=False)


def prediction_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """Return the mean of independent numbers, and where one more of their kind would lie: Student's t interval for it.

    It is wider than `mean_interval` by about the root of the count, and gets no narrower than the numbers' own
    spread. With numbers that are far from normal it may cover more or less often than it says.

    Args:
        values: of the runs.
        level: how often one more lies within it.

    Returns:
        the interval; without ends for a single number. Where all numbers are equal both ends are their mean.

    Raises:
        ValueError: no numbers, one that is not finite, or a level outside (0, 1).
    """
    return _students(values, level, one_more=True)


def check_level(level: float) -> None:
    """Refuse a level of confidence that is none.

    Raises:
        ValueError: it is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"level {level}: give a number between 0 and 1, such as 0.95")


def _students(values: Sequence[float], level: float, *, one_more: bool) -> Interval:
    """Return the interval by Student's distribution: of the mean, or of one more value."""
    check_level(level)
    numbers = finite(values)
    mean, n = float(numbers.mean()), len(numbers)
    if n < 2:
        return Interval(mean, None, None)
    spread = float(students_reach(n - 1, level) * np.std(numbers, ddof=1))
    reach = spread * math.sqrt(1 + 1 / n) if one_more else spread / math.sqrt(n)
    return Interval(mean, mean - reach, mean + reach)
