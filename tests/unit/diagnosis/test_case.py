"""What is known around a finding: at what distance another led to it, how many points it spans, what came before."""

import numpy as np
import pytest

from newllm.diagnosis.case import Case
from newllm.diagnosis.facts import Facts
from newllm.messages import quoted
from newllm.trace import Finding, Series, Trace

STEPS = np.arange(1, 101)


def finding(kind: str = "spike", first: float | None = 50, last: float | None = 54, **evidence: float) -> Finding:
    return Finding(
        kind=kind,
        severity="warning",
        sentence=quoted(""),
        first_step=first,
        last_step=last,
        signal="loss",
        evidence=evidence,
    )


def case(own: Finding | None = None, *others: Finding, axis: str = "step", **signals: np.ndarray) -> Case:
    series = {"loss": np.ones(100)} | signals
    trace = Trace({name: Series(STEPS[: len(value)], value) for name, value in series.items()}, axis=axis)
    return Case(own or finding(), trace, Facts(), others, 100.0)


@pytest.mark.parametrize(
    ("first", "led"), [(34, False), (35, True), (50, True), (54, True), (55, False), (None, True)]
)  # fmt: skip
def test_another_finding_led_here_from_a_little_before_until_the_end(first: float | None, led: bool) -> None:
    other = finding("context-growth", first)
    assert (case(None, other).led("context-growth") is other) is led
    assert case(None, other).led("spike") is None


def test_where_a_finding_has_no_place_it_begins_at_nothing_and_what_has_no_end_is_one_point() -> None:
    assert case(finding(first=None)).onset == 0.0
    assert case(finding(last=None)).points == 1
    assert case().points == 5


def test_whether_another_kind_is_anywhere() -> None:
    assert case(None, finding("plateau", 1)).has("spike", "plateau")
    assert not case(None, finding("plateau", 1)).has("spike", "diverged")


def test_a_point_is_an_update_where_each_was_recorded() -> None:
    assert case().by_step
    assert not case(axis="epoch").by_step
    sparse = Case(finding(), Trace({"loss": Series(2 * STEPS, np.ones(100))}), Facts(), (), 200.0)
    assert not sparse.by_step


def test_what_came_before_is_finite_and_ends_at_the_onset() -> None:
    rising = STEPS.astype(float)
    rising[47] = np.nan
    before = case(gradient_norm=rising).before("gradient_norm", 4)
    assert before.tolist() == [45, 46, 47, 49]
    assert len(case(gradient_norm=rising).before("gradient_norm")) == 20
    assert len(case().before("gradient_norm")) == 0


@pytest.mark.parametrize(
    ("high", "height", "jumped"), [(1, 4.0, True), (2, 4.0, True), (3, 4.0, False), (1, 2.5, False)]
)
def test_the_gradient_jumped_for_a_few_steps(high: int, height: float, jumped: bool) -> None:
    norm = np.ones(100)
    norm[49 : 49 + high] = height
    assert case(gradient_norm=norm).gradient_jumped(2) is jumped
    assert not case(finding(first=3), gradient_norm=norm).gradient_jumped(2)  # too few points before
    assert not case().gradient_jumped(2)


@pytest.mark.parametrize(("peak", "at_once"), [(50, True), (52, True), (53, False), (None, False)])
def test_worst_within_three_points(peak: float | None, at_once: bool) -> None:
    own = finding() if peak is None else finding(peak_step=peak)
    assert case(own).worst_at_once() is at_once


def test_a_finding_of_no_signal_is_held_against_the_loss() -> None:
    nowhere = Finding(kind="spike", severity="warning", sentence=quoted(""), first_step=50, last_step=54,
                      evidence={"peak_step": 51.0})  # fmt: skip
    assert (case(nowhere).points, case(nowhere).by_step, case(nowhere).worst_at_once()) == (5, True, True)
    validation = Finding(kind="spike", severity="warning", sentence=quoted(""), first_step=50, last_step=54,
                         signal="validation_loss", evidence={"peak_step": 70.0})  # fmt: skip
    every_ten = Trace({"loss": Series(STEPS, np.ones(100)), "validation_loss": Series(10 * STEPS[:10], np.ones(10))})
    seldom = Case(validation, every_ten, Facts(), (), 100.0)
    assert (seldom.points, seldom.by_step, seldom.worst_at_once()) == (1, False, True)
    two = Trace({"loss": Series(STEPS[:2], np.ones(2))})
    assert Case(finding(), two, Facts(), (), 2.0).by_step
    assert not Case(finding(), Trace({"loss": Series(STEPS[:1], np.ones(1))}), Facts(), (), 1.0).by_step


def test_a_jump_is_above_three_times_the_level_before_and_near_the_onset() -> None:
    def jumped(norm: np.ndarray, first: float = 50) -> bool:
        return case(finding(first=first), gradient_norm=norm).gradient_jumped(2)

    norm = np.full(100, 2.0)
    norm[49] = 6.0
    assert not jumped(norm)
    norm[49] = 6.1
    assert jumped(norm)
    norm[[49, 56]] = 2.0, 9.0  # the last of eight points
    assert jumped(norm)
    norm[[56, 57]] = 2.0, 9.0
    assert not jumped(norm)
    norm[[57, 5]] = 2.0, 9.0
    assert jumped(norm, first=6)  # five points before
    norm[4] = 9.0
    assert not jumped(norm, first=5)
