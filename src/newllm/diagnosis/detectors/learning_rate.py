"""A schedule that does not fit its run: a rate at zero, a warm-up that never ends, a schedule that turns round."""

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import comparable, finite
from newllm.diagnosis.schedule import Cuts, cuts, is_stair, jumps
from newllm.messages import message
from newllm.trace import Finding, Series, Severity, Trace
from newllm.trace.epochs import epochs_done

FEWEST = 10  # points of the rate

# A rate of nothing while the training goes on.
NOTHING = 1e-5  # of the highest
LEAST_SHARE = 0.1  # of the run
NEXT_TO_NOTHING, LONG = 1e-3, 1 / 3  # of the highest, for that share of the run: no schedule is meant to idle so long
STILL = 0.02  # a larger fall of the loss (log scale) behind it, and another group of weights is being trained


def detect_rate_zero(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return the part of the run over which the learning rate is nothing.

    False alarms: a schedule may end at zero, so the part must be a tenth of the run. Where the loss goes on falling the
    rate is that of one group of weights among several, and it is a note.
    """
    rate = finite(trace.series("learning_rate"))
    if len(rate.value) < FEWEST:
        return []
    high = float(rate.value.max())
    if rate.value.min() < 0:
        return [_below_zero(trace, rate, high)]
    moving = np.flatnonzero(rate.value > NOTHING * high) if high > 0 else np.empty(0, np.int64)
    at = int(moving[-1]) + 1 if len(moving) else 0
    length = float(rate.step[-1] - rate.step[0])
    if at == len(rate.value) and (idle := _idle(trace, rate, high)) is not None:
        return [idle]
    if at >= len(rate.value) - 2 or rate.step[-1] - rate.step[at] < LEAST_SHARE * length or _is_rounded(trace, rate):
        return []
    gradual = at > 0 and rate.value[at - 1] < 0.1 * high
    fall = _fall(trace, rate.step[at])
    if gradual and (cut := cuts(rate)) is not None:
        return [_cut_away(trace, rate, cut, float(rate.step[at]), "warning" if fall < STILL else "note")]
    return [
        Finding(
            kind="learning-rate-zero",
            severity="warning" if fall < STILL else "note",
            sentence=message(
                "finding-learning-rate-zero.sentence",
                axis=trace.axis,
                first=int(rate.step[at]),
                last=int(rate.step[-1]),
                share=(rate.step[-1] - rate.step[at]) / length,
                high=high,
                gradual=bool(gradual),
                whole=at == 0,
            ),
            first_step=float(rate.step[at]),
            last_step=float(rate.step[-1]),
            confidence=0.95,
            signal="learning_rate",
            evidence={"highest": high, "gradual": bool(gradual)},
            alternatives=(message("finding-learning-rate-zero.groups"), message("finding-learning-rate-zero.planned")),
            test=message("finding-learning-rate-zero.test"),
            candidate_causes=("schedule-ended", "learning-rate-zero") if gradual else ("learning-rate-zero",),
        )
    ]


def _cut_away(trace: Trace, rate: Series, cut: Cuts, nothing_from: float, severity: Severity) -> Finding:
    """Return a rate that one factor, again and again, has made next to nothing long before the end."""
    high, length = float(rate.value.max()), float(rate.step[-1] - rate.step[0])
    low = float(rate.step[np.flatnonzero(rate.value > NEXT_TO_NOTHING * high)[-1] + 1])
    return Finding(
        kind="learning-rate-zero",
        severity=severity,
        sentence=message(
            "finding-learning-rate-zero.cut", axis=trace.axis, first=cut.step, every=cut.every, count=cut.count,
            factor=cut.factor, low=int(low), last=int(rate.step[-1]), share=(rate.step[-1] - low) / length, high=high,
        ),
        first_step=float(cut.step),
        last_step=float(rate.step[-1]),
        confidence=0.95,
        signal="learning_rate",
        evidence={"highest": high, "last": float(rate.value[-1]), "gradual": True, "nothing_from": nothing_from},
        alternatives=(message("finding-learning-rate-zero.groups"), message("finding-learning-rate-zero.planned")),
        test=message("finding-learning-rate-zero.cut-test"),
        candidate_causes=("schedule-ended", "learning-rate-zero"),
    )  # fmt: skip


def _idle(trace: Trace, rate: Series, high: float) -> Finding | None:
    """Return a rate that has come down to next to nothing long before the end, while the loss stands."""
    moving = np.flatnonzero(rate.value > NEXT_TO_NOTHING * high)
    at = int(moving[-1]) + 1
    share = (rate.step[-1] - rate.step[min(at, len(rate.step) - 1)]) / max(1.0, float(rate.step[-1] - rate.step[0]))
    if share < LONG or _fall(trace, rate.step[at]) >= STILL:
        return None
    return Finding(
        kind="learning-rate-zero",
        severity="warning",
        sentence=message(
            "finding-learning-rate-zero.idle",
            axis=trace.axis,
            first=int(rate.step[at]),
            last=int(rate.step[-1]),
            share=share,
            high=high,
            low=float(rate.value[-1]),
        ),
        first_step=float(rate.step[at]),
        last_step=float(rate.step[-1]),
        confidence=0.9,
        signal="learning_rate",
        evidence={"highest": high, "last": float(rate.value[-1])},
        alternatives=(message("finding-learning-rate-zero.groups"),),
        test=message("finding-learning-rate-zero.idle-test"),
        candidate_causes=("learning-rate-zero",),
    )


def _is_rounded(trace: Trace, rate: Series) -> bool:
    """Whether a rate comes down by its last printed digit: "0.0003", "0.0002", "0.0001", and a zero that is none."""
    digits = trace.decimals.get("learning_rate")
    units = np.unique(np.round(rate.value * 10.0**digits)) if digits is not None else np.empty(0)
    return len(units) > 3 and np.array_equal(units, np.arange(len(units)))


def _below_zero(trace: Trace, rate: Series, high: float) -> Finding:
    """Return a rate below zero: a schedule that was stepped beyond its end, and unlearns what was learnt."""
    below = np.flatnonzero(rate.value < 0)
    return Finding(
        kind="learning-rate-zero",
        severity="fault",
        sentence=message(
            "finding-learning-rate-zero.below",
            axis=trace.axis,
            first=int(rate.step[below[0]]),
            low=float(rate.value.min()),
        ),
        first_step=float(rate.step[below[0]]),
        last_step=float(rate.step[below[-1]]),
        confidence=0.99,
        signal="learning_rate",
        evidence={"highest": high, "below_zero": True},
        test=message("finding-learning-rate-zero.test"),
        candidate_causes=("schedule-ended",),
    )


def _fall(trace: Trace, since: float) -> float:
    """Return by how much (log scale) the loss falls from its first third behind a step to its last."""
    loss = finite(trace.series("loss"))
    behind = loss.value[loss.step >= since]
    if len(behind) < 6 or behind.min() <= 0:
        return 0.0
    third = len(behind) // 3
    scaled = comparable(behind)
    noise = float(np.std(scaled)) / np.sqrt(third)
    return float(np.median(scaled[:third]) - np.median(scaled[-third:])) - 3 * noise


# A warm-up that is as long as the run, or moves only now and then.
LEAST_RISE = 2.0  # times the first rate
LITTLE = 0.2  # of its first value: a loss that has fallen by less is hardly trained
MISSED = 0.5  # of the rate that a schedule should reach
OVER = 0.95  # of the training: a warm-up of that length has no end
SEVERAL = 3  # epochs: most warm-ups are shorter


def detect_warm_up(trace: Trace, facts: Facts) -> list[Finding]:
    """Return a warm-up that goes on to the last point.

    False alarms: the log of a run that goes on may end within its warm-up. So the loss must have hardly fallen, which
    a warm-up of the usual length does not do, or the rate must rise in a stair: a schedule that counts steps and is
    stepped once an epoch. Of a recording that was seen to end, and of a log that says how long the training is and has
    come to its end, neither is asked for, and where the schedule says what rate it should reach, half of that must have
    been missed. A log of several epochs that does not say it is a note: there are warm-ups of many.
    """
    rate, loss = finite(trace.series("learning_rate")), finite(trace.series("loss"))
    value, planned = rate.value, facts.planned_rate
    if planned is not None and facts.ended and len(value) >= FEWEST and value.max() < MISSED * planned:
        return [_below_plan(trace, rate, planned)]
    if len(value) < 2 * FEWEST or len(loss.value) < FEWEST or value[0] < 0 or value[-1] < value.max():
        return []
    change = np.diff(value)
    if change.min() < 0 or value[-1] < LEAST_RISE * max(value[0], 1e-30) or loss.value.min() <= 0:
        return []
    rises = np.flatnonzero(change > 0)
    stair = is_stair(rate)
    even = bool(np.allclose(change, change.mean(), rtol=0.3)) if not stair else False
    few = max(1, len(loss.value) // 20)
    fall = 1 - float(np.median(loss.value[-few:]) / np.median(loss.value[:few]))
    is_over = facts.ended or (trace.done is not None and trace.done >= OVER)
    if not (stair or (even and (fall < LITTLE or is_over))):
        epochs = epochs_done(trace) or 0.0
        may_be = even and trace.done is None and facts.origin is None and epochs >= SEVERAL
        return [_still_rises(trace, rate, fall, int(epochs))] if may_be else []
    alternatives = (message("finding-warm-up-unfinished.planned"),)
    every = int(np.median(np.diff(rate.step[rises]))) if stair and len(rises) > 1 else None
    return [
        Finding(
            kind="warm-up-unfinished",
            severity="warning",
            sentence=message(
                "finding-warm-up-unfinished.sentence",
                axis=trace.axis,
                first=float(value[0]),
                last=float(value[-1]),
                end=int(rate.step[-1]),
                stair=stair,
                every=every,
                fall=fall,
            ),
            first_step=float(rate.step[0]),
            last_step=float(rate.step[-1]),
            confidence=0.85,
            signal="learning_rate",
            evidence={"first": float(value[0]), "last": float(value[-1]), "fall": fall, "stair": stair},
            alternatives=alternatives if is_over else (message("finding-warm-up-unfinished.goes-on"), *alternatives),
            test=message("finding-warm-up-unfinished.test"),
            candidate_causes=("warm-up-unfinished", "learning-rate-low"),
        )
    ]


def _still_rises(trace: Trace, rate: Series, fall: float, epochs: int) -> Finding:
    first, last, end = float(rate.value[0]), float(rate.value[-1]), int(rate.step[-1])
    return Finding(
        kind="warm-up-unfinished",
        severity="note",
        sentence=message(
            "finding-warm-up-unfinished.open", axis=trace.axis, first=first, last=last, end=end, epochs=epochs
        ),
        first_step=float(rate.step[0]),
        last_step=float(rate.step[-1]),
        confidence=0.5,
        signal="learning_rate",
        evidence={"first": first, "last": last, "fall": fall, "open": True},
        alternatives=(message("finding-warm-up-unfinished.goes-on"), message("finding-warm-up-unfinished.planned")),
        test=message("finding-warm-up-unfinished.test"),
    )


def _below_plan(trace: Trace, rate: Series, planned: float) -> Finding:
    highest = float(rate.value.max())
    return Finding(
        kind="warm-up-unfinished",
        severity="warning",
        sentence=message(
            "finding-warm-up-unfinished.below-plan",
            highest=highest, planned=planned, axis=trace.axis, end=int(rate.step[-1]),
        ),
        first_step=float(rate.step[0]),
        last_step=float(rate.step[-1]),
        confidence=0.95,
        signal="learning_rate",
        evidence={"highest": highest, "planned": planned},
        test=message("finding-warm-up-unfinished.test"),
        candidate_causes=("warm-up-unfinished", "learning-rate-low"),
    )  # fmt: skip


# A schedule that is stepped beyond its end: a cosine falls and rises again.
HIGH, LOW = 0.8, 0.1  # of the highest rate
AT_ONCE = 0.3  # of it: a schedule that falls so far from one point to the next begins anew
EARLY = 0.3  # of the fall: a longer rise before it is a planned cycle's, a shorter one behind it a warm-up


def detect_turned_schedule(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - all are called alike
    """Return a rate that rises again as smoothly as it fell.

    False alarms: planned restarts jump up, or warm up again in little time, and planned cycles begin with a rise as
    long as their fall. None of these counts, nor a schedule that begins anew, which falls at once.
    """
    rate = finite(trace.series("learning_rate"))
    value = rate.value
    if len(value) < 2 * FEWEST or value.max() <= 0:
        return []
    high = float(value.max())
    top = int(np.flatnonzero(value >= HIGH * high)[0])
    if any(jump.index > top for jump in jumps(trace)):  # a warm-up before it may be of a few updates
        return []
    lows = np.flatnonzero(value[top:] <= LOW * high)
    if not len(lows):
        return []
    low = top + int(lows[0])
    again = np.flatnonzero(value[low:] >= HIGH * high)
    if not len(again) or top > EARLY * (low - top):
        return []
    last_high, last_low = (
        first + int(np.flatnonzero(part)[-1])
        for first, part in ((top, value[top:low] >= HIGH * high), (low, value[low : low + int(again[0])] <= LOW * high))
    )
    rise, fall = low + int(again[0]) - last_low, low - last_high
    if min(rise, fall) < EARLY * max(rise, fall) or -np.diff(value[last_high : low + 1]).min() > AT_ONCE * high:
        return []
    turn = low + int(np.argmin(value[low : low + int(again[0]) + 1]))
    return [
        Finding(
            kind="schedule-turned",
            severity="warning",
            sentence=message(
                "finding-schedule-turned.sentence",
                axis=trace.axis,
                step=int(rate.step[turn]),
                low=float(value[turn]),
                high=high,
                back=int(rate.step[low + int(again[0])]),
            ),
            first_step=float(rate.step[turn]),
            last_step=float(rate.step[-1]),
            confidence=0.8,
            signal="learning_rate",
            evidence={"low": float(value[turn]), "highest": high},
            alternatives=(message("finding-schedule-turned.planned"),),
            test=message("finding-schedule-turned.test"),
            candidate_causes=("schedule-ended",),
        )
    ]
