"""Whether the model that a run ends with is lost: not finite, far above its start, or back at it."""

import numpy as np
import pytest

from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.ending import lost_model
from newllm.diagnosis.facts import Facts
from newllm.trace import Series, Trace

STEPS = np.arange(100)
FALLING = 0.5 + 2.0 * np.exp(-STEPS / 10) + 0.01 * np.sin(7 * STEPS)


def _trace(loss: np.ndarray, name: str = "loss") -> Trace:
    return Trace({name: Series(STEPS.astype(np.int64), loss)})


def _glitch(level: float) -> np.ndarray:
    loss = FALLING.copy()
    loss[60:] = level + 0.01 * np.sin(7 * STEPS[60:])
    loss[60] = 30.0
    return loss


@pytest.mark.parametrize(
    ("loss", "how", "step"),
    [
        (np.where(STEPS < 60, FALLING, np.nan), "not-finite", 60),
        (_glitch(9.0), "above-start", 60),
        (_glitch(2.5), "back-at-start", 60),
    ],
)
def test_a_model_that_is_lost_is_known_by_its_last_losses(loss: np.ndarray, how: str, step: int) -> None:
    ending = lost_model(_trace(loss), Facts())
    assert ending is not None
    assert (ending.how, ending.step) == (how, step)
    assert ending.start == loss[0]


@pytest.mark.parametrize(
    "loss",
    [
        FALLING,
        np.where((STEPS >= 60) & (STEPS < 70), 30.0, FALLING),  # it came back
        np.where(STEPS % 9 == 8, np.nan, FALLING),  # a loss scaler that tries its scale
        _glitch(1.2),  # worse than it was, and far better than it began
        np.full(100, 2.3),  # nothing was learnt, and nothing lost
        -FALLING,  # a likelihood
    ],
)
def test_another_end_is_no_loss_of_the_model(loss: np.ndarray) -> None:
    assert lost_model(_trace(loss), Facts()) is None


def test_what_is_no_measure_of_progress_says_nothing_of_the_model() -> None:
    assert lost_model(_trace(_glitch(9.0)), Facts(kind="reinforcement")) is None
    assert lost_model(_trace(np.where(STEPS < 60, FALLING, np.nan)), Facts(kind="adversarial")) is not None
    assert lost_model(_trace(_glitch(9.0), "validation_loss"), Facts()) is None
    assert lost_model(Trace(), Facts()) is None


def test_the_first_finding_on_a_lost_model_is_a_fault() -> None:
    found = diagnose(_trace(_glitch(2.5)))
    assert found
    assert found[0].severity == "fault"
