"""What speaks for a cause in the loss itself: its sign, its scale, its parts, what it is given."""

import numpy as np

from newllm.diagnosis.case import Case
from newllm.diagnosis.causes.fit import validation_accuracy
from newllm.diagnosis.causes.look import NOTHING, Seen
from newllm.diagnosis.levels import median
from newllm.diagnosis.losses import finite, is_own_part, is_validation
from newllm.diagnosis.roles import is_layered

MULTIPLE = 4.0  # times: nothing that acts in training alone makes its loss so much larger, from first to last
ONE_RATIO = 1.6  # the ratio of both losses is the same at first and last, but for noise
PARTS = 3.0  # times the task's own part: the rest of the loss
HEAVY = 10.0  # times the weight that a divergence has in a likelihood
WITHOUT_ENTROPY = frozenset({"auxiliary-loss", "entropy-collapse", "reward-falls", "reward-stays"})
MIRRORS = 0.3  # of the validation loss: so near is the training loss to its negative


def constant_multiple(case: Case) -> Seen:
    """The training loss is the same multiple of the validation loss at the first evaluations and at the last."""
    loss, validation = finite(case.trace.series("loss")), finite(case.trace.series("validation_loss"))
    if case.finding.kind not in {"training-above-validation", "bad-start"} or len(validation.value) < 4:
        return NOTHING
    if len(loss.value) < 8 or min(loss.value.min(), validation.value.min()) <= 0:
        return NOTHING
    if own_part_small(case) is not None or case.has("squashed-outputs"):
        return NOTHING
    ends = np.searchsorted(loss.step, validation.step, side="right")
    few = max(2, len(loss.value) // len(validation.value))
    beside = np.array([np.log(loss.value[max(0, end - few) : max(end, 1)]).mean() for end in ends])
    ratio = np.exp(beside - np.log(validation.value))
    third = max(2, len(ratio) // 3)
    first, last = median(ratio[:third]), median(ratio[-third:])
    same = 1 / ONE_RATIO < first / last < ONE_RATIO and median(ratio) > MULTIPLE
    # What is learnt by heart makes it smaller in the end, and what begins too large is learnt away by the first.
    return {"first": first, "last": last} if same or first >= 2 * MULTIPLE else NOTHING


def multiple_of_chance(case: Case) -> Seen:
    """The loss stands at eight times, and more, that of a guess which is right as often as this model is."""
    accuracy = validation_accuracy(case)
    level, share = float(case.finding.evidence.get("level", 0.0)), median(accuracy)
    if case.finding.kind != "plateau" or len(accuracy) < 4 or not 0 < share < 0.5 or level <= 0:
        return NOTHING
    times = level / -float(np.log(share))
    return {"times": times} if times > 2 * MULTIPLE else NOTHING


def own_part_small(case: Case) -> Seen:
    """The task's own part of the training loss is as high as the validation loss, and the rest outweighs it."""
    loss, validation = finite(case.trace.series("loss")), finite(case.trace.series("validation_loss"))
    if case.finding.kind != "training-above-validation":
        return NOTHING
    for name in case.trace.signals:
        part = finite(case.trace.series(name)).value
        if name == "loss" or is_validation(name) or is_layered(name) or not is_own_part(name) or len(part) < 8:
            continue
        level, last = median(part[-max(3, len(part) // 10) :]), median(validation.value[-2:])
        whole = median(loss.value[-max(3, len(loss.value) // 10) :])
        if 0.5 * last < level < 2 * last and whole > PARTS * level:
            return {"part": name}
    return NOTHING


def part_subtracted(case: Case) -> Seen:
    """The logged parts give the loss at every point, with a weight below zero for one that should become small."""
    found = case.own_or_any("auxiliary-loss") if case.finding.kind in {"auxiliary-loss", "impossible-loss"} else None
    return {"part": found.signal} if found is not None and float(found.evidence.get("weight", 0.0)) < 0 else NOTHING


def entropy_added(case: Case) -> Seen:
    """The loss has a weight above zero for the entropy of a policy, by its logged parts or by its gradient."""
    found = case.own_or_any("auxiliary-loss") if case.finding.kind in WITHOUT_ENTROPY else None
    if found is None or not found.evidence.get("entropy"):
        return NOTHING
    return {"part": found.signal if "parts" in found.evidence else "entropy_weight"}


def divergence_weight(case: Case) -> Seen:
    """The divergence is gone, and the loss is at every point the reconstruction and ten times it, or more."""
    weight = float(case.finding.evidence.get("weight", 0.0)) if case.finding.kind == "posterior-collapse" else 0.0
    return {"weight": weight} if weight >= HEAVY else NOTHING


def mirrors_validation(case: Case) -> Seen:
    """The training loss is, at each evaluation, the validation loss with the other sign."""
    loss, validation = finite(case.trace.series("loss")), finite(case.trace.series("validation_loss"))
    if case.finding.kind != "impossible-loss" or not len(loss.value):
        return NOTHING
    if len(validation.value) < 2 or validation.value.min() <= 0:
        return NOTHING
    off = np.abs(np.interp(validation.step, loss.step, loss.value) / validation.value + 1)
    return {} if np.median(off) < MIRRORS and off.max() < 0.5 else NOTHING


def at_floor(case: Case) -> Seen:
    """The loss stands at ln(1 + (K - 1) / e) while the logged accuracy allows a smaller one."""
    found = case.own_or_any("squashed-outputs") if case.finding.kind in {"squashed-outputs", "plateau"} else None
    return {} if found is not None and found.evidence.get("accuracy") is not None else NOTHING
