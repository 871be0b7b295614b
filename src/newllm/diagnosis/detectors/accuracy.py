"""An accuracy that says something is wrong: always the same k of n, one predicted class, or below that of a guess.

False alarms: equal counts are usual where n is large and the model at rest, so the loss must have moved by `MOVED` of
itself over the stretch and the stretch must be at least `LEAST` evaluations, half of all at least. An accuracy of
exactly 0 or 1 is left alone unless one class is predicted. Below a guess, the model has to be sure and wrong, of data
that training has learnt to tell apart.
"""

import math
from fractions import Fraction
from typing import Any

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.levels import median
from newllm.diagnosis.losses import as_shares, finite
from newllm.messages import message
from newllm.trace import Finding, Series, Trace

LEAST = 5  # evaluations
MOVED = 0.02  # of the loss
LARGEST_COUNT = 2000  # a fraction with a larger denominator says nothing
BY_CHANCE = 0.1  # so likely may it be that a number of so many digits is near a fraction with so small a denominator
FEWEST_DIGITS = 3  # of a share: with fewer, equal values are what a model that rests prints


BELOW = 0.4  # of a guess's accuracy
FEWEST_ROWS = 100  # that are evaluated
SURE = 1.2  # times the loss of a guess: the model is sure, and wrong
WELL = 2.0  # times a guess's accuracy: it knew the answers
KNEW = 0.9  # of its best accuracy: it still does
LEARNT = 0.5  # of the training loss at the start
FEWEST = 3  # evaluations
WHOLE = 1e-3  # of a row
FEW_WRONG = 3  # predictions: hard ones may well be the same each time
HARDLY, MANY = 0.02, 5.0  # of all predictions; times as many before


def detect_accuracy(trace: Trace, facts: Facts) -> list[Finding]:
    """Return constant accuracies, a single predicted class, and an accuracy that is far below that of a guess.

    A single predicted class is why an accuracy of the same evaluations stays the same: it is said once.
    """
    single = _single_class(trace)
    validated = None if single else _constant(trace, "validation_accuracy", "validation_loss")
    found = [validated, _constant(trace, "accuracy", "loss"), single, _below_chance(trace, facts)]
    return [one for one in found if one]


def _below_chance(trace: Trace, facts: Facts) -> Finding | None:
    accuracy, validation = finite(_accuracy(trace, "validation_accuracy")), finite(trace.series("validation_loss"))
    loss, seen = finite(trace.series("loss")).value, trace.series("target_classes_seen").value
    rows = next(
        (one for name in ("validation_count", "validation_rows") if len(one := trace.series(name).value)), np.empty(0)
    )
    classes = float(seen[-1]) if len(seen) else float(facts.vocabulary or 0)
    if min(len(accuracy.value), len(validation.value)) < FEWEST or len(loss) < 10 or classes < 2:
        return None
    shares = as_shares(accuracy.value)
    share = median(shares[-FEWEST:])
    wrong = share < BELOW / classes and median(validation.value[-FEWEST:]) > SURE * math.log(classes)
    if not wrong or not len(rows) or rows[-1] < FEWEST_ROWS or median(loss[-10:]) > LEARNT * median(loss[:3]):
        return None
    said: dict[str, Any] = {"share": share, "chance": 1 / classes, "classes": int(classes)}
    evidence: dict[str, Any] = {"accuracy": share, "chance": 1 / classes}
    first, known = float(accuracy.step[0]), np.flatnonzero(shares >= KNEW * shares.max())[-1]
    how = "sentence"
    if shares.max() >= WELL / classes:  # it answered as it was asked to, once
        how, evidence["best"] = "fell", float(shares.max())
        first = float(accuracy.step[min(known + 1, len(shares) - 1)])
        anew = _asked_anew(trace.series("loss"), float(accuracy.step[known]), first, math.log(classes))
        if anew is not None:
            how, first, evidence["training_loss"] = "asked-anew", *anew
        said |= {"axis": trace.axis, "step": int(first), "best": float(shares.max())}
    return Finding(
        kind="below-chance",
        severity="fault",
        sentence=message(f"finding-below-chance.{how}", **said),
        first_step=first,
        last_step=float(accuracy.step[-1]),
        confidence=0.95,
        signal="validation_loss",
        evidence=evidence,
        alternatives=() if how == "asked-anew" else (message("finding-below-chance.other-classes"),),
        test=message("finding-below-chance.test"),
        candidate_causes=("wrong-targets", "evaluation-preparation")[:: 1 if how == "asked-anew" else -1],
    )


def _asked_anew(loss: Series, known: float, wrong: float, guess: float) -> tuple[float, float] | None:
    """Return where training was suddenly sure and wrong, and its loss there, None where it never was.

    Args:
        loss: of training.
        known: step of the last evaluation that was mostly right.
        wrong: of the first that was not.
        guess: the loss of a guess among the classes, nats.
    """
    at = np.flatnonzero((loss.step > known) & (loss.step <= wrong) & (loss.value > SURE * guess))
    before = loss.value[(loss.step <= known) & np.isfinite(loss.value)][-FEWEST:]
    if not len(at) or not len(before) or median(before) >= guess:
        return None
    return float(loss.step[at[0]]), float(loss.value[at[0]])


