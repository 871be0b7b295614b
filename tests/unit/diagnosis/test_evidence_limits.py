"""What is seen in a run that speaks for a cause, just on each side of its limits."""

from typing import Any

import numpy as np
import pytest
from tests.unit.diagnosis.cases import HELPED, NO_HELP, at, known, other, seen_of, until

JUMP = at(240, 240, 4.0)
NOT_AT_ONCE = {"evidence": {"peak_step": 243.0}}
VALIDATION: dict[str, Any] = {"signal": "validation_loss", "loss": np.full(400, 2.0)}
RATES = {"before": 1e-3, "after": 3e-3}
RESTARTED = ("schedule-restarted", "learning-rate")
AGAIN = other("learning-rate-jump", evidence={"starts_again": True, **RATES}, candidate_causes=RESTARTED)
BRIEFLY = other("learning-rate-jump", evidence=RATES, candidate_causes=("learning-rate",))
ORDERED, OVER, GAP = other("data-order"), other("over-fitting"), other("validation-gap")
NEGATIVE = other("learning-rate-zero", 200, evidence={"below_zero": True})
RIGHT: dict[str, Any] = {"evidence": {"accuracy": 0.9}}
STILL = {name: np.ones(400) for name in ("learning_rate", "gradient_norm", "validation_loss")}
BY_HEART = {"training_log_fall": 1.0, "log_rise": 0.2}
NEW = {"first_epoch": True}
SAME = {"validation_loss": np.full(400, 2.0)}
GROWN = at(239, 239, 3.0)  # behind it the loss is no number
FADES = until(200, 1.0, 0.75)  # a gradient that has changed
FALLS = np.linspace(2.0, 1.99, 400)
APART: dict[str, Any] = {"signal": "validation_loss", "loss": until(100, 3.0, 1.0), "validation_loss": 4 * np.ones(400)}
GUESSES = {
    "loss": until(100, 2.303, 1.0), "validation_loss": np.full(400, 2.303), "validation_accuracy": np.full(400, 0.1),
}  # fmt: skip
LEAKS: dict[str, Any] = {
    "signal": "validation_loss", "loss": until(100, 4.0, 0.39), "validation_loss": np.full(400, 5.0), "evidence": NEW,
    "epochs": until(200, 0.0, 1.0),
}  # fmt: skip


def steady(rate: float) -> dict[str, np.ndarray]:
    """Return a constant rate, and a gradient that stays as it was."""
    return {"learning_rate": np.full(400, rate), "gradient_norm": np.ones(400)}


def times(first: float, middle: float, last: float) -> dict[str, np.ndarray]:
    """Return a training loss that is so many times the validation loss: over the first third, in parts of the last."""
    loss = np.concatenate([np.full(133, first * last), np.full(134, middle), np.full(133, last)])
    return {"loss": loss, "validation_loss": np.ones(400)}


def block(*inside: float, behind: float = 2.0) -> dict[str, Any]:
    """Return a loss of 2 with so many points of another level from step 240 on."""
    loss = np.concatenate([np.full(239, 2.0), inside, np.full(161 - len(inside), behind)])
    return {"loss": loss, "last": 239 + len(inside), "evidence": {"base": 2.0}}


