"""Which finding is the root of which, and in what order they come."""

import itertools
from typing import Any

import pytest
from tests.unit.diagnosis.cases import other

from newllm.diagnosis.diagnose import _order
from newllm.diagnosis.roots import ROOTS, rooted
from newllm.messages import catalogue
from newllm.trace import Cause, Finding

LENGTH = 400.0


def found(
    kind: str, cause: str | None = None, first: float | None = 240, last: float | None = None, **more: Any
) -> Finding:
    causes = () if cause is None else (Cause(cause, 0.9),)
    return other(kind, first, causes=causes, last_step=first if last is None else last, **more)


def follow(*findings: Finding) -> list[tuple[str, str | None]]:
    return [(one.kind, one.follows) for one in rooted(findings, LENGTH, _order)]


def test_what_names_the_same_cause_follows_from_what_saw_it() -> None:
    jump = found("learning-rate-jump", "learning-rate", 200)
    assert follow(found("spike", "learning-rate"), jump) == [
        ("learning-rate-jump", None), ("spike", "learning-rate-jump"),
    ]  # fmt: skip
    assert follow(found("spike", "corrupted-batch"), jump) == [("spike", None), ("learning-rate-jump", None)]
    assert follow(found("spike"), jump) == [("learning-rate-jump", None), ("spike", None)]


@pytest.mark.parametrize("seen", ["learning-rate-jump", "gradient-carried", "learning-rate-zero"])
def test_outputs_that_become_constant_come_of_what_was_done(seen: str) -> None:
    constant, done = found("constant-output", "x", 240, 400), found(seen, "x", 236)
    assert follow(constant, done) == [(seen, None), ("constant-output", seen)]


@pytest.mark.parametrize(("begins", "root"), [(200.0, "learning-rate-jump"), (159.9, None)])
def test_nothing_follows_from_what_begins_a_tenth_of_the_run_later(begins: float, root: str | None) -> None:
    jump = found("learning-rate-jump", "learning-rate", 200)
    assert ("plateau", root) in follow(found("plateau", "learning-rate", begins, 400), jump)


def test_of_two_that_saw_it_the_one_nearer_to_the_cause_is_the_root() -> None:
    ended, carried = found("learning-rate-zero", "x"), found("gradient-carried", "x")
    fit = found("over-fitting", "x")
    expected = [("learning-rate-zero", None), ("gradient-carried", "learning-rate-zero")]
    assert follow(carried, ended) == follow(ended, carried) == expected
    assert set(follow(fit, carried, ended)) == {*expected, ("over-fitting", "learning-rate-zero")}


def test_two_findings_of_one_kind_with_one_cause_are_two_roots() -> None:
    jumps = [found("learning-rate-jump", "learning-rate", at) for at in (100, 300)]
    assert follow(*jumps) == [("learning-rate-jump", None)] * 2
    assert follow(*jumps, found("plateau", "learning-rate")) == [
        ("learning-rate-jump", None), ("plateau", "learning-rate-jump"), ("learning-rate-jump", None),
    ]  # fmt: skip


@pytest.mark.parametrize(("first", "evidence", "root"), [
    (233.0, {"adds_up": True}, "frozen-layer"), (230.0, {}, None), (100.0, {"adds_up": True}, None),
])  # fmt: skip
def test_gradients_that_add_up_explode(first: float, evidence: dict[str, Any], root: str | None) -> None:
    late = found("frozen-layer", "frozen-layer", 240, 400, severity="warning", evidence=evidence)
    explosion = found("gradient-explosion", None, first, 400, severity="note")
    assert ("gradient-explosion", root) in follow(late, explosion)


def test_a_root_stands_where_the_gravest_of_its_consequences_would() -> None:
    jump = found("learning-rate-jump", "learning-rate", confidence=0.5)
    findings = [found("plateau", "beta2"), found("not-finite", "learning-rate", severity="fault"), jump]
    assert [kind for kind, _ in follow(*findings)] == ["learning-rate-jump", "not-finite", "plateau"]


