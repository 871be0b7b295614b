"""A quality that evaluations had found high, and find low ever since."""

import numpy as np
import pytest

from newllm.diagnosis.detectors.quality_lost import detect_quality_lost
from newllm.diagnosis.facts import Facts
from newllm.trace import Series, Trace

STEPS, EVALUATED = np.arange(1, 401), np.arange(20.0, 401, 20)
FALLS = 2 * np.exp(-STEPS / 120) + 0.1
LOST = np.r_[np.linspace(0.1, 0.8, 10), np.linspace(0.75, 0.2, 4), np.full(6, 0.2)]
BACK = np.r_[LOST[:17], 0.7, 0.75, 0.8]


def said(facts: Facts = Facts(), **measures: np.ndarray) -> list[tuple[str | None, float | None]]:  # noqa: B008
    evaluated = {name: Series(EVALUATED[: len(value)], value) for name, value in measures.items()}
    found = detect_quality_lost(Trace({"loss": Series(STEPS, FALLS)} | evaluated), facts)
    return [(one.signal, one.first_step) for one in found]


@pytest.mark.parametrize("name", ["validation_accuracy", "dice", "val_f1", "greedy_success", "validation/dice"])
@pytest.mark.parametrize("unit", [1, 100])
def test_it_is_named_with_the_step(name: str, unit: int) -> None:
    assert said(**{name: unit * LOST}) == [(name, 260.0)]


def test_what_comes_back_is_not_lost() -> None:
    assert said(dice=BACK) == []


def test_what_scatters_is_not_lost() -> None:
    scatter = 0.2 * np.random.default_rng(0).standard_normal(20)
    assert said(dice=np.clip(np.linspace(0.55, 0.4, 20) + scatter, 0, 1)) == []


def test_one_measure_for_another() -> None:
    assert said(recall=LOST, precision=np.linspace(0.1, 0.9, 20)) == []
    assert said(recall=LOST, precision=np.minimum(LOST, 0.7)) == [("recall", 260.0)]


def test_a_validation_loss_that_rises_tells_of_it() -> None:
    assert said(dice=LOST, validation_loss=np.r_[np.linspace(2, 0.5, 10), np.linspace(0.5, 1, 10)]) == []
    assert said(dice=LOST, validation_loss=np.linspace(2, 0.5, 20)) == [("dice", 260.0)]


def test_few_evaluations_and_the_two_sides_of_a_game() -> None:
    assert said(dice=LOST[7:14]) == []
    assert said(Facts(kind="adversarial"), d_accuracy=LOST) == []