BLOCK = block(*[6.0] * 12)
LIMITS: list[tuple[str, dict[str, Any], str]] = [
    ("moments-lost", {"kind": "resume-jump", "evidence": {"moments_missing": True}}, "resumed-anew"),
    ("moments-lost", {"kind": "resume-jump", "evidence": {"learning_rate_jumps": True}}, ""),
    ("moments-lost", {"kind": "plateau", "evidence": {"moments_missing": True}}, ""),
    ("unbounded-recurrence", {}, ""),
    ("unbounded-recurrence", {"others": (other("context-growth", 5),)}, "context-grows"),
    ("unbounded-recurrence", {"others": (other("context-growth"), other("dead-units")), "first": 20}, ""),
    ("unbounded-recurrence", {"others": (other("context-growth"), other("update-ratio")), "first": 20}, ""),
    ("unbounded-recurrence", {"others": (other("context-growth"), other("dead-units")), "first": 21}, "context-grows"),
    ("unbounded-recurrence", {"others": (other("context-growth"),), "first": 20}, "context-grows"),
    ("corrupted-batch", {}, ""),
    ("corrupted-batch", {"gradient_norm": JUMP}, "batch-with-gradient"),  # for an update the gradient was another, too
    ("corrupted-batch", {"gradient_norm": at(240, 242, 4.0)}, "batch-with-gradient"),
    ("corrupted-batch", {"gradient_norm": at(240, 243, 4.0)}, ""),
    ("corrupted-batch", {"last": 242}, ""),
    ("corrupted-batch", {"last": 243}, ""),  # of one batch the loss is high for three points at most
    ("corrupted-batch", {"evidence": {"outcome": "diverged"}, "gradient_norm": JUMP}, ""),
    ("corrupted-batch", {"evidence": {"outcome": "recovered"}}, ""),
    ("corrupted-batch", {"kind": "not-finite"}, ""),
    ("corrupted-batch", {"axis": "epoch"}, ""),
    ("corrupted-batch", VALIDATION, ""),
    ("corrupted-batch", {"first": 40, "last": 40}, ""),  # the first updates
    ("corrupted-batch", {"first": 41, "last": 41}, ""),
    ("corrupted-batch", {"first": 20, "last": 20, "gradient_norm": at(20, 20, 4.0)}, ""),
    ("corrupted-batch", {"kind": "plateau"}, ""),
    (
        "corrupted-batch",
        {"kind": "gradient-explosion", "signal": "gradient_norm", "gradient_norm": JUMP},
        "batch-with-gradient",
    ),
    ("label-noise", BLOCK, "block"),
    ("label-noise", {**BLOCK, "kind": "diverged"}, "block"),
    ("label-noise", {**BLOCK, "kind": "plateau"}, ""),
    ("label-noise", {**BLOCK, "axis": "epoch"}, ""),
    ("label-noise", {**BLOCK, "evidence": {}}, ""),  # nothing above its first point
    ("label-noise", {**block(2.0, *[6.0] * 11), "evidence": {}}, "block"),
    ("label-noise", block(*[6.0] * 10), "block"),
    ("label-noise", block(*[6.0] * 9), ""),
    ("label-noise", block(*[6.0] * 161), ""),  # it never falls: from a step on
    ("label-noise", block(3.9, 3.9, *[6.0] * 10), ""),  # not up at once
    ("label-noise", block(4.1, 4.1, *[6.0] * 10), "block"),
    ("label-noise", block(*[6.0] * 8, 13.9, *[6.0] * 3), "block"),
    ("label-noise", block(*[6.0] * 8, 14.1, *[6.0] * 3), ""),  # not level
    ("label-noise", block(*[6.0] * 12, behind=4.5), "block"),
    ("label-noise", block(*[6.0] * 12, behind=4.7), ""),  # not down at once, and not at the end
    ("label-noise", block(*[6.0] * 12, behind=3.0), "block"),
    ("label-noise", block(*[8.0] * 3, *[6.0] * 9), "block"),
    ("label-noise", block(*[9.0] * 3, *[6.0] * 9), ""),  # it falls from its first points on
    ("label-noise", block(*[5.0] * 3, *[6.0] * 3, 8.1, *[6.0] * 5), "block"),  # the top is that of six points: 5.5
    ("label-noise", block(3.5, 3.9, 3.9, *[6.0] * 9), "block"),
    ("label-noise", block(*[6.0] * 10, 2.0, 2.0), "block"),
    ("label-noise", block(*[6.0] * 8, *[4.1] * 12), "block"),
    ("label-noise", block(*[6.0] * 8, *[3.9] * 12), ""),  # it soon comes down, and is no block
    ("label-noise", block(*[6.0] * 158), "block"),  # three points behind
    ("label-noise", {**BLOCK, "signal": "train_loss", "train_loss": BLOCK["loss"], "loss": np.full(400, 2.0)}, "block"),
    ("learning-rate", {}, ""),
    ("learning-rate", {"kind": "not-finite"}, ""),
    ("learning-rate", VALIDATION, ""),
    ("learning-rate", {**VALIDATION, "others": (other("gradient-explosion", 5),)}, ""),
    ("learning-rate", {**VALIDATION, "others": (other("update-ratio", 5),)}, ""),
    ("learning-rate", {"others": (other("update-ratio"),)}, "updates-large"),
    ("learning-rate", {"others": (other("update-ratio", 5),)}, ""),  # far before
    ("learning-rate", {"others": (other("dead-units", 180),)}, ""),
    ("learning-rate", {"others": (other("saturated-gates", 180),)}, ""),
    ("learning-rate", {"others": (other("dead-units", 179),)}, ""),  # far before
    ("learning-rate", {"others": (other("dead-units", 241),)}, ""),  # behind it
    ("learning-rate", {"learning_rate": until(200, 1.0, 1.6)}, ""),
    ("learning-rate", {"learning_rate": until(200, 1.0, 1.5)}, ""),
    ("learning-rate", {"learning_rate": until(189, 1.0, 1.6)}, ""),  # it rose more than fifty points before
    ("learning-rate", {"learning_rate": until(190, 1.0, 1.6)}, ""),
    ("learning-rate", {"learning_rate": until(200, 0.0, 1.6)}, ""),
    ("learning-rate", {"learning_rate": until(1, 1.0, 1.6), "first": 41, "last": 41}, ""),
    ("learning-rate", {"learning_rate": until(1, 1.0, 1.6), "first": 40, "last": 40}, ""),  # a warm-up
    ("learning-rate", {"learning_rate": until(1, 1.0, 1.6), "first": 6, "last": 6}, ""),
    ("learning-rate", {"learning_rate": until(200, 1.0, 1.6), "others": (other("update-ratio"),)}, "updates-large"),
    ("learning-rate", {"kind": "plateau"}, ""),
    ("learning-rate", {"kind": "not-finite", "loss": GROWN}, "grew-first"),
    ("learning-rate", {"kind": "not-finite", "loss": GROWN, "first": 239}, ""),  # it had not grown before
    ("learning-rate", {"kind": "not-finite", "loss": GROWN, "others": (other("gradient-carried", 5),)}, ""),
    ("learning-rate", {"kind": "not-finite", "loss": GROWN, "others": (other("changed-state", 5),)}, ""),
    ("learning-rate", {"kind": "diverged", "first": 40, "loss": until(40, 2.0, 2.21)}, "from-start"),
    ("learning-rate", {"kind": "diverged", "first": 41, "loss": until(40, 2.0, 2.21)}, ""),
    ("learning-rate", {"kind": "diverged", "first": 40, "loss": until(40, 2.0, 2.19)}, ""),
    ("learning-rate", {"kind": "diverged", "first": 40, "loss": until(75, 2.0, 2.21)}, "from-start"),
    ("learning-rate", {"kind": "diverged", "first": 40, "loss": until(76, 2.0, 2.21)}, ""),
    ("learning-rate", {"kind": "gradient-explosion", "first": 40, "loss": until(40, 2.0, 2.21)}, ""),
    ("learning-rate", {"first": 40, "loss": until(40, 2.0, 9.0), "others": (other("context-growth"),)}, ""),
    ("schedule-restarted", {}, ""),
    ("schedule-restarted", {"others": (AGAIN,)}, "schedule-restarted"),
    (
        "schedule-restarted",
        {"others": (other("learning-rate-jump", evidence=RATES, candidate_causes=RESTARTED),)},
        "schedule-restarted",
    ),
    ("schedule-restarted", {"others": (BRIEFLY,)}, ""),
    ("learning-rate", {"others": (BRIEFLY,)}, "rate-jumped"),
    ("learning-rate", {"others": (AGAIN,)}, ""),
    ("fp16-overflow", {}, ""),
    ("fp16-overflow", {"others": (other("skipped-updates"),)}, ""),
    ("fp16-overflow", {"kind": "skipped-updates", "others": (other("skipped-updates"),)}, ""),
    ("fp16-overflow", {"kind": "not-finite"}, ""),
    ("fp16-overflow", {"kind": "repeated-loss", "gradient_norm": at(200, 400, np.nan)}, ""),
    ("fp16-overflow", {"kind": "repeated-loss", "gradient_norm": at(201, 400, np.nan)}, ""),
    ("fp16-overflow", {"kind": "not-finite", "half": True, "gradient_norm": at(240, 400, np.nan)}, "gradient-first"),
    (
        "fp16-overflow",
        {"kind": "not-finite", "half": True, "gradient_norm": at(239, 400, np.nan), "loss": at(240, 400, np.nan)},
        "gradient-first",
    ),
    (
        "fp16-overflow",
        {"kind": "not-finite", "half": True, "gradient_norm": at(240, 400, np.nan), "loss": at(240, 400, np.nan)},
        "",
    ),
    ("not-finite-batch", {}, ""),
    (
        "not-finite-batch",
        {"kind": "not-finite", "half": True, "evidence": {"count": 2, "for_good": False}},
        "finite-again",
    ),
    ("not-finite-batch", {"kind": "not-finite", "evidence": {"count": 1, "for_good": True}}, ""),
    ("not-finite-batch", {"kind": "not-finite", "signal": "gradient_norm"}, ""),  # a loss scaler tries a scale
    ("data-order", {"kind": "plateau", "last": 280}, ""),
    ("data-order", {"kind": "worse-than-untrained", "last": 280, "evidence": {"peak_step": 242.0}}, ""),
    ("data-order", {"last": 280, **NOT_AT_ONCE}, ""),
    ("data-order", {"last": 280, "evidence": {"peak_step": 242.0}, "axis": "epoch"}, ""),
    ("data-order", {"last": 242, "evidence": {"peak_step": 242.0}}, ""),
    ("data-order", {"last": 247, "others": (other("spike", 90),)}, ""),
    ("data-order", {"kind": "data-order"}, "data-order"),
    ("data-order", {"kind": "gradient-explosion", "last": 280}, ""),
    ("data-order", {"kind": "over-fitting", "others": (ORDERED,)}, ""),
    ("data-order", {"kind": "validation-gap", "others": (ORDERED,)}, "data-order"),
    ("data-order", {"kind": "unsteady-validation"}, ""),
    ("data-order", {"validation_loss": until(239, 2.0, 1.59)}, ""),  # training has gone on to validation's kind
    ("data-order", {"validation_loss": until(239, 2.0, 1.61)}, ""),
    ("repeated-text", {}, ""),
    ("repeated-text", {"others": (other("loss-drop"),)}, ""),
    ("frozen-layer", {"others": (other("frozen-layer", severity="note"), other("spike"))}, ""),
    ("frozen-layer", {"others": (other("frozen-layer"),)}, ""),  # it makes no spike
    ("frozen-layer", {"kind": "frozen-layer"}, "frozen"),
    ("frozen-layer", {"kind": "plateau"}, ""),
    ("frozen-layer", {"kind": "plateau", "others": (other("frozen-layer"),)}, "frozen"),
    ("tokenizer-mismatch", {**VALIDATION, "kind": "worse-than-uniform"}, ""),
    ("tokenizer-mismatch", {"kind": "worse-than-uniform"}, ""),
    ("tokenizer-mismatch", VALIDATION, ""),
    ("tokenizer-mismatch", {**VALIDATION, "kind": "worse-than-uniform", "others": (OVER,)}, ""),
    ("tokenizer-mismatch", {**VALIDATION, "kind": "worse-than-uniform", "others": (OVER, GAP)}, ""),
    ("tokenizer-mismatch", {**VALIDATION, "kind": "worse-than-uniform", "others": (other("worse-than-uniform"),)}, ""),
    ("tokenizer-mismatch", {**VALIDATION, "kind": "worse-than-uniform", "others": (other("spike"),)}, ""),
    ("tokenizer-mismatch", {**VALIDATION, "kind": "worse-than-uniform", "others": (other("plateau"),)}, ""),
    ("tokenizer-mismatch", {"kind": "validation-gap", **APART}, "never-learnt"),
    ("tokenizer-mismatch", {"kind": "validation-gap", **APART, "validation_loss": np.full(400, 3.31)}, "never-learnt"),
    ("tokenizer-mismatch", {"kind": "validation-gap", **APART, "validation_loss": np.full(400, 3.29)}, ""),
    ("tokenizer-mismatch", {"kind": "validation-gap", **APART, "loss": until(100, 2.9, 1.0)}, ""),  # few classes
    ("tokenizer-mismatch", {"kind": "validation-gap", **APART, "loss": until(100, 3.0, 0.31)}, "never-learnt"),
    ("tokenizer-mismatch", {"kind": "validation-gap", **APART, "loss": until(100, 3.0, 0.29)}, ""),  # known by heart
    ("tokenizer-mismatch", {"kind": "validation-gap", **APART, "others": (ORDERED,)}, ""),
    ("tokenizer-mismatch", {"kind": "over-fitting", **APART}, ""),
    ("tokenizer-mismatch", {"kind": "over-fitting", **APART, "others": (GAP,)}, "never-learnt"),
    ("tokenizer-mismatch", {"kind": "over-fitting", **APART, "signal": "loss", "others": (GAP,)}, ""),
    ("evaluation-preparation", {"kind": "validation-gap", **APART}, ""),
    ("evaluation-preparation", {"kind": "validation-gap", **APART, "loss": until(100, 2.9, 1.0)}, ""),
    (
        "evaluation-preparation",
        {"kind": "validation-gap", **SAME, "evidence": {"first_epoch": True, "from_first": True}},
        "",
    ),
    ("evaluation-preparation", {"kind": "validation-gap", **SAME, "evidence": NEW}, ""),
    ("evaluation-preparation", {"kind": "validation-gap", **SAME, "evidence": {"from_first": True}}, ""),
    ("evaluation-preparation", {"kind": "unsteady-validation"}, "only-validation-jumps"),
    ("evaluation-preparation", {"kind": "unsteady-validation", "others": (ORDERED,)}, ""),
    ("evaluation-preparation", {"kind": "unsteady-validation", "others": (other("spike"),)}, ""),
    ("evaluation-preparation", {}, ""),
    ("reduction", {"kind": "training-above-validation", **times(1.0, 3.0, 3.0)}, ""),
    ("reduction", {"kind": "training-above-validation", **times(1.0, 3.0, 2.69)}, ""),
    ("reduction", {"kind": "training-above-validation", **times(1.14, 3.0, 3.0)}, ""),
    ("reduction", {"kind": "training-above-validation", **times(1.16, 3.0, 3.0)}, ""),  # it changes
    ("reduction", {"kind": "training-above-validation", **times(1.0, 1.1, 1.1)}, ""),
    ("reduction", {}, ""),
    ("double-softmax", {"kind": "squashed-outputs", **RIGHT}, "floor"),
    ("double-softmax", {"kind": "squashed-outputs", "evidence": {"accuracy": None}}, ""),  # a model may know no more
    ("double-softmax", {"kind": "plateau", "others": (other("squashed-outputs", **RIGHT),)}, "floor"),
    ("double-softmax", {"kind": "over-fitting", "others": (other("squashed-outputs", **RIGHT),)}, ""),
    ("double-softmax", {"kind": "plateau"}, ""),
    ("stale-evaluation", {"kind": "stale-evaluation", "evidence": {"training_loss_moved": True}}, "training-moved"),
    ("stale-evaluation", {"kind": "stale-evaluation", "evidence": {"training_loss_moved": False}}, ""),
    ("stale-evaluation", {"kind": "repeated-loss", "evidence": {"training_loss_moved": True}}, ""),
    ("stale-evaluation", {"kind": "stale-evaluation", "others": (other("learning-rate-zero"),)}, ""),
    ("stale-evaluation", {"kind": "stale-evaluation", "others": (other("no-gradient"),)}, ""),
    ("stale-evaluation", {"kind": "stale-evaluation", "others": (other("repeated-loss"),)}, ""),
    ("unknown-tokens", {"kind": "unknown-tokens"}, "unknown-tokens"),
    ("unknown-tokens", {"kind": "over-fitting"}, ""),
    ("unknown-tokens", {}, ""),
    ("wrong-targets", {"kind": "over-fitting", **GUESSES}, ""),
    ("wrong-targets", {"kind": "over-fitting", **GUESSES, "validation_accuracy": np.full(400, 0.179)}, ""),
    ("wrong-targets", {"kind": "over-fitting", **GUESSES, "validation_accuracy": np.full(400, 0.181)}, ""),
    ("wrong-targets", {"kind": "over-fitting", **GUESSES, "validation_accuracy": np.full(400, 10.0)}, ""),  # percent
    ("wrong-targets", {"kind": "over-fitting", **GUESSES, "validation_loss": np.full(400, 2.2)}, ""),  # it learns
    ("wrong-targets", {"kind": "over-fitting", **GUESSES, "loss": until(100, 2.303, 2.0)}, ""),  # nothing is learnt
    ("wrong-targets", {"kind": "plateau"}, ""),
    ("wrong-targets", {"kind": "spike", **GUESSES}, ""),
    (
        "data-size",
        {"kind": "over-fitting", **HELPED, "evidence": {"training_log_fall": 0.051, "log_rise": 0.1}},
        "",
    ),
    ("data-size", {"kind": "over-fitting", **NO_HELP, "evidence": {"training_log_fall": 0.051, "log_rise": 0.1}}, ""),
    ("data-size", {"kind": "over-fitting", **HELPED, "evidence": BY_HEART, "others": (other("spike"),)}, ""),
    ("data-size", {"kind": "over-fitting", **HELPED, "evidence": {"training_log_fall": 0.049, "log_rise": 0.0}}, ""),
    (
        "data-size",
        {"kind": "over-fitting", **HELPED, "evidence": {"training_log_fall": 0.101, "log_rise": 0.2}},
        "",
    ),
    ("data-size", {"kind": "over-fitting", **HELPED, "evidence": {"training_log_fall": 0.099, "log_rise": 0.2}}, ""),
    ("data-size", {"kind": "over-fitting", "evidence": {"training_log_fall": None}}, ""),
    ("data-size", {"kind": "over-fitting", "evidence": BY_HEART, "others": (GAP,)}, ""),
    ("data-size", {**VALIDATION, **HELPED, "others": (other("over-fitting", evidence=BY_HEART),)}, ""),
    ("data-size", {**VALIDATION, "others": (OVER,)}, ""),
    ("data-size", {**VALIDATION, "kind": "plateau", "others": (OVER,)}, ""),
    ("data-size", VALIDATION, ""),
    (
        "schedule-ended",
        {"others": (NEGATIVE,), "first": 200, "learning_rate": np.linspace(1, -2, 400)},
        "rate-negative",
    ),
    ("schedule-ended", {"others": (NEGATIVE,), "first": 200, "learning_rate": np.full(400, -1.0)}, ""),  # made so
    ("schedule-ended", {"others": (NEGATIVE,), "first": 199}, ""),  # it came before
    ("learning-rate-zero", {"kind": "plateau", "others": (other("learning-rate-zero", 5),)}, "rate-zero"),
    ("learning-rate-zero", {"kind": "spike", "others": (other("learning-rate-zero", 5),)}, ""),
    ("learning-rate-zero", {"kind": "plateau", "first": 1, "others": (other("learning-rate-zero", 101),)}, "rate-zero"),
    ("learning-rate-zero", {"kind": "plateau", "first": 1, "others": (other("learning-rate-zero", 102),)}, ""),
    ("stale-evaluation", {"kind": "validation-gap", **HELPED, "evidence": {"unmoved": True}}, "validation-unmoved"),
    ("stale-evaluation", {"kind": "validation-gap", **HELPED, "evidence": {"unmoved": False}}, ""),
    ("frozen-layer", {**STILL, "kind": "stale-evaluation", "others": (other("plateau"),)}, "stands-still"),
    ("frozen-layer", {**STILL, "kind": "stale-evaluation"}, ""),
    (
        "frozen-layer",
        {**STILL, "kind": "stale-evaluation", "others": (other("plateau"),), "learning_rate": np.full(400, 1e-8)},
        "",
    ),
    (
        "frozen-layer",
        {**STILL, "kind": "stale-evaluation", "others": (other("plateau"),), "decimals": {"validation_loss": 2}},
        "",
    ),  # equal as printed
    ("frozen-layer", {**STILL, "learning_rate": np.zeros(400), "kind": "plateau"}, ""),
    ("frozen-layer", {**STILL, "validation_loss": np.linspace(2, 2.001, 400), "kind": "plateau"}, ""),
    ("data-size", {"others": (OVER,)}, ""),
    ("target-leak", {"kind": "too-good"}, "too-good"),
    ("target-leak", {}, ""),
    ("target-leak", {"kind": "validation-gap", **LEAKS}, ""),
    ("target-leak", {"kind": "over-fitting", **LEAKS}, ""),
    ("target-leak", {"kind": "over-fitting", **LEAKS, "others": (other("validation-gap", evidence=NEW),)}, ""),
    ("target-leak", {"kind": "validation-gap", **LEAKS, "evidence": {"first_epoch": False}}, ""),
    ("target-leak", {"kind": "validation-gap", **LEAKS, "epochs": None}, ""),
    ("target-leak", {"kind": "validation-gap", **LEAKS, "loss": until(100, 4.0, 0.41)}, ""),
    ("target-leak", {"kind": "validation-gap", **LEAKS, "validation_loss": until(399, 5.0, 3.9)}, ""),
    ("missing-zero-grad", {"others": (other("gradient-carried", 5),)}, "gradient-grows"),
    ("missing-zero-grad", {"others": (other("gradient-carried", 5, evidence={"updates": 9}),)}, "gradient-carried"),
    ("missing-zero-grad", {"kind": "gradient-carried"}, "gradient-grows"),
    ("missing-zero-grad", {}, ""),
    ("cleared-gradient", {"kind": "cleared-gradient"}, "gradient-cleared"),
    ("cleared-gradient", {"kind": "plateau", "others": (other("cleared-gradient", 240),)}, "gradient-cleared"),
    ("cleared-gradient", {"kind": "plateau", "others": (other("cleared-gradient", 260),)}, ""),  # later
    ("cleared-gradient", {"kind": "plateau", "others": (other("cleared-gradient", severity="note"),)}, ""),
    ("cleared-gradient", {"others": (other("cleared-gradient", 240),)}, ""),
    ("accumulation-scale", {"others": (other("accumulation-scale", 5),)}, "accumulation-scale"),
    ("accumulation-scale", {"kind": "accumulation-scale"}, "accumulation-scale"),
    ("accumulation-scale", {}, ""),
    ("changed-state", {"others": (other("changed-state"),)}, "state-changed"),
    ("changed-state", {"others": (other("changed-state", 241),)}, ""),
    ("changed-state", {"others": (other("changed-state", severity="note"),)}, ""),
    ("no-gradient", {"kind": "no-gradient"}, "no-gradient"),
    ("no-gradient", {"kind": "plateau", "others": (other("no-gradient"),)}, "no-gradient"),
    ("no-gradient", {"others": (other("no-gradient"),)}, ""),
    ("no-gradient", {"kind": "repeated-loss"}, "loss-constant"),  # two to its last digit
    ("no-gradient", {"kind": "repeated-loss", "loss": until(200, 2.0, 2.00003)}, ""),
    ("no-gradient", {"kind": "repeated-loss", "loss": np.full(4, 2.0)}, ""),
    ("no-gradient", {"kind": "repeated-loss", "gradient_norm": at(9, 9, np.nan)}, ""),
    ("no-gradient", {"kind": "repeated-loss", "gradient_norm": np.zeros(400)}, "loss-constant"),
    ("no-gradient", {"kind": "repeated-loss", "gradient_norm": np.ones(400)}, ""),  # there is one
    ("no-gradient", {"kind": "repeated-loss", "axis": "epoch"}, ""),  # of all batches each time
    ("no-gradient", {"kind": "repeated-loss", "decimals": {"loss": 2}}, ""),
    ("no-gradient", {"kind": "repeated-loss", "decimals": {"loss": 3}}, "loss-constant"),
    ("learning-rate-low", {"kind": "plateau"}, ""),
    ("learning-rate-low", {}, ""),
    ("learning-rate-low", {"kind": "plateau", "learning_rate": np.full(400, 2e-5)}, "rate-tiny"),
    ("learning-rate-low", {"kind": "plateau", "learning_rate": np.full(400, 2.1e-5)}, ""),
    ("learning-rate-low", {"kind": "plateau", "learning_rate": np.full(400, 2e-5), "gradient_norm": FADES}, ""),
    ("learning-rate-low", {"kind": "plateau", "learning_rate": np.full(400, 0.011)}, ""),
    ("learning-rate-low", {"kind": "plateau", "learning_rate": np.zeros(400)}, ""),
    ("learning-rate-low", {"kind": "plateau", "loss": FALLS}, "always-falls"),
    ("learning-rate-low", {"kind": "plateau", "loss": FALLS[:39]}, ""),
    ("learning-rate-low", {"kind": "plateau", "loss": FALLS, "learning_rate": np.full(400, 1e-4)}, ""),
    ("learning-rate-low", {"kind": "plateau", "loss": FALLS, **steady(1e-4)}, ""),
    ("learning-rate-low", {"kind": "plateau", "loss": FALLS, **steady(1.1e-4)}, ""),
    ("learning-rate-low", {"kind": "plateau", "validation_loss": FALLS}, "always-falls"),
    ("learning-rate-low", {"kind": "plateau", "validation_loss": np.linspace(2.0, 1.91, 400)}, "always-falls"),
    ("learning-rate-low", {"kind": "plateau", "validation_loss": np.linspace(2.0, 1.89, 400)}, ""),  # it is learnt
    ("learning-rate-low", {"kind": "plateau", "loss": FALLS, "validation_loss": np.full(4, 2.0)}, ""),
    ("learning-rate-zero", {"kind": "learning-rate-zero"}, "rate-zero"),
    ("learning-rate-zero", {"kind": "learning-rate-zero", "evidence": {"gradual": True}}, ""),
    ("learning-rate-zero", {"kind": "plateau", "others": (other("learning-rate-zero", 5),)}, "rate-zero"),
    ("learning-rate-zero", {}, ""),
    ("schedule-ended", {"kind": "learning-rate-zero", "evidence": {"gradual": True}}, "schedule-ended"),
    ("schedule-ended", {"kind": "learning-rate-zero"}, ""),
    ("schedule-ended", {"kind": "schedule-turned"}, "schedule-turned"),
    ("warm-up-unfinished", {"kind": "warm-up-unfinished"}, "warm-up-unfinished"),
    ("warm-up-unfinished", {"kind": "plateau", "others": (other("warm-up-unfinished", 5),)}, "warm-up-unfinished"),
    ("warm-up-unfinished", {"others": (other("warm-up-unfinished", 5),)}, ""),
    ("tight-clipping", {"kind": "plateau", "gradient_norm_clipped": np.full(400, 0.02), **steady(0.0)}, "clipped-away"),
    ("tight-clipping", {"kind": "plateau", "gradient_norm_clipped": np.full(400, 0.021), **steady(0.0)}, ""),
    ("tight-clipping", {"kind": "plateau", "gradient_norm_clipped": np.full(4, 0.02), **steady(0.0)}, ""),
    ("tight-clipping", {"kind": "plateau", **steady(8e-4)}, ""),  # 399 steps lower a loss by 0.32
    ("tight-clipping", {"kind": "plateau", **steady(7e-4)}, ""),
    ("tight-clipping", {"kind": "plateau", **steady(8e-4), "loss": until(200, 2.0, 1.985)}, ""),
    ("tight-clipping", {"kind": "plateau", **steady(8e-4), "loss": until(200, 2.0, 1.983)}, ""),  # a twentieth of it
    ("tight-clipping", {"kind": "plateau", **steady(8e-4), "gradient_norm": 2 * FADES}, ""),
    ("tight-clipping", {"kind": "plateau", **steady(8e-4), "axis": "epoch"}, ""),
    ("tight-clipping", {"kind": "plateau", **steady(8e-4), "validation_loss": until(200, 2.0, 1.91)}, ""),
    ("tight-clipping", {"kind": "plateau", **steady(8e-4), "validation_loss": until(200, 2.0, 1.89)}, ""),
    ("tight-clipping", steady(8e-4), ""),
]


@pytest.mark.parametrize(("cause", "what", "evidence"), LIMITS)
def test_what_speaks_for_a_cause(cause: str, what: dict[str, Any], evidence: str) -> None:
    assert seen_of(cause, known(**what)) == evidence
