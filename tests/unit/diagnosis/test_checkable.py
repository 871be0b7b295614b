"""What the doctor says of `newllm.check`: only probes that exist, with what they must be given."""

import inspect

import numpy as np

import newllm
from newllm.checks.probes import PROBES
from newllm.diagnosis.causes.known import CAUSES
from newllm.diagnosis.checkable import ARGUMENTS_OF, check_call, probes_for, unlogged
from newllm.diagnosis.facts import Facts
from newllm.messages import catalogue, message, quoted
from newllm.trace import Cause, Finding, Series, Trace
from newllm.trace.check import KeptCheck, Outcome, Status
from newllm.words.diagnosis import would_tell

EN, JA = catalogue("en"), catalogue("ja")
NOTHING = Trace({})


def _finding(*causes: str, candidates: tuple[str, ...] = (), **more) -> Finding:
    known = tuple(Cause(name, 0.9, message("because-seen")) for name in causes)
    return Finding(
        kind="spike", severity="warning", sentence=message("quoted", text="x"), causes=known,
        candidate_causes=(*causes, *candidates), **more,
    )  # fmt: skip


def test_every_probe_and_argument_exists() -> None:
    assert {probe for known in CAUSES.values() for probe in known.probes} <= set(PROBES)
    taken = inspect.signature(newllm.check).parameters
    assert {name for names in ARGUMENTS_OF.values() for name in names} <= set(taken)
    assert set(ARGUMENTS_OF) <= set(PROBES)


def test_a_named_cause_gives_the_call_that_proves_it() -> None:
    (test,) = would_tell(EN, _finding("missing-zero-grad", candidates=("data-order",)), NOTHING, Facts())
    said = EN.text(test)
    assert said == (
        "Run newllm.check(model, optimizer, loss, batch, step=step): before the first step it checks the order of "
        "clearing, clipping and updating."
    )
    assert "step=stepを実行" not in said
    assert "step=step)を実行" in JA.text(would_tell(JA, _finding("missing-zero-grad"), NOTHING, Facts())[0])


def test_of_an_unknown_cause_what_it_often_is_is_asked() -> None:
    finding = _finding(candidates=("learning-rate", "data-order", "target-leak"))
    assert probes_for(finding, Facts()) == ("order", "causality", "shift", "answers")
    assert check_call(("order", "causality")) == "newllm.check(model, optimizer, loss, batch, loader=loader)"


def test_nothing_is_asked_where_nothing_can_be_shown() -> None:
    assert probes_for(_finding("learning-rate", candidates=("data-order",)), Facts()) == ()
    assert probes_for(_finding("data-order", follows="spike"), Facts()) == ()
    assert probes_for(_finding("data-order"), Facts(origin="train")) == ()
    assert would_tell(EN, _finding("learning-rate"), NOTHING, Facts()) == []


def test_of_an_unknown_cause_what_was_not_logged_is_said() -> None:
    found = _finding(candidates=("learning-rate", "dead-units", "schedule-ended"))
    assert unlogged(found, NOTHING, Facts()) == {
        "learning_rate": ["learning-rate", "schedule-ended"],
        "recording": ["dead-units"],
    }
    logged = Trace({"learning_rate": Series(np.arange(2), np.ones(2))})
    assert unlogged(found, logged, Facts(origin="record")) == {}
    assert unlogged(_finding("dead-units", candidates=("learning-rate",)), NOTHING, Facts()) == {}
    column, recording = would_tell(EN, _finding(candidates=("learning-rate", "weight-decay")), NOTHING, Facts())
    assert EN.text(column) == "Log learning rate too: it may show learning-rate."
    assert EN.text(recording) == "A recording (newllm.record) may show weight-decay."
    assert JA.text(column) != EN.text(column)


def test_what_the_check_before_training_answered_is_told_and_the_rest_is_to_be_asked() -> None:
    finding = _finding(candidates=("missing-zero-grad", "target-leak"))
    asked = probes_for(finding, Facts())
    assert asked[3:]
    reasons = {asked[2]: "no-step"}  # of the others nothing could be given
    statuses: dict[str, Status] = {asked[0]: "sound", asked[1]: "wrong"}
    found = KeptCheck(
        tuple(
            Outcome(one, statuses.get(one, "unchecked"), message(f"check-reason.{reasons.get(one, 'no-tie')}"))
            for one in asked
        ),
        1.0,
    )
    told = [one for one in would_tell(EN, finding, NOTHING, Facts(check=found)) if one.id != "would_tell-column"]
    assert [one.id for one in told] == ["would_tell-wrong", "would_tell-sound", "would_tell-check"]
    shorts = [EN(f"check-{probe}.short") for probe in asked]
    assert EN.text(told[0]) == f"The check before training found this wrong: {shorts[1]}."
    assert EN.text(told[1]) == f"The check before training found this sound: {shorts[0]}."
    assert EN.text(told[2]).endswith(f": before the first step it checks {shorts[2]}.")
    all_sound = KeptCheck(tuple(Outcome(one, "sound", quoted("x")) for one in asked), 1.0)
    ids = {one.id for one in would_tell(JA, finding, NOTHING, Facts(check=all_sound))}
    assert ids == {"would_tell-sound", "would_tell-column"}


def test_a_column_of_unknown_meaning_may_be_what_the_log_seems_to_lack() -> None:
    found = _finding(candidates=("learning-rate",))
    points = Series(np.arange(5), np.geomspace(1, 0.1, 5))
    one, two = Trace({"loss": points, "eta": points}), Trace({"loss": points, "eta": points, "sec": points})
    role = "--role learning_rate=COLUMN says so: it may show learning-rate. Else log it too."
    assert f"If eta is the learning rate, {role}" in map(str, would_tell(EN, found, one, Facts()))
    assert f"If one of eta and sec is the learning rate, {role}" in map(str, would_tell(EN, found, two, Facts()))
    assert "etaが学習率なら、--role learning_rate=COLUMN" in "".join(map(JA.text, would_tell(JA, found, one, Facts())))
    recorded = map(str, would_tell(EN, found, one, Facts(origin="record")))
    assert "Log learning rate too: it may show learning-rate." in recorded
