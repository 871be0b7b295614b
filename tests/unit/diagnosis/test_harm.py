"""Rises of the training loss that harm nothing, by what the validation loss says around them."""

from typing import Any

import numpy as np
import pytest
from tests.unit.diagnosis.cases import STEPS, at, other

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.harm import harmless_as_notes, inner_as_notes, validation_gains
from newllm.trace import Series, Trace

EVERY = np.arange(20, 401, 20)


def around(before: float, after: float, usual: float = 0.0) -> np.ndarray:
    """Return twenty evaluations, of which those from step 240 on are of another level."""
    return np.where(EVERY < 240, before + usual * (np.arange(20) % 2), after)


def trace_of(validation: np.ndarray | None = None, loss: np.ndarray | None = None, axis: str = "step") -> Trace:
    signals = {"loss": Series(STEPS, np.full(400, 2.0) if loss is None else loss)}
    if validation is not None:
        signals["validation_loss"] = Series(EVERY[: len(validation)], validation)
    return Trace(signals, axis)


def severity(trace: Trace, kind: str = "spike", last: float | None = 245, **more: Any) -> str:
    (found,) = harmless_as_notes([other(kind, 239, last_step=last, **more)], trace)
    return found.severity


@pytest.mark.parametrize(
    ("after", "usual", "gains"),
    [
        (1.59, 0.0, True),
        (1.61, 0.0, False),
        (1.0, 0.24, True),
        (1.0, 0.26, False),  # evaluations differ by as much
        (0.0, 0.0, False),
    ],
)
def test_validation_gains_where_it_is_far_better_behind_a_rise(after: float, usual: float, gains: bool) -> None:
    # The evaluation before is the eleventh, without what the others differ by.
    trace = trace_of(around(2.0, after, usual))
    assert (validation_gains(other("spike", 239), trace) == (2.0, after)) is gains
    assert severity(trace) == ("note" if gains else "warning")


def test_the_better_of_the_next_two_evaluations_counts() -> None:
    later = around(2.0, 2.0)
    for place, gains in ((11, True), (12, True), (13, False)):
        value = later.copy()
        value[place] = 1.0
        assert (validation_gains(other("spike", 239), trace_of(value)) is not None) is gains


def test_the_first_evaluations_say_nothing_of_what_is_usual() -> None:
    value = np.array([2.0, 2.0, 2.0, 1.0, 1.0])
    assert [validation_gains(other("spike", step), trace_of(value)) for step in (60, 61)] == [None, (2.0, 1.0)]
    assert validation_gains(other("spike", None), trace_of(value)) is None
    assert validation_gains(other("spike", 61), trace_of()) is None
    assert validation_gains(other("spike", 61, signal="validation_loss"), trace_of(value)) is None


@pytest.mark.parametrize(("height", "gains"), [(108.0, False), (3.9, True)])
def test_an_evaluation_behind_the_update_that_did_it_is_none_before_it(height: float, gains: bool) -> None:
    """The update of step 240 ruins the model: step 240's evaluation sees it, the loss at 241 for the first time."""
    value = around(2.0, 1.9)
    value[11] = height  # of step 240
    found = other("spike", 241)
    assert validation_gains(found, trace_of(value)) == ((height, 1.9) if gains else None)
    assert harmless_as_notes([found], trace_of(value))[0].severity == ("note" if gains else "warning")


def peak(height: float, first: float = 5.0, behind: float = 1.0) -> np.ndarray:
    """Return a loss that falls from 5 to 1 and rises to a height for a few points."""
    loss = np.where(STEPS < 50, first, behind)
    return np.where((STEPS >= 240) & (STEPS <= 243), height, loss)


@pytest.mark.parametrize(
    ("height", "after", "expected"),
    [
        (3.49, 2.0, "note"),
        (3.51, 2.0, "warning"),
        (3.0, 2.19, "note"),
        (3.0, 2.21, "warning"),  # the model is worse behind it
    ],
)
def test_a_small_peak_of_a_model_that_is_as_good_behind_it_is_a_note(
    height: float, after: float, expected: str
) -> None:
    assert severity(trace_of(around(2.0, after), peak(height))) == expected


@pytest.mark.parametrize(("times", "points", "expected"), [(10, 5, "warning"), (9.9, 5, "note"), (10, 4, "note")])
def test_a_loss_that_is_many_times_as_high_for_long_is_no_harmless_rise(
    times: float, points: int, expected: str
) -> None:
    loss = np.where(STEPS < 50, 5.0, 0.1)
    loss = np.where(np.isin(STEPS, range(239, 239 + points)), 0.1 * times, loss)
    assert severity(trace_of(around(2.0, 2.0), loss), last=238 + points) == expected


