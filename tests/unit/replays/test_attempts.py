"""How far the replays of a recovery go, and whether an unmodified one did harm: by hand."""

import math
from typing import Any

import numpy as np
import pytest

from newllm.diagnosis.onset import Onset
from newllm.messages import quoted
from newllm.replays.assessment.assessment import Assessment, Assessor
from newllm.replays.guard.attempts import Attempts
from newllm.replays.interventions.remedies import RemedyCandidate
from newllm.replays.replica.trajectory import Trajectory
from newllm.replays.subjects.original import Original
from newllm.replays.subjects.severity import Severity
from newllm.replays.subjects.spikes import LocatedSpike
from newllm.trace import Finding, Series

LOSS = Series(np.arange(1, 101), np.full(100, 2.0))


def attempts(back: int = 80, *, step: int = 100, onset: int = 96, rise: float = math.log(1.5)) -> Attempts:
    subject: Any = None  # nothing is replayed here
    return Attempts(subject, Onset(step, onset, onset - 1, 2.0, rise), back, None, LOSS, lambda: None)


@pytest.mark.parametrize(
    ("back", "step", "onset", "length", "every"),
    [
        (80, 100, 96, 32, 2),  # as many steps again as there are to the onset
        (92, 100, 96, 17, 1),  # and five more than it took to see it, at least
        (80, 111, 96, 51, 2),
        (0, 100, 96, 192, 12),
        (89, 97, 96, 14, 1),
    ],
)
def test_how_far_a_replay_goes(back: int, step: int, onset: int, length: int, every: int) -> None:
    made = attempts(back, step=step, onset=onset)
    assert (made.length, made.every, made.last) == (length, every, step)


def judged(
    made: Attempts, *, last: float = 2.0, probe: float = 1.0, before: float = 1.0, onset: int | None = 97
) -> Attempts:
    """Give an attempt a null replay whose losses end at `last`, and a probe loss before the onset and after."""
    steps = list(range(81, 113))
    replay = Trajectory(
        80, steps, [9.0] * 27 + [last] * 3 + [9.0] * 2, [1.0] * 32, probe_steps=[80, 90, 94, 96, 104, 112],
        probe=[before, before, before, probe, 0.9 * probe, 0.9 * probe],
    )  # fmt: skip
    finding = Finding(kind="spike", severity="warning", sentence=quoted(""))
    losses = LOSS.value.tolist()
    original = Original(LOSS.step.tolist(), losses, losses, (), [], None, (), lambda _: None)  # type: ignore[arg-type, return-value]
    made.assessor = Assessor(original, LocatedSpike(96, 100, None, 2.0, math.inf, "loss", finding), replay)
    made.nulls = [Assessment(replay, {"loss": Severity(1.0, 1.0, onset, 0.1)}, "loss")]
    return made


@pytest.mark.parametrize(
    ("rise", "last", "passes"),
    [
        (math.log(1.5), 2.29, True),  # 0.3 nats on 2 are healthy
        (math.log(1.5), 2.31, False),
        (0.2, 2.2, True),  # but no more than half of what was seen
        (0.2, 2.22, False),
        (0.2, math.nan, False),
    ],
)
def test_a_replay_passes_where_its_last_five_losses_are_on_the_trend(rise: float, last: float, *, passes: bool) -> None:
    assert judged(attempts(rise=rise), last=last).passes is passes


@pytest.mark.parametrize(
    ("how", "harmless"),
    [
        ({}, True),
        ({"onset": None, "last": 9.0, "probe": 9.0}, True),  # it did not spike
        ({"last": 9.0}, False),
        ({"probe": 1.14}, True),
        ({"probe": 1.16}, False),  # a tenth and a half worse on the probe: the model was hurt
        ({"probe": 1.16, "before": 1.1}, True),
        ({"probe": math.nan}, False),
    ],
)
def test_what_comes_back_with_the_model_unhurt_is_harmless(how: dict[str, Any], *, harmless: bool) -> None:
    assert judged(attempts(), **how).harmless is harmless


def test_the_nulls_are_told_as_plain_data() -> None:
    made = judged(attempts())
    assert made.describe_nulls() == {"n": 1, "spiked": 1, "severity": [1.0], "identical": None}
    assert made.last_for(RemedyCandidate("beta2")) == 100
    assert made.last_for(RemedyCandidate("rollback-and-skip")) == 140
