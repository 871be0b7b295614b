"""What speaks for a cause in the data: a batch, their labels, their order, how many there are; and in bad numbers."""

import re

import numpy as np

from newllm.diagnosis.case import Case
from newllm.diagnosis.causes.kinds import EVENTS, FROM_START
from newllm.diagnosis.causes.look import NOTHING, Seen
from newllm.diagnosis.facts import is_adam
from newllm.diagnosis.harm import RISES
from newllm.diagnosis.losses import as_shares, finite, is_validation
from newllm.diagnosis.lost_gradient import LostGradient, lost_gradient

LEAST_FALL = 0.05  # of the training loss, on the log scale, while the validation loss rises
OF_RISE = 0.5  # of that rise, on the log scale: what is learnt by heart falls about as far as the other rises
EARLY = 0.1  # of the run: a rise there is of a model that finds its way
CALM, NEAR, NEAR_POINTS = 1e6, 30.0, 20  # a norm; times its median over so many points before
SHOWN = 3  # functions
BY_HEART = 0.02  # of its first value: so far a training loss comes down on data that it has seen again and again
USEFUL = 0.97  # of the loss at the start: validation was better at some time
SOON = 2  # steps
MOSTLY = 0.7  # an accuracy that one answer to everything has where one class is far more frequent
_OF_A_CLASS = re.compile(r"(^|[^a-z])(recall|f1|precision|sensitivity|tpr)($|[^a-z])", re.IGNORECASE)
EXPLAINED = ("learning-rate-jump", "changed-state", "gradient-carried", "data-order", "resume-jump", "context-growth")
OTHERWISE = frozenset(
    {"validation-gap", "unsteady-validation", "squashed-outputs", "periodic-batches", "data-order", "impossible-loss"}
)


def one_batch(case: Case) -> Seen:
    """Loss and gradient leave their level for one to three updates and are back at once."""
    if case.finding.kind not in RISES or not is_brief(case) or case.onset <= EARLY * case.length:
        return NOTHING
    if case.finding.evidence.get("outcome", "recovered") != "recovered" or _within_longer(case) or case.has("plateau"):
        return NOTHING
    return {"points": case.points} if case.gradient_jumped(3) else NOTHING


def is_brief(case: Case) -> bool:
    """Whether a rise of the training loss is as short as one bad batch makes it."""
    return case.by_step and not is_validation(case.finding.signal or "") and case.points <= 3


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


def block(case: Case) -> Seen:
    """The loss is up at once, level for ten points and more, and down at once."""
    if case.finding.kind not in {"spike", "diverged"} or not case.by_step or case.points < 10:
        return NOTHING
    if case.has("context-growth"):
        return NOTHING
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
    return {"points": case.points} if level and later > max(0.35 * top, 1.5 * first) else NOTHING


def back_each_time(case: Case) -> Seen:
    """Every k-th batch has a high loss, and the next batch has the loss of before, each time."""
    found = case.own_or_any("periodic-batches")
    if found is None or not found.evidence.get("back_at_once") or case.finding.kind not in RISES | {"periodic-batches"}:
        return NOTHING
    every, first = int(found.evidence["period"]), found.first_step or 0.0
    return {"every": every} if (case.onset - first) % every == 0 else NOTHING


def ordered(case: Case) -> Seen:
    """Batches are like their neighbours, epoch after epoch, or all right and all wrong."""
    kinds = {*RISES, "data-order", "unsteady-validation", "validation-gap", "plateau"}
    return {} if case.finding.kind in kinds and case.own_or_any("data-order") else NOTHING


