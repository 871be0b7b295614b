"""The learning rate at the start, over the warm-up, in the middle and at the end."""

import math

import pytest

from newllm.training.config import OptimizerConfig
from newllm.training.schedule import learning_rate

COSINE = OptimizerConfig(learning_rate=2.0, warmup=10, schedule="cosine", final=0.1)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, 0.2), (4, 1.0), (9, 2.0), (10, 2.0),
        (35, 2 * (0.1 + 0.9 * (2 + math.sqrt(2)) / 4)), (60, 1.1), (110, 0.2), (200, 0.2),
    ],
)  # fmt: skip
def test_a_cosine_falls_from_the_warm_up_to_the_last_step(step: int, expected: float) -> None:
    assert learning_rate(step, 110, COSINE) == pytest.approx(expected)


def test_a_constant_rate_is_warmed_up_and_stays() -> None:
    config = OptimizerConfig(learning_rate=2.0, warmup=4, schedule="constant")
    assert [learning_rate(step, 10, config) for step in (0, 1, 3, 4, 9)] == [0.5, 1.0, 2.0, 2.0, 2.0]


def test_without_warm_up_the_first_step_has_the_highest_rate() -> None:
    config = OptimizerConfig(learning_rate=2.0, warmup=0, final=0.0)
    assert learning_rate(0, 8, config) == 2.0
    assert learning_rate(4, 8, config) == pytest.approx(1.0)


def test_a_run_that_ends_within_its_warm_up_rises_to_its_end() -> None:
    rates = [learning_rate(step, 5, COSINE) for step in range(5)]
    assert rates == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
