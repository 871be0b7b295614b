"""What each arm does to the spike of its control, at equal progress: removes it, delays it, or changes little."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from newllm.study.design import Row
from newllm.study.statistics import Interval, paired_interval
from newllm.study.statistics.shares import share_interval
from newllm.study.units import units

EFFECTS = ("removes", "too slow", "delays", "hastens", "keeps", "unclear", "plants", "calm")
_DELAY, _HASTE = 1.25, 0.8  # of the control's median onset


@dataclass(frozen=True)
class Effect:
    """One arm beside its control.

    Attributes:
        kind: one of EFFECTS.
        remedied: share of runs that get as far as their control without a probe spike.
        reached: share of runs that get as far.
        onset: median epoch of the first probe spike, None if less than half of the runs spike.
        height: height of the first probe spike as a multiple of the control's, paired; None without pairs.
    """

    kind: str
    remedied: Interval
    reached: float
    onset: float | None
    height: Interval | None


def effect(rows: Sequence[Row], control: Sequence[Row]) -> Effect:
    """Return the effect of an arm, its rows paired with the control's by seed.

    "removes" if the whole interval of the share remedied lies above a half; "too slow" if most runs never get
    as far as their control; "delays" and "hastens" if most runs spike by equal progress, a quarter later or a
    fifth earlier in the median; "keeps" if most spike at about the same time; "unclear" otherwise. Where most runs
    of the control have no spike, "plants" if most of the arm's have one, else "calm".
    """
    remedied = share_interval([float(is_remedied(row)) for row in rows], *units(rows))
    reached = statistics.fmean(row["reached"] is not None for row in rows)
    onset, before = median_onset(rows), median_onset(control)
    return Effect(_kind(rows, remedied, reached, onset, before), remedied, reached, onset, _height(rows, control))


def is_remedied(row: Row) -> bool:
    """Say whether a run got as far as its control without a probe spike."""
    return row["reached"] is not None and not row["probe_spiked_by_equal_progress"]


def median_onset(rows: Sequence[Row]) -> float | None:
    """Return the median epoch of the first probe spike, a run without one counting as later than all."""
    onsets = [row["probe_onset"] if row["probe_spiked"] else math.inf for row in rows]
    middle = statistics.median_high(onsets)
    return None if math.isinf(middle) else middle


def _kind(rows: Sequence[Row], remedied: Interval, reached: float, onset: float | None, before: float | None) -> str:
    spiking = statistics.fmean(bool(row["probe_spiked_by_equal_progress"]) for row in rows)
    if before is None:
        return "plants" if spiking > 0.5 else "calm"
    if remedied.low is not None and remedied.low > 0.5:
        return "removes"
    if spiking > 0.5 and onset is not None:
        return "delays" if onset >= _DELAY * before else "hastens" if onset <= _HASTE * before else "keeps"
    return "too slow" if reached < 0.5 else "unclear"


def _height(rows: Sequence[Row], control: Sequence[Row]) -> Interval | None:
    """Return the geometric mean ratio of heights over the pairs in which both spike."""
    by_seed = {row["seed"]: row for row in control}
    pairs = [(row, by_seed[row["seed"]]) for row in rows if row["seed"] in by_seed]
    both = [(a, b) for a, b in pairs if _has_height(a) and _has_height(b)]
    if not both:
        return None
    logs = [math.log(a["probe_height"] / b["probe_height"]) for a, b in both]
    found = paired_interval(logs, *units([a for a, _ in both]))
    bounds = (None if bound is None else math.exp(bound) for bound in (found.low, found.high))
    return Interval(math.exp(found.estimate), *bounds)


def _has_height(row: Row) -> bool:
    return row["probe_spiked"] and row["probe_height"] is not None and row["probe_height"] > 0
