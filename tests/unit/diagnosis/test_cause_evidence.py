"""What speaks for a cause that no column names: the shape of a rise, a ratio, a floor, the scatter of a gradient."""

from typing import Any

import numpy as np
import pytest
from tests.unit.diagnosis.cases import STEPS, at, known, other, until

from newllm.diagnosis.causes import CAUSES, NAMED
from newllm.diagnosis.causes.calibration import probability

CHANCE = np.random.default_rng(5)
SINCE = np.maximum(STEPS - 240, 0.0)
RISEN = STEPS >= 240
FALLS, RISES = np.linspace(2.0, 1.0, 400), np.concatenate([[4.0], np.linspace(2.0, 8.0, 399)])
LN10, LN2 = float(np.log(10)), float(np.log(2))


def healed(height: float, gradient: float = 8.0, validation: float = 1.7) -> dict[str, Any]:
    """Return a loss of 2 that is up at once at step 240 and learnt anew within thirty steps."""
    decay = np.exp(-SINCE / 12) * RISEN
    return {
        "loss": until(20, 5.0, 2.0) + height * decay, "gradient_norm": 1 + (gradient - 1) * decay,
        "validation_loss": 1.5 + (validation - 1.5) * 5 * decay, "last": 270,
    }  # fmt: skip


def stays(validation: float = 3.0) -> dict[str, Any]:
    """Return a loss that is up at once at step 240 and comes to rest above what it was."""
    return {
        "kind": "diverged", "loss": 2 + RISEN * (1.0 + np.exp(-SINCE / 5)), "gradient_norm": np.ones(400), "last": 400,
        "validation_loss": until(239, 2.0, validation),
    }  # fmt: skip


def bias_gradient(parts: int) -> np.ndarray:
    """Return the norms of gradients of as many independent parts."""
    return np.linalg.norm(CHANCE.normal(size=(400, parts)), axis=1) * 0.05


def ratio(first: float, last: float) -> dict[str, Any]:
    """Return a training loss that is so many times the validation loss, at first and at last."""
    return {
        "kind": "training-above-validation", "loss": np.linspace(first, last, 400), "validation_loss": np.ones(400),
        "evidence": {"ratio": last},
    }  # fmt: skip


