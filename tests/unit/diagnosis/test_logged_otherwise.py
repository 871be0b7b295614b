"""The same sound training, logged otherwise, raises no alarm: sums, divided losses, outputs that begin at nothing."""

import numpy as np
import pytest

from newllm.diagnosis.detectors.activations import detect_vanishing
from newllm.diagnosis.detectors.loss_bounds import detect_bad_start
from newllm.diagnosis.detectors.loss_floor import detect_below_accuracy
from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts
from newllm.trace import Series, Trace

STEPS = np.arange(1, 101)
AT = np.arange(10, 101, 10)
RIGHT = np.linspace(0.5, 0.9, 10)


def classes(loss: np.ndarray, validation: np.ndarray, **more: np.ndarray) -> Trace:
    signals = {"loss": Series(STEPS, loss), "validation_loss": Series(AT, validation)}
    signals |= {"validation_accuracy": Series(AT, RIGHT)}
    return Trace(signals | {name: Series(STEPS[: len(one)], one) for name, one in more.items()})


@pytest.mark.parametrize(
    ("start", "severity"),
    [(0.023, "note"), (2.3, "warning")],  # of an untrained model of ten classes, divided by 100 and as it is
)
def test_a_loss_that_was_too_low_from_the_start_is_divided(start: float, severity: str) -> None:
    trace = classes(np.geomspace(start, start / 20, 100), np.geomspace(0.02, 0.001, 10))
    (found,) = detect_below_accuracy(trace, Facts())
    assert found.severity == severity
    expected = "divided" if severity == "note" else "whole"
    assert found.alternatives[0].id == f"finding-impossible-loss.{expected}"


def test_evaluations_alone_are_judged_too() -> None:
    signals = {"validation_loss": Series(AT, np.geomspace(0.02, 0.001, 10)), "validation_accuracy": Series(AT, RIGHT)}
    assert "impossible-loss" in {one.kind for one in diagnose(Trace(signals))}


@pytest.mark.parametrize(
    ("facts", "multiple", "severity"),
    [
        (Facts(), None, "note"),  # a log: a sum has as high a loss
        (Facts(origin="record"), None, "note"),  # no cross-entropy was seen: a CTC, say
        (Facts(origin="record"), 1.0, "warning"),
        (Facts(origin="record"), 32.0, "note"),
    ],
)
def test_a_high_first_loss_of_classes_may_be_a_sum(facts: Facts, multiple: float | None, severity: str) -> None:
    more = {} if multiple is None else {"loss_multiple": np.full(10, multiple), "cross_entropy": np.ones(10)}
    trace = classes(np.geomspace(74, 3, 100), np.geomspace(60, 4, 10), **more)
    (found,) = detect_bad_start(trace, facts)
    assert found.severity == severity


@pytest.mark.parametrize(("end", "expected"), [(0.01, []), (1.2e-3, ["note"]), (5e-4, ["warning"])])
def test_a_branch_may_begin_at_nothing_and_grow(end: float, expected: list[str]) -> None:
    sizes = {f"activation_rms/{name}": Series(STEPS, np.ones(100)) for name in ("0", "1", "2")}
    sizes["activation_rms/branch"] = Series(STEPS, np.r_[2e-4, np.full(99, end)])
    sizes["activation_rms/head"] = Series(STEPS, np.ones(100))
    assert [one.severity for one in detect_vanishing(Trace(sizes), Facts())] == expected


@pytest.mark.parametrize(
    ("faint", "end", "expected"),
    [("3", 0.5, ["note"]), ("3", 1e-5, ["warning"]), ("1", 0.5, ["warning"])],
)
def test_what_a_model_hands_out_may_begin_at_nothing_and_grow(faint: str, end: float, expected: list[str]) -> None:
    sizes = {f"activation_rms/{name}": Series(STEPS, np.ones(100)) for name in ("0", "1", "2", "3")}
    sizes[f"activation_rms/{faint}"] = Series(STEPS, np.geomspace(1e-9, end, 100))
    found = detect_vanishing(Trace(sizes | {"loss": Series(STEPS, np.linspace(0, 3, 100))}), Facts())
    assert [one.severity for one in found] == expected
