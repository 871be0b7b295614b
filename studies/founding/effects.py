"""What each arm does to the spike of its control, at equal progress: removes it, delays it, or changes little."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from newllm.statistics import Interval, paired_interval
from newllm.statistics.bootstrap import share_interval
from newllm.statistics.units import units
from newllm.study.design import Row

EFFECTS = ("removes", "removes on the probe", "too slow", "delays", "hastens", "keeps", "unclear", "causes", "calm")
LEAST_SEEDS = 6  # fewer say nothing about an arm
_DELAY, _HASTE = 1.25, 0.8  # of the control's onset


@dataclass(frozen=True)
class Effect:
    """One arm beside its control.

    Attributes:
        kind: one of EFFECTS.
        remedied: share of runs that get as far as their control without a probe spike.
        on_validation: share of runs that get as far without a spike of the validation loss either.
        onset: median epoch of the first probe spike, None if less than half of the runs spike.
        later: onset of the first probe spike as a multiple of the control's, paired; None without pairs.
        height: its height as a multiple of the control's, paired; None without pairs.
    """

    kind: str
    remedied: Interval
    on_validation: Interval
    onset: float | None
    later: Interval | None
    height: Interval | None


def effect(rows: Sequence[Row], control: Sequence[Row]) -> Effect:
    """Return the effect of an arm, its rows paired with the control's by seed.

    "removes" if the whole interval of the share remedied lies above a half, on validation too; "removes on the
    probe" if only there; "too slow" if most runs never get as far as their control; "delays" and "hastens" if
    most runs spike by equal progress, a quarter later or a fifth earlier, and the interval of that ratio leaves
    out 1; "keeps" if most spike at about the same time; "unclear" otherwise, and below six seeds. Where most runs
    of the control have no spike, "causes" if most of the arm's have one, else "calm".
    """
    remedied = share_interval([float(is_remedied(row)) for row in rows], *units(rows))
    on_validation = share_interval([float(is_remedied(row) and _is_calm(row)) for row in rows], *units(rows))
    later, height = (_ratio(rows, control, name) for name in ("probe_onset", "probe_height"))
    found = Effect("unclear", remedied, on_validation, median_onset(rows), later, height)
    return Effect(_kind(rows, control, found), remedied, on_validation, found.onset, later, height)


def is_remedied(row: Row) -> bool:
    """Say whether a run got as far as its control without a probe spike."""
    return row["reached"] is not None and not row["probe_spiked_by_equal_progress"]


def median_onset(rows: Sequence[Row]) -> float | None:
    """Return the median epoch of the first probe spike, a run without one counting as later than all."""
    onsets = [row["probe_onset"] if row["probe_spiked"] else math.inf for row in rows]
    middle = statistics.median_high(onsets)
    return None if math.isinf(middle) else middle


def _is_calm(row: Row) -> bool:
    return not row["validation_spiked_by_equal_progress"]


def _kind(rows: Sequence[Row], control: Sequence[Row], found: Effect) -> str:
    if len(rows) < LEAST_SEEDS:
        return "unclear"
    spiking = statistics.fmean(bool(row["probe_spiked_by_equal_progress"]) for row in rows)
    if median_onset(control) is None:
        return "causes" if spiking > 0.5 else "calm"
    if _is_most(found.remedied):
        return "removes" if _is_most(found.on_validation) else "removes on the probe"
    if spiking > 0.5 and found.later is not None:
        return _time(found.later)
    return "too slow" if statistics.fmean(row["reached"] is not None for row in rows) < 0.5 else "unclear"


def _time(later: Interval) -> str:
    if later.estimate >= _DELAY and later.low is not None and later.low > 1:
        return "delays"
    return "hastens" if later.estimate <= _HASTE and later.high is not None and later.high < 1 else "keeps"


def _is_most(share: Interval) -> bool:
    return share.low is not None and share.low > 0.5


def _ratio(rows: Sequence[Row], control: Sequence[Row], name: str) -> Interval | None:
    """Return the geometric mean ratio of a value over the pairs in which both spike on the probe."""
    by_seed = {row["seed"]: row for row in control}
    pairs = [(row, by_seed[row["seed"]]) for row in rows if row["seed"] in by_seed]
    both = [(a, b) for a, b in pairs if a["probe_spiked"] and b["probe_spiked"]]
    if not both:
        return None
    found = paired_interval([math.log(a[name] / b[name]) for a, b in both], *units([a for a, _ in both]))
    low, high = (None if bound is None else math.exp(bound) for bound in (found.low, found.high))
    return Interval(math.exp(found.estimate), low, high)