def test_what_rises_at_the_same_time_is_one_event() -> None:
    worst, spike = found("worse-than-uniform", severity="fault"), found("spike")
    assert follow(spike, worst) == [("worse-than-uniform", None), ("spike", "worse-than-uniform")]
    assert follow(spike, found("slow-divergence", "beta2")) == [("slow-divergence", None), ("spike", "slow-divergence")]
    assert follow(found("spike", "beta2"), found("diverged", "learning-rate")) == [("spike", None), ("diverged", None)]
    assert follow(found("plateau"), spike) == [("plateau", None), ("spike", None)]  # no event


@pytest.mark.parametrize(
    ("first", "last", "is_one"),
    [(260, 260, True), (261, 261, False), (100, 220, True), (100, 219, False), (None, None, False), (100, 400, True)],
)
def test_an_event_is_near_another_within_a_twentieth_of_the_run(
    first: float | None, last: float | None, is_one: bool
) -> None:
    later = found("diverged", None, first, last, confidence=0.5)
    assert follow(found("spike"), later)[1] == ("diverged", "spike" if is_one else None)


def test_a_spike_on_the_way_down_is_a_part_of_the_rise_before_it() -> None:
    def kinds(peak: float, first: float, cause: str | None = None) -> list[tuple[str, str | None]]:
        spike = found("spike", cause, first, 18, confidence=0.99, signal="loss", evidence={"peak": peak})
        start = found("worse-than-untrained", None, 2, 133, confidence=0.9, signal="loss", evidence={"worst": 9e5})
        return follow(spike, start)

    assert kinds(1e4, 7) == [("worse-than-untrained", None), ("spike", "worse-than-untrained")]
    spike_speaks = [("spike", None), ("worse-than-untrained", "spike")]
    assert kinds(9e5, 7) == kinds(1e4, 2) == spike_speaks
    assert kinds(1e4, 7, "label-noise") == spike_speaks


def test_a_rise_of_validation_is_dated_by_the_spike_of_training_before_it() -> None:
    def kinds(training: int, validation: int, cause: str | None = None) -> list[tuple[str, str | None]]:
        spike = found("spike", None, training, training + 5, signal="loss", evidence={"peak": 7.0})
        rise = found("diverged", cause, validation, 400, severity="fault", signal="validation_loss")
        return follow(rise, spike)

    assert kinds(201, 210) == [("spike", None), ("diverged", "spike")]
    assert kinds(211, 210) == [("diverged", None), ("spike", "diverged")]
    assert kinds(101, 210) == [("diverged", None), ("spike", None)]
    assert rooted([
        found("spike", None, 201, 206, signal="loss"),
        found("diverged", None, 210, 400, severity="fault", signal="validation_loss"),
    ], LENGTH, _order)[0].severity == "fault"  # fmt: skip


def test_between_two_evaluations_nobody_knows_when_validation_rose() -> None:
    spike = found("spike", None, 281, 290, signal="loss", evidence={"peak": 3.7})
    rise = found("diverged", None, 320, 400, severity="fault", signal="validation_loss")
    fit = found("over-fitting", None, 280, 400, signal="validation_loss")

    def kinds(*evaluated: float, fitted: Finding = fit) -> dict[str, str | None]:
        return {one.kind: one.follows for one in rooted([rise, spike, fitted], LENGTH, _order, evaluated)}

    assert kinds(240, 280, 320, 360, 400) == {"spike": None, "diverged": "spike", "over-fitting": "spike"}
    assert kinds(240, 300, 320, 360, 400) == {"spike": None, "diverged": None, "over-fitting": None}
    before = found("over-fitting", None, 240, 400, signal="validation_loss")  # it had begun to rise without that
    assert kinds(240, 280, 320, 360, 400, fitted=before)["over-fitting"] is None
    blamed = found("over-fitting", "x", 280, 400, signal="validation_loss")
    both = [rise, found("spike", "x", 281, 290, signal="loss"), blamed]
    assert {one.kind: one.follows for one in rooted(both, LENGTH, _order, (280, 320))}["spike"] == "over-fitting"


