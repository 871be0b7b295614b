"""The form of the loss: a softmax or sigmoid too many, a logarithm too few, a sum for a mean, read off its gradient."""

import numpy as np

from newllm.diagnosis.detectors.targets import FEWEST_STEPS, FEWEST_TARGETS, MOSTLY, ONE_LEVEL
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.training_kind import training_kind
from newllm.messages import message
from newllm.trace import Finding, Series, Trace

PULLS_AT_ONE = "log_softmax_missing"  # so do values of actions, of which one is done
ON_LOGITS = ("relu_on_logits", "sigmoid_on_logits", "tanh_on_logits", "dropout_on_logits")
FORMS = ("softmax_twice", "log_softmax_missing", "log_missing", "softmax_over_batch", *ON_LOGITS)
MEANT = ("tanh-on-logits", "dropout-on-logits")  # by some
SUMMED = 0.05  # so near the number of targets a multiple is a sum over them
FEWEST_PASSES = 4  # of a gradient that is a sum over them


def detect_loss_form(trace: Trace, facts: Facts) -> list[Finding]:
    """Return that the gradient is that of a cross-entropy with a mistake in it, or of a squared error that broadcasts.

    False alarms: the gradient is held against each form number by number. A sure model has hardly a gradient, whose
    form cannot be told, so it must be so on most of the sampled steps, or on some where it is never that of a
    cross-entropy. A policy's loss is none of targets; values of actions have some.
    """
    if _is_broadcast(trace):
        return [_form(trace.series("target_level"), "broadcast")]
    looked, form = trace.series("log_z"), trace.series("cross_entropy").value
    is_other = len(form) >= FEWEST_STEPS and not form.any()
    if training_kind(trace, facts).name == "reinforcement":
        return []
    for name in FORMS:
        series = trace.series(name)
        if len(series.value) >= max(3, 0.5 * len(looked.value)) or (
            len(series.value) >= FEWEST_STEPS and is_other and name != PULLS_AT_ONE
        ):
            return [_form(series, name.replace("_", "-"))]
    twice = trace.series("sigmoid_twice")
    if len(twice.value) >= FEWEST_STEPS and twice.value.mean() >= MOSTLY:
        return [_form(twice, "sigmoid-twice")]
    return [_form(trace.series("logit_min"), "rectified")] if _is_rectified(trace) else []


def _is_rectified(trace: Trace) -> bool:
    """Whether the least logit of each batch is exactly nothing, where the loss is a cross-entropy of logits."""
    least, form = trace.series("logit_min").value, trace.series("cross_entropy").value
    return len(least) >= FEWEST_STEPS and not least.any() and len(form) >= FEWEST_STEPS and form.mean() >= MOSTLY


def _is_broadcast(trace: Trace) -> bool:
    """Whether all outputs of a batch are held against one number, and against another one in the next batch.

    A number that is always the same is a target that is meant, as of the two sides of an adversarial training.
    """
    alike, level = trace.series("targets_alike").value, trace.series("target_level").value
    if len(alike) < FEWEST_STEPS or alike.mean() < MOSTLY:
        return False
    return bool(np.ptp(level) > ONE_LEVEL * np.abs(level).max())


def _form(series: Series, form: str) -> Finding:
    return Finding(
        kind="loss-form",
        severity="warning" if form in MEANT else "fault",
        sentence=message("finding-loss-form.sentence", form=form),
        first_step=float(series.step[0]),
        last_step=float(series.step[-1]),
        confidence=0.97,
        signal="loss",
        evidence={"form": form, "steps": len(series.value)},
        alternatives=(message("finding-loss-form.on-purpose"),),
        test=message("finding-loss-form.test-shape" if form == "broadcast" else "finding-loss-form.test"),
        candidate_causes=("double-softmax",) if form.endswith("-twice") else ("loss-definition",),
    )


def detect_loss_multiple(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - as above
    """Return that the loss is summed over its targets, or over micro-batches, where a mean is usual, or divided twice.

    False alarms: it is arithmetic, and may be meant: a rate can be set for a sum as well. So a sum over targets is a
    note. A sum over micro-batches, or one divided twice, is a warning from four on; of fewer passes each may be a loss
    of its own, or have a weight.
    """
    multiple, count = trace.series("loss_multiple"), trace.series("loss_targets")
    if len(multiple.value) < FEWEST_STEPS or len(count.value) != len(multiple.value):
        return []
    level = float(np.median(multiple.value))
    passes = trace.series("backwards").value
    number = float(np.median(passes)) if len(passes) else 1.0
    if number >= FEWEST_PASSES and abs(level / number - 1) < SUMMED:
        how = "passes"
    elif number >= FEWEST_PASSES and abs(level * number - 1) < SUMMED:
        how = "divided"
    elif level >= FEWEST_TARGETS and abs(level / float(np.median(count.value)) - 1) < SUMMED:
        how, number = "targets", level
    else:
        return []
    return [
        Finding(
            kind="loss-multiple",
            severity="note" if how == "targets" else "warning",
            sentence=message("finding-loss-multiple.divided", passes=number)
            if how == "divided"
            else message("finding-loss-multiple.sentence", how=how, times=level),
            first_step=float(multiple.step[0]),
            last_step=float(multiple.step[-1]),
            confidence=0.95,
            signal="loss",
            evidence={"times": level, "passes": number},
            alternatives=(message("finding-loss-multiple.on-purpose"),),
            test=message("finding-loss-multiple.test"),
            candidate_causes=("reduction",) if how == "targets" else ("accumulation-scale",),
        )
    ]
