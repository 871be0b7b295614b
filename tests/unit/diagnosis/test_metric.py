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


def errors(metric: list[float], name: str, loss: list[float]) -> list[Finding]:
    at = np.arange(10, 10 * len(metric) + 1, 10)
    signals = {
        "loss": Series(STEP, LEARNT),
        "validation_loss": Series(at, np.array(loss)),
        name: Series(at, np.array(metric)),
    }
    return detect_metric_unmoved(Trace(signals), Facts())


FALLS = [0.38, 0.19, 0.2, 0.15, 0.15, 0.14, 0.14]


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("eval_rmse_minutes", [21.8, 21.1, 20.3, 20.8, 21.9, 21.7, 21.6]),
        ("eval_r2", [-0.95, -0.81, -0.77, -0.85, -0.92, -1.0, -0.91]),
    ],
)
def test_an_error_that_stands_while_the_loss_falls(name: str, metric: list[float]) -> None:
    """As where (N, 1) minus (N,) gives every prediction beside every target."""
    (finding,) = errors(metric, name, FALLS)
    assert (finding.kind, finding.severity, finding.signal) == ("metric-unmoved", "warning", name)
    assert "while the validation loss at the same 7 evaluations falls from 0.38 to 0.14" in str(finding.sentence)


@pytest.mark.parametrize(
    ("name", "metric", "loss"),
    [
        ("eval_rmse", [0.62, 0.44, 0.45, 0.39, 0.39, 0.37, 0.37], FALLS),
        ("eval_r2", [0.3, 0.6, 0.62, 0.7, 0.71, 0.72, 0.72], FALLS),
        ("eval_rmse", [21.0] * 7, [0.38, 0.36, 0.33, 0.33, 0.34, 0.33, 0.33]),  # the loss hardly falls either
        ("eval_mae_share", [21.0, 18, 15, 18, 20, 21, 21], FALLS),  # it fell, and came back
        ("eval_bounces", [21.0] * 7, FALLS),
    ],
)
def test_errors_that_go_with_the_loss_are_sound(name: str, metric: list[float], loss: list[float]) -> None:
    assert not errors(metric, name, loss)
