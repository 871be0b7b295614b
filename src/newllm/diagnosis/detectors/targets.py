"""What the loss asks for: batches of one class, other targets for the same input, a shift, read off its gradient.

The gradient of a cross-entropy names the target of every row (`newllm.loss_form`), so what is told here was seen,
on the steps that the recorder samples.
"""

import numpy as np

from newllm.diagnosis.detectors.rows import rows_are_unique
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.levels import longest
from newllm.diagnosis.losses import finite
from newllm.diagnosis.training_kind import training_kind
from newllm.messages import message
from newllm.trace import Finding, Series, Trace

FEWEST_STEPS = 5  # sampled ones
FEWEST_TARGETS = 8  # of a batch
FEW_CLASSES = 0.5  # of the classes that a shuffled batch would hold
MOST_CLASSES = 1000
FEW_EQUAL = 0.1  # of the rows
FEWEST_AGAIN = 30  # rows that came again
CHANGED = 0.5  # of what chance alone would change
SOME, FEWEST_OF_PART = 0.1, 0.2  # of the rows that came again: in each step of a stretch, and in all of it
HARDLY, FEWEST_BEFORE = 0.02, 60  # of the rows before it, of which there are so many
ALL = 0.97  # of the targets: a shift
SEEN = 1e-6  # of the strongest dependence; what a decoder has not been told it does not depend on at all
MOSTLY = 0.9  # of the sampled steps
REACHED = 0.02  # of the first loss
ONE_LEVEL = 0.01  # of the largest number that a batch was held against
LEFT_OUT = 0.02  # of the rows of each batch


