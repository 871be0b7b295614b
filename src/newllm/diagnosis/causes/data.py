"""Causes in the data: a batch, their labels, their order, how many there are."""

import re

import numpy as np

from newllm.diagnosis.case import Case
from newllm.diagnosis.causes.rises import gradient_was_calm, harmed, rate_rose, rise_of
from newllm.diagnosis.causes.score import EVENTS, FROM_START, MANY, NOTHING, Score, because, often
from newllm.diagnosis.harm import RISES, validation_gains
from newllm.diagnosis.losses import as_shares, end_of_first_epoch, finite, is_validation
from newllm.trace import Finding

LEAST_FALL = 0.05  # of the training loss, on the log scale, while the validation loss rises
OF_RISE = 0.5  # of that rise, on the log scale: what is learnt by heart falls about as far as the other rises
EARLY = 0.1  # of the run: a rise there is of a model that finds its way
BY_HEART = 0.02  # of its first value: so far a training loss comes down on data that it has seen again and again
USEFUL = 0.97  # of the loss at the start: validation was better at some time
MOSTLY = 0.7  # an accuracy that one answer to everything has where one class is far more frequent
_OF_A_CLASS = re.compile(r"(^|[^a-z])(recall|f1|precision|sensitivity|tpr)($|[^a-z])", re.IGNORECASE)
EXPLAINED = ("learning-rate-jump", "changed-state", "gradient-carried", "data-order", "resume-jump")
OTHERWISE = frozenset(
    {"validation-gap", "unsteady-validation", "squashed-outputs", "periodic-batches", "data-order", "impossible-loss"}
)


def corrupted_batch(case: Case) -> Score:
    """One batch: up at once, and back at once."""
    if (
        case.finding.kind not in RISES
        or not case.by_step
        or is_validation(case.finding.signal or "")
        or case.points > 3
    ):
        return NOTHING
    if case.onset <= EARLY * case.length:
        return often(0.4)  # the first updates of a model are a likelier cause there than one of its batches
    if case.finding.evidence.get("outcome", "recovered") != "recovered" or _within_longer(case):
        return often(0.4)
    if case.has("plateau"):
        return often(0.4)  # one batch does not keep a model from learning all others
    if case.gradient_jumped(3):
        what = "batch-gradient" if case.finding.kind == "gradient-explosion" else "batch-with-gradient"
        return because(0.9, what, points=case.points)
    return because(0.6, "batch-alone", points=case.points)


def _within_longer(case: Case) -> bool:
    """Whether a longer rise of the same signal holds this one."""
    return any(
        one.kind in {"spike", "diverged"}
        and one.signal == case.finding.signal
        and one.first_step is not None
        and one.last_step is not None
        and one.first_step <= case.onset <= one.last_step
        and one.last_step - one.first_step > 3
        for one in case.others
    )


def label_noise(case: Case) -> Score:
    """Labels that do not belong to their inputs, over a part of the run or from a step on."""
    if _is_block(case):
        return because(0.7, "block", points=case.points)
    rise = rise_of(case)
    if rise is None or not rise.stays or not rise.at_once or case.has(*EXPLAINED):
        return NOTHING
    harm = harmed(case, rise)
    if harm is False or rate_rose(case, float(rise.step[0])) or gradient_was_calm(case, float(rise.step[0])) is False:
        return NOTHING
    return because(0.7 if harm else 0.6, "unlearnt", axis=case.trace.axis, step=float(rise.step[0]))


def _is_block(case: Case) -> bool:
    """Whether the loss is up at once, level, and down at once."""
    if case.finding.kind not in {"spike", "diverged"} or not case.by_step or case.points < 10:
        return False
    series = finite(case.trace.series(case.finding.signal or "loss"))
    start = int(np.searchsorted(series.step, case.onset))
    inside = series.value[start : start + case.points]
    outside = series.value[start + case.points : start + case.points + 3]
    base = float(case.finding.evidence.get("base", inside[0]))
    top = float(np.median(inside[:6])) - base
    level = min(np.median(inside[:3]), np.median(inside)) - base > 0.5 * top and inside.max() - base < 3 * top
    whole = np.concatenate([inside, outside])
    falls = [np.median(whole[at - 3 : at]) - np.median(whole[at : at + 3]) for at in range(3, len(whole) - 2)]
    # A loss that falls as fast from its first points on is a model that learns other data, and no block.
    first, later = max(falls[:3], default=0.0), max(falls[3:], default=0.0)
    return bool(level and later > max(0.35 * top, 1.5 * first))


def periodic_batch(case: Case) -> Score:
    """Every k-th batch is bad."""
    if case.finding.kind != "periodic-batches":
        return NOTHING
    return because(0.85, "periodic", every=case.finding.evidence["period"], times=case.finding.evidence["times"])


