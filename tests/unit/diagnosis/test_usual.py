"""Which alarms are usual for a program, so that a run with them can be held against another one."""

from collections.abc import Sequence

import pytest

from newllm.diagnosis.against.usual import has_too, is_sound
from newllm.messages import message
from newllm.trace import Finding, Severity


def finding(kind: str, severity: Severity = "warning", evidence: dict[str, float] | None = None) -> Finding:
    said = message("finding-as-reference.sentence", other=["a"], count=1, several=False)
    return Finding(kind=kind, severity=severity, sentence=said, signal="loss", evidence=evidence or {})


GAP, SPIKE, LOST = finding("validation-gap"), finding("spike"), finding("diverged", "fault")


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([[GAP]], False),  # one run is no habit
        ([[GAP], [GAP]], True),
        ([[GAP], [GAP], []], True),
        ([[GAP], [GAP], [], []], False),  # not in most
        ([[], [GAP], [GAP]], False),  # it came with a change
        ([[GAP], [GAP, SPIKE], [GAP]], True),
    ],
)
def test_a_warning_is_usual_where_the_first_run_and_most_others_have_it(
    runs: Sequence[Sequence[Finding]], expected: bool
) -> None:
    assert is_sound([GAP, finding("plateau", "note")], runs) is expected


def test_what_is_found_beside_it_is_an_alarm() -> None:
    assert not is_sound([GAP, SPIKE], [[GAP], [GAP, SPIKE], [GAP]])


def test_a_fault_is_never_usual() -> None:
    assert not is_sound([LOST], [[LOST], [LOST], [LOST]])


def test_a_run_in_which_nothing_is_found_is_sound() -> None:
    assert is_sound([], [])


@pytest.mark.parametrize(
    ("name", "here", "there", "expected"),
    [
        ("height", 1.4, 1.0, True),
        ("height", 1.6, 1.0, False),
        ("ratio", 44.7, 10.6, False),
        ("ratio", 12.0, 10.6, True),
        ("ratio", 0.01, 0.1, False),  # a tenth of it is farther off than it
        ("ratio", 0.1, 10.0, True),
        ("ratio", float("nan"), 1.0, True),  # no number
    ],
)
def test_a_finding_that_is_farther_off_is_another_one(name: str, here: float, there: float, expected: bool) -> None:
    assert has_too(finding("spike", evidence={name: here}), [finding("spike", evidence={name: there})]) is expected


def test_a_finding_of_another_signal_or_less_grave_is_another_one() -> None:
    assert not has_too(GAP, [SPIKE])
    assert not has_too(finding("spike", "fault"), [SPIKE])
    assert has_too(SPIKE, [finding("spike", "fault")])
