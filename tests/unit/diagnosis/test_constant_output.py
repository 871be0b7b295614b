"""All rows get the same output, whatever the model is given."""

from typing import Any

import numpy as np
import pytest

from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts
from newllm.trace import Series, Trace

STEPS = np.arange(10, 410, 10.0)


def found(apart: Any, **more: Any) -> Any:
    signals = {"outputs_apart": apart, **more}
    trace = {name: Series(STEPS, np.broadcast_to(value, 40).copy()) for name, value in signals.items()}
    trace["loss"] = Series(np.arange(1.0, 401.0), np.linspace(1.0, 0.9, 400))
    findings = diagnose(Trace(trace, "step"), Facts(origin="record"))
    return next((one for one in findings if one.kind == "constant-output"), None)


def test_it_is_a_fault_dated_by_its_first_update() -> None:
    finding = found(np.where(STEPS < 150, 0.8, 0.0))
    assert (finding.severity, finding.first_step) == ("fault", 150.0)
    assert "From step 150 on all rows get the same output" in str(finding.sentence)
    assert "before, rows differed by 80 % of their size" in str(finding.sentence)
    assert "before" not in str(found(1e-7).sentence)


@pytest.mark.parametrize(
    ("apart", "more"),
    [
        (0.01, {}),  # little is not nothing
        (np.where(STEPS < 300, 0.0, 0.5), {}),  # it came to life
        (np.where(STEPS < 380, 0.5, 0.0), {}),  # too little to say
        (0.0, {"rows_equal": 0.9}),  # the rows are the same
    ],
)
def test_of_others_nothing_is_said(apart: Any, more: dict[str, Any]) -> None:
    assert found(apart, **more) is None
