"""The first candidate cause, on curves that differ in one thing."""

from dataclasses import replace

import numpy as np
import pytest
from tests.unit.diagnosis.cases import HELPED, STEPS, at, known, other

from newllm.diagnosis import Facts, diagnose
from newllm.diagnosis.case import Case
from newllm.diagnosis.causes import CAUSES, DIRECT_KINDS, NAMED, explained
from newllm.diagnosis.causes.calibration import probability
from newllm.diagnosis.causes.data import data_order
from newllm.diagnosis.causes.score import because, often
from newllm.messages import catalogue, message, quoted
from newllm.trace import Finding, Series, Trace

LOST = other("resume-jump", evidence={"log_update_jump": 1.0})


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
    far = Series(step, 4 + step / 10)  # it rises more than twice as far as the training loss falls
    for rises, cause in ((validation, "data-size"), (far, "tokenizer-mismatch")):
        other_data = Trace({"loss": Series(STEPS, plain()), "validation_loss": rises})
        assert first_cause(diagnose(other_data), "over-fitting") == cause


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
        (246, ["spike"], 0.2),  # seven points: too short for a stretch of other data
        (247, ["spike"], 0.6),
    ],
)
def test_slow_spikes_again_and_again_are_the_order_of_the_data(last: int, others: list[str], score: float) -> None:
    own = Finding(kind="spike", severity="warning", sentence=quoted(""), first_step=240, last_step=last, signal="loss")
    listed = [
        Finding(kind=kind, severity="warning", sentence=quoted(""), first_step=90, signal="loss") for kind in others
    ]
    trace = Trace({"loss": Series(STEPS, plain())})
    assert data_order(Case(own, trace, Facts(), listed, 400.0)).value == score
    elsewhere = [
        Finding(kind="spike", severity="warning", sentence=quoted(""), first_step=90, signal="validation_loss")
    ]
    assert data_order(Case(own, trace, Facts(), elsewhere, 400.0)).value == (0.2 if last == 246 else 0.3)
    ordered = [Finding(kind="data-order", severity="note", sentence=quoted(""))]
    assert data_order(Case(own, trace, Facts(), ordered, 400.0)).value == 0.85


def explain(case: Case) -> Finding:
    """Return the case's finding with its causes, among the others."""
    findings = [case.finding, *case.others]
    return explained(findings, case.trace, case.facts)[0]


def test_the_likeliest_is_named_and_then_come_candidates_by_what_speaks_for_them_and_those_of_the_detector() -> None:
    found = explain(known(others=(LOST, other("context-growth")), causes=("beta2", "moments-lost")))
    assert found.causes is not None
    ((name, probability, reason),) = ((one.name, one.probability, one.reason) for one in found.causes)
    assert (name, probability) == ("unbounded-recurrence", pytest.approx(0.901, abs=0.001))
    assert reason == message("because-context-grows")
    first = ("unbounded-recurrence", "beta2", "moments-lost", "additive-context", "corrupted-batch", "learning-rate")
    assert found.candidate_causes == (*first, "data-order")


def test_nothing_is_named_of_which_nothing_in_the_run_speaks() -> None:
    found = explain(known(last=280, causes=("beta2",)))
    assert found.causes == ()
    assert found.candidate_causes == ("beta2", "learning-rate", "data-order")
    assert (found.supported_causes, found.cause_probabilities) == ((), {})


def test_of_a_finding_that_is_no_instability_the_cause_is_named_too() -> None:
    by_heart = {"training_log_fall": 1.0, "log_rise": 0.2}
    (first,) = explained([other("over-fitting", evidence=by_heart)], known(**HELPED).trace, Facts())
    assert first.cause_probabilities == {"data-size": pytest.approx(0.532, abs=0.001)}
    findings = [other("gradient-explosion"), other("spike")]
    second, third = explained(findings, known(gradient_norm=at(240, 240, 4.0)).trace, Facts())
    assert second.cause_probabilities == third.cause_probabilities == {"corrupted-batch": pytest.approx(0.83)}


def test_what_a_finding_has_seen_itself_is_named_as_surely_as_the_finding_is() -> None:
    found = explain(known(kind="leak", causes=("leak", "repeated-text")))
    assert found.cause_probabilities == {"leak": 1.0}
    assert found.causes is not None
    assert found.causes[0].reason == message("because-seen")
    known_before = replace(known().finding, causes=())
    assert explained([known_before], known().trace, Facts()) == [known_before]  # of it somebody has looked already


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


@pytest.mark.parametrize("kind", ["spike", "plateau", "leak", "repeated-loss"])
def test_updates_that_accumulate_are_no_overflow(kind: str) -> None:
    for evidence, is_named in (({"period": 4}, False), ({}, kind != "leak")):
        skipped = other("skipped-updates", severity="note", evidence=evidence)
        found = explain(known(kind=kind, last=300, others=(skipped,), loss=plain()))
        assert (found.supported_causes == ("fp16-overflow",)) is is_named, evidence


def test_a_cause_is_named_from_a_probability_of_one_half_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, causes in ((0.55, {"beta2": 0.5}), (0.54, {})):
        monkeypatch.setitem(CAUSES, "beta2", lambda _, value=value: because(value, "second-moment"))
        assert explain(known(kind="worse-than-uniform", last=280)).cause_probabilities == causes


def test_what_often_is_the_cause_is_not_named_however_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CAUSES, "beta2", lambda _: often(0.99))
    found = explain(known(last=280))
    assert (found.candidate_causes[0], found.causes) == ("beta2", ())
    assert explain(known()).cause_probabilities == {
        "corrupted-batch": pytest.approx(0.506, abs=0.001)
    }  # behind it, by what speaks for it


def test_every_kind_that_names_itself_is_one_that_the_code_finds() -> None:
    assert {name for name in DIRECT_KINDS if f"finding-{name}.explained" not in catalogue("en")} == set()
    assert NAMED == 0.5
    assert [probability(often(value)) for value in (0.0, 0.55, 0.85, 1.0)] == [
        0.0,
        0.5,
        pytest.approx(0.539, abs=0.001),
        0.97,
    ]
