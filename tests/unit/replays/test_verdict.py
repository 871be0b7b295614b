"""What a verdict says of the spike, and of a run that cannot be replayed."""

import math

import pytest

from newllm.messages import quoted
from newllm.replays.session.reproduction import Reproduction
from newllm.replays.session.verdict import differs
from newllm.replays.subjects.spikes import LocatedSpike
from newllm.trace import Finding


def spike(height: float) -> LocatedSpike:
    return LocatedSpike(40, 42, 47, 2.0, height, "loss", Finding(kind="spike", severity="warning", sentence=quoted("")))


@pytest.mark.parametrize(("height", "said"), [(3.5, 3.5), (math.inf, None), (math.nan, None)])
def test_a_run_that_cannot_be_replayed_is_told_with_its_spike(height: float, said: float | None) -> None:
    first = {"step": 23, "parameter": "head.weight"}
    verdict = differs("runs/x", spike(height), Reproduction(False, 30, False, None, first, None, 1.0), 1.5)
    assert verdict.spike == {
        "onset": 40, "peak": 42, "end": 47, "signal": "loss", "base": 2.0, "height": said, "healthy_limit": None,
    }  # fmt: skip
    assert "they part at step 23, in head.weight" in verdict.sentences[0]
    assert (verdict.cause, verdict.suspects, verdict.interventions) == (None, (), ())
    assert (verdict.reproduction["identical"], verdict.reproduction["compared"], verdict.seconds) == (False, 30, 1.5)
    assert verdict.nulls["share"] is None
