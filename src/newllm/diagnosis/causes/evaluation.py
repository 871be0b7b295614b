"""Causes in how evaluations are made: their data, their mode, the weights that they are of."""

import numpy as np

from newllm.diagnosis.case import Case
from newllm.diagnosis.causes.fit import above_start, chance_of, comparable_losses, falls_to_nothing, validation_accuracy
from newllm.diagnosis.causes.score import EVENTS, MANY, NOTHING, Score, because, often
from newllm.diagnosis.losses import finite, is_validation

UNSTABLE_LOSS = EVENTS - {"worse-than-uniform", "worse-than-untrained"}


def tokenizer_mismatch(case: Case) -> Score:
    """Validation is encoded otherwise than training."""
    above = above_start(case)
    if above is not None and above[0] >= MANY:
        return because(0.75, "never-learnt", start=above[0], validation=above[1])
    if case.finding.kind == "validation-gap":
        return often(0.4)
    if not is_validation(case.finding.signal or "") or not case.finding.kind.startswith("worse"):
        return NOTHING
    if case.has("over-fitting") and not case.has("validation-gap"):
        return NOTHING
    return NOTHING if _training_is_bad(case) else often(0.45)


def evaluation_preparation(case: Case) -> Score:
    """Evaluation data are prepared otherwise than training's: scaled, shifted, augmented."""
    above = above_start(case)
    if above is not None:
        few = above[0] < MANY
        return because(0.7 if few else 0.6, "never-learnt", start=above[0], validation=above[1])
    if case.finding.kind == "unsteady-validation" and not case.has("data-order") and not _training_is_bad(case):
        return because(0.65, "only-validation-jumps")
    seen = case.finding.evidence
    new = seen.get("first_epoch") and seen.get("from_first") and comparable_losses(case)
    if case.finding.kind == "validation-gap" and new:
        return because(0.65, "gap-on-new-data")
    if case.finding.kind == "not-finite" and _is_only_validation(case):
        return because(0.7, "only-validation-not-finite")
    if case.finding.kind == "validation-gap" and falls_to_nothing(case):
        loss, accuracy = finite(case.trace.series("loss")).value, validation_accuracy(case)
        guesses, chance = chance_of(loss, accuracy) if len(accuracy) >= 4 else (False, 0.0)
        never = len(accuracy) >= 4 and accuracy.max() < 0.5 * chance  # labels that are all off by one
        if guesses or never:  # few data that are learnt by heart help a little
            reason = "validation-guesses" if guesses else "validation-never-right"
            return because(0.65, reason, accuracy=float(np.median(accuracy)), chance=chance)
    return often(0.4) if case.finding.kind in {"validation-gap", "unsteady-validation"} else NOTHING


def _is_only_validation(case: Case) -> bool:
    """Whether the validation loss is not finite while the training loss is, of the same weights."""
    validation, loss = case.trace.series("validation_loss"), case.trace.series("loss")
    bad = validation.step[~np.isfinite(validation.value)]
    return len(bad) > 0 and len(loss.value) > 0 and bool(np.isfinite(loss.value).all())


def _training_is_bad(case: Case) -> bool:
    return any(one.signal == "loss" and one.kind in EVENTS for one in case.others)


def evaluation_configuration(case: Case) -> Score:
    """The evaluation runs the model otherwise than training does: on its own outputs, in other settings."""
    if case.finding.kind == "evaluation-behind":
        return because(0.6, "behind-training")
    if not is_validation(case.finding.signal or "") or "loss" not in case.trace.signals:
        return NOTHING
    if case.finding.kind not in UNSTABLE_LOSS or case.finding.kind == "not-finite" or case.has("over-fitting"):
        return NOTHING
    same = any(one.kind in EVENTS and one.signal in {"loss", "gradient_norm"} for one in case.others)
    return NOTHING if same else because(0.6, "only-validation-jumps")


def evaluation_mode(case: Case) -> Score:
    """The evaluation runs in training mode."""
    return often(0.3) if case.finding.kind == "unsteady-validation" else NOTHING


def stale_evaluation(case: Case) -> Score:
    """An evaluation of old weights, or one that was kept."""
    moved = case.finding.evidence.get("training_loss_moved")
    if case.finding.kind == "validation-gap" and case.finding.evidence.get("unmoved") and comparable_losses(case):
        return because(0.65, "validation-unmoved")
    if case.finding.kind != "stale-evaluation" or case.has(
        "learning-rate-zero", "no-gradient", "repeated-loss", "plateau"
    ):
        return NOTHING
    return because(0.8, "training-moved") if moved else often(0.45)


def unknown_tokens(case: Case) -> Score:
    """Targets that training never had."""
    if case.finding.kind == "unknown-tokens":
        return because(0.95, "unknown-tokens")
    return often(0.3) if case.finding.kind in {"over-fitting", "validation-gap"} else NOTHING
