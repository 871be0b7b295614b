"""The interval of a paired difference over data sets and seeds, by resampling both.

A study has few data sets and few seeds, and two runs that share either are not independent. Resampling runs as
if they were gives an interval that is too short: it promises for new data sets what was seen on these few.
"""

import functools
import math
from collections.abc import Callable, Hashable, Mapping, Sequence

import numpy as np

from newllm.chance import numpy_stream
from newllm.statistics.differences import finite, numbered
from newllm.statistics.distributions import normal_share_below, students_reach
from newllm.statistics.interval import Interval, check_level, wilson


def paired_interval(
    differences: Sequence[float],
    sets: Sequence[Hashable],
    seeds: Sequence[Hashable],
    level: float = 0.95,
    seed: int = 0,
    draws: int = 10_000,
    *,
    statistic: str = "mean",
) -> Interval:
    """Return the mean (or median) difference with a bootstrap interval for new data sets and new seeds.

    - Crossed design (a seed occurs with several data sets; cells may be missing): data sets and, independently,
      seeds are drawn with replacement; a pair counts as often as its set times as often as its seed (the
      pigeonhole bootstrap, Owen 2007, doi 10.1214/07-AOAS122). Draws that hold no pair are left out.
    - Nested design (each seed occurs with one data set): data sets are drawn, then seeds within each.

    The percentiles are those of the expanded percentile interval (Hesterberg 2015, doi
    10.1080/00031305.2015.1089789): plain ones are too short by sqrt((n - 1) / n) and by the normal instead of
    the t quantile. n is the number of data sets, in a crossed design of seeds if they are fewer. Simulated with
    six data sets and ten seeds, 95 % plain covers 90 to 93 %, expanded 95 to 98 %; with two or three data sets
    the interval is as wide as resampling can make it and may still cover only 85 %: take more.

    Where all differences are equal there is nothing to resample and both ends are the estimate. That is no
    certainty: ten spikes in ten runs are a share of 72 % or more, not of 100 % (`wilson`, `share_interval`).

    Args:
        differences: run minus control, one a pair.
        sets: the data set of each pair.
        seeds: the seed of each pair; the same label under two data sets is the same seed.
        level: of confidence.
        seed: of the resampling.
        draws: how many.
        statistic: "mean" or "median", of all pairs that are drawn.

    Returns:
        the interval; without ends where there are fewer than two data sets or fewer than two seeds.

    Raises:
        ValueError: no pairs, a difference that is not finite, labels that don't fit, an unknown statistic,
            a level outside (0, 1), or no draws.
    """
    check_level(level)
    if statistic not in _STATISTICS:
        raise ValueError(f"statistic {statistic!r}: give one of {', '.join(_STATISTICS)}")
    if draws < 1:
        raise ValueError(f"{draws} draws: give 1 or more")
    of_draws = _STATISTICS[statistic]
    values = finite(differences)
    set_of, seed_of = numbered(sets, len(values), "sets"), numbered(seeds, len(values), "seeds")
    estimate = float(of_draws(values, np.ones((1, len(values)), dtype=np.int64))[0])
    set_count, seed_count = int(set_of.max()) + 1, int(seed_of.max()) + 1
    if min(set_count, seed_count) < 2:
        return Interval(estimate, None, None)
    nested = len(set(zip(set_of, seed_of, strict=True))) == seed_count
    drawn = of_draws(values, _weights(tuple(set_of.tolist()), tuple(seed_of.tolist()), draws, seed, nested=nested))
    tail = _expanded_tail(level, set_count if nested else min(set_count, seed_count))
    low, high = np.quantile(drawn, (tail, 1 - tail))
    return Interval(estimate, float(low), float(high))


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


def _expanded_tail(level: float, n: int) -> float:
    """Return the share of draws to leave out at each end so that n units give about the promised coverage."""
    return normal_share_below(-math.sqrt(n / (n - 1)) * students_reach(n - 1, level))


@functools.lru_cache(maxsize=8)  # a study asks for hundreds of intervals of the same few designs
def _weights(set_of: tuple[int, ...], seed_of: tuple[int, ...], draws: int, seed: int, *, nested: bool) -> np.ndarray:
    """Return how often each pair counts in each draw that holds one (draws, pairs)."""
    draw = _nested if nested else _crossed
    weights = draw(np.array(set_of), np.array(seed_of), draws, numpy_stream(seed, "bootstrap"))
    weights = weights[weights.any(axis=1)]
    weights.flags.writeable = False
    return weights


def _counts(kinds: int, draws: int, chance: np.random.Generator) -> np.ndarray:
    """Return how often each of `kinds` is among `kinds` drawn with replacement (draws, kinds)."""
    return chance.multinomial(kinds, np.full(kinds, 1 / kinds), size=draws)


def _crossed(set_of: np.ndarray, seed_of: np.ndarray, draws: int, chance: np.random.Generator) -> np.ndarray:
    """Return how often each pair counts in each draw (draws, pairs)."""
    sets = _counts(set_of.max() + 1, draws, chance)
    seeds = _counts(seed_of.max() + 1, draws, chance)
    return sets[:, set_of] * seeds[:, seed_of]


def _nested(set_of: np.ndarray, seed_of: np.ndarray, draws: int, chance: np.random.Generator) -> np.ndarray:
    """Return how often each pair counts in each draw (draws, pairs).

    A set that is drawn k times has its m seeds drawn anew each time: k m draws of m in all.
    """
    sets = _counts(set_of.max() + 1, draws, chance)
    seeds = np.zeros((draws, seed_of.max() + 1), dtype=np.int64)
    for which, times in enumerate(sets.T):
        own = np.unique(seed_of[set_of == which])
        seeds[:, own] = chance.multinomial(times * len(own), np.full(len(own), 1 / len(own)))
    return seeds[:, seed_of]


def _means(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the mean of each draw (draws,)."""
    return weights @ values / weights.sum(axis=1)


def _medians(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the median of each draw (draws,): of an even number of values the mean of the middle two."""
    order = np.argsort(values)
    reached = np.cumsum(weights[:, order], axis=1)
    total = reached[:, -1:]
    lower, upper = ((reached > middle).argmax(axis=1) for middle in ((total - 1) // 2, total // 2))
    return (values[order][lower] + values[order][upper]) / 2


_STATISTICS: Mapping[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {"mean": _means, "median": _medians}
