"""Values that do not change although they should: a stale evaluation, a repeated loss, skipped updates.

False alarms: two neighbours of a smooth, printed series are equal by chance about once in (usual change / printed
unit) points. A repeat counts only where a run as long would show fewer than `ALARMS` such repeats by chance; a series
that has converged to its printed digits therefore raises none. A few training losses that are equal once or twice are a
note: of trainings by other people that had 2 to 5 in a row all were sound, and those with a fault had 24 and more.
One that has come down to exactly 0 is nothing: a hinge or triplet loss is 0 for every batch that is well separated.
Nor is one that has come to rest at next to nothing, or where it can go no lower: the whole data at every update leave
no noise that would move it. Nor is one that begins to fall a few updates late.
"""

import math

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import finite, is_validation, loss_names
from newllm.messages import message
from newllm.trace import Finding, Series, Trace

ALARMS = 0.05  # repeats by chance, in the whole series
SINGLE = 2.0**-23  # the spacing of float32 numbers, relative
LEAST_ON_A_GRID = 12  # different values, before they show one
FEWEST_SIZES = 4  # of changes, in units: of a straight line there is one
DIGITS = 10.0  # units: of what is printed with a single digit, equal numbers say little
FEWEST_FALLS, AT_REST = 3, 1e-4  # in a row; of the whole fall
FEWEST_ALIKE = 8  # numbers, that show with how many decimals they are printed
COARSE = 1000.0  # units: of up to three digits
NEAR = 5  # so many changes on each side tell the usual change
MOSTLY_MOVED = 0.5  # of the steps without an update
COME_DOWN = 0.1  # of its first value: a loss that was below it comes to 0 by learning
NEARLY_NOTHING = 1e-5  # of its first value: a loss that has come down to this has nothing left to learn
LOW_GRADIENT = 1e-4  # of its first norm; at exactly 0 it is gone, and not followed to its end
LATER = 4  # times as many points, which a loss that begins late has before it
LONG, LONG_OF_BATCHES = 4, 10  # equal values in a row, of evaluations and of the training loss
LOW_RATE = 1e-3  # of its highest: updates this small may leave an evaluation as it was


