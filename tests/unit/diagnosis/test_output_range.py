"""Outputs that end where an activation ends, and targets that go on."""

from typing import Any

import numpy as np
import pytest

from newllm.diagnosis.detectors.output_range import detect_outputs_bounded
from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts
from newllm.messages import catalogue
from newllm.trace import Series, Trace

STEPS = np.arange(10, 410, 10.0)
SCATTER = 0.1 * np.sin(np.arange(40.0))


def trace_of(**ranges: Any) -> Trace:
    """Return a trace of these ranges; without any, outputs are from 0 on, and a tenth of the targets is below -1.3."""
    usual = {"output_min": 0.0, "output_max": 2.0 + SCATTER, "target_low": -1.3 + SCATTER, "target_high": 1.2 + SCATTER}
    signals = {name: Series(STEPS, np.broadcast_to(value, 40).copy()) for name, value in (usual | ranges).items()}
    return Trace(signals | {"loss": Series(np.arange(1.0, 401.0), np.linspace(1.0, 0.5, 400))}, "step")


@pytest.mark.parametrize(
    ("ranges", "bound"),
    [
        ({}, 0.0),
        ({"output_min": 0.01 + np.abs(SCATTER) / 10}, 0.0),  # a sigmoid comes near
        ({"output_min": -1.0, "output_max": 1.0 - 1e-3}, -1.0),  # a tanh
        ({"output_min": -1.5, "output_max": 1.0 - 1e-3}, 1.0),
        ({"output_min": -2.0, "output_max": 0.0}, 0.0),
        ({"output_min": np.where(STEPS < 200, -0.5, 0.0)}, 0.0),  # as training went on
        ({"output_min": np.where(STEPS == 300, -1e-3, 0.0)}, None),  # one is beyond
        ({"output_min": 0.3 + SCATTER}, None),  # few outputs, near the mean of the targets
        ({"output_min": 0.1 + SCATTER}, None),
        ({"target_low": 0.05}, None),  # no target is below
        ({"target_low": -0.05}, None),  # noise
        ({"output_min": -1.0, "target_low": -1.0}, None),
        ({"output_min": -2.0}, None),
        ({"output_min": 0.5}, None),
    ],
)
def test_outputs_end_where_an_activation_ends(ranges: dict[str, Any], bound: float | None) -> None:
    found = detect_outputs_bounded(trace_of(**ranges), Facts(origin="record"))
    assert [one.evidence["bound"] for one in found] == ([] if bound is None else [bound])


def test_a_few_sampled_updates_say_nothing() -> None:
    signals = {name: Series(one.step[:7], one.value[:7]) for name, one in trace_of().signals.items()}
    assert not detect_outputs_bounded(Trace(signals, "step"), Facts(origin="record"))
    signals = trace_of().signals
    assert not detect_outputs_bounded(
        Trace({**signals, "target_low": Series(STEPS[:20], signals["target_low"].value[:20])}, "step"), Facts()
    )


def test_it_is_said_with_its_cause() -> None:
    (found,) = [one for one in diagnose(trace_of(), Facts(origin="record")) if one.kind == "outputs-bounded"]
    assert [one.name for one in found.causes or ()] == ["output-activation"]
    assert catalogue("en").text(found.sentence) == (
        "outputs end at 0: none is below 0 in the last 20 sampled updates, and a tenth of the targets is below -1.3"
    )
