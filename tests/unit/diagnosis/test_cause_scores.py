"""What speaks for each cause, just on each side of its limits."""

from typing import Any

import numpy as np
import pytest
from tests.unit.diagnosis.cases import HELPED, NO_HELP, at, known, other, until

from newllm.diagnosis.causes import CAUSES, NAMED

JUMP = at(240, 240, 4.0)
NOT_AT_ONCE = {"evidence": {"peak_step": 243.0}}
VALIDATION: dict[str, Any] = {"signal": "validation_loss", "loss": np.full(400, 2.0)}
LOST = other("resume-jump", evidence={"log_update_jump": 1.0})
RATES = {"before": 1e-3, "after": 3e-3}
RESTARTED = ("schedule-restarted", "learning-rate")
AGAIN = other("learning-rate-jump", evidence={"starts_again": True, **RATES}, candidate_causes=RESTARTED)
RAISED = other("learning-rate-jump", evidence=RATES, candidate_causes=RESTARTED)
BRIEFLY = other("learning-rate-jump", evidence=RATES, candidate_causes=("learning-rate",))
ORDERED, OVER, GAP = other("data-order"), other("over-fitting"), other("validation-gap")
NEGATIVE = other("learning-rate-zero", 200, evidence={"below_zero": True})
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
SCORES: list[tuple[str, dict[str, Any], float]] = [
    ("corrupted-batch", {}, 0.6),
    ("corrupted-batch", {"gradient_norm": JUMP}, 0.9),  # for an update the gradient was another, too
    ("corrupted-batch", {"gradient_norm": at(240, 242, 4.0)}, 0.9),
    ("corrupted-batch", {"gradient_norm": at(240, 243, 4.0)}, 0.6),
    ("corrupted-batch", {"last": 242}, 0.6),
    ("corrupted-batch", {"last": 243}, 0.0),  # of one batch the loss is high for three points at most
    ("corrupted-batch", {"evidence": {"outcome": "diverged"}, "gradient_norm": JUMP}, 0.4),
    ("corrupted-batch", {"evidence": {"outcome": "recovered"}}, 0.6),
    ("corrupted-batch", {"kind": "not-finite"}, 0.0),
    ("corrupted-batch", {"axis": "epoch"}, 0.0),
    ("corrupted-batch", VALIDATION, 0.0),
    ("corrupted-batch", {"first": 40, "last": 40}, 0.4),  # the first updates
    ("corrupted-batch", {"first": 41, "last": 41}, 0.6),
    ("corrupted-batch", {"first": 20, "last": 20, "gradient_norm": at(20, 20, 4.0)}, 0.4),
    ("corrupted-batch", {"kind": "plateau"}, 0.0),
    ("corrupted-batch", {"kind": "gradient-explosion", "signal": "gradient_norm", "gradient_norm": JUMP}, 0.9),
    ("label-noise", BLOCK, 0.7),
    ("label-noise", {**BLOCK, "kind": "diverged"}, 0.7),
    ("label-noise", {**BLOCK, "kind": "plateau"}, 0.0),
    ("label-noise", {**BLOCK, "axis": "epoch"}, 0.0),
    ("label-noise", {**BLOCK, "evidence": {}}, 0.0),  # nothing above its first point
    ("label-noise", {**block(2.0, *[6.0] * 11), "evidence": {}}, 0.7),
    ("label-noise", block(*[6.0] * 10), 0.7),
    ("label-noise", block(*[6.0] * 9), 0.0),
    ("label-noise", block(*[6.0] * 161), 0.6),  # it never falls: from a step on
    ("label-noise", block(3.9, 3.9, *[6.0] * 10), 0.0),  # not up at once
    ("label-noise", block(4.1, 4.1, *[6.0] * 10), 0.7),
    ("label-noise", block(*[6.0] * 8, 13.9, *[6.0] * 3), 0.7),
    ("label-noise", block(*[6.0] * 8, 14.1, *[6.0] * 3), 0.0),  # not level
    ("label-noise", block(*[6.0] * 12, behind=4.5), 0.7),
    ("label-noise", block(*[6.0] * 12, behind=4.7), 0.6),  # not down at once, and not at the end
    ("label-noise", block(*[6.0] * 12, behind=3.0), 0.7),
    ("label-noise", block(*[8.0] * 3, *[6.0] * 9), 0.7),
    ("label-noise", block(*[9.0] * 3, *[6.0] * 9), 0.0),  # it falls from its first points on
    ("label-noise", block(*[5.0] * 3, *[6.0] * 3, 8.1, *[6.0] * 5), 0.7),  # the top is that of six points: 5.5
    ("label-noise", block(3.5, 3.9, 3.9, *[6.0] * 9), 0.7),
    ("label-noise", block(*[6.0] * 10, 2.0, 2.0), 0.7),
    ("label-noise", block(*[6.0] * 8, *[4.1] * 12), 0.7),
    ("label-noise", block(*[6.0] * 8, *[3.9] * 12), 0.0),  # it soon comes down, and is no block
    ("label-noise", block(*[6.0] * 158), 0.7),  # three points behind
    ("label-noise", {**BLOCK, "signal": "train_loss", "train_loss": BLOCK["loss"], "loss": np.full(400, 2.0)}, 0.7),
    ("learning-rate", {}, 0.4),
    ("learning-rate", {"kind": "not-finite"}, 0.3),
    ("learning-rate", VALIDATION, 0.3),
    ("learning-rate", {**VALIDATION, "others": (other("gradient-explosion", 5),)}, 0.4),
    ("learning-rate", {**VALIDATION, "others": (other("update-ratio", 5),)}, 0.4),
    ("learning-rate", {"others": (other("update-ratio"),)}, 0.7),
    ("learning-rate", {"others": (other("update-ratio", 5),)}, 0.4),  # far before
    ("learning-rate", {"others": (other("dead-units", 180),)}, 0.65),
    ("learning-rate", {"others": (other("saturated-gates", 180),)}, 0.65),
    ("learning-rate", {"others": (other("dead-units", 179),)}, 0.4),  # far before
    ("learning-rate", {"others": (other("dead-units", 241),)}, 0.4),  # behind it
    ("learning-rate", {"learning_rate": until(200, 1.0, 1.6)}, 0.65),
    ("learning-rate", {"learning_rate": until(200, 1.0, 1.5)}, 0.4),
    ("learning-rate", {"learning_rate": until(189, 1.0, 1.6)}, 0.4),  # it rose more than fifty points before
    ("learning-rate", {"learning_rate": until(190, 1.0, 1.6)}, 0.65),
    ("learning-rate", {"learning_rate": until(200, 0.0, 1.6)}, 0.4),
    ("learning-rate", {"learning_rate": until(1, 1.0, 1.6), "first": 41, "last": 41}, 0.65),
    ("learning-rate", {"learning_rate": until(1, 1.0, 1.6), "first": 40, "last": 40}, 0.4),  # a warm-up
    ("learning-rate", {"learning_rate": until(1, 1.0, 1.6), "first": 6, "last": 6}, 0.4),
    ("learning-rate", {"learning_rate": until(200, 1.0, 1.6), "others": (other("update-ratio"),)}, 0.7),
    ("learning-rate", {"kind": "plateau"}, 0.0),
    ("learning-rate", {"kind": "not-finite", "loss": GROWN}, 0.85),
    ("learning-rate", {"kind": "not-finite", "loss": GROWN, "first": 239}, 0.3),  # it had not grown before
    ("learning-rate", {"kind": "not-finite", "loss": GROWN, "others": (other("gradient-carried", 5),)}, 0.3),
    ("learning-rate", {"kind": "not-finite", "loss": GROWN, "others": (other("changed-state", 5),)}, 0.3),
    ("learning-rate", {"kind": "diverged", "first": 40, "loss": until(40, 2.0, 2.21)}, 0.7),
    ("learning-rate", {"kind": "diverged", "first": 41, "loss": until(40, 2.0, 2.21)}, 0.4),
    ("learning-rate", {"kind": "diverged", "first": 40, "loss": until(40, 2.0, 2.19)}, 0.4),
    ("learning-rate", {"kind": "diverged", "first": 40, "loss": until(75, 2.0, 2.21)}, 0.7),
    ("learning-rate", {"kind": "diverged", "first": 40, "loss": until(76, 2.0, 2.21)}, 0.4),
    ("learning-rate", {"kind": "gradient-explosion", "first": 40, "loss": until(40, 2.0, 2.21)}, 0.4),
    ("learning-rate", {"first": 40, "loss": until(40, 2.0, 9.0), "others": (other("context-growth"),)}, 0.4),
    ("no-warm-up", {"learning_rate": np.ones(400), "first": 20, "last": 120}, 0.45),
    ("no-warm-up", {"learning_rate": np.ones(400), "first": 20, "last": 121}, 0.3),  # it lasts
    ("no-warm-up", {"learning_rate": np.ones(400), "first": 20, "evidence": {"outcome": "diverged"}}, 0.3),
    ("no-warm-up", {"learning_rate": np.ones(400), "first": 21}, 0.0),
    ("no-warm-up", {"learning_rate": until(1, 0.9), "first": 20}, 0.3),
    ("no-warm-up", {"learning_rate": until(1, 0.89), "first": 20}, 0.0),
    ("no-warm-up", {"learning_rate": np.ones(5), "first": 5}, 0.3),
    ("no-warm-up", {"learning_rate": np.ones(4), "first": 5}, 0.0),
    ("no-warm-up", {"learning_rate": np.zeros(400), "first": 5}, 0.0),
    ("no-warm-up", {"learning_rate": np.ones(400), "first": 20, "kind": "diverged"}, 0.0),
    ("no-warm-up", {"learning_rate": np.ones(400), "first": 20, "loss": until(1, 2.0, 9.0)}, 0.0),  # too high for good
    ("beta2", {}, 0.0),
    ("beta2", {"others": (other("second-moment"),)}, 0.8),
    ("beta2", {"second_moment_mismatch__head": at(235, 235, 3.1)}, 0.6),
    ("beta2", {"second_moment_mismatch__head": at(235, 235, 3.0)}, 0.0),
    ("beta2", {"second_moment_mismatch__head": at(234, 234, 3.1)}, 0.0),
    ("beta2", {"second_moment_mismatch__a": np.ones(400), "second_moment_mismatch__b": 4 * np.ones(400)}, 0.6),
    ("beta2", {"gradient_norm__head": 4 * np.ones(400)}, 0.0),
    ("unbounded-recurrence", {}, 0.0),
    ("unbounded-recurrence", {"context_norm": until(200, 1.0, 21.0)}, 0.35),
    ("unbounded-recurrence", {"context_norm": until(200, 1.0, 20.0)}, 0.0),
    ("unbounded-recurrence", {"context_norm": until(200, 0.001, 0.021)}, 0.35),
    ("unbounded-recurrence", {"context_norm": until(5, 1.0, 21.0), "first": 12}, 0.35),
    ("unbounded-recurrence", {"context_norm": until(5, 1.0, 21.0), "first": 11}, 0.0),
    ("unbounded-recurrence", {"others": (other("context-growth", 5),)}, 0.95),
    ("unbounded-recurrence", {"others": (other("context-growth"), other("dead-units")), "first": 20}, 0.6),
    ("unbounded-recurrence", {"others": (other("context-growth"), other("update-ratio")), "first": 20}, 0.6),
    ("unbounded-recurrence", {"others": (other("context-growth"), other("saturated-gates")), "first": 21}, 0.95),
    ("unbounded-recurrence", {"others": (other("context-growth"),), "first": 20}, 0.95),
    ("additive-context", {"others": (other("context-growth"),)}, 0.855),
    ("exploding-embedding", {"update_ratio__emb": 11 * np.ones(400), "update_ratio__a": np.ones(400)}, 0.8),
    ("exploding-embedding", {"update_ratio__emb": 10 * np.ones(400), "update_ratio__a": np.ones(400)}, 0.0),
    ("exploding-embedding", {"gradient_norm__Emb": 11 * np.ones(400), "gradient_norm__a": np.ones(400)}, 0.45),
    ("exploding-embedding", {"activation_rms__emb": 11 * np.ones(400), "activation_rms__a": np.ones(400)}, 0.45),
    ("exploding-embedding", {"update_norm__emb": 11 * np.ones(400), "update_norm__a": np.ones(400)}, 0.0),
    ("exploding-embedding", {"update_ratio__emb": 11 * np.ones(400)}, 0.0),
    (
        "exploding-embedding",
        {"update_ratio__a": 11 * np.ones(400), "update_ratio__b": np.ones(400), "update_ratio__c": np.ones(400)},
        0.0,
    ),
    ("exploding-embedding", {"update_ratio__emb": until(234, 11, 9), "update_ratio__a": np.ones(400)}, 0.0),
    ("exploding-embedding", {"update_ratio__emb": until(236, 11, 9), "update_ratio__a": np.ones(400)}, 0.8),
    ("exploding-embedding", {"update_ratio__emb": until(3, 11), "update_ratio__a": np.ones(400), "first": 2}, 0.8),
    ("moments-lost", {}, 0.0),
    ("moments-lost", {"others": (LOST,)}, 0.85),
    ("moments-lost", {"others": (other("resume-jump"),)}, 0.6),
    ("schedule-restarted", {}, 0.0),
    ("schedule-restarted", {"others": (AGAIN,)}, 0.9),
    (
        "schedule-restarted",
        {"others": (other("learning-rate-jump", evidence=RATES, candidate_causes=RESTARTED),)},
        0.75,
    ),
    ("schedule-restarted", {"others": (BRIEFLY,)}, 0.0),
    ("learning-rate", {"others": (BRIEFLY,)}, 0.95),
    ("learning-rate", {"others": (AGAIN,)}, 0.4),
    ("fp16-overflow", {}, 0.0),
    ("fp16-overflow", {"others": (other("skipped-updates"),)}, 0.6),
    ("fp16-overflow", {"kind": "skipped-updates", "others": (other("skipped-updates"),)}, 0.0),
    ("fp16-overflow", {"kind": "not-finite"}, 0.4),
    ("fp16-overflow", {"kind": "repeated-loss", "gradient_norm": at(200, 400, np.nan)}, 0.75),
    ("fp16-overflow", {"kind": "repeated-loss", "gradient_norm": at(201, 400, np.nan)}, 0.0),
    ("fp16-overflow", {"kind": "not-finite", "gradient_norm": at(240, 400, np.nan)}, 0.8),
    ("fp16-overflow", {"kind": "not-finite", "gradient_norm": at(239, 400, np.nan), "loss": at(240, 400, np.nan)}, 0.8),
    (
        "fp16-overflow",
        {"kind": "not-finite", "gradient_norm": at(240, 400, np.nan), "loss": at(240, 400, np.nan)},
        0.4,
    ),
    ("not-finite-batch", {}, 0.0),
    ("not-finite-batch", {"kind": "not-finite", "evidence": {"count": 2, "for_good": False}}, 0.85),
    ("not-finite-batch", {"kind": "not-finite", "evidence": {"count": 1, "for_good": True}}, 0.35),
    ("not-finite-batch", {"kind": "not-finite", "signal": "gradient_norm"}, 0.35),  # a loss scaler tries a scale
    ("numerics-in-loss", {}, 0.0),
    ("numerics-in-loss", {"kind": "not-finite", "first": 21}, 0.45),
    ("numerics-in-loss", {"kind": "not-finite", "first": 20}, 0.0),
    ("numerics-in-loss", {"kind": "not-finite", "others": (other("gradient-explosion", 5),)}, 0.0),
    ("data-order", {"kind": "plateau", "last": 280}, 0.0),
    ("data-order", {"kind": "worse-than-untrained", "last": 280, "evidence": {"peak_step": 242.0}}, 0.45),
    ("data-order", {"last": 280, **NOT_AT_ONCE}, 0.3),
    ("data-order", {"last": 280, "evidence": {"peak_step": 242.0}, "axis": "epoch"}, 0.3),
    ("data-order", {"last": 242, "evidence": {"peak_step": 242.0}}, 0.2),
    ("data-order", {"last": 247, "others": (other("spike", 90),)}, 0.6),
    ("data-order", {"kind": "data-order"}, 0.85),
    ("data-order", {"kind": "gradient-explosion", "last": 280}, 0.0),
    ("data-order", {"kind": "over-fitting", "others": (ORDERED,)}, 0.0),
    ("data-order", {"kind": "validation-gap", "others": (ORDERED,)}, 0.85),
    ("data-order", {"kind": "unsteady-validation"}, 0.3),
    ("data-order", {"validation_loss": until(239, 2.0, 1.59)}, 0.8),  # training has gone on to validation's kind
    ("data-order", {"validation_loss": until(239, 2.0, 1.61)}, 0.2),
    ("repeated-text", {}, 0.0),
    ("repeated-text", {"others": (other("loss-drop"),)}, 0.85),
    ("initialisation", {"kind": "plateau"}, 0.35),
    ("initialisation", {"kind": "one-predicted-class", "others": (other("vanishing-signal", 5),)}, 0.8),
    ("initialisation", {"kind": "no-gradient"}, 0.45),
    ("initialisation", {"kind": "bad-start", "first": 9}, 0.75),
    ("initialisation", {"kind": "worse-than-uniform", "first": 8}, 0.6),
    ("initialisation", {"kind": "worse-than-uniform", "first": 9}, 0.0),
    ("initialisation", {"kind": "spike", "first": 8}, 0.0),
    ("frozen-layer", {"others": (other("frozen-layer", severity="note"), other("spike"))}, 0.0),
    ("frozen-layer", {"others": (other("frozen-layer"),)}, 0.6),
    ("frozen-layer", {"kind": "frozen-layer"}, 0.9),
    ("frozen-layer", {"kind": "plateau"}, 0.3),
    ("frozen-layer", {"kind": "plateau", "others": (other("frozen-layer"),)}, 0.7),
    ("tokenizer-mismatch", {**VALIDATION, "kind": "worse-than-uniform"}, 0.45),
    ("tokenizer-mismatch", {"kind": "worse-than-uniform"}, 0.0),
    ("tokenizer-mismatch", VALIDATION, 0.0),
    ("tokenizer-mismatch", {**VALIDATION, "kind": "worse-than-uniform", "others": (OVER,)}, 0.0),
    ("tokenizer-mismatch", {**VALIDATION, "kind": "worse-than-uniform", "others": (OVER, GAP)}, 0.45),
    ("tokenizer-mismatch", {**VALIDATION, "kind": "worse-than-uniform", "others": (other("worse-than-uniform"),)}, 0.0),
    ("tokenizer-mismatch", {**VALIDATION, "kind": "worse-than-uniform", "others": (other("spike"),)}, 0.0),
    ("tokenizer-mismatch", {**VALIDATION, "kind": "worse-than-uniform", "others": (other("plateau"),)}, 0.45),
    ("tokenizer-mismatch", {"kind": "validation-gap", **APART}, 0.75),
    ("tokenizer-mismatch", {"kind": "validation-gap", **APART, "validation_loss": np.full(400, 3.31)}, 0.75),
    ("tokenizer-mismatch", {"kind": "validation-gap", **APART, "validation_loss": np.full(400, 3.29)}, 0.4),
    ("tokenizer-mismatch", {"kind": "validation-gap", **APART, "loss": until(100, 2.9, 1.0)}, 0.4),  # few classes
    ("tokenizer-mismatch", {"kind": "validation-gap", **APART, "loss": until(100, 3.0, 0.31)}, 0.75),
    ("tokenizer-mismatch", {"kind": "validation-gap", **APART, "loss": until(100, 3.0, 0.29)}, 0.4),  # known by heart
    ("tokenizer-mismatch", {"kind": "validation-gap", **APART, "others": (ORDERED,)}, 0.4),
    ("tokenizer-mismatch", {"kind": "over-fitting", **APART}, 0.0),
    ("tokenizer-mismatch", {"kind": "over-fitting", **APART, "others": (GAP,)}, 0.75),
    ("tokenizer-mismatch", {"kind": "over-fitting", **APART, "signal": "loss", "others": (GAP,)}, 0.0),
    ("evaluation-preparation", {"kind": "validation-gap", **APART}, 0.6),
    ("evaluation-preparation", {"kind": "validation-gap", **APART, "loss": until(100, 2.9, 1.0)}, 0.7),
    (
        "evaluation-preparation",
        {"kind": "validation-gap", **SAME, "evidence": {"first_epoch": True, "from_first": True}},
        0.65,
    ),
    ("evaluation-preparation", {"kind": "validation-gap", **SAME, "evidence": NEW}, 0.4),
    ("evaluation-preparation", {"kind": "validation-gap", **SAME, "evidence": {"from_first": True}}, 0.4),
    ("evaluation-preparation", {"kind": "unsteady-validation"}, 0.65),
    ("evaluation-preparation", {"kind": "unsteady-validation", "others": (ORDERED,)}, 0.4),
    ("evaluation-preparation", {"kind": "unsteady-validation", "others": (other("spike"),)}, 0.4),
    ("evaluation-preparation", {}, 0.0),
    ("evaluation-mode", {"kind": "unsteady-validation"}, 0.3),
    ("evaluation-mode", {}, 0.0),
    ("evaluation-configuration", {}, 0.0),
    ("evaluation-configuration", {"signal": "validation_loss"}, 0.0),  # of the training loss nothing is known
    ("evaluation-configuration", VALIDATION, 0.6),
    ("evaluation-configuration", {**VALIDATION, "kind": "not-finite"}, 0.0),
    ("evaluation-configuration", {**VALIDATION, "kind": "plateau"}, 0.0),
    ("evaluation-configuration", {**VALIDATION, "others": (other("over-fitting"),)}, 0.0),
    ("evaluation-configuration", {**VALIDATION, "others": (other("spike"),)}, 0.0),
    ("evaluation-configuration", {**VALIDATION, "others": (other("spike", signal="gradient_norm"),)}, 0.0),
    ("evaluation-configuration", {**VALIDATION, "others": (other("spike", signal="validation_loss"),)}, 0.6),
    ("evaluation-configuration", {**VALIDATION, "others": (other("loss-drop"),)}, 0.6),
    ("loss-axis", {"kind": "training-above-validation"}, 0.4),
    ("loss-axis", {"kind": "validation-gap", **SAME, "evidence": {"first_epoch": False}}, 0.45),
    ("loss-axis", {"kind": "validation-gap", **APART, "evidence": {"first_epoch": False}}, 0.0),
    ("loss-axis", {}, 0.0),
    ("dropout", {"kind": "training-above-validation"}, 0.45),
    ("dropout", {}, 0.0),
    ("reduction", {"kind": "training-above-validation", **times(1.0, 3.0, 3.0)}, 0.4),
    ("reduction", {"kind": "training-above-validation", **times(1.0, 3.0, 2.69)}, 0.4),
    ("reduction", {"kind": "training-above-validation", **times(1.14, 3.0, 3.0)}, 0.4),
    ("reduction", {"kind": "training-above-validation", **times(1.16, 3.0, 3.0)}, 0.3),  # it changes
    ("reduction", {"kind": "training-above-validation", **times(1.0, 1.1, 1.1)}, 0.4),
    ("reduction", {}, 0.0),
    ("double-softmax", {"kind": "squashed-outputs"}, 0.9),
    ("double-softmax", {"kind": "plateau", "others": (other("squashed-outputs"),)}, 0.9),
    ("double-softmax", {"kind": "over-fitting", "others": (other("squashed-outputs"),)}, 0.0),
    ("double-softmax", {"kind": "plateau"}, 0.0),
    ("stale-evaluation", {"kind": "stale-evaluation", "evidence": {"training_loss_moved": True}}, 0.8),
    ("stale-evaluation", {"kind": "stale-evaluation", "evidence": {"training_loss_moved": False}}, 0.45),
    ("stale-evaluation", {"kind": "repeated-loss", "evidence": {"training_loss_moved": True}}, 0.0),
    ("stale-evaluation", {"kind": "stale-evaluation", "others": (other("learning-rate-zero"),)}, 0.0),
    ("stale-evaluation", {"kind": "stale-evaluation", "others": (other("no-gradient"),)}, 0.0),
    ("stale-evaluation", {"kind": "stale-evaluation", "others": (other("repeated-loss"),)}, 0.0),
    ("unknown-tokens", {"kind": "unknown-tokens"}, 0.95),
    ("unknown-tokens", {"kind": "over-fitting"}, 0.3),
    ("unknown-tokens", {}, 0.0),
    ("wrong-targets", {"kind": "over-fitting", **GUESSES}, 0.6),
    ("wrong-targets", {"kind": "over-fitting", **GUESSES, "validation_accuracy": np.full(400, 0.179)}, 0.6),
    ("wrong-targets", {"kind": "over-fitting", **GUESSES, "validation_accuracy": np.full(400, 0.181)}, 0.0),
    ("wrong-targets", {"kind": "over-fitting", **GUESSES, "validation_accuracy": np.full(400, 10.0)}, 0.6),  # percent
    ("wrong-targets", {"kind": "over-fitting", **GUESSES, "validation_loss": np.full(400, 2.2)}, 0.3),  # it learns
    ("wrong-targets", {"kind": "over-fitting", **GUESSES, "loss": until(100, 2.303, 2.0)}, 0.3),  # nothing is learnt
    ("wrong-targets", {"kind": "plateau"}, 0.3),
    ("wrong-targets", {"kind": "spike", **GUESSES}, 0.0),
    ("data-size", {"kind": "over-fitting", **HELPED, "evidence": {"training_log_fall": 0.051, "log_rise": 0.1}}, 0.8),
    ("data-size", {"kind": "over-fitting", **NO_HELP, "evidence": {"training_log_fall": 0.051, "log_rise": 0.1}}, 0.4),
    ("data-size", {"kind": "over-fitting", **HELPED, "evidence": BY_HEART, "others": (other("spike"),)}, 0.4),
    ("data-size", {"kind": "over-fitting", **HELPED, "evidence": {"training_log_fall": 0.049, "log_rise": 0.0}}, 0.4),
    ("data-size", {"kind": "over-fitting", **HELPED, "evidence": {"training_log_fall": 0.101, "log_rise": 0.2}}, 0.8),
    ("data-size", {"kind": "over-fitting", **HELPED, "evidence": {"training_log_fall": 0.099, "log_rise": 0.2}}, 0.4),
    ("data-size", {"kind": "over-fitting", "evidence": {"training_log_fall": None}}, 0.4),
    ("data-size", {"kind": "over-fitting", "evidence": BY_HEART, "others": (GAP,)}, 0.4),
    ("data-size", {**VALIDATION, **HELPED, "others": (other("over-fitting", evidence=BY_HEART),)}, 0.8),
    ("data-size", {**VALIDATION, "others": (OVER,)}, 0.4),
    ("data-size", {**VALIDATION, "kind": "plateau", "others": (OVER,)}, 0.0),
    ("data-size", VALIDATION, 0.0),
    ("schedule-ended", {"others": (NEGATIVE,), "first": 200}, 0.97),
    ("schedule-ended", {"others": (NEGATIVE,), "first": 199}, 0.0),  # it came before
    ("learning-rate-zero", {"kind": "plateau", "others": (other("learning-rate-zero", 5),)}, 0.9),
    ("learning-rate-zero", {"kind": "spike", "others": (other("learning-rate-zero", 5),)}, 0.0),
    ("stale-evaluation", {"kind": "validation-gap", **HELPED, "evidence": {"unmoved": True}}, 0.65),
    ("stale-evaluation", {"kind": "validation-gap", **HELPED, "evidence": {"unmoved": False}}, 0.0),
    ("frozen-layer", {**STILL, "kind": "stale-evaluation", "others": (other("plateau"),)}, 0.65),
    ("frozen-layer", {**STILL, "kind": "stale-evaluation"}, 0.0),
    ("frozen-layer", {**STILL, "learning_rate": np.zeros(400), "kind": "plateau"}, 0.3),
    ("frozen-layer", {**STILL, "validation_loss": np.linspace(2, 2.001, 400), "kind": "plateau"}, 0.3),
    ("data-size", {"others": (OVER,)}, 0.0),
    ("target-leak", {"kind": "too-good"}, 0.85),
    ("target-leak", {}, 0.0),
    ("target-leak", {"kind": "validation-gap", **LEAKS}, 0.75),
    ("target-leak", {"kind": "over-fitting", **LEAKS}, 0.0),
    ("target-leak", {"kind": "over-fitting", **LEAKS, "others": (other("validation-gap", evidence=NEW),)}, 0.75),
    ("target-leak", {"kind": "validation-gap", **LEAKS, "evidence": {"first_epoch": False}}, 0.0),
    ("target-leak", {"kind": "validation-gap", **LEAKS, "epochs": None}, 0.0),
    ("target-leak", {"kind": "validation-gap", **LEAKS, "loss": until(100, 4.0, 0.41)}, 0.0),
    ("target-leak", {"kind": "validation-gap", **LEAKS, "validation_loss": until(399, 5.0, 3.9)}, 0.0),
    ("periodic-batch", {"kind": "periodic-batches", "evidence": {"period": 8, "times": 50}}, 0.85),
    ("periodic-batch", {}, 0.0),
    ("optimizer-reset", {"kind": "periodic-batches"}, 0.2),
    ("optimizer-reset", {}, 0.0),
    ("missing-zero-grad", {"others": (other("gradient-carried", 5),)}, 0.88),
    ("missing-zero-grad", {"others": (other("gradient-carried", 5, evidence={"updates": 9}),)}, 0.96),
    ("missing-zero-grad", {"kind": "gradient-carried"}, 0.88),
    ("missing-zero-grad", {}, 0.0),
    ("accumulation-scale", {"others": (other("accumulation-scale", 5),)}, 0.9),
    ("accumulation-scale", {"kind": "accumulation-scale"}, 0.9),
    ("accumulation-scale", {}, 0.0),
    ("changed-state", {"others": (other("changed-state"),)}, 0.97),
    ("changed-state", {"others": (other("changed-state", 241),)}, 0.0),
    ("changed-state", {"others": (other("changed-state", severity="note"),)}, 0.0),
    ("dead-units", {"kind": "dead-units"}, 0.65),
    ("dead-units", {"kind": "plateau", "others": (other("dead-units"),)}, 0.65),
    ("dead-units", {"kind": "plateau"}, 0.3),
    ("dead-units", {"others": (other("dead-units"),)}, 0.0),
    ("no-gradient", {"kind": "no-gradient"}, 0.95),
    ("no-gradient", {"kind": "plateau", "others": (other("no-gradient"),)}, 0.95),
    ("no-gradient", {"others": (other("no-gradient"),)}, 0.0),
    ("no-gradient", {"kind": "repeated-loss"}, 0.8),  # two to its last digit
    ("no-gradient", {"kind": "repeated-loss", "loss": until(200, 2.0, 2.00003)}, 0.0),
    ("no-gradient", {"kind": "repeated-loss", "loss": np.full(4, 2.0)}, 0.0),
    ("no-gradient", {"kind": "repeated-loss", "gradient_norm": at(9, 9, np.nan)}, 0.0),
    ("learning-rate-low", {"kind": "plateau"}, 0.35),
    ("learning-rate-low", {}, 0.0),
    ("learning-rate-low", {"kind": "plateau", "learning_rate": np.full(400, 2e-5)}, 0.75),
    ("learning-rate-low", {"kind": "plateau", "learning_rate": np.full(400, 2.1e-5)}, 0.35),
    ("learning-rate-low", {"kind": "plateau", "learning_rate": np.full(400, 2e-5), "gradient_norm": FADES}, 0.35),
    ("learning-rate-low", {"kind": "plateau", "learning_rate": np.full(400, 0.011)}, 0.0),
    ("learning-rate-low", {"kind": "plateau", "learning_rate": np.zeros(400)}, 0.0),
    ("learning-rate-low", {"kind": "plateau", "loss": FALLS}, 0.55),
    ("learning-rate-low", {"kind": "plateau", "loss": FALLS[:39]}, 0.35),
    ("learning-rate-low", {"kind": "plateau", "loss": FALLS, "learning_rate": np.full(400, 1e-4)}, 0.35),
    ("learning-rate-low", {"kind": "plateau", "loss": FALLS, **steady(1e-4)}, 0.6),
    ("learning-rate-low", {"kind": "plateau", "loss": FALLS, **steady(1.1e-4)}, 0.35),
    ("learning-rate-low", {"kind": "plateau", "validation_loss": FALLS}, 0.55),
    ("learning-rate-low", {"kind": "plateau", "validation_loss": np.linspace(2.0, 1.91, 400)}, 0.55),
    ("learning-rate-low", {"kind": "plateau", "validation_loss": np.linspace(2.0, 1.89, 400)}, 0.35),  # it is learnt
    ("learning-rate-low", {"kind": "plateau", "loss": FALLS, "validation_loss": np.full(4, 2.0)}, 0.35),
    ("learning-rate-zero", {"kind": "learning-rate-zero"}, 0.95),
    ("learning-rate-zero", {"kind": "learning-rate-zero", "evidence": {"gradual": True}}, 0.5),
    ("learning-rate-zero", {"kind": "plateau", "others": (other("learning-rate-zero", 5),)}, 0.9),
    ("learning-rate-zero", {}, 0.0),
    ("schedule-ended", {"kind": "learning-rate-zero", "evidence": {"gradual": True}}, 0.9),
    ("schedule-ended", {"kind": "learning-rate-zero"}, 0.0),
    ("schedule-ended", {"kind": "schedule-turned"}, 0.85),
    ("warm-up-unfinished", {"kind": "warm-up-unfinished"}, 0.9),
    ("warm-up-unfinished", {"kind": "plateau", "others": (other("warm-up-unfinished", 5),)}, 0.9),
    ("warm-up-unfinished", {"others": (other("warm-up-unfinished", 5),)}, 0.0),
    ("tight-clipping", {"kind": "plateau", "gradient_norm_clipped": np.full(400, 0.02), **steady(0.0)}, 0.9),
    ("tight-clipping", {"kind": "plateau", "gradient_norm_clipped": np.full(400, 0.021), **steady(0.0)}, 0.2),
    ("tight-clipping", {"kind": "plateau", "gradient_norm_clipped": np.full(4, 0.02), **steady(0.0)}, 0.2),
    ("tight-clipping", {"kind": "plateau", **steady(8e-4)}, 0.65),  # 399 steps lower a loss by 0.32
    ("tight-clipping", {"kind": "plateau", **steady(7e-4)}, 0.2),
    ("tight-clipping", {"kind": "plateau", **steady(8e-4), "loss": until(200, 2.0, 1.985)}, 0.65),
    ("tight-clipping", {"kind": "plateau", **steady(8e-4), "loss": until(200, 2.0, 1.983)}, 0.2),  # a twentieth of it
    ("tight-clipping", {"kind": "plateau", **steady(8e-4), "gradient_norm": 2 * FADES}, 0.2),
    ("tight-clipping", {"kind": "plateau", **steady(8e-4), "axis": "epoch"}, 0.0),
    ("tight-clipping", {"kind": "plateau", **steady(8e-4), "validation_loss": until(200, 2.0, 1.91)}, 0.65),
    ("tight-clipping", {"kind": "plateau", **steady(8e-4), "validation_loss": until(200, 2.0, 1.89)}, 0.2),
    ("tight-clipping", steady(8e-4), 0.0),
    ("weight-decay", {"kind": "plateau", "weight_norm__a": until(399, 1.0, 0.29)}, 0.9),
    ("weight-decay", {"kind": "plateau", "weight_norm__a": until(399, 1.0, 0.31)}, 0.3),
    ("weight-decay", {"kind": "plateau", "weight_norm__a": np.array([1.0, 1, 0.1])}, 0.3),
    ("weight-decay", {"weight_norm__a": until(399, 1.0, 0.29)}, 0.0),
]


@pytest.mark.parametrize(("cause", "what", "score"), SCORES)
def test_what_speaks_for_a_cause(cause: str, what: dict[str, Any], score: float) -> None:
    found = CAUSES[cause](known(**what))
    assert found.value == pytest.approx(score)
    assert (found.reason is not None) is (score > NAMED)  # a cause is named with what speaks for it
