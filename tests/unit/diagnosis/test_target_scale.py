"""Targets that are thousands of times as large as what a model gives."""

import numpy as np
import pytest

from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts, Layer
from newllm.trace import Finding, Series, Trace

STEP, SAMPLED = np.arange(1, 201), np.arange(1, 200, 10)
SLOW = 1e8 * np.exp(-STEP / 400)


def found(loss: np.ndarray = SLOW, outputs: float = 0.2, grown: float = 5e3) -> dict[str, Finding]:
    signals = {
        "loss": Series(STEP, loss),
        "activation_rms/body": Series(SAMPLED, np.ones(20)),
        "activation_rms/head": Series(SAMPLED, np.geomspace(outputs, grown, 20)),
    }
    layers = (Layer("body", "Linear", 9), Layer("head", "Linear", 9))
    return {one.kind: one for one in diagnose(Trace(signals), Facts(origin="record", layers=layers))}


def test_outputs_that_chase_their_targets_are_found_with_the_cause() -> None:
    findings = found()
    finding = findings["target-scale"]
    assert finding.severity == "warning"
    assert "as for targets of about 9.98e+03, while head outputs 0.2" in str(finding.sentence)
    assert [cause.name for cause in finding.causes or ()] == ["target-scale"]
    assert findings["activation-growth"].follows == "target-scale"


def test_where_they_are_reached_it_is_a_note() -> None:
    assert found(1e8 * np.exp(-STEP / 20))["target-scale"].severity == "note"


@pytest.mark.parametrize(
    "changed",
    [
        {"loss": SLOW / 1e5},  # a thousand
        {"outputs": 50.0},  # the outputs are large as well
        {"grown": 1.0},  # they chase nothing: another loss
    ],
)
def test_other_large_losses_are_not(changed: dict) -> None:
    assert "target-scale" not in found(**changed)
