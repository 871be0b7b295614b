"""Losses whose trend is wrong: no fall at all, or a slow climb."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from newllm.diagnosis.excursion import SHORT, find_excursions, noise_of
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import (
    as_shares,
    comparable,
    descent,
    finite,
    is_balanced,
    is_validation,
    loss_names,
    rolling_median,
)
from newllm.diagnosis.quality import evaluated_qualities
from newllm.diagnosis.schedule import restarts
from newllm.messages import message
from newllm.trace import Finding, Series, Trace

# A loss that never came down: training that has learnt nothing, or only after a long standstill.
LEAST_FALL = 0.02  # a smaller fall is none
SURE = 5.0  # standard errors
UNIFORM = 0.97  # of ln V: a model that still stands there has learnt nothing
TELLS = 0.05  # largest standard error of a level from which nothing can be said
FEWEST_POINTS = 12  # points
UNMOVED = 0.01  # of a validation loss, from its lowest evaluation to its highest
FEWEST_EVALUATIONS = 6
BEGAN = 1.1  # times its end: a training loss that began higher had learnt before the first evaluation
BELOW = 0.8  # of the validation loss: no training loss lies below, where nothing is learnt
LEARNT, LEARNT_LEAST = 1.5, 0.05  # times a measure of quality at its first evaluation, and by how much it is more
STANDSTILL = 0.4  # of the run spent at the first level, before it fell after all


def detect_plateau(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the standstill of the training loss (of the validation loss where there is no other).

    False alarms: a run that has converged is flat at its end, so flat ends say nothing. What counts is a loss that has
    hardly fallen (`LEAST_FALL` on the log scale) from its first points to its last. A long standstill before it falls
    is a note, and so is that of a fine-tune: a person says so, or most layers are not given to the optimizer.
    """
    names = loss_names(trace)
    names = [name for name in names if not is_validation(name)] or names
    found = _standstill(trace, names[0], facts) if names else None
    found = found or _unmoved(trace, facts)
    if found is None:
        return []
    return [replace(found, severity="note") if _is_fine_tune(facts) else found]


def _is_fine_tune(facts: Facts) -> bool:
    """Whether a trained model goes on: what is left to learn is little."""
    frozen = sum(not layer.trained for layer in facts.layers)
    return facts.kind == "fine-tune" or frozen > len(facts.layers) / 2


