"""Weights that moved farther between two samples than their updates could bring them."""

from typing import Any

import numpy as np
import pytest

from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts
from newllm.messages import catalogue
from newllm.trace import Finding, Series, Trace

STEPS, SAMPLED = np.arange(1, 201), np.arange(10, 201, 10)
NORM = 3 + 0.01 * SAMPLED / 10.0


def found(optimizer: str = "AdamW", **signals: Any) -> list[Finding]:
    given = {"loss": np.linspace(2.0, 0.5, 200), "learning_rate": 1e-3, "gradient_norm": 1.0}
    given |= {"weight_norm/head": NORM, "update_norm/head": 0.01} | signals
    trace = {}
    for name, value in given.items():
        if isinstance(value, Series):
            trace[name] = value
            continue
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


WRITTEN = np.array([104])
MOVED = {"weight_norm/head": np.where(SAMPLED > 100, NORM + 0.4, NORM)}  # 13 %; three times its updates are 0.3


def written(steps: np.ndarray = WRITTEN, **signals: Any) -> list[Finding]:
    signals["weights_written/head"] = Series(steps, np.ones(len(steps)))
    return found(**signals)


def test_a_write_that_moves_a_norm_is_told_at_its_step() -> None:
    (finding,) = written(**MOVED)
    assert (finding.severity, finding.first_step, finding.last_step) == ("warning", 104, 104)
    assert "between step 103 and 104 something else than the optimizer wrote to the weights of head" in str(
        finding.sentence
    )
    assert "went from 3.1 to 3.51" in str(finding.sentence)
    assert "オプティマイザ以外の何かがheadの重みに書き込んだ" in catalogue("ja").text(finding.sentence)
    assert not found(**MOVED), "of a norm alone it is too little"
    (finding,) = written(np.array([104, 160]), **MOVED)
    assert finding.first_step == 104


@pytest.mark.parametrize(
    ("steps", "otherwise"),
    [
        pytest.param(np.array([20, 60, 104, 150]), {}, id="averaged weights that come and go for an evaluation"),
        pytest.param(STEPS[1:], MOVED, id="a projection after each update"),
        pytest.param(STEPS[4::20], MOVED, id="a projection now and then"),
        pytest.param(np.array([123]), MOVED, id="a write elsewhere"),
        pytest.param(np.array([11]), {"weight_norm/head": np.where(SAMPLED > 10, 3.5, 3.0)}, id="at the beginning"),
        pytest.param(
            WRITTEN, MOVED | {"learning_rate": np.where((STEPS > 100) & (STEPS < 104), 0.1, 1e-3)}, id="a rate"
        ),
        pytest.param(WRITTEN, MOVED | {"gradient_norm": np.where(STEPS == 105, 50.0, 1.0)}, id="a large gradient"),
        pytest.param(
            WRITTEN,
            {"weight_norm/head": 3 + 0.00002 * SAMPLED, "update_norm/head": 1e-7},
            id="a clamp of next to nothing",
        ),
        pytest.param(WRITTEN, MOVED | {"update_norm/head": np.where(SAMPLED > 100, 0.05, 0.01)}, id="longer updates"),
        pytest.param(WRITTEN, MOVED | {"update_norm/head": 0.0}, id="another optimizer trains it"),
    ],
)
def test_writes_that_explain_nothing_are_not_told(steps: np.ndarray, otherwise: dict[str, Any]) -> None:
    assert not written(steps, **otherwise)
