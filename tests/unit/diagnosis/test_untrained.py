"""Losses that stay where they began, settle above it, or begin where no model should."""

import math

import numpy as np
import pytest

from newllm.diagnosis.detectors.loss_bounds import LARGEST, detect_bad_start, detect_worse_than_chance
from newllm.diagnosis.detectors.trend import detect_plateau
from newllm.diagnosis.facts import Facts
from newllm.trace import Finding, Series, Trace


def trace_of(**signals: np.ndarray) -> Trace:
    return Trace({name: Series(np.arange(1, len(value) + 1), value) for name, value in signals.items()})


# A validation loss that never moved, beside a training loss too noisy, or too short, to tell.

NOISY = 2.3 * np.exp(0.5 * (-1.0) ** np.arange(60))
SHORT = np.full(6, 2.3)


def unmoved(
    validation: np.ndarray,
    loss: np.ndarray = SHORT,
    accuracy: float | None = None,
    facts: Facts = Facts(),  # noqa: B008
) -> list[Finding]:
    more = {} if accuracy is None else {"validation_accuracy": np.full(6, accuracy)}
    return detect_plateau(trace_of(loss=loss, validation_loss=validation, **more), facts)


def trained(first: float, last: float) -> np.ndarray:
    """Return a training loss of twelve points, of which four are the first level."""
    return 2.3 * np.repeat([first, last], [4, 8])


def between(change: float, count: int = 6) -> np.ndarray:
    return 2.3 * np.linspace(1 - change / 2, 1 + change / 2, count)


@pytest.mark.parametrize(
    ("what", "is_found"),
    [
        ({"validation": between(0.0099)}, True),
        ({"validation": between(0.0101)}, False),
        ({"validation": between(0.005, 5)}, False),
        ({"validation": between(0.005), "loss": trained(1.0, 0.81), "accuracy": 0.1}, True),
        ({"validation": between(0.005), "loss": trained(1.0, 0.79), "accuracy": 0.1}, False),  # it has come further
        ({"validation": between(0.005), "loss": trained(1.09, 1.0)}, True),
        ({"validation": between(0.005), "loss": trained(1.11, 1.0)}, False),  # it had learnt before
        ({"validation": between(0.005), "loss": trained(1.11, 1.0), "accuracy": 0.1}, True),
        ({"validation": between(0.005), "loss": np.where(np.arange(12) % 4, 2.3, 1.2)}, True),  # a point is noise
        ({"validation": between(0.005), "accuracy": 0.249}, True),  # of ten classes
        ({"validation": between(0.005), "accuracy": 0.251}, False),
        ({"validation": between(0.005), "accuracy": 0.039}, False),
        ({"validation": between(0.005), "accuracy": 10.0}, True),  # in percent
        ({"validation": between(0.005) - 2.3}, False),
    ],
)
def test_a_validation_loss_that_never_moved_is_a_plateau(what: dict[str, np.ndarray], is_found: bool) -> None:
    found = unmoved(**what)  # pyrefly: ignore[bad-argument-type]
    assert bool(found) is is_found
    assert all(one.signal == "validation_loss" for one in found)


def test_it_tells_what_noise_hides_in_the_training_loss() -> None:
    assert not detect_plateau(trace_of(loss=NOISY * 1.7), Facts())
    (found,) = unmoved(between(0.005), NOISY * 1.7, accuracy=0.1)
    assert (found.severity, found.confidence) == ("warning", 0.8)
    (found,) = unmoved(between(0.005), NOISY * 1.7, accuracy=0.1, facts=Facts(vocabulary=10))
    assert found.confidence == 0.95  # at ln V


# A loss that settles a little above its start.