AT_TEN = {"kind": "plateau", "loss": LN10 + 0.005 * CHANCE.normal(size=400), "learning_rate": np.full(400, 1e-3)}
LITTLE = {
    "kind": "plateau", "loss": np.linspace(4.40, 4.38, 400), "validation_loss": np.linspace(4.40, 4.39, 400),
    "learning_rate": np.full(400, 3e-3), "gradient_norm": np.exp(0.05 * CHANCE.normal(size=400)),
}  # fmt: skip
GAP: dict[str, Any] = {"kind": "validation-gap", "signal": "validation_loss", "evidence": {"first_epoch": False}}
HELPS_LITTLE = {**GAP, "loss": np.linspace(4.4, 3.5, 400), "validation_loss": np.linspace(4.45, 4.34, 400)}
NOT_FINITE: dict[str, Any] = {"kind": "not-finite", "validation_loss": np.full(400, np.nan)}
GUESS = {
    "loss": 2.3 * np.exp(-STEPS / 80),
    "validation_accuracy": np.full(400, 0.1),
    "validation_loss": np.linspace(5.0, 9.0, 400),
}
OVER: dict[str, Any] = {"kind": "over-fitting", "signal": "validation_loss"}
BY_HEART: dict[str, Any] = {
    **OVER, "evidence": {"training_log_fall": 5.0, "log_rise": 0.5}, "loss": 2 * np.exp(-STEPS / 60),
    "validation_loss": np.linspace(2.1, 3.0, 400),
}  # fmt: skip
CLIMBS: dict[str, Any] = {"kind": "slow-divergence", "first": 1, "loss": np.linspace(2.0, 6.0, 400)}
SUBTRACTED: dict[str, Any] = {
    "kind": "impossible-loss",
    "loss": 2 - 0.1 * np.exp(STEPS / 40),
    "recon": np.exp(STEPS / 40),
}
PAIRS: dict[str, Any] = {
    "kind": "plateau", "rewards/chosen": np.ones(400), "rewards/rejected": np.ones(400), "evidence": {"level": LN2},
}  # fmt: skip
EVIDENCE: list[tuple[str, dict[str, Any], float]] = [
    ("changed-state", healed(2.0), 0.75),
    ("changed-state", healed(2.0, gradient=3.0), 0.4),  # labels that do not fit move the gradient as much
    ("changed-state", healed(4.0), 0.4),  # worse than at the start
    ("changed-state", healed(2.0, validation=1.4), 0.0),  # the model is as good as before: other data
    ("changed-state", {**healed(2.0), "others": (other("learning-rate-jump"),)}, 0.0),
    ("changed-state", {**healed(2.0), "loss": 2.0 + at(240, 241, 3.0)}, 0.0),  # back at once
    ("learning-rate", healed(4.0), 0.6),
    ("learning-rate", healed(4.0, validation=1.4), 0.4),
    ("learning-rate", {**healed(2.0), "gradient_norm": at(236, 250, 6.0)}, 0.6),  # the gradient grew first
    ("learning-rate", {"first": 20, "last": 30, "loss": 2.0 * at(20, 30, 2.0)}, 0.4),  # batches do so too
    ("learning-rate", {"kind": "slow-divergence", "first": 1, "loss": until(60, 0.5) * RISES}, 0.4),  # it fell first
    ("learning-rate", {"kind": "reward-falls", "approx_kl": np.full(400, 0.5)}, 0.65),
    ("learning-rate", {"kind": "reward-falls", "approx_kl": np.full(400, 0.01)}, 0.0),
    ("label-noise", stays(), 0.7),
    ("label-noise", stays(validation=2.0), 0.0),  # validation is as good as before
    ("label-noise", {**stays(), "gradient_norm": at(236, 400, 9.0)}, 0.0),
    ("data-size", BY_HEART, 0.65),
    ("data-size", {**BY_HEART, "loss": np.linspace(2.0, 0.2, 400)}, 0.4),
    ("frozen-layer", LITTLE, 0.65),
    ("frozen-layer", {**LITTLE, "learning_rate": np.full(400, 1e-5)}, 0.3),
    ("frozen-layer", {**LITTLE, "gradient_norm": np.exp(0.3 * CHANCE.normal(size=400))}, 0.3),
    ("no-gradient", {**AT_TEN, "gradient_norm": bias_gradient(9)}, 0.6),
    ("no-gradient", {**AT_TEN, "gradient_norm": bias_gradient(500)}, 0.0),
    ("weight-decay", {"kind": "plateau", "loss": np.full(400, LN10), "validation_loss": np.full(400, LN10)}, 0.6),
    ("weight-decay", {"kind": "plateau", "loss": np.full(400, 2.29), "validation_loss": np.full(400, 2.29)}, 0.3),
    ("initialisation", {**AT_TEN, "gradient_norm": np.ones(400), "gnorm_first": np.full(400, 1e-12)}, 0.8),
    ("initialisation", {**AT_TEN, "gradient_norm": np.ones(400), "gnorm_first": np.full(400, 1e-3)}, 0.35),
    ("reduction", ratio(64.0, 60.0), 0.78),
    ("reduction", ratio(64.0, 10.0), 0.78),  # never less than ten times
    ("reduction", ratio(64.0, 5.0), 0.78),  # what is learnt by heart makes it smaller in the end
    ("reduction", {**ratio(1.0, 1.0), "loss": until(40, 64.0, 2.0)}, 0.4),  # a start that is learnt away
    ("reduction", {**ratio(64.0, 60.0), "ce": np.ones(400)}, 0.4),  # the task's own part is as high as validation
    ("reduction", {**ratio(74.0, 74.0), "kind": "bad-start"}, 0.78),
    (
        "reduction",
        {"kind": "plateau", "evidence": {"level": 32 * LN10}, "validation_accuracy": np.full(400, 10.0)},
        0.7,
    ),
    ("reduction", {"kind": "plateau", "evidence": {"level": LN10}, "validation_accuracy": np.full(400, 10.0)}, 0.0),
    ("regularisation", ratio(2.0, 2.5), 0.6),
    ("regularisation", {**ratio(2.0, 2.5), "others": (other("diverged"),)}, 0.0),
    ("regularisation", {"kind": "reward-stays", "entropy": np.full(400, float(np.log(4)))}, 0.65),
    ("regularisation", {"kind": "reward-stays", "entropy": np.linspace(1.386, 1.0, 400)}, 0.0),
    (
        "regularisation",
        {"kind": "plateau", "loss": 2.303 + np.exp(-STEPS / 60), "validation_loss": np.full(400, 2.303)},
        0.6,
    ),
    ("auxiliary-loss", {**ratio(64.0, 60.0), "ce": np.ones(400)}, 0.75),
    ("auxiliary-loss", ratio(64.0, 60.0), 0.0),
    ("auxiliary-loss", SUBTRACTED, 0.85),
    ("auxiliary-loss", {**SUBTRACTED, "recon": 1.0 / SUBTRACTED["recon"]}, 0.0),
    ("loss-sign", {"kind": "impossible-loss", "loss": -FALLS, "validation_loss": FALLS}, 0.9),
    ("loss-sign", CLIMBS, 0.86),
    ("loss-sign", {**CLIMBS, "loss": 2.0 * 1.5 ** (STEPS / 2.0)}, 0.0),  # it blows up within a few points
    ("loss-sign", {**CLIMBS, "loss": np.concatenate([np.linspace(2, 1.5, 50), np.linspace(1.5, 6, 350)])}, 0.0),
    ("loss-definition", {"kind": "impossible-loss"}, 0.7),
    ("regularisation", {**AT_TEN, "validation_accuracy": np.full(400, 0.9)}, 0.65),
    ("regularisation", {**AT_TEN, "validation_accuracy": np.full(400, 0.3)}, 0.0),
    ("evaluation-preparation", {**GAP, **GUESS, "validation_accuracy": np.full(400, 0.01)}, 0.65),
    ("reduction", {**ratio(64.0, 60.0), "others": (other("squashed-outputs"),)}, 0.4),
    ("label-noise", {**stays(), "learning_rate": until(239, 1e-3, 1e-1)}, 0.0),
    ("changed-state", {**healed(2.0), "learning_rate": until(239, 1e-3, 1e-1)}, 0.0),
    ("repeated-text", {"kind": "loss-drop", "last": 250, "others": (other("worse-than-untrained", 5),)}, 0.2),
    ("learning-rate", {"kind": "early-standstill", "evidence": {"highest": 0.3}}, 0.75),
    ("class-imbalance", {"kind": "constant-accuracy", "evidence": {"accuracy": 0.97}, "recall": np.zeros(400)}, 0.85),
    ("class-imbalance", {"kind": "constant-accuracy", "evidence": {"accuracy": 97.5}, "recall": np.ones(400)}, 0.6),
    ("class-imbalance", {"kind": "constant-accuracy", "evidence": {"accuracy": 0.5}}, 0.0),
    ("wrong-targets", {"kind": "plateau", "loss": 1.0 + 0.2 * CHANCE.normal(size=400)}, 0.6),
    ("wrong-targets", {"kind": "plateau", "loss": 1.0 + 0.02 * CHANCE.normal(size=400)}, 0.3),
    ("repeated-text", {"kind": "loss-drop", "last": 241}, 0.6),
    ("repeated-text", {"kind": "loss-drop"}, 0.4),  # one point alone
    ("loss-definition", {}, 0.0),
    (
        "double-softmax",
        {**OVER, "loss": np.linspace(4.38, 4.15, 400), "validation_loss": np.linspace(4.4, 7.2, 400)},
        0.6,
    ),
    (
        "double-softmax",
        {**OVER, "loss": np.linspace(4.38, 2.0, 400), "validation_loss": np.linspace(4.4, 7.2, 400)},
        0.0,
    ),
    ("wrong-targets", {**GAP, "loss": 0.01 * np.exp(-STEPS / 50), "validation_loss": np.full(400, 2.31)}, 0.7),
    ("wrong-targets", HELPS_LITTLE, 0.6),
    ("wrong-targets", {**HELPS_LITTLE, "validation_loss": np.linspace(4.45, 4.0, 400)}, 0.0),
    ("wrong-targets", PAIRS, 0.6),
    ("wrong-targets", {**PAIRS, "evidence": {"level": 0.85 * LN2}}, 0.3),  # of another loss, or better than chance
    ("wrong-targets", {**PAIRS, "rewards/accuracies": np.full(400, 0.8)}, 0.3),  # small rewards, and right
    ("wrong-targets", {**PAIRS, "rewards/accuracies": np.full(400, 50.0)}, 0.6),  # percent
    ("evaluation-preparation", {**GAP, **GUESS}, 0.65),
    ("evaluation-preparation", {**GAP, **GUESS, "validation_accuracy": np.full(400, 0.3)}, 0.4),
    ("evaluation-preparation", {**NOT_FINITE, "signal": "validation_loss", "loss": FALLS}, 0.7),
    ("evaluation-preparation", {**NOT_FINITE, "loss": until(20, 2.0, np.nan)}, 0.0),
    ("evaluation-configuration", {"kind": "evaluation-behind", "signal": "validation_loss", "loss": FALLS}, 0.6),
]  # fmt: skip


