"""Where a loss that is worse than untrained begins to be so."""

import numpy as np
import pytest

from newllm.diagnosis.detectors.loss_bounds import _alternates, detect_worse_than_chance
from newllm.diagnosis.facts import Facts
from newllm.trace import Finding, Series, Trace


def test_a_stray_point_at_the_start_is_not_where_it_began() -> None:
    loss = np.concatenate([[1.0, 2.0], np.full(48, 0.5), np.full(50, 10.0)])
    loss *= 1 + 0.02 * np.random.default_rng(1).normal(size=100)
    (found,) = detect_worse_than_chance(Trace(signals={"loss": Series(np.arange(100), loss)}), Facts())
    assert (found.first_step, found.last_step) == (50.0, 99.0)
    assert found.evidence["points"] == 50


@pytest.mark.parametrize(
    ("second", "grows", "by_turns"),
    [
        (80.0, 1.0, True),
        (2.5, 1.0, True),
        (2.3, 1.0, False),  # too near to each other to be two
        (80.0, 1.1, False),  # one of them explodes
    ],
)
def test_two_losses_take_turns_where_neither_rises(second: float, grows: float, by_turns: bool) -> None:
    at = np.arange(100)
    assert _alternates(np.where(at % 2, second * grows**at, 1.6)) is by_turns


def test_two_losses_that_take_turns_have_no_start_in_common() -> None:
    def found(shift: int) -> list[Finding]:
        at = np.arange(400)
        loss = np.where((at + shift) % 2, 1.6, 60.0 / (1 + at / 40))
        return detect_worse_than_chance(Trace(signals={"loss": Series(at, loss)}), Facts())

    assert not found(0)
    assert not found(1)


def test_all_points_of_the_stretch_are_counted_not_only_the_clear_ones() -> None:
    """A reader who counts the points above the number that the sentence gives finds as many as it says."""
    rng = np.random.default_rng(5)
    loss = 2 * np.exp(-np.arange(400) / 40) + 0.6 + 0.02 * rng.standard_normal(400)
    loss[200:290] = 2.75 + 0.25 * rng.standard_normal(90)  # it lies about the start, and a few points far above
    loss[[214, 216, 218]] = 4.4
    steps = np.arange(1, 401)
    (found,) = detect_worse_than_chance(Trace({"loss": Series(steps, loss)}), Facts(untrained_loss=2.6))
    said = found.sentence.parameters
    above = (loss > 2.6) & (steps > 200)
    assert said["points"] == found.evidence["points"] == above.sum() > 50
    assert (said["first"], said["last"]) == (found.first_step, found.last_step)
    assert (said["first"], said["last"]) == (steps[above][0], steps[above][-1])


def test_a_start_about_the_reference_is_no_part_of_a_later_rise() -> None:
    loss = np.concatenate([np.tile([2.62, 2.59], 30), np.geomspace(2.5, 1, 140), np.full(20, 5.0), np.full(180, 0.9)])
    steps = np.arange(1, len(loss) + 1)
    (found,) = detect_worse_than_chance(Trace({"loss": Series(steps, loss)}), Facts(untrained_loss=2.6))
    assert (found.first_step, found.last_step, found.evidence["points"]) == (201, 220, 20)


def test_a_rise_out_of_a_start_about_the_reference_begins_where_it_is_clear() -> None:
    loss = np.concatenate([np.full(60, 2.62), np.full(100, 5.0)])
    steps = np.arange(1, len(loss) + 1)
    (found,) = detect_worse_than_chance(Trace({"loss": Series(steps, loss)}), Facts(untrained_loss=2.6))
    assert (found.first_step, found.last_step, found.evidence["points"]) == (61, 160, 100)
