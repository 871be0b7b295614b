"""The first candidate cause, on curves that differ in one thing."""

from typing import Any

import numpy as np
import pytest

from newllm.diagnosis import Facts, diagnose
from newllm.diagnosis.case import Case
from newllm.diagnosis.causes import CAUSES, _data_order, causes, explained
from newllm.messages import quoted
from newllm.trace import Finding, Series, Trace

STEPS = np.arange(1, 401)


def plain() -> np.ndarray:
    return (2 + 3 * np.exp(-STEPS / 80)) * np.exp(0.04 * np.random.default_rng(3).normal(size=400))


def run(burst: np.ndarray | float = 1.0, gradient: np.ndarray | float = 1.0, **more: np.ndarray) -> list[Finding]:
    chance = np.random.default_rng(3)
    loss = (2 + 3 * np.exp(-STEPS / 80)) * np.exp(0.04 * chance.normal(size=400)) * burst
    norm = np.exp(0.2 * chance.normal(size=400)) * gradient
    signals = {"loss": loss, "gradient_norm": norm, **more}
    return diagnose(Trace({name: Series(STEPS, value) for name, value in signals.items()}))


def first_cause(findings: list[Finding], kind: str) -> str:
    return next(found for found in findings if found.kind == kind).candidate_causes[0]


def at(first: int, last: int, value: float) -> np.ndarray:
    return np.where((first <= STEPS) & (last >= STEPS), value, 1.0)


def test_one_bad_step_is_a_bad_batch() -> None:
    assert first_cause(run(at(240, 240, 3), at(240, 240, 12)), "spike") == "corrupted-batch"


def test_a_level_block_is_label_noise() -> None:
    assert first_cause(run(at(240, 270, 2.2), at(240, 270, 1.3)), "spike") == "label-noise"


def test_a_decay_from_the_first_point_on_is_other_data_and_no_block() -> None:
    learnt = np.interp(STEPS, [240, 248, 252, 269], [6, 1.0, 0.5, 0.4])
    decay = 1 + learnt * ((STEPS >= 240) & (STEPS < 270))
    assert first_cause(run(decay), "spike") == "data-order"


def test_a_layer_that_never_moves_explains_an_explosion_before_any_guess() -> None:
    step = np.arange(10, 401, 10)
    still = {f"update_norm/{name}": Series(step, np.full(40, level)) for name, level in (("a", 0.0), ("b", 0.1))}
    signals = {name: Series(STEPS, value) for name, value in (("loss", plain()), ("gradient_norm", at(240, 400, 40)))}
    gradient = {"gradient_norm/a": Series(step, np.ones(40))}
    findings = diagnose(Trace({**signals, **still, **gradient}))
    assert first_cause(findings, "gradient-explosion") == "frozen-layer"


def test_what_was_learnt_by_heart_is_too_little_data_even_where_no_evaluation_was_better_than_the_first() -> None:
    step = np.arange(10, 401, 10)
    validation = Series(step, 4 + step / 80)
    by_heart = Trace({"loss": Series(STEPS, 5 * np.exp(-STEPS / 60) + 0.03), "validation_loss": validation})
    assert first_cause(diagnose(by_heart), "over-fitting") == "data-size"
    other_data = Trace({"loss": Series(STEPS, plain()), "validation_loss": validation})
    assert first_cause(diagnose(other_data), "over-fitting") == "tokenizer-mismatch"


def test_a_slow_return_after_a_rising_rate_is_the_learning_rate() -> None:
    decay = 1 + 2 * np.exp(-np.maximum(STEPS - 240, 0) / 20) * (STEPS >= 240)
    rate = np.where(STEPS < 190, 1e-3, 1e-3 * 1.05 ** (STEPS - 190))
    assert first_cause(run(decay, learning_rate=rate), "spike") == "learning-rate"


def test_a_schedule_that_starts_again_is_named() -> None:
    warm = np.minimum(STEPS / 20, 1.0) * np.cos(STEPS / 400 * np.pi / 2) * 1e-3
    rate = np.where(STEPS < 220, warm, np.roll(warm, 219))
    decay = 1 + 1.2 * np.exp(-np.maximum(STEPS - 232, 0) / 20) * (STEPS >= 232)
    assert first_cause(run(decay, learning_rate=rate), "spike") == "schedule-restarted"


@pytest.mark.parametrize("count", [1, 5])
def test_a_loss_that_is_suddenly_not_finite_is_its_batch(count: int) -> None:
    assert first_cause(run(at(240, 239 + count, np.nan)), "not-finite") == "not-finite-batch"