def detect_one_class_batches(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return that each batch holds few classes of those that the training has, and others from batch to batch.

    False alarms: rare classes make a batch poor in classes too; so the most frequent target must change on the way, and
    a batch must hold less than half of what a draw by the shares of all batches gives. A batch that holds the same rows
    several times is poor in classes for that reason.
    """
    classes, count = trace.series("target_classes"), trace.series("targets")
    seen, most, share = (trace.series(f"target_{name}") for name in ("classes_seen", "most", "most_share"))
    lengths = {len(one.value) for one in (classes, count, seen, most, share)}
    if len(lengths) > 1 or len(classes.value) < FEWEST_STEPS or np.median(count.value) < FEWEST_TARGETS:
        return []
    total = float(seen.value[-1])
    if not 2 <= total <= MOST_CLASSES or len(np.unique(most.value)) < max(2.0, 0.5 * total):
        return []
    expected = total * (1 - (1 - 1 / total) ** float(np.median(count.value)))
    if np.median(classes.value) > FEW_CLASSES * expected or np.median(share.value) < 2 / total:
        return []
    equal = trace.series("rows_equal")
    if len(equal.value) > 0.5 * len(trace.series("loss").value) and np.median(equal.value) > FEW_EQUAL:
        return []
    return [
        Finding(
            kind="one-class-batches",
            severity="warning",
            sentence=message(
                "finding-one-class-batches.sentence",
                classes=float(np.median(classes.value)),
                total=int(total),
                count=int(np.median(count.value)),
                expected=expected,
            ),
            first_step=float(classes.step[0]),
            last_step=float(classes.step[-1]),
            confidence=0.95,
            signal="loss",
            evidence={"classes": float(np.median(classes.value)), "of": total},
            alternatives=(message("finding-one-class-batches.on-purpose"),),
            test=message("finding-one-class-batches.test"),
            candidate_causes=("data-order",),
        )
    ]


def detect_changed_targets(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - as above
    """Return that rows which come again have another target than before.

    False alarms: in a small world the same input has many right answers; so no row may come twice within an epoch
    (`rows_are_unique`). Labels that are changed on purpose, as a regularisation, change a smaller share. Or nearly all
    rows that came again had the target that they had before, up to some step.
    """
    again, changed = trace.series("targets_again"), trace.series("targets_changed")
    total = trace.series("target_classes_seen").value
    if len(again.value) != len(changed.value) or again.value.sum() < FEWEST_AGAIN:
        return []
    share = float((again.value * changed.value).sum() / again.value.sum())
    is_most = len(total) > 0 and share >= CHANGED * (1 - 1 / max(2.0, float(total[-1])))
    if not is_most or not rows_are_unique(trace):
        since = _changed_since(trace, again, changed)
        return [since] if since is not None else []
    first = int(changed.step[np.flatnonzero(changed.value > 0)[0]])
    return [
        Finding(
            kind="changed-targets",
            severity="fault",
            sentence=message(
                "finding-changed-targets.sentence",
                share=share,
                count=int(again.value.sum()),
                axis=trace.axis,
                first=first,
            ),
            first_step=float(first),
            last_step=float(changed.step[-1]),
            confidence=0.97,
            signal="loss",
            evidence={"share": share, "rows": int(again.value.sum())},
            alternatives=(message("finding-changed-targets.on-purpose"),),
            test=message("finding-changed-targets.test"),
            candidate_causes=("wrong-targets",),
        )
    ]


def _changed_since(trace: Trace, again: Series, changed: Series) -> Finding | None:
    """Return that rows have other targets from some step on, for a while or to the end, where they had theirs before.

    Args:
        trace: of the run.
        again: how many rows came again (n,), at sampled steps.
        changed: which share of them has another target (n,).
    """
    first, end = longest(changed.value >= SOME)
    inside, before = slice(first, end), slice(0, first)
    rows, known = float(again.value[inside].sum()), float(again.value[before].sum())
    if rows < FEWEST_AGAIN or known < FEWEST_BEFORE:
        return None
    share = float((again.value[inside] * changed.value[inside]).sum() / rows)
    if share < FEWEST_OF_PART or float((again.value[before] * changed.value[before]).sum()) > HARDLY * known:
        return None
    steps = int(changed.step[first]), int(changed.step[end - 1])
    return Finding(
        kind="changed-targets",
        severity="warning",
        sentence=message(
            "finding-changed-targets.since",
            share=share,
            count=int(rows),
            known=int(known),
            axis=trace.axis,
            first=steps[0],
            last=steps[1],
            ended=end < len(changed.step),
        ),
        first_step=float(steps[0]),
        last_step=float(steps[1]),
        confidence=0.95,
        signal="loss",
        evidence={"share": share, "rows": int(rows), "before": int(known)},
        alternatives=(message("finding-changed-targets.on-purpose"),),
        test=message("finding-changed-targets.test-since"),
        candidate_causes=("wrong-targets",),
    )


def detect_target_shift(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - as above
    """Return that a sequence model is asked for the token that it is given, or for the one behind the next.

    False alarms: a denoising model or an autoencoder is asked for its input on purpose, and several heads for several
    tokens; what is asked is a note, and a warning where the loss comes down to nearly nothing. A model that is given a
    source and what is to be said may shift the latter itself, and one that is given labels makes its loss of them: of
    several texts it is a warning only if the recorder saw that the output depends on its own token.
    """
    seen = finite(trace.series("own_token_seen")).value
    for name, shift in (("target_is_input", 0), ("target_is_second", 2)):
        series, next_one = trace.series(name), trace.series("target_is_next")
        if len(series.value) >= FEWEST_STEPS and np.median(series.value) >= ALL > np.median(next_one.value):
            told = bool(len(seen) and seen.max() > SEEN)
            return [] if shift == 0 and len(seen) and not told else [_shifted(trace, series, shift, told=told)]
    return []


def _shifted(trace: Trace, series: Series, shift: int, *, told: bool) -> Finding:
    share = float(np.median(series.value))
    is_sure = bool(shift) or told or (_is_nothing(trace) and not len(trace.series("texts").value))
    sentence = message("finding-target-shift.sentence", shift=shift, share=share)
    return Finding(
        kind="target-shift",
        severity="warning" if is_sure else "note",
        sentence=message("finding-target-shift.told", share=share) if told and not shift else sentence,
        first_step=float(series.step[0]),
        last_step=float(series.step[-1]),
        confidence=0.95,
        signal="loss",
        evidence={"places": shift},
        alternatives=(message("finding-target-shift.on-purpose", shift=shift),),
        test=message("finding-target-shift.test"),
        candidate_causes=("target-leak",) if shift == 0 else ("wrong-targets",),
    )


def _is_nothing(trace: Trace) -> bool:
    loss = trace.series("loss").value
    return bool(len(loss) >= FEWEST_STEPS and np.median(loss[-5:]) < 0.1 * np.median(loss[:3]))


def detect_single_target(trace: Trace, facts: Facts) -> list[Finding]:
    """Return that all targets that were looked at are one and the same: there is nothing to learn.

    False alarms: none by chance, from `FEWEST_STEPS` batches and `FEWEST_AGAIN` targets on. A number that outputs are
    pulled to may be meant, as of the sides of an adversarial training; so the loss must have come down to nothing.
    """
    classes, count = trace.series("target_classes_seen"), trace.series("targets")
    if len(classes.value) < FEWEST_STEPS or classes.value[-1] != 1 or count.value.sum() < FEWEST_AGAIN:
        return _single_number(trace, facts)
    following = finite(trace.series("target_is_next")).value
    is_text = len(following) > 0
    # Padding stands beside padding: so the token behind it is the same one.
    is_padding = is_text and float(np.median(following)) >= MOSTLY
    return [
        Finding(
            kind="single-target",
            severity="fault",
            sentence=message(
                "finding-single-target.sentence",
                count=int(count.value.sum()),
                target=int(trace.series("target_most").value[0]),
                is_text=is_text,
            ),
            first_step=float(classes.step[0]),
            last_step=float(classes.step[-1]),
            confidence=0.97,
            signal="loss",
            evidence={"targets": int(count.value.sum())},
            alternatives=(message("finding-single-target.on-purpose"),),
            test=message("finding-single-target.test"),
            candidate_causes=("padding-counted", "wrong-targets") if is_padding else ("wrong-targets", "data-order"),
        )
    ]


def _single_number(trace: Trace, facts: Facts) -> list[Finding]:
    """Return that every output of one number is held against the same number, in all batches, and has reached it."""
    alike, level = trace.series("targets_alike"), trace.series("target_level")
    if len(alike.value) < FEWEST_STEPS or alike.value.mean() < MOSTLY or len(trace.series("target_levels_apart").value):
        return []
    loss = trace.series("loss").value
    if np.median(loss[-FEWEST_STEPS:]) > REACHED * np.median(loss[:3]):
        return []
    if np.ptp(level.value) > ONE_LEVEL * np.abs(level.value).max() or not training_kind(trace, facts).loss_is_progress:
        return []
    number = float(np.median(level.value))
    return [
        Finding(
            kind="single-target",
            severity="warning",
            sentence=message("finding-single-target.number", count=len(alike.value), target=number),
            first_step=float(alike.step[0]),
            last_step=float(alike.step[-1]),
            confidence=0.95,
            signal="loss",
            evidence={"target": number, "batches": len(alike.value)},
            alternatives=(message("finding-single-target.on-purpose"),),
            test=message("finding-single-target.number-test"),
            candidate_causes=("wrong-targets",),
        )
    ]


def detect_ignored_class(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - as above
    """Return that the loss leaves out rows, and that one class is never asked for: it is the one that is left out.

    False alarms: padding is left out on purpose, so each row of the inputs must have one target of its own, or places
    inside of texts be left out. Rows without a label, of all classes, leave no class out.
    """
    unasked, used = trace.series("class_unasked"), trace.series("targets_used").value
    looked = trace.series("targets").value
    if len(unasked.value) < FEWEST_STEPS or unasked.step[-1] < trace.series("targets").step[-1]:
        return []
    share = 1 - float(used[:FEWEST_STEPS].max())  # of the first batches: later a sure row has hardly a gradient
    if share < LEFT_OUT or looked.sum() < FEWEST_AGAIN or np.ptp(unasked.value):
        return []
    return [
        Finding(
            kind="ignored-class",
            severity="warning",
            sentence=message("finding-ignored-class.sentence", target=int(unasked.value[-1]), share=share),
            first_step=float(unasked.step[0]),
            last_step=float(unasked.step[-1]),
            confidence=0.9,
            signal="loss",
            evidence={"class": int(unasked.value[-1]), "share": share},
            alternatives=(message("finding-ignored-class.on-purpose"),),
            test=message("finding-ignored-class.test"),
            candidate_causes=("loss-definition",),
        )
    ]


FEWEST_ENDS = 20


def detect_unasked_end(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - as above
    """Return that the token which ends a text is in the inputs and never a target, though the text before it is.

    A note where each of these ends is padding by the attention mask: texts that are only read need no end.
    False alarms: none by chance: of so many ends that were looked at, not one is asked for.
    """
    asked, unasked, padding = (trace.series(f"ends_{name}") for name in ("asked", "unasked", "padding"))
    count = int(unasked.value.sum())
    if count < FEWEST_ENDS or asked.value.sum() > 0:
        return []
    token = int(trace.series("end_token").value[-1])
    is_padding = bool(padding.value.sum() == count)
    return [
        Finding(
            kind="unasked-end",
            severity="note" if is_padding else "warning",
            sentence=message("finding-unasked-end.sentence", token=token, count=count, padding=is_padding),
            first_step=float(unasked.step[0]),
            last_step=float(unasked.step[-1]),
            confidence=0.95,
            signal="loss",
            evidence={"token": token, "ends": count},
            alternatives=(message("finding-unasked-end.on-purpose"),),
            test=message("finding-unasked-end.test", token=token),
        )
    ]


PADDED = 0.1  # of the targets that count


def detect_padding(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - as above
    """Return that the loss counts places at which shorter texts are only filled up.

    False alarms: padding is known by its form: one token that fills texts of different lengths, and stands in none of
    them. A target at such a place counts where it has a gradient.
    """
    padded = finite(trace.series("targets_padding"))
    if len(padded.value) < FEWEST_STEPS or float(np.median(padded.value)) < PADDED:
        return []
    share = float(np.median(padded.value))
    return [
        Finding(
            kind="padding-counted",
            severity="warning",
            sentence=message("finding-padding-counted.recorded", share=share),
            first_step=float(padded.step[0]),
            last_step=float(padded.step[-1]),
            confidence=0.95,
            signal="loss",
            evidence={"share": share},
            alternatives=(message("finding-padding-counted.text"),),
            test=message("finding-padding-counted.test"),
            candidate_causes=("padding-counted",),
        )
    ]


COPY = 1 - 1e-6  # correlation: a number that is equal, up to scale and rounding


def detect_target_in_input(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - as above
    """Return that a number of the inputs is the number that is to be predicted, in every batch.

    Of a row with one target, or of targets that follow the window they are predicted from, the first ones.

    False alarms: none by chance: the correlation is one, to six digits, in each of `FEWEST_STEPS` batches and more, and
    targets that follow a window are equal to inputs to five digits in each row.
    """
    follows, within = finite(trace.series("target_in_input")), finite(trace.series("targets_in_window"))
    sentence = message("finding-target-in-input.sentence", count=len(follows.value))
    if len(within.value) >= FEWEST_STEPS and within.value.min() == within.value.max():
        follows, share = within, float(within.value[0])
        sentence = message("finding-target-in-input.window", count=len(within.value), share=share)
    elif len(follows.value) < FEWEST_STEPS or follows.value.min() < COPY:
        return []
    return [
        Finding(
            kind="target-in-input",
            severity="warning",
            sentence=sentence,
            first_step=float(follows.step[0]),
            last_step=float(follows.step[-1]),
            confidence=0.97,
            signal="loss",
            evidence={"batches": len(follows.value)},
            alternatives=(message("finding-target-in-input.on-purpose"),),
            test=message("finding-target-in-input.test"),
            candidate_causes=("target-leak",),
        )
    ]
