"""The first candidate cause, on curves that differ in one thing."""

from typing import Any

import numpy as np
import pytest
from tests.unit.diagnosis.cases import STEPS, at, known, other

from newllm.diagnosis.blind_tests import probability_of_cause
from newllm.diagnosis.case import Case
from newllm.diagnosis.causes import explained
from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts
from newllm.messages import message
from newllm.trace import Cause, Finding, Series, Trace

LOST = other("resume-jump", evidence={"log_update_jump": 1.0})


def plain() -> np.ndarray:
    return (2 + 3 * np.exp(-STEPS / 80)) * np.exp(0.04 * np.random.default_rng(3).normal(size=400))


def run(
    burst: np.ndarray | float = 1.0, gradient: np.ndarray | float = 1.0, half: bool | None = None, **more: np.ndarray
) -> list[Finding]:
    chance = np.random.default_rng(3)
    loss = (2 + 3 * np.exp(-STEPS / 80)) * np.exp(0.04 * chance.normal(size=400)) * burst
    norm = np.exp(0.2 * chance.normal(size=400)) * gradient
    signals = {"loss": loss, "gradient_norm": norm, **more}
    return diagnose(Trace({name: Series(STEPS, value) for name, value in signals.items()}), Facts(half=half))


def first_cause(findings: list[Finding], kind: str) -> str:
    return next(found for found in findings if found.kind == kind).candidate_causes[0]


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


def test_a_slow_return_after_a_rising_rate_may_be_the_learning_rate() -> None:
    decay = 1 + 2 * np.exp(-np.maximum(STEPS - 240, 0) / 20) * (STEPS >= 240)
    rate = np.where(STEPS < 190, 1e-3, 1e-3 * 1.05 ** (STEPS - 190))
    found = next(one for one in run(decay, learning_rate=rate) if one.kind == "spike")
    assert (found.causes, "learning-rate" in found.candidate_causes) == ((), True)


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
    assert first_cause(run(at(242, 400, np.nan), norm, half=True), "not-finite") == "fp16-overflow"
    assert first_cause(run(at(242, 400, np.nan), norm, half=False), "not-finite") == "numerics-in-loss"


def test_gradients_never_cleared_come_before_everything() -> None:
    assert first_cause(run(at(240, 400, 4), gradient_carried=np.ones(400)), "diverged") == "missing-zero-grad"


def test_what_the_rate_is_no_gradient_explains() -> None:
    case = known(kind="learning-rate-zero", signal="learning_rate", others=(other("gradient-carried", 1),))
    assert [one.name for one in explain(case).causes or ()] == ["learning-rate-zero"]


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


def explain(case: Case) -> Finding:
    """Return the case's finding with its causes, among the others."""
    findings = [case.finding, *case.others]
    return explained(findings, case.trace, case.facts)[0]


def test_what_is_proved_is_named_and_candidates_follow_by_what_speaks_for_them() -> None:
    carried = other("gradient-carried", 5, evidence={"updates": 9})
    found = explain(known(others=(LOST, carried), causes=("beta2", "moments-lost"), gradient_norm=at(240, 240, 4.0)))
    assert found.causes == (
        Cause("missing-zero-grad", probability_of_cause("missing-zero-grad"), message("because-gradient-carried")),
    )
    assert found.open_causes == ()
    first = ("missing-zero-grad", "corrupted-batch", "beta2", "moments-lost", "learning-rate", "data-order")
    assert found.candidate_causes == first


def test_what_is_not_proved_stays_open_with_what_speaks_for_it() -> None:
    found = explain(known(gradient_norm=at(240, 240, 4.0), causes=("beta2",)))
    assert (found.causes, found.supported_causes, found.cause_probabilities) == ((), (), {})
    assert found.open_causes == (Cause("corrupted-batch", None, message("because-batch-with-gradient", points=1)),)
    assert found.candidate_causes == ("corrupted-batch", "beta2", "learning-rate", "data-order")


