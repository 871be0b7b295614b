"""A validation loss that never agrees with training's, or never comes below where training began."""

import numpy as np
import pytest

from newllm.diagnosis.detectors.evaluation import detect_validation_gap
from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts
from newllm.messages import catalogue
from newllm.trace import Finding, Series, Trace

POINTS = 60
LEARNS = np.concatenate([np.full(20, 5.0), np.geomspace(5, 2, 40)])
BY_HEART = np.concatenate([np.full(20, 5.0), np.geomspace(5, 0.1, 40)])


def gap(
    *validation: float, loss: np.ndarray = LEARNS, first: int = 12, epochs: np.ndarray | None = None
) -> list[Finding]:
    at = np.linspace(first, POINTS, len(validation)).astype(int)
    step = np.arange(1, POINTS + 1)
    signals = {"loss": Series(step, loss), "validation_loss": Series(at, np.array(validation))}
    return detect_validation_gap(Trace(signals, epochs=None if epochs is None else Series(step, epochs)), Facts())


def second_from(step: int) -> np.ndarray:
    return np.where(np.arange(1, POINTS + 1) < step, 0.0, 1.0)


# Never below the loss that training began at.


@pytest.mark.parametrize(
    ("validation", "is_found"),
    [
        ([5.26] * 4, True),
        ([5.24, 5.27, 5.24, 5.24], False),  # over-fitting takes its time: at its first evaluation it lies no higher
        ([5.24, 5.26, 5.24, 5.24], True),  # it does not move at all
        ([5.24] * 3, False),
        ([5.3, 5.3, 5.3], True),
        ([5.3, 5.3], False),
        ([5.3, 4.77, 5.3, 5.3], True),
        ([5.3, 4.74, 5.3, 5.3], False),  # it has come down
    ],
)
def test_a_validation_that_never_falls_while_training_learns_is_found(validation: list[float], is_found: bool) -> None:
    found = gap(*validation)
    assert bool(found) is is_found
    assert all("never falls clearly below 5" in str(one.sentence) for one in found)


def test_within_the_first_epoch_it_has_to_be_no_higher() -> None:
    (found,) = gap(*[4.8] * 4, epochs=second_from(13))
    assert (found.evidence["first_epoch"], found.evidence["from_first"]) == (True, False)
    assert "within the first epoch" in str(found.sentence)
    assert not gap(*[4.7] * 4, epochs=second_from(13))
    assert not gap(4.8, 4.83, 4.8, 4.8, epochs=second_from(12))  # the data were read again by then


@pytest.mark.parametrize(("end", "is_found"), [(4.2, True), (4.4, False)])
def test_training_has_to_learn(end: float, is_found: bool) -> None:
    loss = np.concatenate([np.full(20, 5.0), np.full(40, end)])
    assert bool(gap(*[5.4] * 4, loss=loss)) is is_found


@pytest.mark.parametrize(
    ("validation", "first", "is_found"),
    [(5.4, 12, False), (6.9, 12, False), (8.0, 12, True), (5.9, 40, False), (6.1, 40, True)],
)
def test_few_data_that_are_learnt_by_heart_bring_validation_up(validation: float, first: int, is_found: bool) -> None:
    # Only a gap that was there before they were learnt counts, or more than they bring by then.
    around = validation * np.array([1.0, 1.02, 0.99, 1.0])
    assert bool(gap(*around, loss=BY_HEART, first=first)) is is_found
    assert gap(*around, loss=BY_HEART, epochs=second_from(13))  # none of them had been read twice


def test_what_is_learnt_by_heart_does_not_leave_validation_where_it_was() -> None:
    (found,) = gap(*5.0 * np.array([1.0, 1.001, 0.999, 1.0]), loss=BY_HEART)
    assert found.evidence["unmoved"]
    assert not gap(*5.0 * np.array([1.0, 1.01, 0.99, 1.0]), loss=BY_HEART)


def test_in_the_first_epoch_a_later_evaluation_counts_too() -> None:
    # At step 45 training has learnt much, of batches that were as new as the validation's rows.
    validation = [5.0, 4.9, 4.8, 4.5, 4.2]
    (found,) = gap(*validation, loss=BY_HEART, first=1, epochs=second_from(50))
    assert found.first_step == 45
    assert "no data had been read twice" in str(found.sentence)
    assert not gap(*validation, loss=BY_HEART, first=1, epochs=second_from(20))


def test_a_few_rows_that_cost_much_are_no_gap() -> None:
    loss = np.where(np.arange(POINTS) % 10 == 5, 20.0, LEARNS)
    assert not gap(5.0, 5.0, 4.0, 3.6, 3.3, loss=loss, first=1, epochs=second_from(50))
    assert gap(5.0, 5.0, 5.0, 5.0, 5.0, loss=LEARNS, first=1, epochs=second_from(61))


