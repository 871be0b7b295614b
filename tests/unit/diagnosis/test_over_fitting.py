"""How far the training loss fell behind the best evaluation, and what is said of validation by that."""

import numpy as np
import pytest

from newllm.diagnosis.detectors.evaluation import detect_over_fitting, training_fell
from newllm.diagnosis.facts import Facts
from newllm.trace import Series, Trace


def fell(value: np.ndarray, since: float) -> float | None:
    return training_fell(Trace({"loss": Series(np.arange(1, len(value) + 1), value)}), since)


def test_it_is_taken_from_a_few_points_up_to_the_best_and_the_last_few() -> None:
    falling = np.exp(-np.arange(100) / 10)  # few: five of a hundred points
    before = np.median(np.exp(-np.arange(44, 50) / 10))  # the best at step 50 and five points before
    assert fell(falling, 50) == pytest.approx(float(np.log(before / falling[97])))
    assert fell(falling, 1) == pytest.approx(9.7)
    assert fell(np.exp(-np.arange(10) / 10), 10) == pytest.approx(0.05, abs=0.01)


def test_it_is_not_known_of_few_points_or_of_none_behind() -> None:
    assert fell(np.ones(3), 1) is None
    assert fell(np.ones(4), 1) == 0.0
    assert fell(np.ones(10), 11) is None
    assert (fell(np.array([1.0, 1, 1, 0]), 2) or 0) > 0  # of what has no logarithm in units of its range


@pytest.mark.parametrize(
    ("validation", "is_found"),
    [
        ([3.35, 1.52, 0.94, 1.04, 1.27, 1.48], True),  # its steep descent bends more than it scatters
        ([3.35, 1.52, 0.94, 1.2, 0.95, 1.3], False),
        ([1.62, 1.06, 0.90, 0.88, 0.97, 0.98, 0.99], False),
    ],
)
def test_a_rise_is_held_against_what_evaluations_scatter_by(validation: list[float], is_found: bool) -> None:
    steps = np.arange(1, 241)
    at = np.linspace(1, 240, len(validation)).astype(int)
    signals = {"loss": Series(steps, 3 * np.exp(-steps / 60)), "validation_loss": Series(at, np.array(validation))}
    assert bool(detect_over_fitting(Trace(signals), Facts())) is is_found


STEPS, EVALUATED = np.arange(1, 401), np.arange(20, 401, 20)
NOISE = np.random.default_rng(3).standard_normal(400)
TURNED = np.interp(EVALUATED, [20, 160, 400], [2.4, 1.0, 1.6])
FALLS = 2 * np.exp(-STEPS / 60) + 0.5


def said(loss: np.ndarray, validation: np.ndarray = TURNED) -> dict[str, tuple[str, str]]:
    signals = {"loss": Series(STEPS, loss), "validation_loss": Series(EVALUATED, validation)}
    found = detect_over_fitting(Trace(signals, "step"), Facts())
    return {one.kind: (one.severity, str(one.sentence)) for one in found}


@pytest.mark.parametrize(
    "loss",
    [
        FALLS + 0.01 * NOISE,
        FALLS - 0.0005 * STEPS + 0.05 * NOISE,
        0.3 * FALLS * np.exp(0.5 * NOISE) * np.exp(-STEPS / 150),  # it scatters far, and goes on falling
        FALLS - 0.6 + 0.01 * NOISE - 0.001 * STEPS,  # a likelihood of continuous values, below zero
    ],
)
def test_where_training_goes_on_falling_it_is_over_fitting(loss: np.ndarray) -> None:
    found = said(loss)
    assert list(found) == ["over-fitting"]
    assert "has risen by about" in found["over-fitting"][1]
    assert "while the training loss fell" in found["over-fitting"][1]


@pytest.mark.parametrize(
    ("loss", "severity", "training"),
    [
        (np.maximum(FALLS, FALLS[159]) + 0.03 * NOISE, "warning", "while the training loss stood"),
        (
            FALLS[np.minimum(STEPS, 160) - 1] + np.maximum(STEPS - 160, 0) / 9000,
            "note",
            "the training loss rose as well",
        ),
    ],
)
def test_where_training_does_not_fall_validation_rises_and_it_is_no_over_fitting(
    loss: np.ndarray, severity: str, training: str
) -> None:
    found = said(loss)
    assert list(found) == ["validation-rises"]
    assert found["validation-rises"][0] == severity
    assert training in found["validation-rises"][1]


@pytest.mark.parametrize("below", [0.0, 0.8])  # a likelihood of continuous values comes below zero
def test_where_training_jumps_up_at_the_same_step_that_is_told_of_training(below: float) -> None:
    assert said(np.where(STEPS > 160, 1.8, FALLS) - below + 0.03 * NOISE) == {}


def test_of_a_training_loss_that_is_not_known_only_the_rise_is_noted() -> None:
    found = said(np.full(400, np.nan))
    assert list(found) == ["validation-rises"]
    assert found["validation-rises"][0] == "note"
    assert "no training loss" in found["validation-rises"][1]


@pytest.mark.parametrize("loss", [FALLS, np.maximum(FALLS, FALLS[159])])
def test_a_validation_loss_that_falls_or_stands_is_no_finding(loss: np.ndarray) -> None:
    assert said(loss, 2.4 * np.exp(-EVALUATED / 100) + 0.7 + 0.01 * NOISE[:20]) == {}
