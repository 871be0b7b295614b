"""What changed at the step of a rise is told: all that did, before what follows from the loss, and that nothing did."""

from typing import Any

import numpy as np
import pytest
from tests.unit.diagnosis.test_given_and_asked import SAMPLED, STEP, WORSE, sound

from newllm.diagnosis.changes import FEWEST_LOOKED, changes_at, with_changes
from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts
from newllm.messages import catalogue, quoted
from newllm.trace import Finding, Series, Trace

AT = 100  # where the loss of WORSE rises
EN, JA = catalogue("en"), catalogue("ja")
SAYS = "What changed then or shortly before: "
NOTHING = "nothing changed then or shortly before"


def signals(**changed: Any) -> dict[str, Series]:
    """Return the signals of a training whose loss rises at a step and stays up; of no evaluation."""
    found = {name: one for name, one in sound().items() if not name.startswith("validation")}
    for name, value in (WORSE | changed).items():
        value = value if isinstance(value, Series) else np.asarray(value, dtype=float)
        is_series = isinstance(value, Series)
        found[name.replace("__", "/")] = value if is_series else Series(SAMPLED if len(value) == 20 else STEP, value)
    return found


def rise(origin: Any = "record", **changed: Any) -> Finding:
    """Return what is found first."""
    return diagnose(Trace(signals(**changed)), Facts(origin=origin))[0]


def since(before: float, after: float, first: int = AT, last: int = 200) -> np.ndarray:
    return np.where((first <= STEP) & (last >= STEP), after, before)


def sampled(before: float, after: float) -> np.ndarray:
    return np.where(SAMPLED >= AT, after, before)


WOBBLE = 0.02 * np.random.default_rng(1).normal(size=20)
ONCE = Series(np.array([AT]), np.ones(1))
PLANTED = Finding(kind="spike", severity="warning", sentence=quoted("up"), first_step=AT, signal="loss")
NAMED: dict[str, tuple[str, dict[str, Any]]] = {
    "only-state": ("changed-state", {"weights_changed__0": ONCE, "learning_rate": since(1e-3, 1e-4)}),
    "only-targets": ("changed-targets", {"target_mean": sampled(0.5, 4.5) + WOBBLE, "target_std": 1 + WOBBLE}),
    "only-multiple": ("reduction", {"loss_multiple": sampled(1.0, 4.0)}),
    "only-decay": ("weight-decay", {"weight_decay": since(0.01, 10.0)}),
    "only-dropout": ("dropout", {"dropout": since(0.1, 0.9)}),
}


@pytest.mark.parametrize("row", NAMED)
def test_the_only_change_at_a_rise_is_named(row: str) -> None:
    cause, changed = NAMED[row]
    finding = rise(**changed)
    assert finding.severity in ("warning", "fault")
    assert [one.name for one in finding.causes or ()] == [cause]


@pytest.mark.parametrize("row", [one for one in NAMED if one != "only-state"])  # which a detector names by itself
def test_of_two_changes_none_is_named_and_both_are_told(row: str) -> None:
    finding = rise(**NAMED[row][1], rows=since(32.0, 8.0))
    assert not finding.causes
    said = EN.text(finding.sentence)
    assert SAYS in said
    assert f"rows of a batch, from 32 to 8 (from step {AT} on)" in said
    assert "signals of inputs, targets, the form of the loss, settings and state" in said
    assert "変わったもの" in JA.text(finding.sentence)


def test_what_makes_no_loss_rise_is_told_and_not_named() -> None:
    for changed in ({"weight_decay": since(1.0, 0.01)}, {"learning_rate": since(1e-3, 1e-4)}):
        finding = rise(**changed)
        assert not finding.causes
        said = EN.text(finding.sentence)
        assert SAYS in said
        assert ("makes no loss rise" in said) == ("learning_rate" in changed)


def test_a_rate_that_rises_all_the_way_is_told() -> None:
    said = EN.text(rise(learning_rate=np.minimum(STEP, 150) * 1e-4).sentence)
    assert "learning rate, rising from 0.0069 to 0.01 (steps 69 to 100)" not in said  # by less than twice
    assert NOTHING in said
    late = np.clip(STEP - 80, 1, 70) * 1e-4
    assert f"learning rate, rising from 0.0001 to 0.002 (steps 70 to {AT})" in EN.text(
        rise(learning_rate=late).sentence
    )