def data_order(case: Case) -> Score:
    """Data that are read in an order that means something."""
    kinds = {*RISES, "unsteady-validation", "validation-gap", "plateau"}
    if case.finding.kind == "data-order" or (case.finding.kind in kinds and case.has("data-order")):
        return because(0.85, "data-order")
    if case.finding.kind == "unsteady-validation":
        return often(0.3)
    if case.finding.kind not in RISES or case.finding.kind == "gradient-explosion":
        return NOTHING
    if (better := validation_gains(case.finding, case.trace)) is not None:
        return because(0.8, "validation-gains", before=better[0], after=better[1])
    same = [one for one in [case.finding, *case.others] if one.kind == "spike" and one.signal == case.finding.signal]
    slow = case.points >= 8
    if len(same) >= 2 and slow and case.finding.kind == "spike":
        return because(0.6, "comes-again", count=len(same))
    return often(0.45 if case.by_step and slow and case.worst_at_once() else 0.3 if slow else 0.2)


def repeated_text(case: Case) -> Score:
    """Text that training had seen made the loss fall first."""
    found = case.own_or_led("loss-drop")
    if found is None:
        return NOTHING
    rises = [one for one in (case.finding, *case.others) if one.kind in EVENTS and one.severity != "note"]
    if any(_begins_before(one, found) for one in rises):
        return often(0.2)  # the loss was far up already, and the fall is a part of its way back
    if found is case.finding and case.points == 1:
        return often(0.4)  # one point may be a batch of short texts
    return because(0.6 if found is case.finding else 0.85, "loss-dropped", axis=case.trace.axis, step=found.first_step)


def _begins_before(one: Finding, other: Finding) -> bool:
    return one.first_step is not None and other.first_step is not None and one.first_step < other.first_step


def data_size(case: Case) -> Score:
    """Too little data: training learns them by heart."""
    over = case.finding if case.finding.kind == "over-fitting" else None
    if case.finding.kind in FROM_START:
        over = next((one for one in case.others if one.kind == "over-fitting"), None)
        over = over if is_validation(case.finding.signal or "") else None
    if over is None:
        return NOTHING
    fell, rise = over.evidence.get("training_log_fall"), over.evidence.get("log_rise", 0.0)
    other = any(
        one.kind in OTHERWISE or (one.kind in EVENTS and one.severity != "note" and not is_validation(one.signal or ""))
        for one in case.others
    )
    if not isinstance(fell, float) or fell < max(LEAST_FALL, OF_RISE * rise) or other:
        return often(0.4)
    if not _generalised(case):
        loss = finite(case.trace.series("loss")).value
        by_heart = loss[0] > 0 and np.median(loss[-max(1, len(loss) // 10) :]) < BY_HEART * loss[0]
        return because(0.65, "by-heart", start=float(loss[0]), end=float(loss[-1])) if by_heart else often(0.4)
    return because(0.8, "over-fits", fell=min(1 - float(np.exp(-fell)), 0.99))


def _generalised(case: Case) -> bool:
    """Whether what was learnt helped on validation too, at first: else it is not that there is too little of it."""
    loss, validation = finite(case.trace.series("loss")).value, finite(case.trace.series("validation_loss")).value
    return bool(len(loss) and len(validation) and validation.min() < USEFUL * max(loss[0], validation[0]))


def target_leak(case: Case) -> Score:
    """The target stands in the input."""
    if case.finding.kind == "too-good":
        return because(0.85, "too-good")
    gap = case.finding if case.finding.kind == "validation-gap" else None
    if case.finding.kind == "over-fitting":
        gap = next((one for one in case.others if one.kind == "validation-gap"), None)
    if gap is None or not gap.evidence.get("first_epoch"):
        return NOTHING
    loss = finite(case.trace.series("loss"))
    new = loss.value[loss.step <= end_of_first_epoch(case.trace)]
    if len(new) < 10 or loss.value[0] <= 0 or np.median(new[-3:]) > 0.1 * loss.value[0]:
        return NOTHING
    if loss.value[0] < MANY or finite(case.trace.series("validation_loss")).value.min() < loss.value[0]:
        return NOTHING  # few classes are soon learnt, or what is learnt helps there too
    return because(0.75, "learnt-unseen", loss=float(np.median(new[-3:])), start=float(loss.value[0]))


def class_imbalance(case: Case) -> Score:
    """One class is far more frequent than the others, and is the answer to everything."""
    accuracy = case.finding.evidence.get("accuracy")
    if case.finding.kind != "constant-accuracy" or not isinstance(accuracy, float):
        return NOTHING
    share = float(as_shares(np.array([accuracy]))[0])
    if not MOSTLY < share < 1.0:
        return NOTHING
    for name in case.trace.signals:
        value = finite(case.trace.series(name)).value
        if _OF_A_CLASS.search(name) and len(value) >= 4 and not value.any():
            return because(0.85, "class-never-found", signal=name, accuracy=share)
    return because(0.6, "share-of-a-class", accuracy=share)
