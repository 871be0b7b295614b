"""An estimate with its confidence interval, and the interval of a share."""

from dataclasses import dataclass

from scipy import stats


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
    bounds = stats.binomtest(successes, n).proportion_ci(level, method="wilson")
    return Interval(successes / n, float(bounds.low), float(bounds.high))


def check_level(level: float) -> None:
    """Refuse a level of confidence that is none.

    Raises:
        ValueError: it is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"level {level}: give a number between 0 and 1, such as 0.95")