@pytest.mark.parametrize(("cause", "what", "value"), EVIDENCE)
def test_what_speaks_for_a_cause_by_shape(cause: str, what: dict[str, Any], value: float) -> None:
    score = CAUSES[cause](known(**what))
    assert score.value == pytest.approx(value)
    assert (score.reason is not None) == (value > 0 and probability(score) >= NAMED and value != 0.3)


def said(cause: str, what: dict[str, Any]) -> str:
    """Return the reason that is given for a cause."""
    return str(CAUSES[cause](known(**what)).reason)


@pytest.mark.parametrize(
    ("cause", "what", "sentence"),
    [
        (
            "reduction", ratio(64.0, 5.0),
            "the training loss is 54 times the validation loss at the first evaluations, and 15 times at the last",
        ),
        (
            "evaluation-preparation", {**GAP, **GUESS},
            "training is learnt, while 10.0 % of validation are right, as by guessing (10.6 %)",
        ),
        (
            "evaluation-preparation",
            {**GAP, **GUESS, "validation_accuracy": np.full(400, 0.01)},
            "training is learnt, while 1.0 % of validation are right, far fewer than by guessing (10.6 %)",
        ),
        (
            "learning-rate-low",
            {"kind": "plateau", "learning_rate": np.full(400, 2e-5)},  # no gradient is logged
            "the rate is 2e-05 at its highest, with which hardly any model is trained from its start",
        ),
        (
            "learning-rate-low",
            {"kind": "plateau", "loss": np.linspace(2.0, 1.99, 400)},  # no evaluation is logged
            "the loss falls all along, by next to nothing",
        ),
        (
            "regularisation", ratio(2.0, 2.0),
            "training ends 2 times as high as validation, and nothing made its loss rise",
        ),
    ],
)  # fmt: skip
def test_a_reason_is_true_of_its_run(cause: str, what: dict[str, Any], sentence: str) -> None:
    assert said(cause, what) == sentence
