"""One replay, judged: what is read off its probes and signals, and by which limits it is judged."""

import math
from typing import Any

import pytest

from newllm.messages import quoted
from newllm.replays.assessment.assessment import Assessment, Assessor
from newllm.replays.replica.trajectory import Trajectory
from newllm.replays.subjects.original import Original
from newllm.replays.subjects.severity import Severity, severity
from newllm.replays.subjects.spikes import LocatedSpike
from newllm.trace import Finding

PROBED = Trajectory(
    10,
    probe_steps=[10, 12, 14, 16, 18, 20],
    probe=[4.0, 3.0, 2.0, 5.0, 1.0, 1.0],  # smoothed: 4, 3.5, 3, 3.5, 3, 2
    signals={"ratio": [None, 2.0, 8.0, 0.0, 4.0], "nothing": [None, 0.0, 0.0]},
)


def judged(onset: int | None) -> Assessment:
    return Assessment(PROBED, {"loss": Severity(1.0, 0.0, onset, 0.1)}, "loss")


def spike(onset: int, signal: str = "loss") -> LocatedSpike:
    return LocatedSpike(
        onset, onset, None, 3.0, 1.0, signal, Finding(kind="spike", severity="warning", sentence=quoted(""))
    )


def original(loss: list[float]) -> Original:
    return Original(list(range(1, len(loss) + 1)), loss, [1.0] * len(loss), (), [], None, (), lambda _: None)  # type: ignore[arg-type, return-value]


def test_what_is_read_off_the_probes() -> None:
    one = judged(None)
    assert [one.progress_before(step) for step in (10, 14, 15, 21)] == [4.0, 3.5, 3.0, 2.0]
    assert [one.probe_at(step) for step in (9, 13, 14, 19, 25)] == [4.0, 3.5, 3.0, 3.0, 2.0]


def test_a_signal_up_to_a_step_is_the_root_mean_square_of_what_was_measured() -> None:
    one = judged(None)
    assert one.before("ratio", 14) == pytest.approx(34**0.5)  # 2 and 8
    assert one.before("ratio", 17) == pytest.approx((68 / 3) ** 0.5)  # and 0, an update that moved nothing
    assert one.before("ratio", 18) == pytest.approx((84 / 4) ** 0.5)
    assert one.before("ratio", 12) == pytest.approx(2.0)
    assert [one.before("ratio", 11), one.before("nothing", 20), one.before("unknown", 20)] == [None] * 3


@pytest.mark.parametrize(("onset", "lead"), [(None, None), (10, 1), (11, 1), (12, 2), (18, 8)])
def test_the_lead_is_counted_from_the_start(onset: int | None, lead: int | None) -> None:
    assert judged(onset).to_onset == lead


def limits(loss: list[float], onset: int, **null: Any) -> dict[str, float]:
    return Assessor(original(loss), spike(onset), Trajectory(0, **null)).limits


def test_healthy_is_what_came_before_the_onset_but_for_its_last_two_steps() -> None:
    loss = [3.0, 3.0, 3.0, 3.0, 3.9, 6.0, 9.0, 9.0]  # at step 8 it is seen, at steps 6 and 7 it may rise already
    assert limits(loss, 8)["loss"] == pytest.approx(1.5 * math.log(1.3))
    assert limits(loss, 9)["loss"] == pytest.approx(1.5 * math.log(2))
    assert limits(loss, 7)["loss"] == pytest.approx(math.log(1.1))
    assert limits(loss, 1)["loss"] == pytest.approx(math.log(1.1)), "of the first loss, where there is none before"


def test_what_was_not_measured_has_no_limit() -> None:
    found = limits([3.0] * 9, 8, probe_steps=[0, 4, 8], probe=[3.0, 3.6, 9.0], validation={"validation": []})
    assert found.keys() == {"loss", "probe"}
    assert found["probe"] == pytest.approx(1.5 * math.log(1.2))


def test_the_signal_that_decides_is_the_spikes_where_the_null_has_it() -> None:
    looked = {"probe_steps": [0, 4], "probe": [3.0, 3.0]}
    with_it = Trajectory(0, **looked, validation={"validation": [3.0, 3.0]})
    assert Assessor(original([3.0] * 9), spike(8, "validation"), with_it).signal == "validation"
    assert Assessor(original([3.0] * 9), spike(8, "validation"), Trajectory(0, **looked)).signal == "loss"


def test_where_the_loss_is_too_noisy_to_show_the_spike_another_that_shows_it_decides() -> None:
    noise = [3.0, 3.2, 2.9, 3.1, 3.3, 2.8, 3.05, 3.25, 2.95, 3.15] * 3
    looked = {"probe_steps": [30, 31, 32], "probe": [3.0, 4.4, 4.4]}
    noisy = Trajectory(30, [31, 32, 33], [3.0, 3.3, 3.2], [1.0] * 3, **looked)
    shown = Trajectory(30, [31, 32, 33], [3.0, 9.0, 9.2], [1.0] * 3, **looked)
    quiet = Trajectory(30, [31, 32, 33], [3.0, 3.3, 3.2], [1.0] * 3, probe_steps=[30, 31, 32], probe=[3.0] * 3)
    assert [Assessor(original(noise), spike(31), one).signal for one in (noisy, shown, quiet)] == [
        "probe",
        "loss",
        "loss",
    ]


def test_the_noise_of_the_training_loss_is_known_from_the_original_up_to_the_start() -> None:
    """A loss that swings by 0.2 may do so in the replay too; the probe has no such history."""
    swinging = [3.0, 3.2, 2.9, 3.1, 3.3, 2.8, 3.05, 3.25, 2.95, 3.15] * 3
    rising = [3.0, 3.0, 4.4]
    replay = Trajectory(30, [31, 32, 33], rising, [1.0] * 3, probe_steps=[30, 31, 32], probe=rising)
    judge = Assessor(original([*swinging, 50.0, 1.0, 90.0, 2.0]), spike(29), replay)
    found = judge(replay)
    assert found.severities == {
        "loss": severity([31, 32, 33], rising, judge.limits["loss"], swinging, smoothed=True),
        "probe": severity([30, 31, 32], rising, judge.limits["probe"]),
    }
    assert found.severities["loss"].limit > found.severities["probe"].limit
    assert judge(Trajectory(30, [31], [3.0], [1.0])).severities.keys() == {"loss"}
