"""A loss that never came down: training that has learnt nothing, or only after a long standstill.

False alarms: a run that has converged is flat at its end, so flat ends say nothing. What counts is a loss that has
hardly fallen (`LEAST` on the log scale) from its first points to its last. A long standstill before it falls is a note.
"""

import math

import numpy as np

from newllm.diagnosis.excursion import SHORT, find_excursions, noise_of
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import comparable, finite, is_validation, loss_names
from newllm.messages import message
from newllm.trace import Finding, Series, Trace

LEAST = 0.02  # a smaller fall is none
UNIFORM = 0.97  # of ln V: a model that still stands there has learnt nothing
TELLS = 0.05  # largest standard error of a level from which nothing can be said
FEWEST = 12  # points
STANDSTILL = 0.4  # of the run spent at the first level, before it fell after all


def detect(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the standstill of the training loss (of the validation loss where there is no other)."""
    names = loss_names(trace)
    names = [name for name in names if not is_validation(name)] or names
    found = [_standstill(trace, name, facts) for name in names[:1]]
    return [one for one in found if one]


def _standstill(trace: Trace, name: str, facts: Facts) -> Finding | None:
    series = finite(trace.series(name))
    if len(series.value) < FEWEST or series.value.min() <= 0:
        return None
    scaled = comparable(series.value)
    few = max(3, len(scaled) // 10)
    start, end = float(np.median(scaled[:few])), float(np.median(scaled[-2 * few :]))
    start = max(start, float(np.median(scaled[:3])), float(scaled[0]) if len(scaled) < SHORT else start)
    if any(one.end > len(scaled) - 2 * few for one in find_excursions(series.value)):
        return None  # a spike stands at the end and hides how far the loss had come
    fall = start - end
    if noise_of(scaled) > TELLS * math.sqrt(few):
        return None  # too noisy to tell a fall from none
    uniform = math.log(facts.vocabulary) if facts.vocabulary and facts.vocabulary > 1 else None
    at_uniform = uniform is not None and UNIFORM * uniform <= float(np.exp(end)) <= 1.1 * uniform
    if abs(fall) < LEAST or at_uniform:
        return _finding(trace, (name, series, len(scaled) - 1), fall, uniform, at_uniform)
    stood = _stood(scaled, few, start)
    if fall > 5 * LEAST and stood >= STANDSTILL * len(scaled) and _is_still(scaled[:stood], few):
        return _finding(trace, (name, series, stood), fall, uniform, at_uniform)
    return None


def _stood(scaled: np.ndarray, few: int, start: float) -> int:
    """Return how many points the loss stayed at its first level: up to the first block clearly below it."""
    noise = float(np.std(scaled[:few])) / math.sqrt(few)
    for point in range(few, len(scaled) - few, max(1, few // 2)):
        if float(np.median(scaled[point : point + few])) < start - max(LEAST, 4 * noise):
            return point
    return len(scaled) - 1


def _is_still(scaled: np.ndarray, few: int) -> bool:
    """Whether a stretch has one level: a loss that went far up and came back to where it began has not stood there."""
    levels = [float(np.median(scaled[point : point + few])) for point in range(0, len(scaled) - few + 1, few)]
    return max(levels) - min(levels) < 5 * LEAST + 4 * noise_of(scaled) / math.sqrt(few)


def _finding(
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