@pytest.mark.parametrize(
    ("alike", "again", "is_found"),
    [(0.3, 1.0, True), (0.0, 1.0, True), (0.7, 1.0, False), (0.3, 0.9, False)],  # pairs that come twice by chance
)
def test_an_epoch_is_over_where_all_rows_come_again_at_once(alike: float, again: float, is_found: bool) -> None:
    step = np.arange(1, POINTS + 1)
    seen = np.where(step <= 15, np.linspace(0, alike, POINTS) * (POINTS / 15), again)
    signals = {"loss": Series(step, BY_HEART), "validation_loss": Series(step[14::15], np.array([5.3, 6.0, 7.0, 7.1]))}
    found = detect_validation_gap(Trace(signals | {"rows_seen": Series(step, seen)}), Facts())
    assert bool(found) is is_found
    assert all("no data had been read twice" in str(one.sentence) for one in found)


# Apart at the first evaluation.


@pytest.mark.parametrize(
    ("validation", "is_found"),
    [
        ([5 * np.exp(0.36), 4.4, 3.2, 3.0], True),
        ([5 * np.exp(0.34), 4.4, 3.2, 3.0], False),
        ([5 * np.exp(0.36), 4.4, 2.7, 2.7], False),  # it closes
        ([5 * np.exp(0.36), 4.4, 2.9, 2.9], True),
    ],
)
def test_a_gap_at_the_first_evaluation_that_stays_is_found(validation: list[float], is_found: bool) -> None:
    found = gap(*validation)
    assert bool(found) is is_found
    assert all(one.evidence["from_first"] for one in found)


@pytest.mark.parametrize(("last", "is_found"), [(1.8, True), (1.7, False)])
def test_what_comes_down_to_a_third_of_the_start_is_learnt_after_all(last: float, is_found: bool) -> None:
    loss = np.concatenate([np.full(20, 5.0), np.geomspace(5, 1.1, 40)])
    assert bool(gap(8.0, 4.0, last, last, loss=loss)) is is_found


# The same quantity in other units.


@pytest.mark.parametrize(
    ("validation", "first", "severity"),
    [
        ([400.0, 300.0, 200.0, 160.0], 3, "note"),  # a sum over eighty, before anything was learnt
        ([400.0, 390.0, 385.0, 380.0], 3, "warning"),  # which does not fall
        ([400.0, 300.0, 200.0, 160.0], 40, "warning"),  # training has learnt by then
    ],
)
def test_a_loss_that_is_equal_but_for_a_factor_is_a_note(validation: list[float], first: int, severity: str) -> None:
    (found,) = gap(*validation, first=first)
    assert found.severity == severity
    assert ("80 times" in str(found.sentence)) is (severity == "note")


@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize("epochs", [None, second_from(40)])
def test_a_gap_is_said_with_its_reasons_as_unknown_ones(epochs: np.ndarray | None, text: bool) -> None:
    """Ten images that a sampler shows again and again make such a gap too: both losses measure the same thing there."""
    (found,) = gap(8.1, 8.3, 8.5, 8.7, loss=np.geomspace(5, 0.4, 60), epochs=epochs)
    said = catalogue("en").about(text=text).text(found.sentence)
    assert "do not measure the same" not in said
    assert "is not what validation asks" not in said
    if found.evidence["from_first"] and "never falls" not in said:
        assert "times the training loss at the end; that alone does not say why" in said
        assert "one of them may read few rows only" in said


def test_each_form_of_a_gap_names_what_may_be_behind_it() -> None:
    said = [str(gap(*validation)[0].sentence) for validation in ([9.0, 8.0, 4.9, 4.8], [5.26] * 4)]
    assert said[0].endswith("one of them may read few rows only")
    assert said[1].endswith("what is learnt in training does not help validation")


def test_all_that_is_said_of_where_training_began_is_one_number() -> None:
    """Of a training that falls fast: the first points are far above those behind them."""
    steps = np.arange(1.0, 401)
    loss = 1.2 * np.exp(-steps / 6) + 0.02 + 0.001 * np.random.default_rng(1).random(400)
    at = np.arange(10.0, 401, 10)
    jumps = 4000.0 + 2000 * (-1.0) ** np.arange(len(at))
    signals = {"loss": Series(steps, loss), "validation_loss": Series(at, jumps), "rows_seen": Series(steps, 0 * steps)}
    found = {one.kind: one for one in diagnose(Trace(signals, "step"), Facts(origin="record"))}
    gap, unsteady = (found[kind].sentence.parameters for kind in ("validation-gap", "unsteady-validation"))
    assert gap["start"] == unsteady["start"] == pytest.approx(np.median(loss[:3]))
    assert found["unsteady-validation"].evidence["at_start"] == gap["start"]
