"""How far the training loss fell behind the best evaluation."""

import numpy as np
import pytest

from newllm.diagnosis.detectors.evaluation import _training_fell
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
