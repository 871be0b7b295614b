"""Gradients that are summed, carried along, or not there."""

import math

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.layers import by_layer
from newllm.diagnosis.losses import finite
from newllm.diagnosis.training_kind import training_kind
from newllm.messages import message
from newllm.trace import Finding, Series, Trace

# Gradients that were never cleared: each update repeats all that came before it.
FEWEST_CARRIED = 2
FEWEST_OF_OTHERS = 5


def detect_carried(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the stretch over which gradients were carried along.

    Or over which updates read the gradient that another network's own update had left in these weights.

    False alarms: none by chance; the recorder saw the gradient of the last update still there. Once may be a step that
    was skipped on purpose, so it takes `FEWEST_CARRIED`.
    """
    if len(trace.series("gradient_of_others").step) >= FEWEST_OF_OTHERS:
        return [_of_others(trace)]
    series = trace.series("gradient_carried")
    where = np.flatnonzero(series.value > 0)
    if len(where) < FEWEST_CARRIED:
        # Of a loss that is no progress, as of a side of a game, nothing says that it is not learnt.
        # And where the recorder looked at the gradients, it would have seen that one was not cleared.
        tells = facts.origin is None and not len(series.value) and training_kind(trace, facts).loss_is_progress
        return _by_growth(trace) if tells and not _holds_another(trace, facts) else []
    first, last = int(series.step[where[0]]), int(series.step[where[-1]])
    return [
        Finding(
            kind="gradient-carried",
            severity="fault",
            sentence=message(
                "finding-gradient-carried.sentence",
                count=len(where),
                axis=trace.axis,
                first=first,
                last=last,
                part=bool(series.value[where].max() < 1),
            ),
            first_step=float(first),
            last_step=float(last),
            confidence=0.98,
            signal="gradient_norm",
            evidence={"updates": len(where)},
            alternatives=(message("finding-gradient-carried.on-purpose"),),
            test=message("finding-gradient-carried.test"),
            candidate_causes=("missing-zero-grad",),
        )
    ]


def _of_others(trace: Trace) -> Finding:
    steps = trace.series("gradient_of_others").step
    first, last = int(steps[0]), int(steps[-1])
    return Finding(
        kind="gradient-carried",
        severity="fault",
        sentence=message(
            "finding-gradient-carried.of-others", count=len(steps), axis=trace.axis, first=first, last=last
        ),
        first_step=float(first),
        last_step=float(last),
        confidence=0.98,
        signal="gradient_norm",
        evidence={"updates": len(steps)},
        alternatives=(message("finding-gradient-carried.both"),),
        test=message("finding-gradient-carried.of-others-test"),
        candidate_causes=("missing-zero-grad",),
    )


# The same by the norm alone, where nothing saw the gradients themselves: a sum over all batches so far grows and is
# smooth, while that of one batch scatters.
FEWEST_NORMS = 20  # points
GROWN = 2.0  # times the first norm, within the first quarter
SMOOTH = 0.02  # of a norm: the median change from point to point over a quarter of the run, at its smoothest
LEARNT = 0.5  # of its first value: a loss that has fallen below this is being learnt


def _holds_another(trace: Trace, facts: Facts) -> bool:
    """Whether a layer has a gradient and is never updated: nobody clears it, as a frozen layer is told."""
    updates, gradients = by_layer(trace, "update_norm", facts), by_layer(trace, "gradient_norm", facts)
    return any(
        not one.value.any() and gradients[name].value.any() for name, one in updates.items() if name in gradients
    )


def _by_growth(trace: Trace) -> list[Finding]:
    """Return what the norm of the gradient says: it grows from the first updates on, and hardly scatters.

    False alarms: the norm of a model that learns its data by heart is smooth too, but falls; one whose logits grow has
    a loss that falls. So the norm must have grown and the loss must not be learnt.
    """
    norm, loss = finite(trace.series("gradient_norm")), finite(trace.series("loss"))
    if len(norm.value) < FEWEST_NORMS or norm.value.min() <= 0 or len(loss.value) < FEWEST_NORMS:
        return []
    logs = np.log(norm.value)
    quarter = len(logs) // 4
    grown = float(np.median(logs[quarter // 2 : quarter]) - logs[0])
    change = np.abs(np.diff(logs))
    starts = range(0, len(change) - quarter + 1, max(1, quarter // 8))
    smooth = min(float(np.median(change[at : at + quarter])) for at in starts)
    few = max(1, len(loss.value) // 10)
    learnt = float(np.median(loss.value[-few:])) < LEARNT * float(loss.value[0])
    if grown < math.log(GROWN) or smooth > SMOOTH or learnt or logs[-1] < logs[0] + math.log(GROWN):
        return []
    at = int(np.flatnonzero(logs > logs[0] + math.log(GROWN))[0])
    return [
        Finding(
            kind="gradient-carried",
            severity="warning",
            sentence=message(
                "finding-gradient-carried.grows",
                first=float(norm.value[0]),
                later=float(np.median(norm.value[quarter:])),
                axis=trace.axis,
                step=int(norm.step[at]),
                change=smooth,
            ),
            first_step=float(norm.step[0]),
            last_step=float(norm.step[-1]),
            confidence=0.85,
            signal="gradient_norm",
            evidence={"ratio": float(np.exp(grown)), "usual_change": smooth},
            alternatives=(message("finding-gradient-carried.on-purpose"),),
            test=message("finding-gradient-carried.test"),
            candidate_causes=("missing-zero-grad",),
        )
    ]


# No gradient at all.
FEWEST_ZEROS = 3  # points
GONE = 0.2  # of the run


def detect_no_gradient(trace: Trace, facts: Facts) -> list[Finding]:
    """Return a gradient norm of exactly zero at every point.

    False alarms: a norm that is measured after the gradients were cleared is zero while the model learns, so no loss
    may have fallen; what does not move is a validation loss to its last digit, or a training loss by less than its
    noise.
    """
    norm = trace.series("gradient_norm")
    if not len(norm.value) or norm.value.any():
        return _unreached(trace, facts, float(norm.step[-1]) if len(norm.value) else 0.0)
    if len(norm.value) < FEWEST_ZEROS:
        return []
    validation, loss = finite(trace.series("validation_loss")), finite(trace.series("loss"))
    few = max(1, len(loss.value) // 4)
    if len(validation.value) > 1:
        moves = bool(np.ptp(validation.value) > 1e-6 * abs(validation.value[0]))
    elif len(loss.value) >= 8 and training_kind(trace, facts).loss_is_progress:
        first, last = loss.value[:few], loss.value[-few:]
        moves = bool(abs(np.median(first) - np.median(last)) > 2 * np.std(first) / math.sqrt(few))
    else:
        return []
    if moves:
        return []
    return [
        Finding(
            kind="no-gradient",
            severity="fault",
            sentence=message("finding-no-gradient.sentence", count=len(norm.value)),
            first_step=float(norm.step[0]),
            last_step=float(norm.step[-1]),
            confidence=0.98,
            signal="gradient_norm",
            evidence={"points": len(norm.value)},
            alternatives=(message("finding-no-gradient.cleared"),),
            test=message("finding-no-gradient.test"),
            candidate_causes=("no-gradient", "initialisation", "frozen-layer"),
        )
    ]


def _unreached(trace: Trace, facts: Facts, last: float) -> list[Finding]:
    """Return that behind a step, 0 for all of them, no backward pass reached a weight and none moved.

    The recorder listens to every backward pass. It must be so for a fifth of the run or more, while the optimizer is
    stepped, with a rate: it holds weights that are not, or no longer, those of the model.
    """
    rate, loss = trace.series("learning_rate"), trace.series("loss")
    behind = {name: one.value[one.step > last] for name, one in by_layer(trace, "update_norm", facts).items()}
    if facts.origin != "record" or not behind or trace.last_step - last < GONE * trace.last_step:
        return []
    if min(map(len, behind.values())) < FEWEST_ZEROS or any(value.any() for value in behind.values()):
        return []
    if not (rate.value[rate.step > last] > 0).any() or trace.series("update_skipped").value.any():
        return []
    count = int(np.sum(loss.step > last))
    never, since = message("finding-no-gradient.never-seen", count=count), "finding-no-gradient.since"
    return [
        Finding(
            kind="no-gradient",
            severity="fault",
            sentence=message(since, axis=trace.axis, step=int(last) + 1) if last else never,
            first_step=last + 1,
            last_step=trace.last_step,
            confidence=0.97,
            signal="loss",
            evidence={"points": count},
            alternatives=(message("finding-no-gradient.another"),),
            test=message("finding-no-gradient.test"),
            candidate_causes=("no-gradient", "frozen-layer"),
        )
    ]


# Gradient accumulation that sums where it should average.
FOLLOWS = 0.35  # log ratio of the norms by that of the passes: 1 where the sum is all signal, 0.5 where all noise
TOO_FAR = 1.4
FEWEST_UPDATES = 3  # updates of each number of passes
RARE = 0.2  # of the updates
OF_UNIFORM = 0.2  # the first loss is within this share of passes times ln V


def detect_accumulation_scale(trace: Trace, facts: Facts) -> list[Finding]:
    """Return what shows that micro-batches are summed.

    A gradient that is a mean does not grow with the number of backward passes behind it; a sum grows in proportion. So
    the norms of updates made of different numbers of passes are compared; and a first loss that is as many times ln V
    as there were passes tells the same of the loss. False alarms: a mean over fewer passes is noisier and so larger,
    which points the other way; the ratio of norms must follow that of the passes by `FOLLOWS` and by three standard
    errors. A mean that is always divided by the same number has short updates where an epoch ends too. So where the
    recorder has read the gradient of the logits, that says what is a mean; where it has not, updates of other
    numbers of passes have to be more than `RARE`.
    """
    passes, norm, loss = (finite(trace.series(name)) for name in ("backwards", "gradient_norm", "loss"))
    if not len(passes.value):
        return []
    count = _at(passes, norm.step)
    by_norm = _by_norm(norm, count)
    by_loss = _by_loss(loss, _at(passes, loss.step), facts)
    is_sum = _is_a_sum(trace, passes, by_norm)
    if not by_loss and (not by_norm or is_sum is False):
        return []
    return [_summed(trace, passes, by_norm, by_loss, is_alarm=bool(by_loss or is_sum))]


def _at(passes: Series, step: np.ndarray) -> np.ndarray:
    """Return the number of backward passes at each step; one where it is not recorded."""
    count = np.ones(len(step))
    shared, here, there = np.intersect1d(step, passes.step, return_indices=True)
    if len(shared):
        count[here] = passes.value[there]
    return count


def _by_norm(norm: Series, count: np.ndarray) -> dict[str, float] | None:
    """Return the ratio of norms and of passes where the one follows the other, more passes over fewer.

    Each update of the rarer number of passes is held against the usual ones around it, so that a norm that drifts
    does not disturb the ratio.
    """
    kinds, times = np.unique(count, return_counts=True)
    if len(kinds) < 2 or kinds[0] < 1 or np.sort(times)[-2] < FEWEST_UPDATES:
        return None
    usual, rarer = kinds[np.argsort(-times)[:2]]
    ratios = []
    for at in np.flatnonzero(count == rarer):
        near = slice(max(0, at - 4), at + 5)
        around = norm.value[near][count[near] == usual]
        if len(around) and norm.value[at] > 0 and around.min() > 0:
            ratios.append(math.log(norm.value[at] / float(np.median(around))))
    expected = math.log(rarer / usual)
    found = float(np.median(ratios)) if len(ratios) >= FEWEST_UPDATES else 0.0
    follows = found / expected
    if not FOLLOWS <= follows <= TOO_FAR or abs(found) < 3 * _error(ratios):
        return None
    share, up = float(np.mean(count != usual)), math.copysign(1.0, expected)
    ratios_up = {"norm_ratio": math.exp(up * found), "passes_ratio": math.exp(up * expected)}
    return {"fewer": float(min(usual, rarer)), "more": float(max(usual, rarer)), **ratios_up, "share_of_others": share}


def _error(ratios: list[float]) -> float:
    return float(np.std(ratios) / math.sqrt(len(ratios)))


def _by_loss(loss: Series, count: np.ndarray, facts: Facts) -> dict[str, float] | None:
    usual = float(np.median(count)) if len(count) else 1.0
    if not facts.vocabulary or facts.vocabulary < 2 or usual < 2:
        return None
    times = float(np.median(loss.value[:3])) / math.log(facts.vocabulary)
    return {"first_loss_over_uniform": times} if abs(times / usual - 1) < OF_UNIFORM else None


def _is_a_sum(trace: Trace, passes: Series, by_norm: dict[str, float] | None) -> bool | None:
    """Whether the gradient of the logits, or often enough the norm, shows a sum; None where nothing does."""
    multiple = trace.series("loss_multiple")
    _, here, there = np.intersect1d(multiple.step, passes.step, return_indices=True)
    if len(here):  # updates of one pass say nothing
        return bool(np.median(multiple.value[here] / np.sqrt(passes.value[there])) > 1)
    return True if by_norm is not None and by_norm["share_of_others"] > RARE else None


def _summed(
    trace: Trace,
    passes: Series,
    by_norm: dict[str, float] | None,
    by_loss: dict[str, float] | None,
    *,
    is_alarm: bool,
) -> Finding:
    usual = float(np.median(passes.value))
    norms = by_norm or {}
    return Finding(
        kind="accumulation-scale",
        severity="warning" if is_alarm else "note",
        sentence=message(
            "finding-accumulation-scale.summed",
            shows_in="both" if by_norm and by_loss else "norm" if by_norm else "loss",
            **{name: norms.get(name) for name in ("more", "fewer", "norm_ratio")},
            loss_over_uniform=by_loss["first_loss_over_uniform"] if by_loss else None,
            passes=usual,
        ),
        first_step=float(passes.step[0]),
        last_step=float(passes.step[-1]),
        confidence=0.9,
        signal="gradient_norm" if "gradient_norm" in trace.signals else "loss",
        evidence={"passes": usual}
        | {name: norms[name] for name in norms if name not in {"more", "fewer"}}  # said already
        | (by_loss or {}),
        alternatives=(message("finding-accumulation-scale.meant"),),
        test=message("finding-accumulation-scale.test"),
        candidate_causes=("accumulation-scale",),
    )
