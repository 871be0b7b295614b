"""The time to a loss, and its share of another's."""

import math

import pytest

from crossing import crossing, time_ratio


def test_between_two_points_time_is_taken_on_its_logarithm() -> None:
    assert crossing([(10.0, 3.0), (40.0, 1.0)], 2.0) == pytest.approx(20.0)


def test_a_loss_that_is_never_reached_has_no_time() -> None:
    assert crossing([(10.0, 3.0), (40.0, 2.5)], 2.0) is None


def test_a_first_point_that_is_low_enough_gives_its_own_time() -> None:
    assert crossing([(10.0, 1.0), (40.0, 0.5)], 2.0) == 10.0


def test_a_diverged_point_is_no_start_of_a_line() -> None:
    assert crossing([(10.0, math.inf), (40.0, 1.0)], 2.0) == 40.0


def test_the_share_has_an_interval_over_seeds() -> None:
    found = time_ratio([100.0, 150.0, 120.0], [300.0, 300.0, 300.0])
    low, high = found["interval"]
    assert found["share"] == pytest.approx((100 * 150 * 120) ** (1 / 3) / 300)
    assert low < found["share"] < high


def test_a_seed_that_did_not_get_there_leaves_no_share() -> None:
    assert time_ratio([100.0, None], [300.0, 300.0]) == {"seconds": [100.0, None], "share": None, "interval": None}


def test_a_loss_that_an_untrained_model_has_leaves_no_share() -> None:
    assert time_ratio([0.0, 10.0], [100.0, 100.0])["share"] is None