def _unmoved(trace: Trace, facts: Facts) -> Finding | None:
    """Return the standstill of a validation loss that is, from its first evaluation to its last, where it was.

    It tells what noise hides in the training loss, and what a short log is too short for. A run that has converged by
    its first evaluation has a training loss that fell before it, and an accuracy above that of a guess.
    """
    validation, loss = finite(trace.series("validation_loss")), finite(trace.series("loss"))
    value = validation.value
    if (
        len(value) < FEWEST_EVALUATIONS
        or value.min() <= 0
        or np.ptp(value) > UNMOVED * value.mean()
        or not len(loss.value)
    ):
        return None
    few = max(3, len(loss.value) // 20)
    # Means, as a validation loss is one: a loss with a heavy tail has a low median.
    begins, ends = float(np.mean(loss.value[:few])), float(np.mean(loss.value[-len(loss.value) // 3 :]))
    if ends < BELOW * value.mean():
        return None  # training has come further: it is told as over-fitting, or a gap
    if not np.ptp(value) and not np.ptp(loss.value):
        return None  # equal to the last digit, both: it is told as values that repeat
    accuracy = as_shares(finite(trace.series("validation_accuracy")).value)
    classes = math.exp(min(float(value.mean()), 12.0))
    if not (0.4 < float(np.median(accuracy)) * classes < 2.5 if len(accuracy) else begins < BEGAN * ends):
        return None
    if _fell(loss.value[loss.step <= validation.step[0]]):
        return None
    return _plateau(trace, ("validation_loss", validation, len(value) - 1), 0.0, *_uniform(facts, float(value.mean())))


def _fell(value: np.ndarray) -> bool:
    """Whether a loss (n,) went on falling through its points, and not at its first ones alone, as an output is scaled.

    What is below `LEAST_FALL`, or within the scatter of single points, is no fall.
    """
    first, *_, last = np.array_split(value, 3)
    if len(last) < FEWEST_POINTS:
        return False
    fall = float(np.median(first) - np.median(last))
    return fall > max(LEAST_FALL * float(np.median(last)), SURE * float(np.std(last)) / math.sqrt(len(last)))


def _standstill(trace: Trace, name: str, facts: Facts) -> Finding | None:
    series = finite(trace.series(name))
    if len(series.value) < FEWEST_POINTS or series.value.min() <= 0:
        return None
    if series.step[0] > series.step[-1] - series.step[0]:
        return None  # the log begins late in a training that was resumed: what was learnt before is not in it
    scaled = comparable(series.value)
    few = max(3, len(scaled) // 10)
    start, end = float(np.median(scaled[:few])), float(np.median(scaled[-2 * few :]))
    start = max(start, float(np.median(scaled[:3])), float(scaled[0]) if len(scaled) < SHORT else start)
    if any(one.end > len(scaled) - 2 * few for one in find_excursions(series.value)):
        return None  # a spike stands at the end and hides how far the loss had come
    fall = start - end
    if noise_of(scaled) > TELLS * math.sqrt(few):
        return None  # too noisy to tell a fall from none
    uniform, at_uniform = _uniform(facts, float(np.exp(end)))
    if abs(fall) < LEAST_FALL or at_uniform:
        return _plateau(trace, (name, series, len(scaled) - 1), fall, uniform, at_uniform)
    stood = _stood(scaled, few, start)
    fell = fall > 5 * LEAST_FALL and stood < len(scaled) - 1  # else it was down before it could be seen to stand
    if fell and stood >= STANDSTILL * len(scaled) and _is_still(scaled[:stood], few):
        return _plateau(trace, (name, series, stood), fall, uniform, at_uniform)
    return None


def _uniform(facts: Facts, level: float) -> tuple[float | None, bool]:
    """Return the loss of a guess among the whole vocabulary, None where it is unknown, and whether a level is there."""
    uniform = math.log(facts.vocabulary) if facts.vocabulary and facts.vocabulary > 1 else None
    return uniform, uniform is not None and UNIFORM * uniform <= level <= 1.1 * uniform


def _stood(scaled: np.ndarray, few: int, start: float) -> int:
    """Return how many points the loss stayed at its first level: up to the first block clearly below it."""
    noise = float(np.std(scaled[:few])) / math.sqrt(few)
    for point in range(few, len(scaled) - few, max(1, few // 2)):
        if float(np.median(scaled[point : point + few])) < start - max(LEAST_FALL, 4 * noise):
            return point
    return len(scaled) - 1


def _is_still(scaled: np.ndarray, few: int) -> bool:
    """Whether a stretch has one level: a loss that went far up and came back to where it began has not stood there."""
    levels = [float(np.median(scaled[point : point + few])) for point in range(0, len(scaled) - few + 1, few)]
    return max(levels) - min(levels) < 5 * LEAST_FALL + 4 * noise_of(scaled) / math.sqrt(few)


def _plateau(
    trace: Trace, what: tuple[str, Series, int], fall: float, uniform: float | None, at_uniform: bool
) -> Finding:
    name, series, end = what
    first, last = int(series.step[0]), int(series.step[end])
    level = float(np.median(series.value[: end + 1]))
    whole = end == len(series.value) - 1
    return Finding(
        kind="plateau",
        severity="warning" if whole else "note",
        sentence=message(
            "finding-plateau.sentence",
            signal=name,
            level=level,
            axis=trace.axis,
            first=first,
            last=last,
            uniform=uniform,
            at_uniform=at_uniform and bool(uniform),
            whole=whole,
            fall=1 - float(np.exp(-fall)),
            **_learnt(trace),
        ),
        first_step=float(first),
        last_step=float(last),
        confidence=0.95 if at_uniform else 0.8,
        signal=name,
        evidence={"level": level, "log_fall": fall, "uniform": uniform, "whole_run": whole},
        alternatives=(message("finding-plateau.learnt-before"), message("finding-plateau.small-rate")),
        test=message("finding-plateau.test"),
        candidate_causes=("initialisation", "learning-rate", "frozen-layer", "label-noise"),
    )


def _learnt(trace: Trace) -> dict[str, Any]:
    """Return the measure of quality that has risen most, where one has risen by far, for the sentence of a loss."""
    risen = [
        (float(one.value[-1]), float(one.value[0]), name) for name, one in evaluated_qualities(trace) if len(one.step)
    ]
    risen = [one for one in risen if one[0] > LEARNT * one[1] and one[0] - one[1] > LEARNT_LEAST]
    if not risen:
        return {"learnt": False, "measure": None, "was": None, "is": None}
    now, before, name = max(risen, key=lambda one: one[0] - one[1])
    return {"learnt": True, "measure": name, "was": before, "is": now}


# A training loss that climbs, slowly and for long, from the best it had reached.
LEAST_CLIMB = 0.08
LEAST_OF_DESCENT = 0.1
CLIMB_NOISE = 6.0
FEWEST_OF_CLIMB = 12  # points


def detect_slow_divergence(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return the slow divergence of each training loss.

    False alarms: the level at the end must lie above the best earlier level by `LEAST_CLIMB` on the log scale and by
    `LEAST_OF_DESCENT` of what training had gained, by `CLIMB_NOISE` standard errors of the level, and the rise must go
    on: each third of it higher than the one before. A planned restart of the learning rate behind the best excuses it.
    """
    found = [_climb(trace, name) for name in loss_names(trace) if not is_validation(name)]
    return [one for one in found if one]


def _climb(trace: Trace, name: str) -> Finding | None:
    series = finite(trace.series(name))
    if len(series.value) < FEWEST_OF_CLIMB:
        return None
    scaled = comparable(series.value)
    width = max(1, len(scaled) // 10)
    level = rolling_median(scaled, width)
    best = int(np.argmin(level))
    thirds = [float(np.median(part)) for part in np.array_split(scaled[best:], 3) if len(part)]
    rise = float(np.median(scaled[-width:]) - level[best])
    noise = _level_error(scaled, width)
    went_on = len(thirds) == 3 and level[best] < thirds[0] < thirds[1] < thirds[2]
    if not went_on or len(scaled) - best < max(6, width) or rise < max(LEAST_CLIMB, CLIMB_NOISE * noise):
        return None
    lowest = float(np.median(series.value[max(0, best - width) : best + width + 1]))
    now = float(np.median(series.value[-width:]))
    if now - lowest < LEAST_OF_DESCENT * descent(series.value) or _excused(trace, series, best):
        return None
    return _climbing(trace, name, series, (best, rise, lowest, now), noise)


def _level_error(scaled: np.ndarray, width: int) -> float:
    """Return the standard error of a median of `width` points, by how neighbouring such medians differ."""
    blocks = [float(np.median(part)) for part in np.array_split(scaled, len(scaled) // width)]
    if len(blocks) < 5:
        return 0.0
    return float(1.4826 * np.median(np.abs(np.diff(blocks, 2))) / np.sqrt(6))


def _excused(trace: Trace, series: Series, best: int) -> bool:
    """Whether a restarted schedule, or a sudden excursion that is told as such, accounts for the rise."""
    if any(step >= series.step[best] for step in restarts(trace)):
        return True
    near_end = len(series.value) - max(1, len(series.value) // 10)
    return any(one.end > near_end for one in find_excursions(series.value))


def _climbing(trace: Trace, name: str, series: Series, what: tuple[int, float, float, float], noise: float) -> Finding:
    best, rise, lowest, now = what  # levels, as single points scatter
    first, last = int(series.step[best]), int(series.step[-1])
    balanced = is_balanced(series.value, now)
    return Finding(
        kind="slow-divergence",
        severity="note" if balanced else "warning",
        sentence=message(
            "finding-slow-divergence.sentence",
            signal=name,
            best=lowest,
            axis=trace.axis,
            first=first,
            now=now,
            last=last,
        ),
        first_step=float(first),
        last_step=float(last),
        confidence=round(1 - 0.5 * min(1.0, max(noise, 1e-9) * CLIMB_NOISE / rise), 3),
        signal=name,
        evidence={"log_rise": rise, "height": now - lowest, "noise_of_level": noise},
        alternatives=(
            *((message("finding-spike.balance"),) if balanced else ()),
            message("finding-slow-divergence.harder-data"),
            message("finding-slow-divergence.regularisation"),
        ),
        test=message("finding-slow-divergence.test"),
    )