def test_a_gradient_that_overflows_first_is_the_precision() -> None:
    norm = np.where(STEPS >= 240, np.inf, 1.0)
    assert first_cause(run(at(242, 400, np.nan), norm), "not-finite") == "fp16-overflow"


def test_gradients_never_cleared_come_before_everything() -> None:
    assert first_cause(run(at(240, 400, 4), gradient_carried=np.ones(400)), "diverged") == "missing-zero-grad"


def test_the_same_spike_in_two_losses_is_told_once() -> None:
    step = np.arange(10, 401, 10)
    validation = Series(step, (2 + 3 * np.exp(-step / 80)) * np.where(abs(step - 250) < 15, 2.5, 1.0))
    loss = Series(STEPS, (2 + 3 * np.exp(-STEPS / 80)) * at(236, 264, 2.5))
    spikes = [one for one in diagnose(Trace({"loss": loss, "validation_loss": validation})) if one.kind == "spike"]
    assert len(spikes) == 1
    assert spikes[0].evidence["also_in"] == ["validation_loss"]


def test_faults_come_before_warnings() -> None:
    findings = run(at(240, 400, 4) * at(300, 300, np.nan))
    order = [found.severity for found in findings]
    assert order == sorted(order)  # "fault" < "note" < "warning": no note is among them
    assert order[0] == "fault"


@pytest.mark.parametrize(
    ("last", "others", "score"),
    [
        (256, ["spike"], 0.6),  # two slow ones of the same loss
        (256, ["spike", "spike"], 0.6),
        (256, ["plateau"], 0.3),
        (256, [], 0.3),
        (246, ["spike"], 0.0),  # seven points: too short for a stretch of other data
        (247, ["spike"], 0.6),
    ],
)
def test_slow_spikes_again_and_again_are_the_order_of_the_data(last: int, others: list[str], score: float) -> None:
    own = Finding(kind="spike", severity="warning", sentence=quoted(""), first_step=240, last_step=last, signal="loss")
    listed = [
        Finding(kind=kind, severity="warning", sentence=quoted(""), first_step=90, signal="loss") for kind in others
    ]
    trace = Trace({"loss": Series(STEPS, plain())})
    assert _data_order(Case(own, trace, Facts(), listed, 400.0)) == score
    elsewhere = [
        Finding(kind="spike", severity="warning", sentence=quoted(""), first_step=90, signal="validation_loss")
    ]
    assert _data_order(Case(own, trace, Facts(), elsewhere, 400.0)) == (0.3 if score else 0.0)
    ordered = [Finding(kind="data-order", severity="note", sentence=quoted(""))]
    assert _data_order(Case(own, trace, Facts(), ordered, 400.0)) == 0.85


def other(
    kind: str, first: float | None = 240, severity: Any = "warning", signal: str = "loss", **more: Any
) -> Finding:
    return Finding(kind=kind, severity=severity, sentence=quoted(""), first_step=first, signal=signal, **more)


def known(
    kind: str = "spike",
    first: float = 240,
    last: float = 240,
    signal: str = "loss",
    others: tuple[Finding, ...] = (),
    axis: str = "step",
    evidence: dict[str, Any] | None = None,
    causes: tuple[str, ...] = (),
    **signals: np.ndarray,
) -> Case:
    """Return what is known of a finding in a run of 400 steps."""
    series = {name.replace("__", "/"): value for name, value in ({signal: np.full(400, 2.0)} | signals).items()}
    trace = Trace({name: Series(STEPS[: len(value)], value) for name, value in series.items()}, axis)
    own = Finding(
        kind=kind, severity="warning", sentence=quoted(""), first_step=first, last_step=last, signal=signal,
        evidence=evidence or {}, candidate_causes=causes,
    )  # fmt: skip
    return Case(own, trace, Facts(), others, 400.0)


JUMP = at(240, 240, 4.0)
NOT_AT_ONCE = {"evidence": {"peak_step": 243.0}}
VALIDATION: dict[str, Any] = {"signal": "validation_loss", "loss": np.full(400, 2.0)}
LOST = other("resume-jump", evidence={"log_update_jump": 1.0})
RESTARTED = ("schedule-restarted", "learning-rate")
AGAIN = other("learning-rate-jump", evidence={"starts_again": True}, candidate_causes=RESTARTED)
BRIEFLY = other("learning-rate-jump", candidate_causes=("learning-rate",))
OTHER_DATA = other("over-fitting", candidate_causes=("tokenizer-mismatch", "data-size"))
BY_HEART = other("over-fitting", candidate_causes=("data-size", "tokenizer-mismatch"))


