"""What speaks for a cause that no column names: the shape of a rise, a ratio, a floor, the scatter of a gradient."""

from typing import Any

import numpy as np
import pytest
from tests.unit.diagnosis.cases import STEPS, at, known, other, seen_of, until

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
LEARNT_ANEW: dict[str, Any] = {
    "kind": "spike", "first": 240, "last": 260, "input_mean": np.ones(400),
    "evidence": {"peak": 7.0, "peak_step": 240, "outcome": "recovered"},
    "loss": np.where(STEPS < 240, 2 * np.exp(-STEPS / 60), 0.1), "validation_loss": np.where(STEPS < 240, 0.2, 6.5),
}  # fmt: skip
ADDED = other("auxiliary-loss", evidence={"weight": 0.01, "entropy": True})
SUBTRACTED = other("auxiliary-loss", evidence={"weight": -0.3})
PAIRS: dict[str, Any] = {
    "kind": "plateau", "rewards/chosen": np.ones(400), "rewards/rejected": np.ones(400), "evidence": {"level": LN2},
}  # fmt: skip
FORGETS = other("changed-state", 240, evidence={"times": 7, "forgets": True})
RESUMED_ANEW = other("resume-jump", 240, evidence={"moments_missing": True})
CLIPPED: dict[str, Any] = {
    "kind": "plateau", "gradient_norm": np.ones(400), "gradient_norm_clipped": np.full(400, 1e-6),
    "others": (other("update-ratio", 1, evidence={"ratio": 1e-10, "limit": 1e-7}),),
}  # fmt: skip
LITTLE_UPDATES: dict[str, Any] = {
    "kind": "plateau", "optimizer": "Adam", "gradient_norm": np.ones(400),
    "update_ratio__a": np.full(40, 1e-8), "update_ratio__b": np.full(40, 1e-7),
}  # fmt: skip
PERIODIC: dict[str, Any] = {"kind": "periodic-batches", "evidence": {"period": 25, "back_at_once": True}}
EVERY = other("periodic-batches", 240, evidence={"period": 25, "back_at_once": True})
BELOW: dict[str, Any] = {**OVER, "others": (other("below-chance", 1, evidence={"accuracy": 0.02, "chance": 0.2}),)}
ANEW = {"accuracy": 0.02, "chance": 0.2, "best": 0.9, "training_loss": 3.5}
LARGE = other("update-ratio", evidence={"ratio": 0.5, "limit": 0.1})
AT_ONCE: dict[str, Any] = {
    "kind": "diverged", "optimizer": "AdamW", "loss": np.r_[2.0, 3.0, np.full(398, 2.0)],
    "update_ratio__a": np.full(40, 0.3), "update_ratio__b": np.full(40, 0.2), "update_ratio__c": np.full(40, 0.01),
}  # fmt: skip
SHAPES: list[tuple[str, dict[str, Any], str]] = [
    ("learning-rate", AT_ONCE, "first-update-long"),
    ("learning-rate", AT_ONCE | {"optimizer": "SGD"}, ""),
    ("learning-rate", AT_ONCE | {"update_ratio__b": np.full(40, 0.05)}, ""),
    ("learning-rate", AT_ONCE | {"loss": np.r_[2.0, 2.3, np.full(398, 2.0)]}, ""),  # the next batch is as hard
    ("learning-rate", AT_ONCE | {"loss": np.r_[2.0, 3.0, np.full(398, 1.0)]}, ""),  # it is learnt all the same
    ("learning-rate", AT_ONCE | {"loss": np.r_[2.0, 21.0, np.full(398, 1.0)]}, "first-update-long"),
    ("moments-lost", {"kind": "resume-jump", "evidence": {"moments_missing": True}}, "resumed-anew"),
    ("moments-lost", {"kind": "resume-jump", "evidence": {"log_jump": 0.5}}, ""),
    ("moments-lost", {"kind": "spike", "others": (RESUMED_ANEW,)}, "resumed-anew"),
    ("moments-lost", {"kind": "learning-rate-jump", "others": (RESUMED_ANEW,)}, ""),
    ("optimizer-reset", {"others": (FORGETS,)}, "moments-forgotten"),
    ("changed-state", {"others": (FORGETS,)}, ""),
    ("optimizer-reset", {"others": (other("changed-state", evidence={"times": 7}),)}, ""),
    ("tight-clipping", CLIPPED, "clipped-still"),
    ("tight-clipping", CLIPPED | {"others": ()}, "clipped-away"),  # Adam's updates are as long all the same
    ("tight-clipping", CLIPPED | {"gradient_norm_clipped": np.full(400, 0.1)}, ""),
    ("tight-clipping", CLIPPED | {"others": (LARGE,)}, "clipped-away"),
    ("learning-rate-low", LITTLE_UPDATES, "updates-as-set"),
    ("learning-rate-low", LITTLE_UPDATES | {"optimizer": "SGD"}, ""),
    ("periodic-batch", PERIODIC, "back-each-time"),
    ("periodic-batch", PERIODIC | {"evidence": {"period": 25}}, ""),  # it stays up for a while: a state does so
    ("periodic-batch", {"first": 265, "others": (EVERY,)}, "back-each-time"),
    ("periodic-batch", {"first": 266, "others": (EVERY,)}, ""),
    ("evaluation-preparation", BELOW, "below-chance"),
    ("evaluation-preparation", BELOW | {"signal": "loss"}, ""),
    ("evaluation-preparation", OVER | {"others": (other("below-chance", 200, evidence=ANEW),)}, ""),  # it was right
    ("wrong-targets", LEARNT_ANEW, "learnt-anew"),
    ("wrong-targets", LEARNT_ANEW | {"others": (other("changed-inputs", 240),)}, ""),
    ("wrong-targets", {"first": 200, "others": (other("below-chance", 200, evidence=ANEW),)}, "asked-anew"),
    ("wrong-targets", {"first": 180, "others": (other("below-chance", 200, evidence=ANEW),)}, "asked-anew"),
    ("wrong-targets", {"first": 179, "others": (other("below-chance", 200, evidence=ANEW),)}, ""),  # long before it
    ("wrong-targets", {"first": 200, "others": (other("below-chance", 200, evidence={"best": 0.9}),)}, ""),
    ("changed-state", healed(2.0), ""),
    ("changed-state", healed(2.0, gradient=3.0), ""),  # labels that do not fit move the gradient as much
    ("changed-state", healed(4.0), ""),  # worse than at the start
    ("changed-state", healed(2.0, validation=1.4), ""),  # the model is as good as before: other data
    ("changed-state", {**healed(2.0), "others": (other("learning-rate-jump"),)}, ""),
    ("changed-state", {**healed(2.0), "loss": 2.0 + at(240, 241, 3.0)}, ""),  # back at once
    ("learning-rate", healed(4.0), ""),  # labels that do not fit do so too
    ("learning-rate", healed(4.0, validation=1.4), ""),
    ("learning-rate", {**healed(2.0), "gradient_norm": at(236, 250, 6.0)}, ""),  # the gradient grew first
    ("learning-rate", {"first": 20, "last": 30, "loss": 2.0 * at(20, 30, 2.0)}, ""),  # batches do so too
    ("learning-rate", {"kind": "slow-divergence", "first": 1, "loss": until(60, 0.5) * RISES}, ""),  # it fell first
    ("learning-rate", {"kind": "reward-falls", "approx_kl": np.full(400, 0.5)}, ""),
    ("learning-rate", {"kind": "reward-falls", "approx_kl": np.full(400, 0.01)}, ""),
    ("label-noise", stays(), ""),  # other data do so too
    ("label-noise", stays(validation=2.0), ""),  # validation is as good as before
    ("label-noise", {**stays(), "gradient_norm": at(236, 400, 9.0)}, ""),
    ("data-size", BY_HEART, "by-heart"),
    ("data-size", {**BY_HEART, "loss": np.linspace(2.0, 0.2, 400)}, ""),
    ("frozen-layer", LITTLE, "few-train"),
    ("frozen-layer", {**LITTLE, "learning_rate": np.full(400, 1e-5)}, ""),
    ("frozen-layer", {**LITTLE, "gradient_norm": np.exp(0.3 * CHANCE.normal(size=400))}, ""),
    ("no-gradient", {**AT_TEN, "gradient_norm": bias_gradient(9)}, "last-bias"),
    ("no-gradient", {**AT_TEN, "gradient_norm": bias_gradient(500)}, ""),
    ("reduction", ratio(64.0, 60.0), "constant-multiple"),
    ("reduction", ratio(64.0, 10.0), "constant-multiple"),  # never less than ten times
    ("reduction", ratio(64.0, 5.0), "constant-multiple"),  # what is learnt by heart makes it smaller in the end
    ("reduction", {**ratio(1.0, 1.0), "loss": until(40, 64.0, 2.0)}, ""),  # a start that is learnt away
    ("reduction", {**ratio(64.0, 60.0), "ce": np.ones(400)}, ""),  # the task's own part is as high as validation
    ("reduction", {**ratio(74.0, 74.0), "kind": "bad-start"}, "constant-multiple"),
    (
        "reduction", {"kind": "plateau", "evidence": {"level": 32 * LN10}, "validation_accuracy": np.full(400, 10.0)},
        "multiple-of-chance",
    ),
    ("reduction", {"kind": "plateau", "evidence": {"level": LN10}, "validation_accuracy": np.full(400, 10.0)}, ""),
    ("auxiliary-loss", {**ratio(64.0, 60.0), "ce": np.ones(400)}, "own-part-small"),
    ("auxiliary-loss", ratio(64.0, 60.0), ""),
    ("auxiliary-loss", {"kind": "impossible-loss", "others": (SUBTRACTED,)}, "part-subtracted"),
    ("auxiliary-loss", {"kind": "auxiliary-loss", "evidence": {"weight": -0.3}}, "part-subtracted"),
    ("auxiliary-loss", {"kind": "auxiliary-loss", "evidence": {"weight": 0.3}}, ""),
    ("auxiliary-loss", {"others": (SUBTRACTED,)}, ""),
    ("auxiliary-loss", {"kind": "entropy-collapse", "others": (ADDED,)}, "entropy-added"),
    ("auxiliary-loss", {"kind": "auxiliary-loss", "evidence": {"weight": 0.01, "entropy": True}}, "entropy-added"),
    ("auxiliary-loss", {"kind": "entropy-collapse", "others": (SUBTRACTED,)}, ""),
    ("regularisation", {"kind": "posterior-collapse", "evidence": {"weight": 10.0}}, "divergence-weight"),
    ("regularisation", {"kind": "posterior-collapse", "evidence": {"weight": 9.9}}, ""),
    ("regularisation", {"evidence": {"weight": 10.0}}, ""),
    ("loss-sign", {"kind": "impossible-loss", "loss": -FALLS, "validation_loss": FALLS}, "mirrors-validation"),
    ("loss-sign", CLIMBS, ""),
    ("loss-sign", {**CLIMBS, "loss": 2.0 * 1.5 ** (STEPS / 2.0)}, ""),  # it blows up within a few points
    ("loss-sign", {**CLIMBS, "loss": np.concatenate([np.linspace(2, 1.5, 50), np.linspace(1.5, 6, 350)])}, ""),
    ("evaluation-preparation", {**GAP, **GUESS, "validation_accuracy": np.full(400, 0.01)}, ""),
    ("reduction", {**ratio(64.0, 60.0), "others": (other("squashed-outputs"),)}, ""),
    ("label-noise", {**stays(), "learning_rate": until(239, 1e-3, 1e-1)}, ""),
    ("changed-state", {**healed(2.0), "learning_rate": until(239, 1e-3, 1e-1)}, ""),
    ("repeated-text", {"kind": "loss-drop", "last": 250, "others": (other("worse-than-untrained", 5),)}, ""),
    ("learning-rate", {"kind": "early-standstill", "evidence": {"highest": 0.3}}, "rate-high"),
    (
        "class-imbalance", {"kind": "constant-accuracy", "evidence": {"accuracy": 0.97}, "recall": np.zeros(400)},
        "class-never-found",
    ),
    ("class-imbalance", {"kind": "constant-accuracy", "evidence": {"accuracy": 97.5}, "recall": np.ones(400)}, ""),
    ("class-imbalance", {"kind": "constant-accuracy", "evidence": {"accuracy": 0.5}}, ""),
    ("wrong-targets", {"kind": "plateau", "loss": 1.0 + 0.2 * CHANCE.normal(size=400)}, ""),
    ("wrong-targets", {"kind": "plateau", "loss": 1.0 + 0.02 * CHANCE.normal(size=400)}, ""),
    ("repeated-text", {"kind": "loss-drop", "last": 241}, ""),
    ("repeated-text", {"kind": "loss-drop"}, ""),  # one point alone
    (
        "double-softmax", {**OVER, "loss": np.linspace(4.38, 4.15, 400), "validation_loss": np.linspace(4.4, 7.2, 400)},
        "",
    ),
    (
        "double-softmax", {**OVER, "loss": np.linspace(4.38, 2.0, 400), "validation_loss": np.linspace(4.4, 7.2, 400)},
        "",
    ),
    (
        "wrong-targets", {**GAP, "loss": 0.01 * np.exp(-STEPS / 50), "validation_loss": np.full(400, 2.31)},
        "other-units",
    ),
    ("wrong-targets", HELPS_LITTLE, ""),
    ("wrong-targets", {**HELPS_LITTLE, "validation_loss": np.linspace(4.45, 4.0, 400)}, ""),
    ("wrong-targets", PAIRS, ""),
    ("wrong-targets", {**PAIRS, "evidence": {"level": 0.85 * LN2}}, ""),  # of another loss, or better than chance
    ("wrong-targets", {**PAIRS, "rewards/accuracies": np.full(400, 0.8)}, ""),  # small rewards, and right
    ("wrong-targets", {**PAIRS, "rewards/accuracies": np.full(400, 50.0)}, ""),  # percent
    ("evaluation-preparation", {**GAP, **GUESS}, ""),
    ("evaluation-preparation", {**GAP, **GUESS, "validation_accuracy": np.full(400, 0.3)}, ""),
    ("evaluation-preparation", {**NOT_FINITE, "signal": "validation_loss", "loss": FALLS}, ""),
    ("evaluation-preparation", {**NOT_FINITE, "loss": until(20, 2.0, np.nan)}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("cause", "what", "evidence"), SHAPES)
def test_what_speaks_for_a_cause_by_shape(cause: str, what: dict[str, Any], evidence: str) -> None:
    assert seen_of(cause, known(**what)) == evidence
