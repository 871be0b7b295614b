"""Causes in how the loss is taken: evaluation data and mode, the loss itself."""

import numpy as np

from newllm.diagnosis.case import Case
from newllm.diagnosis.causes.score import EVENTS, MANY, NOTHING, Score, because, often
from newllm.diagnosis.losses import finite, is_validation

APART = 4.0  # times
CLEARLY = 1.1  # times the loss that training began at

UNSTABLE_LOSS = EVENTS - {"worse-than-uniform", "worse-than-untrained"}


def tokenizer_mismatch(case: Case) -> Score:
    """Validation is encoded otherwise than training."""
    above = _above_start(case)
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
    above = _above_start(case)
    if above is not None:
        few = above[0] < MANY
        return because(0.7 if few else 0.6, "never-learnt", start=above[0], validation=above[1])
    if case.finding.kind == "unsteady-validation" and not case.has("data-order") and not _training_is_bad(case):
        return because(0.65, "only-validation-jumps")
    seen = case.finding.evidence
    new = seen.get("first_epoch") and seen.get("from_first") and _comparable(case)
    if case.finding.kind == "validation-gap" and new:
        return because(0.65, "gap-on-new-data")
    return often(0.4) if case.finding.kind in {"validation-gap", "unsteady-validation"} else NOTHING


def _above_start(case: Case) -> tuple[float, float] | None:
    """Return the loss training began at and validation's, where that lies clearly above and training does learn."""
    gap = case.finding if case.finding.kind == "validation-gap" else None
    if gap is None and case.finding.kind in {"over-fitting", "worse-than-untrained", "worse-than-uniform"}:
        gap = next((one for one in case.others if one.kind == "validation-gap"), None)
        gap = gap if is_validation(case.finding.signal or "") else None
    if gap is None or case.has("data-order"):
        return None
    loss, validation = finite(case.trace.series("loss")).value, finite(case.trace.series("validation_loss")).value
    start, level = float(max(loss[0], np.median(loss[:3]))), float(np.median(validation))
    if not _comparable(case):
        return None
    return (start, level) if level > CLEARLY * start and not _falls_to_nothing(case) else None


def _comparable(case: Case) -> bool:
    """Whether both losses begin in the same order of size: else one of them has other parts, or other units."""
    loss, validation = finite(case.trace.series("loss")).value, finite(case.trace.series("validation_loss")).value
    ratio = float(validation[0] / max(loss[0], np.median(loss[:3])))
    return 1 / APART < ratio < APART


def _falls_to_nothing(case: Case) -> bool:
    """Whether training comes to less than a tenth of its start: it knows its data by heart, or sees its targets."""
    loss = finite(case.trace.series("loss")).value
    return bool(len(loss) and np.median(loss[-max(1, len(loss) // 10) :]) < 0.1 * loss[0])


def _training_is_bad(case: Case) -> bool:
    return any(one.signal == "loss" and one.kind in EVENTS for one in case.others)


def evaluation_configuration(case: Case) -> Score:
    """A validation loss that jumps while the training loss does not."""
    if not is_validation(case.finding.signal or "") or "loss" not in case.trace.signals:
        return NOTHING
    if case.finding.kind not in UNSTABLE_LOSS or case.finding.kind == "not-finite" or case.has("over-fitting"):
        return NOTHING
    same = any(one.kind in UNSTABLE_LOSS and one.signal in {"loss", "gradient_norm"} for one in case.others)
    return NOTHING if same else because(0.6, "only-validation-jumps")


def evaluation_mode(case: Case) -> Score:
    """The evaluation runs in training mode."""
    return often(0.3) if case.finding.kind == "unsteady-validation" else NOTHING


def loss_axis(case: Case) -> Score:
    """The training loss is taken over another axis, or of other pairs, than the validation loss."""
    if case.finding.kind == "training-above-validation":
        return often(0.4)
    gap = case.finding.kind == "validation-gap" and _above_start(case) is None
    return often(0.45) if gap and "first_epoch" in case.finding.evidence else NOTHING


def reduction(case: Case) -> Score:
    """The training loss is a multiple of what it should be: summed, or scaled, and not averaged."""
    if case.finding.kind != "training-above-validation":
        return NOTHING
    loss, validation = finite(case.trace.series("loss")), finite(case.trace.series("validation_loss"))
    beside = np.interp(validation.step, loss.step, loss.value) / validation.value
    few = max(2, len(beside) // 3)
    first, last = float(np.median(beside[:few])), float(np.median(beside[-few:]))
    return often(0.4 if abs(first / last - 1) < 0.15 else 0.3)


def wrong_targets(case: Case) -> Score:
    """Targets that do not belong to their inputs: what is learnt of them is of no use elsewhere."""
    if case.finding.kind not in {"over-fitting", "validation-gap", "plateau"}:
        return NOTHING
    loss, validation = finite(case.trace.series("loss")).value, finite(case.trace.series("validation_loss")).value
    accuracy = finite(case.trace.series("validation_accuracy")).value
    if len(accuracy) < 4 or len(loss) < 10 or not len(validation) or loss[0] <= 0:
        return often(0.3) if case.finding.kind == "plateau" else NOTHING
    share = accuracy / (100.0 if accuracy.max() > 1 else 1.0)
    chance = float(np.exp(-min(loss[:3].mean(), 12.0)))
    guesses = chance < 0.6 and bool(0.5 * chance < np.median(share) < 1.8 * chance and share.max() < 2.5 * chance)
    few = max(1, len(loss) // 10)
    end, start = float(np.median(loss[-few:])), float(loss[:3].mean())
    learns = 0.2 * start < end < 0.85 * start  # what has no rule is learnt slowly; few data are learnt to nothing
    if guesses and learns and validation.min() > 0.97 * loss[:3].mean():
        return because(0.6, "validation-guesses", accuracy=float(np.median(share)), chance=chance)
    return often(0.3) if guesses else NOTHING


def dropout(case: Case) -> Score:
    """What acts in training alone is too strong."""
    return often(0.45) if case.finding.kind == "training-above-validation" else NOTHING


def double_softmax(case: Case) -> Score:
    """The loss is given probabilities where it wants logits."""
    own = case.finding.kind == "squashed-outputs"
    return (
        because(0.9, "floor") if own or (case.finding.kind == "plateau" and case.has("squashed-outputs")) else NOTHING
    )


def stale_evaluation(case: Case) -> Score:
    """An evaluation of old weights, or one that was kept."""
    moved = case.finding.evidence.get("training_loss_moved")
    if case.finding.kind == "validation-gap" and case.finding.evidence.get("unmoved") and _comparable(case):
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
