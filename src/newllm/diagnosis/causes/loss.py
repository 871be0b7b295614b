"""Causes in the loss itself: what it is given, its sign, its scale, its parts, what acts in training alone."""

import numpy as np

from newllm.diagnosis.case import Case
from newllm.diagnosis.causes.fit import above_start, chance_of, pairs_are_guessed, start_and_end, validation_accuracy
from newllm.diagnosis.causes.score import EVENTS, NOTHING, Score, because, often
from newllm.diagnosis.levels import median, rank_trend
from newllm.diagnosis.losses import finite, is_own_part, is_validation
from newllm.diagnosis.roles import roles_of
from newllm.diagnosis.training_kind import training_kind

MULTIPLE = 4.0  # times: nothing that acts in training alone makes its loss so much larger, from first to last
ONE_RATIO = 1.6  # the ratio of both losses is the same at first and last, but for noise
PARTS = 3.0  # times the task's own part: the rest of the loss
RIGHT = 0.5  # of validation: a loss that is no higher than it has to be has fallen by then
UNMOVED = 0.01  # of a validation loss
UNHELPED = (0.97, 1.1)  # times the loss that training began at: what training learns is of no use there
LEARNT = (0.5, 0.92)  # of that loss: training has learnt something, and not all by heart
HARDLY = 0.2  # of a rise of the validation loss: by less has the training loss fallen
SURE_AND_WRONG = 1.3  # times the loss that training began at
GROWN = 10.0  # times: a part of the loss that has been made large
STEADILY = 0.97  # rank correlation of a loss that only climbs
SLOWLY = 1.5  # times its first value: a loss that blows up is there by its second or third point
OF_CHANCE = 0.1  # of ln 2
SQUARES = 0.08  # of the loss: it scatters by more from batch to batch
MIRRORS = 0.15  # of the validation loss: so near is the training loss to its negative


def loss_axis(case: Case) -> Score:
    """The training loss is taken over another axis, or of other pairs, than the validation loss."""
    if case.finding.kind == "training-above-validation":
        return often(0.4)
    gap = case.finding.kind == "validation-gap" and above_start(case) is None
    return often(0.45) if gap and "first_epoch" in case.finding.evidence else NOTHING