def test_a_rate_that_warms_up_anew_or_is_high_for_three_updates_is_told() -> None:
    anew = np.where(STEP < 90, 1e-2 * (1 - STEP / 100), 1e-4 * (STEP - 85))
    assert f"learning rate, rising from 0.0005 to 0.0015 (steps 90 to {AT})" in EN.text(
        rise(learning_rate=anew).sentence
    )
    found = changes_at(PLANTED, Trace(signals(learning_rate=since(1e-3, 0.1, AT, AT + 2))), Facts(origin="record"))
    assert found is not None
    assert [(one.signal, one.shift.step, one.shift.last) for one in found.found] == [("learning_rate", AT, AT + 2)]


def test_a_setting_that_is_written_where_it_changes_is_told_at_its_step() -> None:
    written = Series(np.array([1, 50, AT - 3, 150]), np.array([0.01, 0.01, 10.0, 10.0]))
    said = EN.text(rise(weight_decay=written, rows=since(32.0, 8.0)).sentence)
    assert f"weight decay, from 0.01 to 10 (from step {AT - 3} on)" in said


def test_nothing_that_was_recorded_changed() -> None:
    said = EN.text(rise().sentence)
    assert NOTHING in said
    assert "signals of inputs, targets, the form of the loss, settings and state" in said


def test_what_follows_from_the_loss_is_not_told() -> None:
    finding = rise(gradient_norm=since(1.0, 50.0), accuracy=since(0.9, 0.1), log_z=sampled(1.0, 9.0))
    assert NOTHING in EN.text(finding.sentence)


def test_what_changes_behind_the_rise_or_long_before_is_not_told() -> None:
    for first in (AT + 3, AT - 30):
        finding = rise(input_std=sound()["input_std"].value + since(0.0, 0.3, first))
        assert NOTHING in EN.text(finding.sentence)
    assert NOTHING in EN.text(rise(rows=since(32.0, 8.0, AT + 1)).sentence)
    assert "(from step 85 on)" in EN.text(rise(rows=since(32.0, 8.0, 85)).sentence)  # a setting may take its time


def test_a_batch_like_no_other_is_told_as_that() -> None:
    said = EN.text(rise(rows=since(32.0, 2.0, AT, AT)).sentence)
    assert f"rows of a batch, from 32 to 2 (step {AT} alone)" in said
    assert f"(steps {AT} to {AT + 5})" in EN.text(rise(rows=since(32.0, 2.0, AT, AT + 5)).sentence)


def test_of_a_sampled_signal_both_samples_are_told() -> None:
    said = EN.text(rise(targets_used=sampled(1.0, 0.25)).sentence)
    assert "share of targets in the loss, from 1 to 0.25 (between steps 90 and 100)" in said


def test_a_few_rows_that_come_again_are_chance() -> None:
    assert NOTHING in EN.text(rise(rows_repeated=Series(np.array([AT]), np.array([0.03]))).sentence)
    assert SAYS in EN.text(rise(rows_repeated=Series(np.array([AT]), np.array([0.5]))).sentence)


@pytest.mark.parametrize(("column", "is_told"), [("temperature", True), ("best", False), ("val_patience", False)])
def test_a_column_of_the_user_that_is_set_is_looked_at(column: str, is_told: bool) -> None:
    said = EN.text(rise(origin=None, **{column: since(1.0, 0.05)}).sentence)
    assert (f"{column}, from 1 to 0.05" in said) == is_told


def test_the_gradient_is_clipped_to_another_number() -> None:
    clipped = {"gradient_norm": np.full(200, 5.0), "gradient_norm_clipped": since(1.0, 0.01)}
    assert "gradient norm after clipping, from 1 to 0.01" in EN.text(rise(**clipped).sentence)


def test_a_log_of_little_says_nothing_of_it() -> None:
    few = {name: one for name, one in signals().items() if name in {"loss", "learning_rate"}}
    finding = diagnose(Trace(few), Facts())[0]
    assert finding.sentence.id != "changed-finding"
    changes = changes_at(finding, Trace(few), Facts())
    assert changes is not None
    assert len(changes.looked) < FEWEST_LOOKED