def test_nothing_is_named_of_which_nothing_in_the_run_speaks() -> None:
    found = explain(known(last=280, causes=("beta2",)))
    assert (found.causes, found.open_causes) == ((), ())
    assert found.candidate_causes == ("beta2", "learning-rate", "data-order")


def test_a_cause_for_which_two_things_speak_is_open_once() -> None:
    ends = {"kind": "not-finite", "evidence": {"for_good": True}}
    grown = {**ends, "loss": at(239, 239, 3.0), "others": (other("update-ratio"),)}
    (found,) = explain(known(**grown)).open_causes
    assert (found.name, found.reason and found.reason.id) == ("learning-rate", "because-grew-first")


def test_of_a_finding_that_is_no_instability_causes_are_open_too() -> None:
    finding = other("over-fitting", evidence={"training_log_fall": 5.0, "log_rise": 0.5})
    learnt = known(loss=2 * np.exp(-STEPS / 60), validation_loss=np.linspace(2.1, 3.0, 400))
    (first,) = explained([finding], learnt.trace, Facts())
    assert [one.name for one in first.open_causes] == ["data-size"]


def test_what_a_finding_has_seen_itself_is_named() -> None:
    found = explain(known(kind="leak", causes=("leak", "repeated-text")))
    assert found.causes == (Cause("leak", probability_of_cause("leak"), message("because-seen")),)
    assert explain(known(kind="preference-without-signal", causes=("learning-rate", "wrong-targets"))).causes == ()


@pytest.mark.parametrize(
    ("what", "first"),
    [
        ({}, ("corrupted-batch", "learning-rate", "data-order")),
        ({"last": 243}, ("learning-rate", "data-order")),
        ({"last": 247, "evidence": {"peak_step": 241.0}}, ("data-order", "learning-rate")),
        ({"last": 246, "evidence": {"peak_step": 241.0}}, ("learning-rate", "data-order")),
        ({"last": 247, "evidence": {"peak_step": 243.0}}, ("learning-rate", "data-order")),
        ({"first": 20, "last": 20}, ("learning-rate", "no-warm-up", "data-order")),
        ({"first": 21, "last": 21}, ("corrupted-batch", "learning-rate", "data-order")),
        ({"axis": "epoch"}, ("learning-rate", "data-order")),
        ({"signal": "validation_loss"}, ("learning-rate", "evaluation-configuration")),
        ({"signal": "validation_loss", "kind": "worse-than-untrained"}, ("tokenizer-mismatch",)),
        ({"kind": "gradient-explosion", "signal": "gradient_norm"}, ("corrupted-batch", "learning-rate")),
        ({"kind": "gradient-explosion", "signal": "gradient_norm", "last": 250}, ("learning-rate",)),
        ({"kind": "impossible-loss"}, ("loss-definition", "loss-sign", "auxiliary-loss")),
        ({"others": (other("loss-drop", 230),)}, ("repeated-text", "learning-rate", "data-order")),
        ({"kind": "memory-growth"}, ()),
    ],
)
def test_where_a_search_begins(what: dict[str, Any], first: tuple[str, ...]) -> None:
    assert explain(known(**what)).candidate_causes == first


@pytest.mark.parametrize(
    "kind", ["learning-rate-jump", "gradient-carried", "accumulation-scale", "loss-drop", "frozen-layer"]
)
def test_nothing_that_happened_in_training_explains_a_fault_of_the_data(kind: str) -> None:
    evidence = {"before": 0.1, "after": 1.0}
    beside = other(kind, None, evidence=evidence, candidate_causes=("learning-rate",))
    for own, cause in (
        ("leak", "leak"),
        ("small-validation", "small-validation"),
        ("unknown-tokens", "unknown-tokens"),
    ):
        found = explain(known(kind=own, first=0, last=0, others=(beside,), causes=(cause,)))
        assert found.supported_causes == (cause,)