def reduction(case: Case) -> Score:
    """The training loss is a multiple of what it should be: summed, or scaled, and not averaged."""
    if case.finding.kind == "plateau" and (times := _times_of_chance(case)) is not None:
        return because(0.7, "multiple-of-chance", times=times)
    if case.finding.kind not in {"training-above-validation", "bad-start"}:
        return NOTHING
    if (times := _multiple(case)) is not None:
        return because(0.78, "constant-multiple", first=times[0], last=times[1])
    if case.finding.kind != "training-above-validation":
        return NOTHING
    loss, validation = finite(case.trace.series("loss")), finite(case.trace.series("validation_loss"))
    beside = np.interp(validation.step, loss.step, loss.value) / validation.value
    few = max(2, len(beside) // 3)
    return often(0.4 if abs(median(beside[:few]) / median(beside[-few:]) - 1) < 0.15 else 0.3)


def _multiple(case: Case) -> tuple[float, float] | None:
    """Return how many times the validation loss the training loss is, at first and at last, where it is a multiple."""
    loss, validation = finite(case.trace.series("loss")), finite(case.trace.series("validation_loss"))
    if len(validation.value) < 4 or len(loss.value) < 8 or min(loss.value.min(), validation.value.min()) <= 0:
        return None
    if _own_part(case) is not None or case.has("squashed-outputs"):
        return None
    ends = np.searchsorted(loss.step, validation.step, side="right")
    few = max(2, len(loss.value) // len(validation.value))
    beside = np.array([np.log(loss.value[max(0, end - few) : max(end, 1)]).mean() for end in ends])
    ratio = np.exp(beside - np.log(validation.value))
    third = max(2, len(ratio) // 3)
    first, last = median(ratio[:third]), median(ratio[-third:])
    same = 1 / ONE_RATIO < first / last < ONE_RATIO and median(ratio) > MULTIPLE
    # What is learnt by heart makes it smaller in the end, and what begins too large is learnt away by the first.
    return (first, last) if same or first >= 2 * MULTIPLE else None


def _times_of_chance(case: Case) -> float | None:
    """Return how many times the loss of a guess a loss is that stands still, by the share of guesses that are right."""
    accuracy = validation_accuracy(case)
    level = float(case.finding.evidence.get("level", 0.0))
    share = median(accuracy)
    if len(accuracy) < 4 or not 0 < share < 0.5 or level <= 0:
        return None
    times = level / -float(np.log(share))
    return times if times > 2 * MULTIPLE else None


def _own_part(case: Case) -> str | None:
    """Return the part of the training loss that is as high as the validation loss, where the rest outweighs it."""
    loss, validation = finite(case.trace.series("loss")), finite(case.trace.series("validation_loss"))
    for name in case.trace.signals:
        part = finite(case.trace.series(name)).value
        if name == "loss" or is_validation(name) or not is_own_part(name) or len(part) < 8:
            continue
        level, last = median(part[-max(3, len(part) // 10) :]), median(validation.value[-2:])
        whole = median(loss.value[-max(3, len(loss.value) // 10) :])
        if 0.5 * last < level < 2 * last and whole > PARTS * level:
            return name
    return None


def auxiliary_loss(case: Case) -> Score:
    """Another part of the loss has all the say, or the wrong sign."""
    if case.finding.kind == "training-above-validation" and (own := _own_part(case)) is not None:
        return because(0.75, "own-part-small", part=own)
    if case.finding.kind == "impossible-loss" and (name := _maximised(case)) is not None:
        return because(0.85, "part-maximised", part=name)
    return NOTHING


def _maximised(case: Case) -> str | None:
    """Return a part that grows many times over while the loss falls below zero: it is subtracted."""
    loss = finite(case.trace.series("loss"))
    for name in case.trace.signals:
        part = finite(case.trace.series(name))
        if name in {"loss", "gradient_norm"} or is_validation(name) or len(part.value) < 10 or part.value.min() <= 0:
            continue
        shared, here, there = np.intersect1d(loss.step, part.step, return_indices=True)
        if len(shared) < 10 or part.value[-1] < GROWN * part.value[:3].max():
            continue
        explained = np.corrcoef(loss.value[here], part.value[there])[0, 1]
        slope = np.polyfit(part.value[there], loss.value[here], 1)[0]
        if explained < -0.99 and -1.01 <= slope < 0:  # else it is a consequence, as a gradient is
            return name
    return None


def regularisation(case: Case) -> Score:
    """What acts in training alone is too strong: dropout, augmentation, smoothed labels, a penalty, a bonus."""
    if case.finding.kind == "training-above-validation":
        risen = any(one.kind in EVENTS and one.signal == "loss" for one in case.others)
        if not risen and _multiple(case) is None and _own_part(case) is None:
            return because(0.6, "above-in-training", times=case.finding.evidence["ratio"])
        return NOTHING
    if case.finding.kind == "reward-stays" and (level := _entropy_at_most(case)) is not None:
        return because(0.65, "entropy-at-most", entropy=level)
    if case.finding.kind != "plateau":
        return NOTHING
    if (right := _right_and_unsure(case)) is not None:
        return because(0.65, "right-and-unsure", accuracy=right)
    return because(0.6, "noisy-in-training") if _noise_fades(case) else NOTHING


def _right_and_unsure(case: Case) -> float | None:
    """Return the share of validation that is right, where it is far above that of a guess, which the loss stands at."""
    loss, accuracy = finite(case.trace.series("loss")).value, validation_accuracy(case)
    if len(accuracy) < 4 or len(loss) < 3:
        return None
    _, chance = chance_of(loss, accuracy)
    right = median(accuracy[len(accuracy) // 2 :])
    is_share = float(finite(case.trace.series("validation_accuracy")).value.max()) <= 1.0  # else it may be a count
    return right if is_share and right > max(RIGHT, 4 * chance) else None


def _noise_fades(case: Case) -> bool:
    """Whether training began far above the loss of a guess, at which validation stands from its first evaluation on."""
    loss, validation = finite(case.trace.series("loss")).value, finite(case.trace.series("validation_loss")).value
    if len(loss) < 20 or len(validation) < 4 or np.ptp(validation) > UNMOVED * validation.mean():
        return False
    few, level = max(3, len(loss) // 10), float(validation.mean())
    end = median(loss[-2 * few :])
    return bool(loss[0] > 1.1 * level and loss[:few].min() > 1.02 * level and abs(end / level - 1) < 0.02)


def _entropy_at_most(case: Case) -> float | None:
    """Return the entropy of a policy that stays at its highest, that of equal chances, from first to last."""
    entropy = roles_of(case.trace, case.facts).series("entropy").value
    if len(entropy) < 20 or entropy.max() <= 0:
        return None
    actions = round(float(np.exp(min(entropy.max(), 12.0))))
    equal = actions > 1 and abs(entropy.max() / np.log(actions) - 1) < 2e-3
    return float(entropy.max()) if equal and median(entropy) > 0.99 * entropy.max() else None


def dropout(case: Case) -> Score:
    """Too many activations are dropped in training."""
    return often(0.45) if case.finding.kind == "training-above-validation" else NOTHING


def double_softmax(case: Case) -> Score:
    """The loss is given probabilities where it wants logits."""
    if case.finding.kind == "squashed-outputs" or (case.finding.kind == "plateau" and case.has("squashed-outputs")):
        return because(0.9, "floor")
    over = case.finding if case.finding.kind in {"over-fitting", "validation-gap"} else None
    if over is None or case.has("training-above-validation"):
        return NOTHING
    loss, validation = finite(case.trace.series("loss")).value, finite(case.trace.series("validation_loss")).value
    start, end = start_and_end(loss)
    if len(validation) < 4 or not 0 < end < start or validation.min() <= 0:
        return NOTHING
    rise, fall = float(np.log(validation[-2:].mean() / start)), float(np.log(start / end))
    # A softmax of probabilities moves the loss by less than one nat, however sure the model is.
    if validation[-2:].mean() < SURE_AND_WRONG * start or fall > HARDLY * rise or start - end > 1.0 or start < 1.0:
        return NOTHING
    return because(0.6, "sure-in-vain", start=start, end=end, validation=float(validation[-2:].mean()))


def wrong_targets(case: Case) -> Score:
    """Targets that do not belong to their inputs: what is learnt of them is of no use elsewhere."""
    if case.finding.kind not in {"over-fitting", "validation-gap", "plateau"}:
        return NOTHING
    if (apart := _learns_something_else(case)) is not None:
        return apart
    if case.finding.kind == "plateau" and _pairs_at_chance(case):
        return because(0.6, "pairs-at-chance")
    if case.finding.kind == "plateau" and (scatter := _scatter_about_a_mean(case)) is not None:
        return because(0.6, "about-a-mean", scatter=scatter)
    loss, validation = finite(case.trace.series("loss")).value, finite(case.trace.series("validation_loss")).value
    accuracy = validation_accuracy(case)
    if len(accuracy) < 4 or len(loss) < 10 or not len(validation) or loss[0] <= 0:
        return often(0.3) if case.finding.kind == "plateau" else NOTHING
    guesses, chance = chance_of(loss, accuracy)
    start, end = start_and_end(loss)
    learns = 0.2 * start < end < 0.85 * start  # what has no rule is learnt slowly; few data are learnt to nothing
    if guesses and learns and validation.min() > 0.97 * loss[:3].mean():
        return because(0.6, "validation-guesses", accuracy=median(accuracy), chance=chance)
    return often(0.3) if guesses else NOTHING


def _pairs_at_chance(case: Case) -> bool:
    """Whether a loss of preferences stands at ln 2, and the share of pairs that are told apart is that of a guess."""
    if training_kind(case.trace, case.facts).name != "preference":
        return False
    level = float(case.finding.evidence.get("level", 0.0))
    return abs(level / float(np.log(2)) - 1) < OF_CHANCE and pairs_are_guessed(roles_of(case.trace, case.facts))


def _scatter_about_a_mean(case: Case) -> float | None:
    """Return the scatter of a loss that stands still, where it is that of squared errors about a mean; or None.

    A guess among classes costs the same for each, so that its loss hardly scatters. Errors of a model that knows the
    mean of its targets, and nothing else, scatter as the targets do.
    """
    loss, columns = finite(case.trace.series("loss")).value, case.trace.signals
    kind = training_kind(case.trace, case.facts).name
    if kind not in {None, "regression", "diffusion"} or "accuracy" in columns or "validation_accuracy" in columns:
        return None
    if len(loss) < 20 or loss.min() <= 0 or case.has(*EVENTS):
        return None
    scatter = float(np.std(loss) / loss.mean())
    return scatter if scatter > SQUARES or (kind == "regression" and scatter > SQUARES / 4) else None


def _learns_something_else(case: Case) -> Score | None:
    """Return what shows that training learns, and validation is none the better and none the worse for it."""
    loss, validation = finite(case.trace.series("loss")).value, finite(case.trace.series("validation_loss")).value
    if case.finding.kind != "validation-gap" or len(validation) < 4 or len(loss) < 10 or case.has("data-order"):
        return None
    start, end = start_and_end(loss)
    moved = float(np.ptp(validation) / validation.mean())
    if min(start, end) <= 0:
        return None
    if moved < UNMOVED and validation[0] > MULTIPLE * start and end < 0.5 * start:
        return because(0.7, "other-units", start=start, end=end, validation=float(validation.mean()))
    learns = LEARNT[0] * start < end < LEARNT[1] * start
    least, most = validation.min() / start, validation.max() / start
    if learns and least > UNHELPED[0] and most < UNHELPED[1] and moved > UNMOVED / 2:
        return because(0.6, "validation-unhelped", start=start, end=end, validation=float(median(validation)))
    return None


def loss_sign(case: Case) -> Score:
    """The loss is made larger: its sign is wrong."""
    loss, validation = finite(case.trace.series("loss")), finite(case.trace.series("validation_loss"))
    if case.finding.kind == "impossible-loss" and len(validation.value) >= 2:
        beside = np.interp(validation.step, loss.step, loss.value)
        off = np.abs(beside / validation.value + 1)
        if validation.value.min() > 0 and np.median(off) < 2 * MIRRORS and off.max() < 0.5:
            return because(0.9, "mirrors-validation")
    if case.finding.kind not in EVENTS or is_validation(case.finding.signal or "") or len(loss.value) < 12:
        return NOTHING
    climbs = loss.value[: max(12, len(loss.value) // 2)]
    if climbs[0] <= 0 or max(rank_trend(climbs), rank_trend(loss.value)) < STEADILY or rank_trend(loss.value) < 0.9:
        return NOTHING
    if climbs[:4].max() > SLOWLY * climbs[0] or loss.value[-1] < 1.2 * climbs[0] or climbs.min() < 0.97 * climbs[0]:
        return NOTHING
    return because(0.86, "only-climbs", start=float(climbs[0]), end=float(loss.value[-1]))


def loss_definition(case: Case) -> Score:
    """The loss is given what it is not made for: no log-probabilities, targets out of range, a wrong sign."""
    return because(0.7, "below-zero") if case.finding.kind == "impossible-loss" else NOTHING
