"""What the model is given: inputs of another scale in evaluations than in training, or from a step on."""

import math
from collections.abc import Sequence

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.layers import by_layer
from newllm.diagnosis.levels import for_good, median
from newllm.diagnosis.losses import finite
from newllm.messages import message
from newllm.trace import Finding, Series, Trace

PARTS, STEADY, SLOWLY = 12, 0.9, math.log(1.25)  # of a run; of the moves between them go one way, and so far in all
FEWEST, FEWEST_EVALUATIONS = 8, 3  # updates; evaluations
ALIKE, ALIKE_AFTER = 0.25, 20  # of the rows of a batch; updates before
APART = math.log(1.5)  # between two standard deviations: less does augmentation, or another part of the data
ASIDE = 0.5  # standard deviations between two means, likewise
NOISE = 8.0  # times what batches scatter
OTHER_PAIRS = 0.1  # of the pairs of neighbouring tokens
NEW_PAIRS, SEEN_ROWS, LAST = 0.15, 0.01, 20  # of them, likewise; of an update's rows; updates
FAR = 0.15  # of the run's length or less: within so many points a sudden change is over
OFTEN = 0.25  # of the updates, of which none before had such inputs
WORSE = 1.2  # times the loss before
GUESSED, BETTER = 0.95, 0.9  # of the loss of a guess: validation is no better, and training is