def by_heart(case: Case) -> Seen:
    """Training comes to a fiftieth of its start while validation is never better than at the start."""
    loss = finite(case.trace.series("loss")).value
    if _fell_alone(case) is None or _generalised(case) or loss[0] <= 0:
        return NOTHING
    if np.median(loss[-max(1, len(loss) // 10) :]) >= BY_HEART * loss[0]:
        return NOTHING
    return {"start": float(loss[0]), "end": float(loss[-1])}


def _fell_alone(case: Case) -> float | None:
    """Return how far, on the log scale, training falls while validation rises, where nothing else is wrong."""
    over = case.finding if case.finding.kind == "over-fitting" else None
    if case.finding.kind in FROM_START and is_validation(case.finding.signal or ""):
        over = next((one for one in case.others if one.kind == "over-fitting"), None)
    if over is None:
        return None
    fell, rise = over.evidence.get("training_log_fall"), over.evidence.get("log_rise", 0.0)
    other = any(
        one.kind in OTHERWISE or (one.kind in EVENTS and one.severity != "note" and not is_validation(one.signal or ""))
        for one in case.others
    )
    return fell if isinstance(fell, float) and fell >= max(LEAST_FALL, OF_RISE * rise) and not other else None


def _generalised(case: Case) -> bool:
    """Whether what was learnt helped on validation too, at first: else it is not that there is too little of it."""
    loss, validation = finite(case.trace.series("loss")).value, finite(case.trace.series("validation_loss")).value
    return bool(len(loss) and len(validation) and validation.min() < USEFUL * max(loss[0], validation[0]))


def class_never_found(case: Case) -> Seen:
    """The accuracy is the same high share at every evaluation while a measure of one class (recall, F1) is zero."""
    accuracy = case.finding.evidence.get("accuracy")
    if case.finding.kind != "constant-accuracy" or not isinstance(accuracy, float):
        return NOTHING
    share = float(as_shares(np.array([accuracy]))[0])
    columns = {name: finite(case.trace.series(name)).value for name in case.trace.signals if _OF_A_CLASS.search(name)}
    zero = next((name for name, value in columns.items() if len(value) >= 4 and not value.any()), None)
    return {"signal": zero, "accuracy": share} if zero and MOSTLY < share < 1 else NOTHING


def gradient_first_in_half(case: Case) -> Seen:
    """The gradient is not finite while the loss of the same step still is, and something is computed in float16."""
    lost = _lost(case)
    return {"axis": case.trace.axis, "step": lost.step} if lost and case.facts.half else NOTHING


def update_not_finite(case: Case) -> Seen:
    """An update of Adam is not finite although its gradient is, before the loss is not, and something is in float16.

    Its epsilon of 1e-8 is zero in float16: where a gradient is zero too, it divides by zero.
    """
    if case.finding.kind != "not-finite" or not case.facts.half or not is_adam(case.facts.optimizer):
        return NOTHING
    loss, norm = case.trace.series("loss"), case.trace.series("gradient_norm")
    lost = loss.step[~np.isfinite(loss.value)]
    updates = [series for name, series in case.trace.signals.items() if name.startswith("update_norm/")]
    bad = {float(step) for one in updates for step in one.step[~np.isfinite(one.value)]}
    first = min(bad, default=None)
    if first is None or (len(lost) and lost[0] <= first) or not np.isfinite(norm.value[norm.step == first]).any():
        return NOTHING
    return {"axis": case.trace.axis, "step": first}


def derivative_not_finite(case: Case) -> Seen:
    """The gradient is not finite first, from a calm one, of finite loss and inputs, and nothing is in 16 bits.

    The loss is no larger there than before: of one that is beyond all measure no gradient is finite.
    """
    lost, norm = _lost_from_calm(case), case.trace.series("gradient_norm")
    if lost is None or not np.isfinite(norm.value[norm.step < lost.step]).any():
        return NOTHING
    return {"axis": case.trace.axis, "step": lost.step}


def singular_derivative(case: Case) -> Seen:
    """The gradient is not finite in just the layers that such a function leads to, of finite loss and inputs.

    Such a function has an infinite derivative somewhere: a root at 0, an arc cosine at 1, a masked logarithm.
    Nothing is in 16 bits, and the gradient before it was calm.
    """
    lost = _lost_from_calm(case)
    if lost is None or not lost.functions:
        return NOTHING
    return {"axis": case.trace.axis, "step": lost.step, "functions": ", ".join(lost.functions[:SHOWN])}


def _lost(case: Case) -> LostGradient | None:
    return lost_gradient(case.trace, case.facts) if case.finding.kind == "not-finite" else None


def _lost_from_calm(case: Case) -> LostGradient | None:
    """Return the first gradient that is not finite where loss, inputs and the gradients before it are as ever."""
    lost = _lost(case)
    if lost is None or case.facts.half is not False:
        return None
    norm, mean, loss = case.trace.series("gradient_norm"), case.trace.series("input_mean"), case.trace.series("loss")
    before = norm.value[(norm.step < lost.step) & np.isfinite(norm.value)]
    is_calm = not len(before) or (before[-1] < CALM and before[-1] <= NEAR * np.median(before[-NEAR_POINTS:]))
    loss = finite(loss)
    usual, there = loss.value[loss.step < lost.step], loss.value[loss.step == lost.step]
    is_as_ever = not len(usual) or not len(there) or bool(np.abs(there).max() <= NEAR * np.abs(usual).max())
    return lost if is_calm and is_as_ever and bool(np.isfinite(mean.value[mean.step <= lost.step]).all()) else None


def finite_again(case: Case) -> Seen:
    """The loss is not finite for a while, and finite again behind it; no loss scale falls there, as in an overflow."""
    loss = case.finding.kind == "not-finite" and case.finding.signal != "gradient_norm"
    scale = case.trace.series("loss_scale")
    falls = scale.step[1:][np.diff(scale.value) < 0]
    is_scaled = any(case.onset <= step <= case.onset + SOON for step in falls)
    return {} if loss and not case.finding.evidence.get("for_good") and not is_scaled else NOTHING