def settled(times: float, noise: float = 0.0, points: int = 60) -> list[Finding]:
    loss = np.full(points, 2.0)
    loss[points // 3 :] = 2 * times * np.exp(noise * (-1.0) ** np.arange(points - points // 3))
    return detect_worse_than_chance(trace_of(loss=loss), Facts())


@pytest.mark.parametrize(
    ("what", "is_found"),
    [
        ({"times": 1.11}, True),
        ({"times": 1.09}, False),
        ({"times": 1.15, "points": 19}, True),
        ({"times": 1.15, "points": 18}, False),
        ({"times": 1.15, "noise": 0.065}, True),
        ({"times": 1.15, "noise": 0.075}, False),  # by chance
    ],
)
def test_a_loss_whose_second_half_lies_above_its_start_is_worse_than_untrained(
    what: dict[str, float], is_found: bool
) -> None:
    found = settled(**what)  # pyrefly: ignore[bad-argument-type]
    assert bool(found) is is_found
    assert all(one.evidence["reference"] == 2.0 for one in found)


# A first loss that no vocabulary explains.


def bad_start(
    first: float = 20.0, half: int = 49, end: float = 5.0, points: int = 100, second: float | None = None,
    facts: Facts = Facts(kind="language-model"), # noqa: B008
) -> list[Finding]:  # fmt: skip
    loss = np.where(np.arange(points) < half, first, end)
    loss[1] = first if second is None else second
    return detect_bad_start(trace_of(loss=loss), facts)


@pytest.mark.parametrize(
    ("what", "is_found"),
    [
        ({"first": LARGEST + 0.01}, True),
        ({"first": LARGEST - 0.01}, False),
        ({"second": 13.0}, False),  # a single point is noise
        ({"half": 49}, True),
        ({"half": 50}, False),  # it halves too late
        ({"first": 40.0, "end": 13.8}, True),
        ({"first": 40.0, "end": 13.9}, False),  # no loss of tokens
        ({"points": 40, "half": 10}, True),
        ({"points": 39, "half": 10}, False),
        ({"facts": Facts(kind="classification")}, True),
        ({"facts": Facts(kind="regression")}, False),  # in other units it may begin anywhere
        ({"facts": Facts()}, False),
    ],
)
def test_a_model_that_starts_sure_and_wrong_is_found(what: dict[str, float], is_found: bool) -> None:
    found = bad_start(**what)  # pyrefly: ignore[bad-argument-type]
    assert bool(found) is is_found
    assert all(one.evidence["limit"] == math.log(1e6) for one in found)


def test_what_repeats_to_its_last_digit_is_told_as_that() -> None:
    assert not unmoved(np.full(6, 2.3))
    assert unmoved(np.full(6, 2.3), 2.3 * np.array([1, 1, 1.01, 1, 1, 1]))
    assert unmoved(between(0.001))


@pytest.mark.parametrize(
    ("parts", "is_found"),
    [((7.0, 7.0, 7.0), False), ((7.0,), True), ((14.0, 7.0), True), ((4.0, 4.0), True), ((), True)],
)
def test_the_sum_of_several_logged_losses_may_begin_high(parts: tuple[float, ...], is_found: bool) -> None:
    falls = np.geomspace(1.0, 0.1, 40)
    signals = {f"train_ploss_{at}": first * falls for at, first in enumerate(parts)}
    trace = trace_of(loss=24.0 * falls, **signals)
    assert bool(detect_bad_start(trace, Facts(kind="language-model"))) is is_found


# Validation losses by epoch: epoch 0 is before training, or the first one trained.

RISING = np.array([0.2592, 0.241, 0.2651, 0.278, 0.2862, 0.2791, 0.2934, 0.3039, 0.3112, 0.3203, 0.3366, 0.3373])


@pytest.mark.parametrize(
    ("axis", "trained_from", "last", "is_found"),
    [
        ("epoch", 0, 11, False),  # Keras' CSVLogger and fastai: what epoch 0 came to is no untrained model's
        ("epoch", 1, 11, True),  # evaluated once before the first epoch
        ("step", 0, 11, True),
        ("epoch", 0, 98, False),
        ("epoch", 0, 99, True),  # one epoch of a hundred is hardly any training
    ],
)
def test_an_evaluation_after_epoch_0_is_of_no_untrained_model(
    axis: str, trained_from: int, last: int, is_found: bool
) -> None:
    steps = np.linspace(0, last, len(RISING)).round().astype(int)
    loss = Series(steps[trained_from:], np.linspace(0.9733, 0.1057, len(steps) - trained_from))
    trace = Trace({"loss": loss, "validation_loss": Series(steps, RISING)}, axis)
    assert bool(detect_worse_than_chance(trace, Facts())) is is_found
