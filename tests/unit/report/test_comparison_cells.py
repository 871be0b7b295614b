"""What stands in the cells of a comparison: estimates, differences to the control, when a run was as far, findings."""

import re
from collections import Counter

import numpy as np
import pytest

from newllm.messages import catalogue
from newllm.report.sections.comparison import _as_far, _difference, _findings, _interval, _seeds, _settings, _value
from newllm.report.sections.comparison_charts import _differ
from newllm.report.several.arms import Arm, Member
from newllm.statistics import Interval
from newllm.trace import Series

EN = catalogue("en")
TWO, OTHER = (
    Arm(name, (Member(f"{name}0", {"seed": 0}), Member(f"{name}1", {"seed": 1}, numbers={"bits_per_byte": 1.25})))
    for name in "ab"
)
ONE = Arm("c", (Member("c0"),))


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        (None, "-"),
        (Interval(1.23456, None, None), "1.235"),
        (Interval(1.23456, 1.0, 1.5), "1.235 [1, 1.5]"),
        (Interval(2.0, 2.0, 2.0), "2"),
        (Interval(12345.678, 9999.4, 20000.2), "12,346 [9,999, 20,000]"),
        (Interval(-12345.678, None, None), "-12,346"),
        (Interval(10_000.6, None, None), "10,001"),
    ],
)
def test_an_estimate_with_its_interval_in_four_digits_or_in_full(found: Interval | None, shown: str) -> None:
    assert _interval(found, EN) == shown


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        (None, "-"),
        (Interval(0.5, None, None), "+0.5"),
        (Interval(0.51234, -1, 1.5), "+0.512 [-1, 1.5] 2 pairs"),
        (Interval(0.5, 0.1, 0.7), "+0.5 [0.1, 0.7] 2 pairs, higher"),
        (Interval(-0.5, -0.9, -0.1), "-0.5 [-0.9, -0.1] 2 pairs, lower"),
        (Interval(0.0, 0.0, 1.0), "0 [0, 1] 2 pairs"),
        (Interval(0.5, -1.0, 0.0), "+0.5 [-1, 0] 2 pairs"),
    ],
)
def test_a_difference_is_higher_or_lower_where_its_whole_interval_is(found: Interval | None, shown: str) -> None:
    told = str(_difference(found, TWO, OTHER, EN))
    assert told.replace('<small class="what">', " ").removesuffix("</small>") == shown
    assert str(_difference(found, TWO, TWO, EN)) == "control"


def validated(*losses: float) -> Member:
    return Member("x", signals={"validation_loss": Series(10 * np.arange(1, len(losses) + 1), np.array(losses))})


def test_when_the_runs_of_an_arm_were_as_far_as_the_control() -> None:
    assert _as_far(Arm("x", (validated(3, 2, 1), validated(3, 3, 2))), 2.0, EN) == "25"
    assert _as_far(Arm("x", (validated(3, 2, 1), validated(3, 3, 3))), 2.0, EN) == "20 (1 of 2)"
    assert _as_far(Arm("x", (validated(3, 3, 3), Member("y"))), 2.0, EN) == "never"
    assert _as_far(Arm("x", (validated(1, 1, 1),)), None, EN) == "-"


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (Counter(fault=1, note=2), Counter(fault=1), "2 faults, 2 notes"),
        (Counter(fault=1, warning=2), None, "1 fault, 2 warnings (1 of 2 diagnosed)"),
        (Counter(), None, "none (1 of 2 diagnosed)"),
        (Counter(), Counter(), "none"),
        (None, None, "not diagnosed"),
    ],
)
def test_findings_of_an_arm_are_added_up(first: Counter[str] | None, second: Counter[str] | None, told: str) -> None:
    tallies = dict(zip(map(id, TWO.members), (first, second), strict=True))
    assert _findings(TWO, tallies, EN) == told


def test_runs_are_listed_by_themselves_where_an_arm_has_several() -> None:
    assert str(_seeds([ONE], "bits_per_byte", EN)) == ""
    told = re.sub(r' data-head="[^"]*"', "", str(_seeds([ONE, TWO], "bits_per_byte", EN)))
    assert '<th scope="row">a0</th><td>a</td><td class="number">0</td><td class="number">-</td>' in told
    assert '<th scope="row">a1</th><td>a</td><td class="number">1</td><td class="number">1.25</td>' in told
    assert "c0" not in told


def test_sixty_settings_are_shown_and_how_many_more_there_are() -> None:
    def told(settings: int, value: object = 2) -> str:
        ours, theirs = ({f"x{at}": one for at in range(settings)} for one in (1, value))
        return str(_settings([Arm("a", (Member("a", ours),)), Arm("b", (Member("b", theirs),))], EN))

    assert "x59" in told(60)
    assert "more" not in told(60)
    assert "x60" not in told(62)
    assert "2 more" in told(62)
    assert "<code>" not in told(3, 1)
    assert told(3, 1) != told(0)  # they are the same, and they are not known
    assert [_value(value, EN) for value in ("y" * 99, None, 3)] == ["y" * 60, "-", "3"]


def test_a_step_takes_another_time_from_a_fiftieth_on() -> None:
    def differ(*paces: float | None) -> bool:
        made = [Member("x", per_step={} if pace is None else {"tokens": pace}) for pace in paces]
        return _differ([(at, Arm("x", (member,))) for at, member in enumerate(made)], "tokens")

    assert [differ(100, pace) for pace in (102, 103, 98, 97)] == [False, True, True, True]
    assert not differ(100, 200, None)
    assert not differ()
    assert differ(200, 100, 200)
