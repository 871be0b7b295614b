"""Both losses rise by little, to the end of the log: a note, where nothing that is logged asks for it."""

from collections.abc import Callable

import numpy as np
import pytest

from newllm.diagnosis.detectors.small_rise import detect_small_rise
from newllm.diagnosis.facts import Facts
from newllm.trace import Series, Trace

STEPS = np.arange(300)
EVALUATED = STEPS[14::15]
Curve = Callable[[np.ndarray], np.ndarray]


def falling(step: np.ndarray) -> np.ndarray:
    return 2 + 2.5 * np.exp(-step / 40)


def risen(step: np.ndarray, by: float = 0.08) -> np.ndarray:
    return falling(step) * (1 + by * np.maximum(0, step - 200) / 100)


def restarted(step: np.ndarray) -> np.ndarray:
    """A cosine with restarts, whose last cycle begins at step 240; the loss follows the rate."""
    return 0.5 * (1 + np.cos(np.pi * (step % 120) / 120))


def trace(
    loss: Curve = risen,
    validation: Curve | None = None,
    rate: Curve | None = np.ones_like,
    noise: float = 0.01,
    **more: Curve,
) -> Trace:
    chance = np.random.default_rng(0)
    signals = {
        "loss": Series(STEPS, loss(STEPS) + noise * chance.standard_normal(len(STEPS))),
        "validation_loss": Series(
            EVALUATED, (validation or loss)(EVALUATED) + 0.03 + noise / 4 * chance.standard_normal(len(EVALUATED))
        ),
        **({} if rate is None else {"learning_rate": Series(STEPS, 1e-3 * rate(STEPS.astype(float)))}),
        **{name: Series(STEPS, curve(STEPS.astype(float))) for name, curve in more.items()},
    }
    return Trace(signals)


@pytest.mark.parametrize("by", [0.05, 0.08])
@pytest.mark.parametrize("rate", [np.ones_like, lambda step: np.cos(step / 300)])
def test_a_small_rise_of_both_losses_is_a_note(by: float, rate: Curve) -> None:
    (note,) = detect_small_rise(trace(lambda step: risen(step, by), rate=rate), Facts())
    assert (note.kind, note.severity) == ("validation-rises", "note")
    assert note.first_step is not None
    assert 180 < note.first_step < 240
    assert "the training loss rose as well" in str(note.sentence)


@pytest.mark.parametrize(
    "sound",
    [
        trace(falling),
        trace(falling, noise=0.06),
        trace(rate=None),  # a restart cannot be told
        trace(lambda step: 2 + 0.2 * restarted(step) + np.exp(-step / 30), rate=restarted),
        trace(rate=lambda step: 0.1 + np.maximum(0, step - 190)),  # a rate that rises slowly, as in a cycle
        trace(validation=falling),  # a curriculum, or stronger augmentation
        trace(lambda step: falling(step) + 0.15 * (step >= 250)),  # other data from there on
        trace(kl_loss=lambda step: step / 300),  # the weight of a divergence is warmed up
        trace(d_loss=falling, g_loss=falling),
        trace(policy_loss=falling, value_loss=falling, entropy=falling),
        trace(lambda step: falling(step) + 0.02 * np.sin(step / 20)),  # up and down
    ],
)
def test_sound_trainings_are_not_accused(sound: Trace) -> None:
    assert not detect_small_rise(sound, Facts())


def test_a_rise_that_is_told_otherwise_is_told_once() -> None:
    assert not detect_small_rise(trace(lambda step: risen(step, 0.6), noise=0.002), Facts())
