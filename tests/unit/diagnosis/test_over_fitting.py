"""How far the training loss fell behind the best evaluation."""

import numpy as np
import pytest

from newllm.diagnosis.detectors.evaluation import _training_fell, detect_over_fitting
from newllm.diagnosis.facts import Facts
from newllm.trace import Series, Trace


def fell(value: np.ndarray, since: float) -> float | None:
    return _training_fell(Trace({"loss": Series(np.arange(1, len(value) + 1), value)}), since)


def test_it_is_taken_from_a_few_points_up_to_the_best_and_the_last_few() -> None:
    falling = np.exp(-np.arange(100) / 10)  # few: five of a hundred points
    before = np.median(np.exp(-np.arange(44, 50) / 10))  # the best at step 50 and five points before
    assert fell(falling, 50) == pytest.approx(float(np.log(before / falling[97])))
    assert fell(falling, 1) == pytest.approx(9.7)
    assert fell(np.exp(-np.arange(10) / 10), 10) == pytest.approx(0.05, abs=0.01)


def test_it_is_not_known_of_few_points_of_none_behind_or_of_what_has_no_logarithm() -> None:
    assert fell(np.ones(3), 1) is None
    assert fell(np.ones(4), 1) == 0.0
    assert fell(np.ones(10), 11) is None
    assert fell(np.array([1.0, 1, 1, 0]), 2) is None


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