def test_what_follows_from_another_finding_says_nothing_of_its_own() -> None:
    findings = diagnose(Trace(signals()), Facts(origin="record"))
    assert any(one.follows is not None for one in findings)
    assert not any(one.sentence.id == "changed-finding" for one in findings if one.follows is not None)


def test_a_rise_at_the_start_has_nothing_before_it() -> None:
    early = np.where((STEP >= 5) & (STEP <= 100), 9.0, 1.6 * np.exp(-STEP / 60) + 0.1)
    findings = diagnose(Trace(signals(loss=early)), Facts(origin="record"))
    assert findings
    assert not any(one.sentence.id == "changed-finding" for one in findings)


PLATEAU = Finding(kind="plateau", severity="warning", sentence=quoted("stands"), first_step=130, signal="loss")


@pytest.mark.parametrize(
    ("changed", "is_told"),
    [
        ({"dropout": since(0.1, 0.9, 110)}, True),
        ({"dropout": since(0.1, 0.9, 90)}, False),  # too long before
        ({"dropout": since(0.1, 0.9, 110, 114)}, False),  # over by then
        ({"learning_rate": since(1e-2, 1e-3, 125)}, False),  # as schedules do
        ({"input_std": 1 + 0.02 * np.sin(7 * STEP) + since(0.0, 0.4, 110)}, True),
        ({}, False),
    ],
)
def test_what_begins_little_by_little_says_what_changed_for_good(changed: dict[str, Any], is_told: bool) -> None:
    trace = Trace(signals(loss=1.6 * np.exp(-STEP / 60) + 0.1, **changed))
    (finding,) = with_changes([PLATEAU], trace, Facts(origin="record"))
    assert (SAYS in EN.text(finding.sentence)) == is_told
    assert NOTHING not in EN.text(finding.sentence)


def test_a_rise_of_validation_alone_may_be_of_the_evaluation() -> None:
    evaluated = np.arange(20, 201, 20)
    trace = signals(loss=1.6 * np.exp(-STEP / 60) + 0.1)
    trace["validation_loss"] = Series(evaluated, np.where(evaluated > 120, 3.0, 1.0))
    trace["validation_rows"] = Series(evaluated, np.where(evaluated > 120, 500.0, 100.0))
    spike = Finding(kind="spike", severity="warning", sentence=quoted("up"), first_step=140, signal="validation_loss")
    (finding,) = with_changes([spike], Trace(trace), Facts(origin="record"))
    assert "rows of an evaluation, from 100 to 500 (between steps 120 and 140)" in EN.text(finding.sentence)


def test_a_sampled_signal_that_was_not_there_before_has_begun() -> None:
    late = SAMPLED[SAMPLED >= AT]
    smoothed = {"target_entropy": Series(late, np.full(len(late), 0.5)), "ledger_share": np.ones(20)}
    assert "entropy of mixed or smoothed targets, from 0 to 0.5" in EN.text(rise(**smoothed).sentence)


def test_a_number_that_the_model_is_set_to_is_told_where_it_changes() -> None:
    given = {
        "ledger_share": np.ones(20),
        "setting__forward.temperature": Series(np.array([1, AT]), np.array([1.0, 0.05])),
    }
    said = EN.text(rise(**given).sentence)
    assert f"setting of the model (forward.temperature), from 1 to 0.05 (from step {AT} on)" in said


def test_a_rise_of_validation_is_dated_by_that_of_training() -> None:
    evaluated = np.arange(20, 201, 20)
    loss = np.where((STEP >= 127) & (STEP < 140), 1.0, 1.6 * np.exp(-STEP / 40) + 0.1)
    trace = signals(loss=loss * np.exp(0.05 * np.random.default_rng(0).normal(size=200)))
    trace["validation_loss"] = Series(evaluated, np.where(evaluated > 120, 3.0, 1.0))
    spike = Finding(kind="diverged", severity="fault", sentence=quoted("up"), first_step=140, signal="validation_loss")
    (finding,) = with_changes([spike], Trace(trace), Facts(origin="record"))
    assert "training loss, from 0.19 to 0.931 (steps 127 to 139)" in EN.text(finding.sentence)
    calm = trace | {"loss": Series(STEP, 1.6 * np.exp(-STEP / 40) + 0.1)}
    (finding,) = with_changes([spike], Trace(calm), Facts(origin="record"))
    assert NOTHING in EN.text(finding.sentence)