def test_a_loss_that_rises_where_the_code_is_lost_follows_from_that() -> None:
    spike, later = found("spike", None, 194, 400, signal="loss"), found("spike", None, 240, 400, signal="loss")
    collapse = found("posterior-collapse", None, 200, 400)
    assert follow(spike, collapse) == [("posterior-collapse", None), ("spike", "posterior-collapse")]
    assert dict(follow(later, collapse))["spike"] is None


def test_parts_and_dates_make_no_circle() -> None:
    parts = [
        found("spike", None, 50, 60, confidence=0.99, signal="validation_loss", evidence={"peak": 2.0}),
        found("worse-than-untrained", None, 42, 100, confidence=0.9, signal="validation_loss", evidence={"worst": 9.0}),
        found("spike", None, 41, 45, confidence=0.95, signal="loss", evidence={"peak": 3.0}),
        found("worse-than-untrained", None, 40, 90, confidence=0.9, signal="loss", evidence={"worst": 9.0}),
    ]
    for order in itertools.permutations(parts):
        rooted_findings = rooted(order, LENGTH, _order)
        assert (rooted_findings[0].signal, rooted_findings[0].evidence) == ("loss", {"worst": 9.0})
        assert [one.follows for one in rooted_findings] == [None, *["worse-than-untrained"] * 3]


def test_a_finding_without_an_end_is_where_it_begins() -> None:
    endless = other("diverged", 255, causes=(), confidence=0.5)
    assert follow(found("spike"), endless)[1] == ("diverged", "spike")


def test_a_note_is_neither_root_nor_consequence() -> None:
    note = found("learning-rate-jump", "learning-rate", severity="note")
    assert follow(found("spike", "learning-rate"), note) == [("spike", None), ("learning-rate-jump", None)]
    assert follow(found("spike"), found("diverged", severity="note")) == [("spike", None), ("diverged", None)]
    assert follow(found("diverged", severity="note"), found("spike", confidence=0.1))[0] == ("spike", None)


def test_consequences_of_consequences_follow_from_the_first_root() -> None:
    findings = [
        found("worse-than-uniform", confidence=0.9),  # of one event with the spike
        found("spike", "unbounded-recurrence"),
        found("context-growth", "unbounded-recurrence", 100, 400, confidence=0.8),
    ]
    assert follow(*findings) == [
        ("context-growth", None), ("spike", "context-growth"), ("worse-than-uniform", "context-growth"),
    ]  # fmt: skip


def test_nothing_is_lost_and_nothing_follows_from_itself() -> None:
    kinds = [*ROOTS, "spike", "diverged", "not-finite", "plateau"]
    findings = [found(kind, cause, at) for kind in kinds for cause in ("x", None) for at in (10, 240)]
    result = rooted(findings, LENGTH, _order)
    assert sorted((one.kind, one.first_step) for one in result) == sorted(
        (one.kind, one.first_step) for one in findings
    )
    heads = {one.kind for one in result if one.follows is None}
    assert all(one.follows in heads for one in result if one.follows is not None)
    assert rooted([], LENGTH, _order) == []


def test_what_is_equal_stays_in_the_order_of_the_detectors() -> None:
    findings = [found("plateau", confidence=0.91), found("over-fitting", confidence=0.94), found("leak")]
    assert [kind for kind, _ in follow(*findings)] == ["leak", "plateau", "over-fitting"]


def test_every_root_is_a_kind_that_the_doctor_finds() -> None:
    assert [kind for kind in ROOTS if f"finding-{kind}.explained" not in catalogue("en")] == []
    assert len(set(ROOTS)) == len(ROOTS)
