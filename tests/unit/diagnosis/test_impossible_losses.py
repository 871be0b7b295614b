"""Losses below what they can be, and a part of a loss that has all the say."""

import numpy as np
import pytest

from newllm.diagnosis.coverage import sound
from newllm.diagnosis.detectors.loss_floor import detect_impossible_loss
from newllm.diagnosis.detectors.parts import detect_dominated_part
from newllm.diagnosis.facts import Facts
from newllm.trace import Series, Trace

STEPS = np.arange(1, 61)


def trace_of(**signals: np.ndarray) -> Trace:
    return Trace({name.replace("__", "/"): Series(STEPS[: len(one)], one) for name, one in signals.items()})


def bottomless(power: float, size: float = 40.0) -> np.ndarray:
    return 1.0 - size * (STEPS / 60) ** power


def test_a_loss_that_falls_faster_and_faster_is_impossible() -> None:
    (found,) = detect_impossible_loss(trace_of(loss=bottomless(2.0)), Facts())
    assert (found.kind, found.severity) == ("impossible-loss", "fault")
    assert found.first_step == STEPS[np.flatnonzero(bottomless(2.0) < 0)[0]]


@pytest.mark.parametrize(
    "loss",
    [
        bottomless(2.0, 9.0),  # not many times its size
        1.0 - 40 * (1 - np.exp(-STEPS / 10)),  # it comes to rest
        np.where(STEPS == 30, -1.0, 2.0),  # a point
        bottomless(2.0)[:9],
    ],
)
def test_a_likelihood_that_comes_to_rest_below_zero_is_none(loss: np.ndarray) -> None:
    assert not detect_impossible_loss(trace_of(loss=loss), Facts())


def test_a_loss_of_classes_is_not_below_zero() -> None:
    loss = np.linspace(-1.2, -1.6, 60)
    (found,) = detect_impossible_loss(trace_of(loss=loss, accuracy=np.full(60, 0.3)), Facts())
    assert found.severity == "warning"
    assert not detect_impossible_loss(trace_of(loss=loss), Facts())
    assert not detect_impossible_loss(trace_of(loss=np.linspace(2.0, -0.5, 60), accuracy=np.full(60, 0.3)), Facts())


def test_the_loss_of_a_policy_may_be_anything() -> None:
    assert not detect_impossible_loss(trace_of(loss=bottomless(2.0)), Facts(kind="reinforcement"))


@pytest.mark.parametrize(
    ("function", "said"),
    [("CtcLoss", "its targets hold the blank"), ("BinaryCrossEntropyWithLogits", "outside of 0 to 1"), ("Sub", "")],
)
def test_a_function_that_is_never_below_zero_names_what_it_was_given(function: str, said: str) -> None:
    loss = 2.0 - 2.4 * STEPS / 60
    found = detect_impossible_loss(trace_of(loss=loss), Facts(loss_function=function))
    assert [one.severity for one in found] == (["fault"] if said else [])
    assert said in "".join(str(one.sentence) for one in found)


def parts(times: float, fall: float, name: str = "loss_cls", kind: str | None = None) -> list[str]:
    own = 2.3 * np.linspace(1, 1 - fall, 60)
    found = detect_dominated_part(trace_of(**{"loss": own * (1 + times), name: own}), Facts(kind=kind))
    return [cause for one in found for cause in one.candidate_causes]


@pytest.mark.parametrize(
    ("times", "fall", "name", "found"),
    [
        (21.0, 0.05, "loss_cls", True),
        (19.0, 0.05, "loss_cls", False),
        (21.0, 0.2, "loss_cls", False),  # it is learnt all the same
        (21.0, 0.05, "train__ce", True),
        (21.0, 0.05, "kl", False),
        (21.0, 0.05, "val__ce", False),
    ],
)
def test_a_part_of_the_loss_that_is_outweighed_and_not_learnt(
    times: float, fall: float, name: str, found: bool
) -> None:
    assert parts(times, fall, name) == (["auxiliary-loss"] if found else [])


def test_parts_of_an_autoencoder_are_meant_to_differ() -> None:
    assert parts(21.0, 0.05, kind="vae") == []


def test_what_was_looked_at_and_raised_no_alarm_is_sound() -> None:
    falling = np.linspace(2.0, 1.0, 60)
    trace = trace_of(loss=falling, learning_rate=np.ones(60), validation_loss=np.ones(4), gradient_norm__a=np.ones(60))
    assert sound(trace, Facts(), []) == ["loss", "rate", "layers"]
    found = detect_impossible_loss(trace_of(loss=bottomless(2.0)), Facts())
    assert sound(trace, Facts(data={}), found) == ["layers", "data"]  # what moved the loss may be the rate


def test_without_an_alarm_is_not_sound_yet() -> None:
    falling, gradient = np.linspace(2.0, 1.0, 60), np.linspace(1.0, 2.0, 60)
    assert sound(trace_of(loss=falling, gradient_norm=gradient), Facts(), []) == ["loss", "gradients"]
    assert sound(trace_of(loss=np.linspace(2.0, 1.95, 60)), Facts(), []) == []
    assert sound(trace_of(loss=falling, gradient_norm=gradient**5), Facts(), []) == ["loss"]
    assert sound(trace_of(loss=falling, gradient_norm=gradient**-5.0), Facts(), []) == ["loss"]
    rising, from_zero = np.linspace(-1.0, 3.0, 60), np.linspace(0.0, 1000.0, 60)
    assert sound(trace_of(loss=rising, gradient_norm=from_zero), Facts(), []) == []
    assert sound(trace_of(loss=-rising), Facts(), []) == ["loss"]  # a log-likelihood