def detect_frozen_values(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return the stretches over which a loss repeats its value, and the updates that were skipped."""
    return [found for name in loss_names(trace) for found in _repeats(trace, name)] + _skipped(trace)


def _repeats(trace: Trace, name: str) -> list[Finding]:
    series = finite(trace.series(name))
    value = series.value
    if len(value) < 5:
        return []
    decimals = trace.decimals.get(name)
    found = []
    for start, end in _stretches(value):
        unit = _unit(value, _decimals_near(value, start, decimals))
        printed = abs(value[start]) / unit if decimals is not None else math.inf  # in units of its last digit
        if printed < DIGITS or _at_floor(value, start) or _begins_late(value, start, end):
            continue
        if name == "loss" and (_has_converged(trace, series, start) or _came_to_rest(trace, value, start, end)):
            continue
        is_coarse = printed < COARSE
        if is_coarse and name == "loss" and not np.ptp(value):
            continue  # no change that so few digits show, and no other signal says that it should have moved
        expected = _by_chance(value, (start, end), unit, is_coarse=is_coarse)
        steps = int(series.step[start]), int(series.step[end])
        if expected <= ALARMS and not _at_rest(trace, *steps) and not _stands(trace, name, *steps):
            found.append((end - start, expected, start, end))
    found.sort(key=lambda item: (-item[0], item[1]))
    return [_finding(trace, name, series, (start, end, chance, len(found))) for _, chance, start, end in found[:1]]


def _stretches(value: np.ndarray) -> list[tuple[int, int]]:
    """Return the first and last index of each run of equal neighbours."""
    same = np.concatenate([[False], np.diff(value) == 0, [False]])
    edges = np.flatnonzero(np.diff(same.astype(int)))
    return [(int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True)]


def _at_floor(value: np.ndarray, start: int) -> bool:
    """Whether a loss that was never below 0 has come down to exactly 0, or to next to nothing and no further."""
    before = value[max(0, start - NEAR) : start]
    if value.min() < 0 or value[start] != value.min() or not len(before):
        return False
    least, level = (COME_DOWN, np.median(before)) if value[start] == 0 else (NEARLY_NOTHING, value[start])
    return bool(level <= least * value[0])


def _begins_late(value: np.ndarray, start: int, end: int) -> bool:
    """Whether the first values alone are equal, and what follows is lower: a model that at first says nothing at all.

    So does a spiking net until its first spike.
    """
    later = value[end + 1 :]
    return start == 0 and len(later) > LATER * (end + 1) and bool(np.median(later) < value[0])


def _has_converged(trace: Trace, series: Series, start: int) -> bool:
    """Whether the training loss is at its lowest, of one batch that is the same each time, with no gradient left."""
    norm, repeated = finite(trace.series("gradient_norm")), trace.series("rows_repeated").value
    left = float(norm.value[norm.step > series.step[start]].max(initial=0.0))
    same = len(repeated) >= len(series.value) - 1 and bool(repeated.min(initial=1.0) == 1)
    return same and series.value[start] == series.value.min() and 0 < left <= LOW_GRADIENT * float(norm.value[0])


def _decimals_near(value: np.ndarray, start: int, decimals: int | None) -> int | None:
    """Return with how many decimals numbers as large as one are printed: fewer, where significant digits are.

    Then numbers of a tenth of its size have one more, and all others as many as their size asks for.
    """
    if decimals is None or not value.all():
        return decimals
    places = np.floor(np.log10(np.abs(value))).astype(int)
    fewer = int(places[start] - places.min())
    each = [value[places == place] for place in range(places.min(), places[start] + 1)]
    is_so = fewer > 0 and all(
        len(numbers) >= FEWEST_ALIKE and np.all(np.abs(np.round(numbers, digits) - numbers) < 1e-12)
        for numbers, digits in zip(each, range(decimals, decimals - fewer - 1, -1), strict=True)
    )
    return decimals - fewer if is_so else decimals


def _came_to_rest(trace: Trace, value: np.ndarray, start: int, end: int) -> bool:
    """Whether a loss (n,) came down in ever smaller steps to its lowest, and stays there to the end: nothing is left.

    Of a log alone: where gradients are known, they say whether it is so.
    """
    falls = -np.diff(value[: start + 1])
    falls = falls[falls != 0]
    is_end = end == len(value) - 1 and value[start] == value.min() and len(falls) >= FEWEST_FALLS
    is_end = is_end and "gradient_norm" not in trace.signals
    return bool(is_end and (falls[-FEWEST_FALLS:] > 0).all() and falls[-1] < AT_REST * (value.max() - value.min()))


def _unit(value: np.ndarray, decimals: int | None) -> float:
    """Return the step between neighbouring numbers: as printed, of the grid that all are on, or float32's."""
    for digits in (decimals,) if decimals is not None else range(7):
        if decimals is not None or np.all(np.abs(np.round(value, digits) - value) < 1e-12 * np.abs(value)):
            return max(10.0**-digits, _grid(value))
    return max(SINGLE * float(np.median(np.abs(value))), _grid(value))


def _grid(value: np.ndarray) -> float:
    """Return the grid that all values are on, as means of bfloat16 numbers are; 0 where there is none.

    Numbers that are on none lie near a grid of their smallest distance by chance: each with a probability of a fifth.
    A grid as coarse as the usual change is none where all changes are nearly alike: a straight line is on one. One of
    shares of rows, as an accuracy or an area under a curve is, has changes of many sizes.
    """
    usual = float(np.median(np.abs(np.diff(value))))
    distinct = np.unique(value)
    gaps = np.diff(distinct)
    gaps = gaps[gaps > 4 * SINGLE * np.abs(distinct).max()]  # less is rounding
    if len(gaps) < LEAST_ON_A_GRID:
        return 0.0
    whole = float(distinct[-1] - distinct[0])
    smallest = float(np.median(gaps[gaps < 1.5 * gaps.min()]))
    for part in (1, 2, 3, 4):
        unit = whole / max(1.0, np.round(gaps * part / smallest).sum())  # gap by gap: rounding does not add up
        places = (value - distinct[0]) / unit
        if np.abs(places - np.round(places)).max() < 0.1:
            changes = np.unique(np.round(np.abs(np.diff(value)) / unit))
            return unit if unit <= 0.25 * usual or np.sum(changes > 0) >= FEWEST_SIZES else 0.0
    return 0.0


def _by_chance(value: np.ndarray, where: tuple[int, int], unit: float, *, is_coarse: bool) -> float:
    """Return how many repeats as long the usual change around this one would be expected to give.

    A loss that comes to rest changes less and less: of few printed digits the changes next to the repeats count too.
    """
    start, end = where
    change = np.abs(np.diff(value))
    around = np.concatenate([change[max(0, start - NEAR) : start], change[end : end + NEAR]])
    around = around[around > 0]
    if len(around) < 3:
        around = change[change > 0]
    if len(around) < 3:  # nothing ever moved: a constant from the first point on
        return 0.0 if end - start >= 4 else 1.0
    beside = [*change[max(0, start - 1) : start], *change[end : end + 1]] if is_coarse else []
    usual = min([float(np.median(around)), *(one for one in beside if one > 0)])
    # Half of the usual change is a cautious width for the values that the next point could have taken.
    width = max(0.5 * usual, unit)
    each = min(1.0, unit / width) if width > 0 else 1.0  # differences too small for a number
    return float(len(value) * each ** (end - start))


def _at_rest(trace: Trace, first: int, last: int) -> bool:
    """Whether no update was made between the two steps, or with a learning rate of nearly nothing."""
    skipped = trace.series("update_skipped").step
    if np.sum((skipped > first) & (skipped <= last)) >= 0.5 * (last - first):
        return True  # told as skipped updates
    rate = trace.series("learning_rate")
    within = rate.value[(rate.step > first) & (rate.step <= last)]  # that of the first went into what it gave
    return bool(len(within) and within.max() <= LOW_RATE * rate.value.max())


def _finding(trace: Trace, name: str, series: Series, where: tuple[int, int, float, int]) -> Finding:
    start, end, chance, stretches = where
    first, last, times = int(series.step[start]), int(series.step[end]), end - start + 1
    moved = _train_moved(trace, name, first, last)
    change = np.abs(np.diff(series.value))
    evaluation = is_validation(name)
    usual = float(np.median(change[change > 0])) if (change > 0).any() else 0.0
    long = times >= (LONG if evaluation else min(LONG_OF_BATCHES, len(series.value))) or stretches >= 3
    return Finding(
        kind="stale-evaluation" if evaluation else "repeated-loss",
        severity="fault" if long else "warning" if evaluation else "note",
        sentence=message(
            "finding-stale-evaluation.sentence",
            signal=name,
            value=float(series.value[start]),
            axis=trace.axis,
            first=first,
            last=last,
            times=times,
            usual=usual,
        ),
        first_step=float(first),
        last_step=float(last),
        confidence=round(1 - chance, 3),
        signal=name,
        evidence={
            "value": float(series.value[start]),
            "times": times,
            "usual_change": usual,
            "expected_by_chance": chance,
            "stretches": stretches,
            "training_loss_moved": moved,
        },
        alternatives=(
            message("finding-stale-evaluation.equal-as-printed"),
            message("finding-stale-evaluation.skipped-update"),
            message("finding-stale-evaluation.logged-twice"),
        ),
        test=message("finding-stale-evaluation.test"),
        candidate_causes=("stale-evaluation", "skipped-updates")
        if evaluation
        else ("skipped-updates", "stale-evaluation"),
    )


def _stands(trace: Trace, name: str, first: int, last: int) -> bool:
    """Whether an evaluation is rightly the same: no update moved any layer, or the training loss stands as well."""
    if not is_validation(name):
        return False
    moved = [one for signal, one in trace.signals.items() if signal.startswith("update_norm/")]
    within = [one.value[(one.step > first) & (one.step <= last)] for one in moved]
    still = bool(moved) and all(len(one) and not one.any() for one in within)
    return still or _train_moved(trace, name, first, last) is False


def _train_moved(trace: Trace, name: str, first: int, last: int) -> bool | None:
    loss = trace.series("loss")
    within = loss.value[(loss.step >= first) & (loss.step <= last)]
    if name == "loss" or len(within) < 2:
        return None
    return bool(np.ptp(within) > 0)


def _skipped(trace: Trace) -> list[Finding]:
    series = trace.series("update_skipped")
    where = np.flatnonzero(series.value > 0)
    if not len(where):
        return []
    steps = max(len(trace.series("loss").value), len(where))
    share = len(where) / steps
    first, last = int(series.step[where[0]]), int(series.step[where[-1]])
    rare = share <= 0.02 or math.isclose(steps, 1)  # a loss scaler skips a step now and then
    if (period := _period(trace, series.step[where])) is not None:
        return [_accumulated(period, len(where), steps)]
    if not rare and int(np.sum(trace.series("weights_moved").value > 0)) >= MOSTLY_MOVED * len(where):
        return [_by_another(trace, (first, last), len(where), steps)]
    return [
        Finding(
            kind="skipped-updates",
            severity="note" if rare else "warning",
            sentence=message(
                "finding-skipped-updates.sentence",
                skipped=len(where),
                steps=steps,
                axis=trace.axis,
                first=first,
                last=last,
            ),
            first_step=float(first),
            last_step=float(last),
            signal="loss",
            evidence={"skipped": len(where), "steps": steps},
            alternatives=(message("finding-skipped-updates.scaler"), message("finding-skipped-updates.accumulation")),
            test=message("finding-skipped-updates.test"),
            candidate_causes=("fp16-overflow", "skipped-updates") if rare else ("skipped-updates", "fp16-overflow"),
        )
    ]


def _by_another(trace: Trace, span: tuple[int, int], skipped: int, steps: int) -> Finding:
    """Return that weights move all the same: something trains them that was not given to the recorder."""
    first, last = span
    return Finding(
        kind="skipped-updates",
        severity="note",
        sentence=message(
            "finding-skipped-updates.by-another", skipped=skipped, steps=steps, axis=trace.axis, first=first, last=last
        ),
        first_step=float(first),
        last_step=float(last),
        signal="loss",
        evidence={"skipped": skipped, "steps": steps},
        test=message("finding-skipped-updates.by-another-test"),
    )


def _period(trace: Trace, skipped: np.ndarray) -> int | None:
    """Return after how many steps an update comes, where that is always the same number and more than one."""
    done = np.flatnonzero(~np.isin(trace.series("loss").step, skipped))
    gaps = np.diff(done)
    return int(gaps[0]) if len(gaps) >= 3 and gaps[0] > 1 and np.all(gaps == gaps[0]) else None


def _accumulated(period: int, skipped: int, steps: int) -> Finding:
    return Finding(
        kind="skipped-updates",
        severity="note",
        sentence=message("finding-skipped-updates.periodic", period=period),
        signal="loss",
        evidence={"skipped": skipped, "steps": steps, "period": period},
        alternatives=(message("finding-skipped-updates.stepped-rarely"),),
        test=message("finding-skipped-updates.periodic-test"),
    )
