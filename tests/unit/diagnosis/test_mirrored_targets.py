"""Maps that are asked for the wrong way round."""

from typing import Any

import numpy as np
import pytest

from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts
from newllm.trace import Series, Trace

STEPS = np.arange(10, 410, 10.0)
SCATTER = 0.2 * np.sin(np.arange(40.0))


def found(**changed: Any) -> Any:
    usual = {"targets_mirrored": 0.5 + SCATTER, "targets_placed": 1.0}
    signals = {name: Series(STEPS, np.broadcast_to(value, 40).copy()) for name, value in (usual | changed).items()}
    signals["loss"] = Series(np.arange(1.0, 401.0), np.linspace(1.0, 0.5, 400))
    findings = diagnose(Trace(signals, "step"), Facts(origin="record"))
    return next((one for one in findings if one.kind == "mirrored-targets"), None)


def test_half_of_the_maps_the_wrong_way_round_is_a_fault_with_its_cause() -> None:
    finding = found()
    assert (finding.severity, finding.first_step) == ("fault", 10.0)
    assert [cause.name for cause in finding.causes] == ["wrong-targets"]
    assert "fit what the model gives better mirrored, from step 10 on" in str(finding.sentence)


def test_a_model_that_half_knows_is_asked_for_all_at_once() -> None:
    assert found(targets_mirrored=0.85, targets_placed=0.63)
    assert not found(targets_mirrored=0.85, targets_placed=0.5)


def test_it_begins_where_it_begins() -> None:
    assert found(targets_mirrored=np.where(STEPS < 200, 0.0, 0.5)).first_step == pytest.approx(200, abs=20)


@pytest.mark.parametrize(
    "changed",
    [
        {"targets_mirrored": 0.0},
        {"targets_mirrored": 0.1},
        {"targets_mirrored": np.where(STEPS < 250, 0.5, 0.0)},  # until the model knew better
        {"targets_placed": 0.6},  # nothing is known
        {"targets_mirrored": np.where(STEPS < 300, np.nan, 0.5)},  # too little to say
    ],
)
def test_of_others_nothing_is_said(changed: dict[str, Any]) -> None:
    assert found(**changed) is None