def until(last: int, value: float, then: float = 1.0) -> np.ndarray:
    return np.where(last >= STEPS, value, then)


def block(*inside: float, behind: float = 2.0) -> dict[str, Any]:
    """Return a loss of 2 with so many points of another level from step 240 on."""
    loss = np.concatenate([np.full(239, 2.0), inside, np.full(161 - len(inside), behind)])
    return {"loss": loss, "last": 239 + len(inside), "evidence": {"base": 2.0}}


BLOCK = block(*[6.0] * 12)
SCORES: list[tuple[str, dict[str, Any], float]] = [
    ("corrupted-batch", {}, 0.75),
    ("corrupted-batch", {"gradient_norm": JUMP}, 0.9),  # for an update the gradient was another, too
    ("corrupted-batch", {"gradient_norm": at(240, 242, 4.0)}, 0.9),
    ("corrupted-batch", {"gradient_norm": at(240, 243, 4.0)}, 0.75),
    ("corrupted-batch", {"last": 242}, 0.75),
    ("corrupted-batch", {"last": 243}, 0.0),  # of one batch the loss is high for three points at most
    ("corrupted-batch", {"evidence": {"outcome": "diverged"}, "gradient_norm": JUMP}, 0.4),
    ("corrupted-batch", {"evidence": {"outcome": "recovered"}}, 0.75),
    ("corrupted-batch", {"kind": "not-finite"}, 0.0),
    ("corrupted-batch", {"axis": "epoch"}, 0.0),
    ("corrupted-batch", VALIDATION, 0.0),
    ("corrupted-batch", {"first": 8, "last": 8}, 0.4),  # the first updates
    ("corrupted-batch", {"first": 9, "last": 9}, 0.75),
    ("corrupted-batch", {"first": 8, "last": 8, "gradient_norm": at(8, 8, 4.0)}, 0.9),
    ("corrupted-batch", {"first": 8, "last": 8, "gradient_norm": at(8, 11, 4.0)}, 0.4),
    ("label-noise", BLOCK, 0.7),
    ("label-noise", {**BLOCK, "kind": "diverged"}, 0.7),
    ("label-noise", {**BLOCK, "kind": "plateau"}, 0.0),
    ("label-noise", {**BLOCK, "axis": "epoch"}, 0.0),
    ("label-noise", {**BLOCK, "evidence": {}}, 0.0),  # nothing above its first point
    ("label-noise", {**block(2.0, *[6.0] * 11), "evidence": {}}, 0.7),
    ("label-noise", block(*[6.0] * 10), 0.7),
    ("label-noise", block(*[6.0] * 9), 0.0),
    ("label-noise", block(*[6.0] * 161), 0.0),  # it never falls
    ("label-noise", block(3.9, 3.9, *[6.0] * 10), 0.0),  # not up at once
    ("label-noise", block(4.1, 4.1, *[6.0] * 10), 0.7),
    ("label-noise", block(*[6.0] * 8, 13.9, *[6.0] * 3), 0.7),
    ("label-noise", block(*[6.0] * 8, 14.1, *[6.0] * 3), 0.0),  # not level
    ("label-noise", block(*[6.0] * 12, behind=4.5), 0.7),
    ("label-noise", block(*[6.0] * 12, behind=4.7), 0.0),  # not down at once
    ("label-noise", block(*[8.0] * 3, *[6.0] * 9), 0.7),
    ("label-noise", block(*[9.0] * 3, *[6.0] * 9), 0.0),  # it falls from its first points on
    ("label-noise", block(*[5.0] * 3, *[6.0] * 3, 8.1, *[6.0] * 5), 0.7),  # the top is that of six points: 5.5
    ("label-noise", block(3.5, 3.9, 3.9, *[6.0] * 9), 0.7),
    ("label-noise", block(*[6.0] * 10, 2.0, 2.0), 0.7),
    ("label-noise", block(*[6.0] * 158), 0.7),  # three points behind
    ("label-noise", {**BLOCK, "signal": "train_loss", "train_loss": BLOCK["loss"], "loss": np.full(400, 2.0)}, 0.7),
    ("learning-rate", {}, 0.4),
    ("learning-rate", {"kind": "not-finite"}, 0.3),
    ("learning-rate", VALIDATION, 0.3),
    ("learning-rate", {**VALIDATION, "others": (other("gradient-explosion", 5),)}, 0.4),
    ("learning-rate", {**VALIDATION, "others": (other("update-ratio", 5),)}, 0.4),
    ("learning-rate", {"others": (other("update-ratio"),)}, 0.7),
    ("learning-rate", {"others": (other("update-ratio", 5),)}, 0.4),  # far before
    ("learning-rate", {"others": (other("dead-units", 5),)}, 0.7),
    ("learning-rate", {"others": (other("saturated-gates", 5),)}, 0.7),
    ("learning-rate", {"learning_rate": until(200, 1.0, 1.6)}, 0.65),
    ("learning-rate", {"learning_rate": until(200, 1.0, 1.5)}, 0.4),
    ("learning-rate", {"learning_rate": until(189, 1.0, 1.6)}, 0.4),  # it rose more than fifty points before
    ("learning-rate", {"learning_rate": until(190, 1.0, 1.6)}, 0.65),
    ("learning-rate", {"learning_rate": until(200, 0.0, 1.6)}, 0.4),
    ("learning-rate", {"learning_rate": until(1, 1.0, 1.6), "first": 7, "last": 7}, 0.65),
    ("learning-rate", {"learning_rate": until(1, 1.0, 1.6), "first": 6, "last": 6}, 0.4),
    ("learning-rate", {"learning_rate": until(200, 1.0, 1.6), "others": (other("dead-units"),)}, 0.7),
    ("no-warm-up", {"learning_rate": np.ones(400), "first": 60}, 0.5),
    ("no-warm-up", {"learning_rate": np.ones(400), "first": 61}, 0.0),
    ("no-warm-up", {"learning_rate": until(1, 0.9), "first": 60}, 0.5),
    ("no-warm-up", {"learning_rate": until(1, 0.89), "first": 60}, 0.0),
    ("no-warm-up", {"learning_rate": np.ones(5), "first": 5}, 0.5),
    ("no-warm-up", {"learning_rate": np.ones(4), "first": 5}, 0.0),
    ("no-warm-up", {"learning_rate": np.zeros(400), "first": 5}, 0.0),
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
    ("exploding-embedding", {"gradient_norm__Emb": 11 * np.ones(400), "gradient_norm__a": np.ones(400)}, 0.5),
    ("exploding-embedding", {"activation_rms__emb": 11 * np.ones(400), "activation_rms__a": np.ones(400)}, 0.5),
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
    ("schedule-restarted", {"others": (other("learning-rate-jump", candidate_causes=RESTARTED),)}, 0.75),
    ("schedule-restarted", {"others": (BRIEFLY,)}, 0.0),
    ("learning-rate", {"others": (BRIEFLY,)}, 0.95),
    ("learning-rate", {"others": (AGAIN,)}, 0.4),
    ("fp16-overflow", {}, 0.0),
    ("fp16-overflow", {"others": (other("skipped-updates"),)}, 0.6),
    ("fp16-overflow", {"kind": "not-finite"}, 0.35),
    ("fp16-overflow", {"kind": "not-finite", "evidence": {"gradient_growth_before": 10.0}}, 0.35),
    ("fp16-overflow", {"kind": "not-finite", "evidence": {"gradient_growth_before": 11.0}}, 0.5),
    ("fp16-overflow", {"kind": "not-finite", "gradient_norm": at(240, 400, np.nan)}, 0.8),
    ("fp16-overflow", {"kind": "not-finite", "gradient_norm": at(239, 400, np.nan), "loss": at(240, 400, np.nan)}, 0.8),
    (
        "fp16-overflow",
        {"kind": "not-finite", "gradient_norm": at(240, 400, np.nan), "loss": at(240, 400, np.nan)},
        0.35,
    ),
    ("not-finite-batch", {}, 0.0),
    ("not-finite-batch", {"kind": "not-finite", "evidence": {"count": 1}, "first": 3}, 0.9),
    ("not-finite-batch", {"kind": "not-finite", "evidence": {"count": 2}, "first": 21}, 0.75),
    ("not-finite-batch", {"kind": "not-finite", "evidence": {"count": 2}, "first": 20}, 0.3),
    ("not-finite-batch", {"kind": "not-finite", "others": (other("spike", 5),)}, 0.3),
    ("data-order", {"kind": "plateau", "last": 280}, 0.0),
    ("data-order", {"kind": "worse-than-untrained", "last": 280, "evidence": {"peak_step": 242.0}}, 0.55),
    ("data-order", {"last": 280, **NOT_AT_ONCE}, 0.3),
    ("data-order", {"last": 280, "evidence": {"peak_step": 242.0}, "axis": "epoch"}, 0.3),
    ("data-order", {"last": 242, "evidence": {"peak_step": 242.0}}, 0.0),
    ("repeated-text", {}, 0.0),
    ("repeated-text", {"others": (other("loss-drop"),)}, 0.85),
    ("initialisation", {"kind": "plateau"}, 0.35),
    ("initialisation", {"kind": "one-predicted-class", "others": (other("vanishing-signal", 5),)}, 0.8),
    ("initialisation", {"kind": "worse-than-uniform", "first": 8}, 0.6),
    ("initialisation", {"kind": "worse-than-uniform", "first": 9}, 0.0),
    ("initialisation", {"kind": "spike", "first": 8}, 0.0),
    ("frozen-layer", {"others": (other("frozen-layer", severity="note"), other("spike"))}, 0.0),
    ("frozen-layer", {"others": (other("frozen-layer"),)}, 0.6),
    ("frozen-layer", {"kind": "plateau", "others": (other("frozen-layer"),)}, 0.7),
    ("tokenizer-mismatch", {**VALIDATION, "kind": "worse-than-uniform"}, 0.7),
    ("tokenizer-mismatch", {"kind": "worse-than-uniform"}, 0.0),
    ("tokenizer-mismatch", VALIDATION, 0.0),
    ("tokenizer-mismatch", {**VALIDATION, "kind": "worse-than-uniform", "others": (OTHER_DATA,)}, 0.9),
    ("tokenizer-mismatch", {**VALIDATION, "kind": "worse-than-uniform", "others": (BY_HEART,), "first": 21}, 0.0),
    ("tokenizer-mismatch", {**VALIDATION, "kind": "worse-than-uniform", "others": (BY_HEART,), "first": 20}, 0.7),
    ("tokenizer-mismatch", {**VALIDATION, "kind": "worse-than-uniform", "others": (other("worse-than-uniform"),)}, 0.0),
    ("tokenizer-mismatch", {**VALIDATION, "kind": "worse-than-uniform", "others": (other("spike"),)}, 0.7),
    ("evaluation-configuration", {}, 0.0),
    ("evaluation-configuration", {"signal": "validation_loss"}, 0.0),  # of the training loss nothing is known
    ("evaluation-configuration", VALIDATION, 0.65),
    ("evaluation-configuration", {**VALIDATION, "others": (other("over-fitting"), other("spike"))}, 0.35),
    ("evaluation-configuration", {**VALIDATION, "others": (other("spike"),)}, 0.0),
    ("evaluation-configuration", {**VALIDATION, "others": (other("spike", signal="gradient_norm"),)}, 0.0),
    ("evaluation-configuration", {**VALIDATION, "others": (other("spike", signal="validation_loss"),)}, 0.65),
    ("evaluation-configuration", {**VALIDATION, "others": (other("loss-drop"),)}, 0.65),
    ("data-size", {**VALIDATION, "others": (other("over-fitting"),)}, 0.8),
    ("data-size", VALIDATION, 0.0),
    ("data-size", {"others": (other("over-fitting"),)}, 0.0),
    ("missing-zero-grad", {"others": (other("gradient-carried", 5),)}, 0.96),
    ("missing-zero-grad", {}, 0.0),
    ("accumulation-scale", {"others": (other("accumulation-scale", 5),)}, 0.9),
]


