"""Batches that come again from the first update on: few of them in one order, or each several times in a row."""

from typing import Any

import numpy as np
import pytest

from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts
from newllm.trace import Finding, Series, Trace

STEPS = np.arange(1, 201)
EVALUATED = np.array([50, 100, 150, 200])


def found(steps: np.ndarray = STEPS, kind: str | None = None, **signals: Any) -> Finding | None:
    trace = {"loss": Series(steps, np.linspace(3.0, 0.5, len(steps)))}
    for name, (at, value) in signals.items():
        trace[name] = Series(at, np.broadcast_to(value, at.shape).astype(float))
    facts = Facts(origin="record", kind=kind)
    findings = [one for one in diagnose(Trace(trace, "step"), facts) if one.kind == "repeated-batch"]
    return findings[0] if findings else None


def few(period: int = 4, rows: float = 128, evaluated: float = 300, known: float = 0, **more: Any) -> Finding | None:
    """What is said of the same batches over and over, beside evaluations."""
    signals: dict[str, Any] = {
        "batch_again": (STEPS[period:], period),
        "rows_seen": (STEPS, period < STEPS),
        "rows_distinct": (EVALUATED, rows),
        "validation_rows": (EVALUATED, evaluated),
        "validation_rows_seen": (EVALUATED, known),
    }
    return found(**(signals | more))


def test_few_batches_in_one_order_beside_a_larger_evaluation() -> None:
    finding = few()
    assert finding is not None
    assert (finding.severity, finding.supported_causes) == ("warning", ("repeated-batch",))
    assert "the same 4 batches (128 rows)" in str(finding.sentence)
    assert "300 rows are evaluated" in str(finding.sentence)


@pytest.mark.parametrize(
    "otherwise",
    [
        {"rows": 200},  # a small data set, split in an ordinary way
        {"known": 0.4},  # what was trained on is evaluated too
        {"period": 25},  # not often enough
        {"batch_again": (STEPS[4:], 4 + (STEPS[4:] > 180))},  # another order
        {"batch_again": (STEPS[50:], 4)},  # new rows at first
    ],
)
def test_of_other_small_data_nothing_is_said(otherwise: Any) -> None:
    assert few(**otherwise) is None


def echo(times: Any, kind: str | None = None, steps: int = 200, workers: float = 2) -> Finding | None:
    """What is said where batches come so many times in a row: a number, or one for each batch."""
    each = np.broadcast_to(times, steps)
    first = np.zeros(each.sum() + 1, bool)
    first[np.concatenate(([0], np.cumsum(each)))] = True
    first, at = first[:steps], np.arange(1, steps + 1)
    more = {"rows_repeated": (at[~first], 1.0), "rows_seen": (at, ~first), "worker_processes": (at[::10], workers)}
    return found(at, kind, **more)


@pytest.mark.parametrize("times", [2, 4])
def test_a_batch_from_each_worker(times: int) -> None:
    finding = echo(times, workers=times)
    assert finding is not None
    assert (finding.severity, finding.first_step, finding.last_step) == ("warning", 1, 200)
    assert f"every batch comes {times} times, one after the other" in str(finding.sentence)
    assert "get_worker_info" in str(finding.test)


@pytest.mark.parametrize(
    "otherwise",
    [
        {"times": 2, "kind": "reinforcement"},  # several updates on what was played
        {"times": np.where(np.arange(200) % 3 == 0, 2, 1)},  # some batches
        {"times": np.where(np.arange(200) % 2 == 0, 2, 3)},  # until something is reached
        {"times": 4},  # in stages
        {"times": 2, "workers": 0},
        {"times": 2, "steps": 12},  # too few to tell
        {"times": 1},
    ],
)
def test_of_several_updates_on_a_batch_that_are_meant_nothing_is_said(otherwise: Any) -> None:
    assert echo(**otherwise) is None
