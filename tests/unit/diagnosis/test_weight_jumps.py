"""Weights that moved farther between two samples than their updates could bring them."""

from typing import Any

import numpy as np
import pytest

from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts
from newllm.trace import Finding, Series, Trace

STEPS, SAMPLED = np.arange(1, 201), np.arange(10, 201, 10)
NORM = 3 + 0.01 * SAMPLED / 10.0


def found(optimizer: str = "AdamW", **signals: Any) -> list[Finding]:
    given = {"loss": np.linspace(2.0, 0.5, 200), "learning_rate": 1e-3, "gradient_norm": 1.0}
    given |= {"weight_norm/head": NORM, "update_norm/head": 0.01} | signals
    trace = {}
    for name, value in given.items():
        steps = np.array([110]) if name.startswith("weights_changed") else SAMPLED if "/" in name else STEPS
        trace[name] = Series(steps, np.broadcast_to(value, steps.shape).astype(float))
    findings = diagnose(Trace(trace, "step"), Facts(origin="record", optimizer=optimizer))
    return [one for one in findings if one.kind == "changed-state"]


@pytest.mark.parametrize(("after", "said"), [(30.0, "went from 3.1 to 30:"), (np.inf, "more than a number holds:")])
def test_a_jump_of_a_norm_that_updates_cannot_bring_is_told(after: float, said: str) -> None:
    (finding,) = found(**{"weight_norm/head": np.where(SAMPLED > 100, after, NORM)})
    assert (finding.severity, finding.first_step, finding.last_step) == ("warning", 101, 110)
    assert said in str(finding.sentence)
    assert "between step 100 and 110 the norm of the weights of head" in str(finding.sentence)
    assert [cause.name for cause in finding.causes or ()] == ["changed-state"]


RISEN = {"weight_norm/head": np.where(SAMPLED > 100, 4.5, NORM)}  # the updates there bring it by 1 at most


@pytest.mark.parametrize(
    "otherwise",
    [
        {},
        {"weight_norm/head": np.where(SAMPLED > 100, 3.5, NORM)},  # within what updates may bring
        {**RISEN, "learning_rate": np.where((STEPS > 100) & (STEPS < 104), 0.1, 1e-3)},  # a rate that was higher there
        {**RISEN, "gradient_norm": np.where(STEPS == 105, 1000.0, 1.0)},  # one large gradient
        {**RISEN, "gradient_norm": np.where(STEPS == 105, np.nan, 1.0)},  # nobody knows how large it was
        {**RISEN, "update_norm/head": 0.0},  # another optimizer trains this layer
        {**RISEN, "optimizer": "LBFGS"},
        {**RISEN, "weights_changed/head": 1.0},  # the recorder's own finding tells it
    ],
)
def test_of_others_nothing_is_said(otherwise: dict[str, Any]) -> None:
    assert not [one for one in found(**otherwise) if "norm of the weights" in str(one.sentence)]


def test_of_what_a_limit_of_updates_can_not_bring_it_is_said() -> None:
    assert len(found(**RISEN)) == 1
