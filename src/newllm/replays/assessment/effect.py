"""What an intervention does to a spike, from pairs of replays that share their chance: one with it, one without.

    stops learning  most replays with it never come as far as their null was when it spiked, and do not spike
    removes         no replay with it spikes, on the loss that decides and on any on which four in five of the null
                    replays of these pairs do (classes of targets left out); all come as far as their null; and the
                    upper end of the 95 % interval of the mean peak, where there is one, lies below the healthy limit
    delays          the spike comes later, counted from the start, by a quarter or more (the interval of that ratio
                    lies above 1), and no more than half of its severity is gone
    no effect       the interval of the effect lies within a quarter of the null's severity around 0
    reduces         severity falls (the interval of the difference lies above 0)
    worsens         severity rises (the interval lies below 0)
    undecided       none of these can be said with so few replays

Where no null replay spikes it is undecided. Else they are tested in this order, and the first that holds is taken. A
single pair has no interval: then it stops learning, removes, or is undecided.

An effect is the share of the severity above the healthy limit that is gone: 1 is a spike that is gone. Where fewer than
four in five null replays with other chance than the run's own spike, the spike depends on the seed, and what is
compared is whether a replay spikes at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from newllm.replays.assessment.assessment import Assessment
from newllm.statistics import Interval, mean_interval, sign_flip_test
from newllm.trace.verdict import EffectClass

_MOSTLY = 0.8  # of null replays: with fewer the spike depends on the seed
_ALIKE = 0.25  # of the null's severity
_LATER = 1.25  # times as far from the start
_HALF = 0.5


@dataclass(frozen=True)
class Pair:
    """Two replays with the same chance."""

    null: Assessment
    changed: Assessment


@dataclass(frozen=True)
class Effect:
    """What an intervention does.

    Attributes:
        effect_class: the first above that holds.
        effect: share of the null's severity that is gone, None where the nulls have none.
        interval: of the effect, 95 %.
        p: one-sided sign-flip test that severity falls.
        later: mean ratio of the onsets, None without any.
        spiked: replays with the intervention that spiked.
    """

    effect_class: EffectClass
    effect: float | None
    interval: tuple[float, float] | None
    p: float | None
    later: float | None
    spiked: int


def depends_on_seed(others: Sequence[Assessment]) -> bool:
    """Whether a spike depends on the seed, by null replays with other chance than the run's own.

    The replay with the run's own chance says nothing of it: the run was chosen because it spikes.
    """
    return sum(one.severity.spiked for one in others) < _MOSTLY * len(others)


def effect_of(pairs: Sequence[Pair], *, by_share: bool) -> Effect:
    """Return what an intervention does.

    Args:
        pairs: at least one.
        by_share: compare whether replays spike, instead of how badly.
    """
    null = np.array([_height(pair.null, by_share) for pair in pairs])
    changed = np.array([_height(pair.changed, by_share) for pair in pairs])
    spiked, later = sum(pair.changed.severity.spiked for pair in pairs), _later(pairs)
    scale = float(null.mean())
    if scale <= 0:
        return Effect("undecided", None, None, None, _mean(later), spiked)
    fall = mean_interval(list(null - changed))
    interval = None if fall.low is None or fall.high is None else (fall.low / scale, fall.high / scale)
    effect_class = _effect_class(pairs, fall, scale, later)
    p = sign_flip_test(list(null - changed), alternative="greater").p
    return Effect(effect_class, fall.estimate / scale, interval, p, _mean(later), spiked)


def _effect_class(pairs: Sequence[Pair], fall: Interval, scale: float, later: list[float]) -> EffectClass:
    if sum(stopped_learning(pair) for pair in pairs) > _HALF * len(pairs):
        return "stops learning"
    if is_removed(pairs):
        return "removes"
    if fall.low is None or fall.high is None:
        return "undecided"
    if _is_later(pairs, later) and fall.estimate <= _HALF * scale:
        return "delays"
    if max(-fall.low, fall.high) <= _ALIKE * scale:
        return "no effect"
    if fall.low > 0:
        return "reduces"
    return "worsens" if fall.high < 0 else "undecided"


def stopped_learning(pair: Pair) -> bool:
    """Whether the changed replay neither spiked nor came as far as its null was when it spiked."""
    return pair.changed.trajectory.reached is None and not pair.changed.severity.spiked


def is_removed(pairs: Sequence[Pair]) -> bool:
    """Whether nothing is left of the spike, wherever the nulls show one."""
    for name in pairs[0].null.severities:
        nulls = [pair.null.severities[name].spiked for pair in pairs if name in pair.null.severities]
        left = [pair.changed.severities[name].spiked for pair in pairs if name in pair.changed.severities]
        if np.mean(nulls) >= _MOSTLY and "/" not in name and any(left):
            return False
    if any(pair.changed.severity.spiked or pair.changed.trajectory.reached is None for pair in pairs):
        return False
    upper = mean_interval([pair.changed.severity.peak - pair.changed.severity.limit for pair in pairs]).high
    return upper is None or upper <= 0


def _height(assessment: Assessment, by_share: bool) -> float:
    return float(assessment.severity.spiked) if by_share else assessment.severity.above


def _later(pairs: Sequence[Pair]) -> list[float]:
    return [
        pair.changed.to_onset / pair.null.to_onset for pair in pairs if pair.changed.to_onset and pair.null.to_onset
    ]


def _is_later(pairs: Sequence[Pair], later: list[float]) -> bool:
    if len(later) <= _HALF * len(pairs):
        return False
    low = mean_interval(list(np.log(later))).low
    return low is not None and low > 0 and float(np.exp(np.mean(np.log(later)))) >= _LATER


def _mean(later: list[float]) -> float | None:
    return float(np.exp(np.mean(np.log(later)))) if later else None
