"""A metric that stays where it was while the loss of the same data goes to nothing."""

from typing import Any

import numpy as np
import pytest

from newllm.diagnosis.detectors.metric import detect_metric_unmoved
from newllm.diagnosis.facts import Facts
from newllm.trace import Finding, Series, Trace

STEP, AT = np.arange(1, 201), np.array([1, 50, 100, 150, 200])
LEARNT = 2 * np.exp(-STEP / 30)


def found(metric: list[float], name: str = "val_dice", left: float = 0.001, validation: float = 0.001) -> list[Finding]:
    loss = 2 * np.geomspace(1, left, 200)
    signals = {
        "loss": Series(STEP, loss),
        "validation_loss": Series(AT, 2 * np.geomspace(1, validation, 5)),
        name: Series(AT, np.array(metric)),
    }
    return detect_metric_unmoved(Trace(signals), Facts())


def test_what_stays_low_is_found() -> None:
    (finding,) = found([0.02, 0.07, 0.07, 0.06, 0.07])
    assert (finding.kind, finding.severity, finding.signal) == ("metric-unmoved", "warning", "val_dice")
    assert "val_dice is 0.07 at the end, as at the start (0.02)" in str(finding.sentence)


@pytest.mark.parametrize(
    ("metric", "options"),
    [
        ([0.0, 0.1, 0.2, 0.3, 0.4], {}),  # it is on its way
        ([0.5, 0.6, 0.6, 0.6, 0.6], {}),  # most is right
        ([0.0] * 5, {"left": 0.05, "validation": 0.05}),  # whole answers come last
        ([0.1] * 5, {"validation": 1.0}),  # of data that are not learnt: over-fitting says so
        ([0.0] * 5, {"name": "val_error"}),
        ([0.07, 0.01, 0.01, 0.01, 0.001], {"name": "error_against_exact"}),
        ([3.0] * 5, {}),  # no share
        ([0.0] * 3 + [np.nan] * 2, {}),
    ],
)
def test_what_is_sound_is_not(metric: list[float], options: dict) -> None:
    assert not found(metric, **options)


AT_A_HALF = [0.494, 0.49, 0.502, 0.494, 0.51]


def test_a_part_that_guesses_between_two_while_the_rest_is_learnt_is_found() -> None:
    (finding,) = found(AT_A_HALF, "next_sentence_accuracy", left=0.3, validation=0.45)
    assert (finding.severity, finding.signal) == ("warning", "next_sentence_accuracy")
    assert "stays at a half (0.49 to 0.51 at 5 evaluations)" in str(finding.sentence)


@pytest.mark.parametrize(
    ("metric", "options"),
    [
        ([0.46, 0.49, 0.5, 0.52, 0.54], {}),  # it rises
        (AT_A_HALF[:4], {}),
        (AT_A_HALF, {"left": 0.95}),  # nothing is learnt at all
        (AT_A_HALF, {"validation": 1.0}),  # nor of what is new
        ([0.5] * 5, {}),  # a constant
        (AT_A_HALF, {"name": "val_f1"}),  # which a guess may have any of
    ],
)
def test_what_is_near_a_half_for_another_reason_is_not(metric: list[float], options: dict[str, Any]) -> None:
    at = AT[: len(metric)]
    options = {"left": 0.3, "validation": 0.45, "name": "accuracy_of_pairs", **options}
    loss, validation = (2 * np.geomspace(1, options[one], n) for one, n in (("left", 200), ("validation", len(at))))
    signals = {"loss": (STEP, loss), "validation_loss": (at, validation), options["name"]: (at, np.array(metric))}
    assert not detect_metric_unmoved(Trace({name: Series(*one) for name, one in signals.items()}), Facts())


@pytest.mark.parametrize(("classes", "is_said"), [(2, True), (4, False), (None, False)])
def test_a_half_of_a_models_own_classes_is_a_guess_of_two(classes: int | None, is_said: bool) -> None:
    signals = {
        "loss": Series(STEP, 2 * np.geomspace(1, 0.3, 200)),
        "validation_loss": Series(AT, 2 * np.geomspace(1, 0.45, 5)),
        "validation_accuracy": Series(AT, np.array(AT_A_HALF)),
    }
    if classes is not None:
        signals["target_classes_seen"] = Series(AT, np.full(5, float(classes)))
    assert bool(detect_metric_unmoved(Trace(signals), Facts())) is is_said