def test_what_the_validation_does_not_tell_stays_an_alarm() -> None:
    assert severity(trace_of(None, peak(3.0))) == "warning"
    assert severity(trace_of(around(2.0, 2.0)[:11], peak(3.0))) == "warning"  # none behind it
    assert severity(trace_of(around(2.0, 2.0), peak(3.0), "epoch")) == "warning"
    assert severity(trace_of(around(2.0, 2.0), peak(3.0) - 1.1)) == "warning"  # below nothing no share is small
    assert severity(trace_of(around(2.0, 2.0), peak(3.0)), last=239) == "warning"  # of one point
    assert severity(trace_of(around(2.0, 2.0), np.where(STEPS > 380, np.nan, peak(3.0)))) == "warning"
    assert severity(trace_of(around(2.0, 2.0), np.where(STEPS < 20, np.nan, peak(3.0)))) == "note"


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        ("worse-than-uniform", {}, "note"),
        ("worse-than-untrained", {}, "note"),
        ("gradient-explosion", {}, "note"),
        ("diverged", {}, "note"),  # other data, on which the model goes on to learn
        ("plateau", {}, "warning"),
        ("spike", {"severity": "fault"}, "fault"),
        ("spike", {"signal": "validation_loss"}, "warning"),
    ],
)
def test_only_warnings_of_rises_of_the_training_loss_are_harmless(
    kind: str, more: dict[str, Any], expected: str
) -> None:
    assert severity(trace_of(around(2.0, 1.0), 2 * at(240, 243, 2.0)), kind, **more) == expected


@pytest.mark.parametrize(
    ("points", "after", "expected"), [(4000, 1.0, "note"), (400, 1.0, "warning"), (4000, 1.2, "warning")]
)
def test_one_hard_batch_among_thousands_is_a_note(points: int, after: float, expected: str) -> None:
    steps = np.arange(1, points + 1)
    validation = Series(EVERY, around(1.0, after))
    loss = Series(steps, np.where(steps == 239, 5.0, 2.0))
    assert severity(Trace({"loss": loss, "validation_loss": validation}), last=239) == expected


def quality_trace(
    value: list[float], name: str = "recall_at_20", steps: np.ndarray | None = None, **more: Any
) -> Trace:
    """Return a trace with a measure at every twentieth step."""
    trace = trace_of(loss=np.where(STEPS < 240, 1.0, 1.5) + np.where(STEPS < 20, 1.0, 0.0))
    signals = {**trace.signals, name: Series(EVERY[: len(value)] if steps is None else steps, np.array(value)), **more}
    return Trace(signals, "step")


BETTER = [0.1] * 11 + [0.2] * 9


@pytest.mark.parametrize(
    ("trace", "expected"),
    [
        (quality_trace(BETTER), "note"),
        (quality_trace(BETTER, "validation_accuracy"), "note"),
        (quality_trace([*BETTER[:-1], 0.1]), "fault"),  # at one evaluation it was no better
        (quality_trace([0.2, *BETTER[1:]]), "fault"),  # nor than at the first
        (quality_trace(BETTER[:12]), "fault"),  # one evaluation
        (quality_trace(BETTER[9:], steps=EVERY[9:]), "fault"),  # two before
        (quality_trace(BETTER, "error_recall"), "fault"),
        (quality_trace(BETTER, "price"), "fault"),
        (quality_trace(list(np.repeat(BETTER, 20)), steps=STEPS), "fault"),  # of every batch
        (quality_trace(BETTER, ndcg=Series(EVERY, np.full(20, 0.5))), "fault"),  # another is as it was
        (quality_trace(BETTER, ndcg=Series(EVERY, np.array(BETTER))), "note"),
    ],
)
def test_a_loss_that_stays_high_is_a_harder_task_where_quality_was_never_as_good_before(
    trace: Trace, expected: str
) -> None:
    assert severity(trace, "diverged", None, severity="fault") == expected


def test_a_better_quality_excuses_no_loss_that_ends_above_its_start() -> None:
    signals = quality_trace(BETTER).signals
    worse = Trace({**signals, "loss": Series(STEPS, np.where(STEPS < 240, 1.0, 3.0))}, "step")
    assert severity(worse, "diverged", None, severity="fault") == "fault"


def test_a_better_quality_excuses_no_spike() -> None:
    assert severity(quality_trace(BETTER), "spike") == "warning"


@pytest.mark.parametrize(("right", "expected"), [(0.95, "note"), (0.85, "warning"), (None, "warning")])
def test_dead_units_of_a_model_that_knows_nine_of_ten_are_a_note(right: float | None, expected: str) -> None:
    signals = {"loss": Series(STEPS, np.geomspace(2.3, 0.1, len(STEPS)))}
    if right is not None:
        signals["targets_right"] = Series(STEPS[::10], np.linspace(0.1, right, len(STEPS[::10])) ** 0.05 * right)
    (found,) = inner_as_notes([other("dead-units", 20)], Trace(signals), Facts())
    assert found.severity == expected


@pytest.mark.parametrize("kind", ["vanishing-gradient", "vanishing-signal", "update-ratio"])
def test_small_and_large_sizes_of_layers_are_notes_where_the_loss_is_learnt_and_nothing_else_is_wrong(
    kind: str,
) -> None:
    learnt, hardly = (Trace({"loss": Series(STEPS, np.geomspace(2.3, end, len(STEPS)))}) for end in (0.1, 2.1))
    size = other(kind, 20)
    assert [one.severity for one in inner_as_notes([size], learnt, Facts())] == ["note"]
    assert [one.severity for one in inner_as_notes([size], hardly, Facts())] == ["warning"]
    both = [size, other("over-fitting", 20)]
    assert [one.severity for one in inner_as_notes(both, learnt, Facts())] == ["warning", "warning"]
