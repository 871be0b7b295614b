"""A metric that stays where it was while the loss of the same data goes to nothing."""

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
