"""Jumps of a learning rate, and planned restarts among them."""

import numpy as np
import pytest

from newllm.diagnosis.schedule import jumps, restarts
from newllm.trace import Series, Trace


def rate(*pieces: tuple[int, float, float]) -> Trace:
    """Straight pieces, each of so many points from one value to another."""
    value = np.concatenate([np.linspace(first, last, points) for points, first, last in pieces])
    return Trace({"learning_rate": Series(10 * np.arange(1, len(value) + 1), value)})


@pytest.mark.parametrize(("after", "jumped"), [(1.4, False), (1.6, True)])
def test_a_jump_is_half_as_much_again(after: float, jumped: bool) -> None:
    found = jumps(rate((20, 1.0, 1.0), (20, after, after)))
    assert [(one.step, one.before, one.after, one.index) for one in found] == ([(210, 1.0, 1.6, 20)] if jumped else [])


def test_a_warm_up_has_no_jumps_however_steep() -> None:
    assert jumps(rate((10, 0.0, 1.0), (30, 1.0, 0.0))) == []
    assert [one.index for one in jumps(rate((10, 0.0, 1.0), (30, 1.0, 0.0), (10, 0.9, 0.0)))] == [40]


def test_a_small_jump_beside_the_highest_rate_is_none() -> None:
    assert jumps(rate((20, 1.0, 1.0), (20, 0.01, 0.01), (20, 0.09, 0.09))) == []
    assert len(jumps(rate((20, 1.0, 1.0), (20, 0.01, 0.01), (20, 0.13, 0.13)))) == 1


@pytest.mark.parametrize(("low", "planned"), [(0.0, True), (0.14, True), (0.16, False)])
def test_a_planned_restart_comes_from_the_low(low: float, planned: bool) -> None:
    assert restarts(rate((30, 1.0, low), (30, 1.0, low))) == ([310] if planned else [])


def test_nothing_is_said_of_few_points_or_of_what_is_no_rate() -> None:
    assert jumps(rate((2, 1.0, 1.0), (2, 9.0, 9.0))) == []
    assert len(jumps(rate((2, 1.0, 1.0), (3, 9.0, 9.0)))) == 1
    unsound = np.repeat([1.0, 9.0, np.inf], 10)
    assert jumps(Trace({"learning_rate": Series(np.arange(30), unsound)})) == []
    assert jumps(rate((20, -2.0, -2.0), (20, -1.0, -1.0))) == []
    assert restarts(Trace({})) == []
