"""The interval of a share that is measured once a seed."""

from collections.abc import Hashable, Sequence

from newllm.statistics.bootstrap import paired_interval
from newllm.statistics.interval import Interval, wilson


def share_interval(shares: Sequence[float], sets: Sequence[Hashable], seeds: Sequence[Hashable]) -> Interval:
    """Return the mean share with the wider of Wilson's and the resampled interval.

    The resampled one alone has no width where all seeds agree, and ten seeds that agree do not prove a rule
    without exception. Wilson's alone does not know that seeds share data sets.

    Args:
        shares: of each seed, between 0 and 1.
        sets: its data set.
        seeds: its name.
    """
    drawn = paired_interval(shares, sets, seeds)
    if drawn.low is None or drawn.high is None:
        return drawn
    plain = wilson(round(sum(shares)), len(shares))
    assert plain.low is not None
    assert plain.high is not None
    return Interval(drawn.estimate, min(plain.low, drawn.low), max(plain.high, drawn.high))