def detect_evaluation_inputs(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return evaluations whose inputs have another mean or standard deviation than those of training, or other tokens.

    False alarms: augmentation and noise change both by less than a half, and by no more than batches scatter; what
    differs by more is a note as long as validation is about as good as training.
    """
    if (found := _evaluated_tokens(trace)) is not None:
        return [found]
    means, stds = (finite(trace.series(f"input_{name}")) for name in ("mean", "std"))
    at_means, at_stds = (finite(trace.series(f"validation_input_{name}")) for name in ("mean", "std"))
    if min(len(means.value), len(stds.value)) < FEWEST or not len(at_stds.value) or len(at_means.value) == 0:
        return []
    mean, std, other_mean, other_std = (median(one.value) for one in (means, stds, at_means, at_stds))
    if std <= 0 or other_std <= 0 or not (_are_apart(at_stds, stds) or _are_aside(at_means, means, std)):
        return []
    return [
        Finding(
            kind="evaluation-inputs",
            severity="warning" if _is_harmed(trace) else "note",
            sentence=message(
                "finding-evaluation-inputs.sentence",
                mean=mean,
                std=std,
                other_mean=other_mean,
                other_std=other_std,
            ),
            first_step=float(at_stds.step[0]),
            last_step=float(at_stds.step[-1]),
            confidence=0.9,
            signal="validation_loss" if "validation_loss" in trace.signals else None,
            evidence={"ratio": other_std / std, "mean_shift": (other_mean - mean) / std},
            alternatives=tuple(message(f"finding-evaluation-inputs.{name}") for name in ("augmentation", "other-data")),
            test=message("finding-evaluation-inputs.test"),
            candidate_causes=("evaluation-preparation",),
        )
    ]


def _evaluated_tokens(trace: Trace) -> Finding | None:
    """Return that an evaluation's texts are other sequences of tokens, and that the model knows them worse at once.

    False alarms: an evaluation of other texts on purpose. What a model writes itself is given to it too where it is
    generated from: so each evaluation's loss has to be higher than that of the training beside it, from the first on.
    Pairs that are new tell of another vocabulary where the frequent ones are alike, and of a small text that is read in
    overlapping pieces too: so there no evaluation may be better than a guess.
    """
    loss, validation = finite(trace.series("loss")), finite(trace.series("validation_loss"))
    if len(validation.value) < FEWEST_EVALUATIONS or len(loss.value) < FEWEST:
        return None
    beside = np.interp(validation.step, loss.step, loss.value)
    apart, own = finite(trace.series("validation_token_pairs_apart")), finite(trace.series("token_pairs_apart"))
    is_worse = bool((validation.value > WORSE * beside).all()) and beside.min() > 0
    if len(own.value) >= FEWEST and len(apart.value) and is_worse:
        level, before = median(apart.value), median(own.value)
        if apart.value.min() >= before + OTHER_PAIRS:
            return _of_tokens("tokens", validation, level, before)
    new = _new_pairs(trace)
    if new is not None and new[0] >= NEW_PAIRS + new[1] and _stays_a_guess(trace):
        return _of_tokens("new-tokens", validation, *new)
    return None


def _of_tokens(name: str, validation: Series, share: float, own: float) -> Finding:
    return Finding(
        kind="evaluation-inputs",
        severity="warning",
        sentence=message(f"finding-evaluation-inputs.{name}", share=share, own=own),
        first_step=float(validation.step[0]),
        last_step=float(validation.step[-1]),
        confidence=0.9,
        signal="validation_loss",
        evidence={"share": share, "before": own},
        alternatives=(message("finding-evaluation-inputs.other-data"),),
        test=message("finding-evaluation-inputs.test-tokens"),
        candidate_causes=("evaluation-preparation",),
    )


def _new_pairs(trace: Trace) -> tuple[float, float] | None:
    """Return how many pairs of the first evaluation no update had, and of the last updates before it with new rows."""
    at, new = finite(trace.series("validation_token_pairs_new")), finite(trace.series("token_pairs_new"))
    seen = trace.series("rows_seen")
    if not len(at.value) or not len(seen.value):
        return None
    is_before = (new.step <= at.step[0]) & (np.interp(new.step, seen.step, seen.value) < SEEN_ROWS)
    last = new.value[is_before][-LAST:]
    return (float(at.value[0]), float(np.mean(last))) if len(last) >= FEWEST else None


def _stays_a_guess(trace: Trace) -> bool:
    """Whether no evaluation is better than a guess, which training is at the end."""
    loss, validation = finite(trace.series("loss")).value, finite(trace.series("validation_loss")).value
    classes = trace.series("target_classes_seen").value
    guess = math.log(classes[-1]) if len(classes) and classes[-1] > 1 else math.inf
    return bool(validation.min() > BETTER * guess > median(loss[-max(3, len(loss) // 10) :]))


def _are_apart(others: Series, stds: Series) -> bool:
    logs, other = np.log(stds.value.clip(1e-30)), np.log(others.value.clip(1e-30))
    least = max(APART, NOISE * _scatter(logs))
    return bool((other - median(logs) > least).all() or (median(logs) - other > least).all())


def _are_aside(others: Series, means: Series, std: float) -> bool:
    least = max(ASIDE * std, NOISE * _scatter(means.value))
    off = others.value - median(means.value)
    return bool((off > least).all() or (-off > least).all())


def _scatter(value: np.ndarray) -> float:
    return 1.4826 * median(np.abs(value - median(value)))


def _is_harmed(trace: Trace) -> bool:
    """Whether validation is far from as good as training at the end, or no better than a guess, which training is."""
    loss, validation = finite(trace.series("loss")).value, finite(trace.series("validation_loss")).value
    if not len(loss) or not len(validation) or loss.min() <= 0:
        return False
    ends, at_ends = median(validation[-3:]), median(loss[-max(3, len(loss) // 10) :])
    classes = trace.series("target_classes_seen").value
    guess = math.log(classes[-1]) if len(classes) and classes[-1] > 1 else math.inf
    return ends > WORSE * at_ends or ends > GUESSED * guess > GUESSED / BETTER * at_ends


def detect_changed_inputs(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - as above
    """Return the step from which on the inputs of training have another mean or standard deviation, or many equal rows.

    False alarms: inputs that drift, as the states that a policy sees, do not change at once; a curriculum does, and is
    a note unless the loss rises there.
    """
    if (step := _equal_from(trace)) is not None:
        return [_rows_alike(trace, step)]
    if (step := _other_tokens_from(trace)) is not None:
        return [_other_tokens(trace, step)]
    means, stds = (finite(trace.series(f"input_{name}")) for name in ("mean", "std"))
    if len(stds.value) < 3 * FEWEST or len(means.value) != len(stds.value) or stds.value.min() <= 0:
        return []
    start = slice(0, max(FEWEST, len(stds.value) // 10))
    std = median(stds.value[start])
    logs = Series(stds.step, np.log(stds.value))
    changes = [
        (logs, max(APART, NOISE * _scatter(logs.value[start]))),
        (means, max(ASIDE * std, NOISE * _scatter(means.value[start]))),
    ]
    steps = [step for series, least in changes if (step := _changed_at(series, least, start)) is not None]
    if not steps:
        return _drifting(trace, stds)
    step = min(steps)
    before, after = stds.step < step, stds.step >= step
    return [
        Finding(
            kind="changed-inputs",
            severity="warning" if _rises(trace, ("loss", "validation_loss"), step) else "note",
            sentence=message(
                "finding-changed-inputs.sentence",
                axis=trace.axis,
                step=int(step),
                mean=median(means.value[before]),
                std=median(stds.value[before]),
                other_mean=median(means.value[after]),
                other_std=median(stds.value[after]),
            ),
            first_step=float(step),
            last_step=float(stds.step[-1]),
            confidence=0.95,
            signal="loss",
            evidence={"ratio": median(stds.value[after]) / std},
            alternatives=(message("finding-changed-inputs.on-purpose"),),
            test=message("finding-changed-inputs.test"),
            candidate_causes=("changed-inputs",),
        )
    ]


def _drifting(trace: Trace, stds: Series) -> list[Finding]:
    """Return inputs whose standard deviation goes one way, little by little, while that of evaluations stays.

    False alarms: a curriculum, or noise that a schedule adds: so the loss must have risen from its lowest again.
    """
    loss, others = finite(trace.series("loss")).value, finite(trace.series("validation_input_std")).value
    if len(others) < FEWEST or len(loss) < PARTS * 2 or others.min() <= 0 or loss.min() <= 0:
        return []
    level, losses = (np.array([np.median(part) for part in np.array_split(one, PARTS)]) for one in (stds.value, loss))
    far = abs(math.log(level[-1] / level[0]))
    moves, expected = np.diff(level), np.sign(level[-1] - level[0])
    begun = int(np.argmax(np.abs(np.log(level / level[0])) > far / 4))
    is_sudden = float(np.abs(moves).max()) >= abs(level[-1] - level[0]) / 2
    is_steady = float((moves * expected > 0).mean()) >= STEADY and not is_sudden
    if far < SLOWLY or not is_steady or np.ptp(np.log(others)) > far / 4 or losses[-1] < WORSE * losses.min():
        return []
    return [
        Finding(
            kind="changed-inputs",
            severity="warning",
            sentence=message(
                "finding-changed-inputs.drift", first=float(level[0]), last=float(level[-1]), other=median(others)
            ),
            first_step=float(stds.step[len(stds.step) * begun // PARTS]),
            last_step=float(stds.step[-1]),
            confidence=0.9,
            signal="loss",
            evidence={"ratio": float(level[-1] / level[0])},
            alternatives=(message("finding-changed-inputs.on-purpose"),),
            test=message("finding-changed-inputs.test-drift"),
            candidate_causes=("changed-inputs",),
        )
    ]


def _other_tokens_from(trace: Trace) -> float | None:
    """Return the step from which on, at once and for good, texts hold other pairs of tokens than before."""
    apart = finite(trace.series("token_pairs_apart"))
    if len(apart.value) < 3 * FEWEST:
        return None
    start = slice(0, max(FEWEST, len(apart.value) // 10))
    return _changed_at(apart, max(OTHER_PAIRS, NOISE * _scatter(apart.value[start])), start)


def _other_tokens(trace: Trace, step: float) -> Finding:
    apart = finite(trace.series("token_pairs_apart"))
    before, after = (median(apart.value[one]) for one in (apart.step < step, apart.step >= step))
    return Finding(
        kind="changed-inputs",
        severity="warning" if _rises(trace, ("loss", "validation_loss"), step) else "note",
        sentence=message("finding-changed-inputs.tokens", axis=trace.axis, step=int(step), before=before, after=after),
        first_step=float(step),
        last_step=trace.last_step,
        confidence=0.95,
        signal="loss",
        evidence={"share": after},
        alternatives=(message("finding-changed-inputs.on-purpose"),),
        test=message("finding-changed-inputs.test-tokens"),
        candidate_causes=("changed-inputs",),
    )


def _equal_from(trace: Trace) -> float | None:
    """Return the step from which on, for good, a quarter and more of the rows of each batch are the same."""
    loss, equal = trace.series("loss"), trace.series("rows_equal")
    share = np.zeros(len(loss.step))
    _, here, there = np.intersect1d(loss.step, equal.step, return_indices=True)
    share[here] = equal.value[there]
    found = for_good(Series(loss.step, share), share >= ALIKE)
    if found is None or found[1] < 0.1 or not (1 - found[1]) * len(share) > ALIKE_AFTER:
        return None
    return found[0] if share[loss.step < found[0]].max() < ALIKE / 4 else None


def _rows_alike(trace: Trace, step: float) -> Finding:
    equal = trace.series("rows_equal")
    share = median(equal.value[equal.step >= step])
    return Finding(
        kind="changed-inputs",
        severity="warning",
        sentence=message("finding-changed-inputs.alike", axis=trace.axis, step=int(step), share=share),
        first_step=float(step),
        last_step=trace.last_step,
        confidence=0.95,
        signal="loss",
        evidence={"share": share},
        alternatives=(message("finding-changed-inputs.on-purpose"),),
        test=message("finding-changed-inputs.test"),
        candidate_causes=("changed-inputs",),
    )


def _changed_at(series: Series, least: float, start: slice) -> float | None:
    """Return the step from which a series stays further than that from its start, and comes there at once.

    Or from which it is so far away again and again to the end, and never was before.
    """
    off = series.value - median(series.value[start])
    for beyond in (off > least, -off > least):
        found = _again_and_again(series, beyond) or for_good(series, beyond)
        if found is None or found[1] < 0.1 or found[0] <= series.step[start][-1]:
            continue
        at = int(np.searchsorted(series.step, found[0]))
        if abs(off[at] - median(off[max(0, at - 3) : at])) > least:
            return found[0]
    return None


def _again_and_again(series: Series, beyond: np.ndarray) -> tuple[float, float] | None:
    """Return, as `for_good` does, from where a truth value (n,) holds again and again to the end, and before never."""
    if not beyond.any():
        return None
    first = int(np.argmax(beyond))
    last = beyond[-max(FEWEST, len(beyond) // 10) :]
    if first < 3 * FEWEST or min(beyond[first:].mean(), last.mean()) < OFTEN:
        return None
    return float(series.step[first]), 1 - first / len(beyond)


def _rises(trace: Trace, names: Sequence[str], step: float) -> bool:
    for name in names:
        series = finite(trace.series(name))
        before, after = series.value[series.step < step][-5:], series.value[series.step >= step][:5]
        if len(before) and len(after) and median(before) > 0 and median(after) > WORSE * median(before):
            return True
    return False


FEWEST_LOOKS = 5  # updates


def detect_input_axes(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - as above
    """Return that numbers of the inputs go together at a distance that is no row of theirs: axes are mixed up.

    False alarms: what is periodic in itself is left out, for it goes together at twice the distance as well; the
    distance has to be another axis of the inputs, and the same in each batch that was looked at.
    """
    distance, apart, below = (finite(trace.series(f"axes_{name}")) for name in ("mixed", "apart", "below"))
    if len(distance.value) < FEWEST_LOOKS or distance.value.min() <= 0 or np.ptp(distance.value):
        return []
    values = {"distance": int(distance.value[0]), "apart": median(apart.value), "below": median(below.value)}
    return [
        Finding(
            kind="input-axes",
            severity="warning",
            sentence=message("finding-input-axes.sentence", **values),
            first_step=float(distance.step[0]),
            last_step=trace.last_step,
            confidence=0.9,
            signal="loss",
            evidence={"distance": values["distance"], "batches": len(distance.value)},
            alternatives=(message("finding-input-axes.periodic"),),
            test=message("finding-input-axes.test"),
        )
    ]


LARGE = 100.0  # root mean square of inputs, and of what the first layer makes of them
FAR_ABOVE = 10.0  # times the loss of a guess, at the start
LEARNT = 2.0  # times that loss: what ends below has come over it
LEARNT_NUMBERS = 0.3  # the same of a squared error, where the guess is one number for all rows


def detect_input_scale(trace: Trace, facts: Facts) -> list[Finding]:
    """Return that inputs are hundreds of times as large as weights expect, and the loss begins far above a guess.

    A guess gives all classes one chance, or all rows one number: cross-entropies and squared errors are known by it.

    False alarms: a first layer that norms what it is given passes on numbers of about 1, so what it gives must be large
    too. Where the model comes over it all the same it is a note.
    """
    mean, std = (finite(trace.series(f"input_{name}")).value for name in ("mean", "std"))
    layers = by_layer(trace, "activation_rms", facts)
    loss, known = finite(trace.series("loss")).value, _guess(trace)
    if min(map(len, (mean, std, layers))) == 0 or len(loss) < 10 or known is None:
        return []
    size = float(np.hypot(np.median(mean[:5]), np.median(std[:5])))
    name, first = next(iter(layers.items()))
    (guess, learnt), start, end = known, median(loss[:3]), median(loss[-max(3, len(loss) // 10) :])
    if size < LARGE or not len(first.value) or first.value[0] < LARGE or start < FAR_ABOVE * guess:
        return []
    return [
        Finding(
            kind="input-scale",
            severity="warning" if end > learnt * guess else "note",
            sentence=message(
                "finding-input-scale.sentence", size=size, layer=name, activation=float(first.value[0]), loss=start,
                guess=guess,
            ),
            first_step=float(trace.series("loss").step[0]),
            last_step=float(trace.series("loss").step[-1]),
            confidence=0.9,
            signal="loss",
            evidence={"input_rms": size, "activation": float(first.value[0]), "loss": start},
            test=message("finding-input-scale.test"),
            candidate_causes=("input-scale",),
        )
    ]  # fmt: skip


def _guess(trace: Trace) -> tuple[float, float] | None:
    """Return the loss of a guess, and the share of it below which a task is learnt; None of another loss."""
    classes, form = trace.series("target_classes_seen").value, trace.series("cross_entropy").value
    if len(classes) and len(form) and form.mean() >= 0.5 and classes[-1] >= 2:
        return math.log(classes[-1]), LEARNT
    constant = finite(trace.series("constant_loss")).value
    return (median(constant), LEARNT_NUMBERS) if len(constant) and median(constant) > 0 else None