def _constant(trace: Trace, name: str, loss_name: str) -> Finding | None:
    series = _accuracy(trace, name)
    start, end = _longest(series.value)
    times = end - start + 1
    if times < LEAST or 2 * times < len(series.value) or series.value[start] in (0.0, 1.0):
        return None
    first, last = int(series.step[start]), int(series.step[end])
    moved = _movement(trace, loss_name, first, last)
    if moved < MOVED or (_is_rounded(trace, name, series) and times < len(series.value)):
        return None
    right, count = _fraction(trace, name, float(series.value[start]), first)
    wrong = count - right if right is not None and count is not None else LARGEST_COUNT
    if wrong <= min(FEW_WRONG, HARDLY * (count or 0)) or _is_learnt(series, start):
        return None
    return Finding(
        kind="constant-accuracy",
        severity="warning",
        sentence=message(
            "finding-constant-accuracy.sentence",
            signal=name,
            accuracy=float(series.value[start]),
            right=right,
            of=count,
            times=times,
            axis=trace.axis,
            first=first,
            last=last,
            loss=loss_name,
            moved=moved,
        ),
        first_step=float(first),
        last_step=float(last),
        confidence=0.95,
        signal=name if name in trace.signals else "validation_correct",
        evidence={"accuracy": float(series.value[start]), "right": right, "of": count, "times": times, "moved": moved},
        alternatives=(
            message("finding-constant-accuracy.same-answer"),
            message("finding-constant-accuracy.small-count"),
        ),
        test=message("finding-constant-accuracy.test"),
        candidate_causes=("one-predicted-class", "small-validation", "stale-evaluation"),
    )


def _is_learnt(series: Series, start: int) -> bool:
    """Whether a share that stands is one of hardly any mistakes, of which there were many before: it is learnt."""
    whole = 1 if series.value.max() <= 1 else 100
    wrong = whole - series.value
    return bool(wrong[start] <= HARDLY * whole and wrong[:start].max(initial=0.0) >= MANY * wrong[start])


def _accuracy(trace: Trace, name: str) -> Series:
    right, count = trace.series("validation_correct"), trace.series("validation_count")
    counted = len(right.value) == len(count.value) and np.all(count.value > 0)
    if name in trace.signals or name != "validation_accuracy" or not counted:
        return finite(trace.series(name))
    return Series(right.step, right.value / count.value)


def _longest(value: np.ndarray) -> tuple[int, int]:
    """Return the first and last index of the longest stretch of equal values; (0, -1) without any value."""
    best, start = (0, -1), 0
    for point in range(len(value)):
        if value[point] != value[start]:
            start = point
        if point - start > best[1] - best[0]:
            best = (start, point)
    return best


def _movement(trace: Trace, loss_name: str, first: int, last: int) -> float:
    """Return by how much the loss moved between two steps, as a share of its highest; 0 where it is not known."""
    loss = finite(trace.series(loss_name))
    within = loss.value[(loss.step >= first) & (loss.step <= last)]
    if len(within) < 2:
        return 0.0
    return float(np.ptp(within) / max(np.abs(within).max(), 1e-12))


def _digits(trace: Trace, name: str, accuracy: float) -> int:
    """Return with how many digits after the point a share was printed; one in per cent has two more."""
    return trace.decimals.get(name, 4) + (2 if accuracy > 1 else 0)


def _is_rounded(trace: Trace, name: str, series: Series) -> bool:
    known = name in trace.decimals and not len(trace.series("validation_count").value)
    return known and _digits(trace, name, float(series.value.max())) < FEWEST_DIGITS


def _fraction(trace: Trace, name: str, accuracy: float, step: int) -> tuple[int | None, int | None]:
    """Return k and n: as recorded, or the simplest fraction that the printed accuracy can be."""
    count = trace.series("validation_count")
    if name == "validation_accuracy" and len(count.value):
        of = int(count.value[np.searchsorted(count.step, step).clip(0, len(count.value) - 1)])
        return round(accuracy * of), of
    share, digits = accuracy / (100 if accuracy > 1 else 1), _digits(trace, name, accuracy)
    rows = trace.series("validation_rows").value
    if name == "validation_accuracy" and len(rows) and abs(share * rows[-1] - round(share * rows[-1])) < WHOLE:
        return round(share * rows[-1]), int(rows[-1])
    half = 0.5 * 10.0**-digits
    # There are about 0.3 n^2 fractions with denominators up to n.
    largest = min(LARGEST_COUNT, 1 + int((BY_CHANCE * 10**digits / 0.3) ** 0.5))
    for of in range(2, largest):
        if abs(round(share * of) / of - share) <= half * (1 + 1e-9):
            simple = Fraction(round(share * of), of)
            return simple.numerator, simple.denominator
    return None, None


def _single_class(trace: Trace) -> Finding | None:
    series = finite(trace.series("validation_classes"))
    where = np.flatnonzero(series.value == 1)
    if len(where) < 3 or len(where) < 0.8 * len(series.value):
        return None
    first, last = int(series.step[where[0]]), int(series.step[where[-1]])
    return Finding(
        kind="one-predicted-class",
        severity="warning",
        sentence=message(
            "finding-one-predicted-class.sentence",
            count=len(where),
            of=len(series.value),
            axis=trace.axis,
            first=first,
            last=last,
        ),
        first_step=float(first),
        last_step=float(last),
        signal="validation_accuracy" if "validation_accuracy" in trace.signals else "validation_classes",
        evidence={"evaluations": len(where), "of": len(series.value)},
        alternatives=(
            message("finding-one-predicted-class.hardly-begun"),
            message("finding-one-predicted-class.mostly-one-class"),
        ),
        test=message("finding-one-predicted-class.test"),
        candidate_causes=("initialisation", "unknown-tokens", "learning-rate"),
    )
