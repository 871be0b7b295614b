"""A sentence that gives a value at a step gives the one that the log has there; a level is called a level."""

import numpy as np
import pytest

from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts
from newllm.trace import Finding, Series, Trace

pytestmark = pytest.mark.usefixtures("whatever_was_right")

STEPS = np.arange(1, 401)
NOISE = 0.05 * np.random.default_rng(0).standard_normal(400)
SOUND = 2 * np.exp(-STEPS / 60) + 0.5
AFTER = np.maximum(STEPS - 200, 0)


def found(kind: str, loss: np.ndarray) -> tuple[Finding, str]:
    trace = Trace({"loss": Series(STEPS, loss)}, "step")
    finding = next(one for one in diagnose(trace, Facts()) if one.kind == kind)
    return finding, str(finding.sentence)


def test_a_level_before_a_rise_is_not_said_to_be_the_value_at_its_first_step() -> None:
    loss = SOUND + NOISE + np.minimum(AFTER / 10, 3.0) * (STEPS < 260)
    finding, text = found("spike", loss)
    said = finding.sentence.parameters
    assert f"rises from a level of {said['base']:.4g} before step {said['onset']} to {said['peak']:.4g}" in text
    assert said["peak"] == loss[said["step"] - 1]


def test_what_a_loss_comes_down_to_is_a_level_behind_the_spike() -> None:
    loss = SOUND + NOISE + 3.0 * ((STEPS > 200) & (STEPS < 220)) + 0.4 * (STEPS >= 220)
    finding, text = found("spike", loss)
    said = finding.sentence.parameters
    assert f"is down to a level of {said['level']:.4g} after step {said['back']}" in text


def test_a_slow_climb_goes_from_a_level_to_a_level() -> None:
    noise = 6 * NOISE
    loss = SOUND + 2 + noise + AFTER / 100
    finding, text = found("slow-divergence", loss)
    said, width = finding.sentence.parameters, 40
    assert said["now"] == np.median(loss[-width:])
    assert abs(said["best"] - np.median(loss[said["first"] - 1 - width : said["first"] + width])) < 1e-9
    assert f"from a level of {said['best']:.4g} around step {said['first']} to one of {said['now']:.4g} by 400" in text


def test_the_lowest_value_of_a_fall_is_said_to_be_where_it_is() -> None:
    low = np.interp(STEPS, [200, 201, 210, 220, 221], [0, 1.2, 1.8, 1.2, 0])
    loss = SOUND + 2 + NOISE / 5 - low
    finding, text = found("loss-drop", loss)
    said = finding.sentence.parameters
    assert said["low"] == loss[said["lowest"] - 1]
    assert f"to {said['low']:.4g} at step {said['lowest']}" in text