@pytest.mark.parametrize(("cause", "what", "score"), SCORES)
def test_what_speaks_for_a_cause(cause: str, what: dict[str, Any], score: float) -> None:
    assert CAUSES[cause](known(**what)) == pytest.approx(score)


def test_causes_come_by_what_speaks_for_them_and_then_those_that_the_detector_named() -> None:
    spike = known(others=(LOST, other("context-growth")), causes=("data-order", "moments-lost"))
    expected = ("unbounded-recurrence", "additive-context", "moments-lost", "corrupted-batch", "learning-rate")
    assert causes(spike) == ((*expected, "data-order"), expected[:4])  # a rate is what a spike often comes from


def test_only_an_instability_is_explained_by_the_others() -> None:
    findings = [other("over-fitting", candidate_causes=("data-size",)), other("gradient-explosion"), other("spike")]
    first, second, third = explained(findings, known().trace, Facts())
    assert first is findings[0]
    assert second.candidate_causes[0] == third.candidate_causes[0] == "corrupted-batch"
    assert (first.supported_causes, third.supported_causes) == (None, ("corrupted-batch",))
    slow = explained([other("spike", last_step=280)], known().trace, Facts())[0]
    assert slow.candidate_causes[0] == "learning-rate"  # it is no second spike
    assert slow.supported_causes == ()
