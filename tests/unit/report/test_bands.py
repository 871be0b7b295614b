"""Curves of several runs on one axis."""

import time

import numpy as np
import pytest

from newllm.report.several.bands import Band, at_equal_progress, band, common, difference, reached, unpaired
from newllm.statistics import mean_interval
from newllm.trace import Series


def series(steps: list[int], values: list[float]) -> Series:
    return Series(np.array(steps, np.int64), np.array(values, float))


def test_one_run_is_its_own_curve_without_an_interval():
    found = band([series([0, 5, 9], [3.0, 2.0, 1.0])])
    assert found is not None
    assert (found.x.tolist(), found.middle.tolist(), found.low, found.n) == ([0, 5, 9], [3.0, 2.0, 1.0], None, 1)


def test_a_band_is_students_interval_at_each_step():
    runs = [[3.0, 2.0], [4.0, 2.5], [8.0, 2.0]]
    found = band([series([0, 10], values) for values in runs])
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    for at in range(2):
        expected = mean_interval([values[at] for values in runs])
        got = (found.middle[at], found.low[at], found.high[at])
        assert got == pytest.approx((expected.estimate, expected.low, expected.high))


def test_what_is_not_finite_in_one_run_is_a_gap_and_not_left_out():
    found = band([series([0, 1, 2], [1.0, np.nan, 3.0]), series([0, 1, 2], [1.0, 2.0, np.inf])])
    assert found is not None
    assert np.isnan(found.middle).tolist() == [False, True, True]


def test_steps_that_all_have_are_taken_as_they_are():
    steps, values = common([series([0, 2, 4, 6], [0, 2, 4, 6]), series([0, 4, 6, 7], [10, 14, 16, 17])])
    assert steps.tolist() == [0, 4, 6]
    assert values.tolist() == [[0, 4, 6], [10, 14, 16]]


def test_others_are_interpolated_within_what_all_have():
    steps, values = common([series([0, 10, 20], [0, 10, 20]), series([5, 15, 25], [0, 10, 20])])
    assert steps.tolist() == [5, 10, 15, 20]
    assert values.tolist() == [[5, 10, 15, 20], [0, 5, 10, 15]]


def test_interpolation_does_not_bridge_what_is_not_finite():
    _, values = common([series([0, 10, 20], [0, np.nan, 20]), series([1, 11, 21], [0, 1, 2])])
    assert np.isnan(values[0]).any()


def test_runs_without_a_common_step_have_no_band():
    assert band([series([0, 1], [1, 1]), series([5, 6], [1, 1])]) is None
    assert band([series([0], [1]), series([], [])]) is None
    assert band([]) is None


def test_differences_are_taken_pair_by_pair():
    pairs = [(series([0, 1], [1.0, 5.0]), series([0, 1], [2.0, 5.0])), (series([0, 1], [0, 0]), series([0, 1], [3, 0]))]
    found = difference(pairs)
    assert found is not None
    assert found.low is not None
    assert found.middle.tolist() == [2.0, 0.0]
    assert found.low[0] == pytest.approx(mean_interval([1.0, 3.0]).low)
    assert found.n == 2
    assert difference([]) is None


def test_an_unpaired_difference_has_no_interval():
    first, second = (Band(np.array([0, 1]), np.array(y), None, None, 2) for y in ([1.0, 2.0], [4.0, 4.0]))
    found = unpaired(first, second)
    assert found is not None
    assert (found.middle.tolist(), found.low, found.n) == ([3.0, 2.0], None, 0)


def test_at_equal_progress_a_slower_run_lies_on_the_same_curve():
    steps = np.arange(1, 401)
    fast = Series(steps, 8.0 - steps * 0.01)
    slow = Series(steps, 8.0 - steps * 0.005)
    (fast_x, fast_y), (slow_x, slow_y) = (
        curve(one, Series(steps[::10], one.value[::10] + 1.0)) for one in (fast, slow)
    )
    assert slow_y[5:] == pytest.approx(np.interp(slow_x[5:], fast_x, fast_y), abs=0.05)


def test_a_spike_goes_straight_up_and_down_where_progress_stands_still():
    training = np.concatenate([np.linspace(7, 5, 60), np.full(20, 9.0), np.linspace(5, 4, 60)])
    steps = np.arange(1, 141)
    x, y = curve(Series(steps, training), Series(steps, training + 0.5))
    assert (np.diff(x.astype(np.float32)) > 0).all()
    assert y.max() == 9.5
    up = x[y > 9]
    assert len(up) == 20
    assert up[-1] - up[0] < 0.001 * x[-1]


def test_what_is_not_finite_stays_where_it_was():
    falling = series(list(range(40)), [5.0 - 0.1 * step for step in range(40)])
    _, y = curve(falling, series([10, 20, 30], [1.0, np.nan, 2.0]))
    assert np.isnan(y).tolist() == [False, True, False]


def curve(training: Series, measured: Series) -> tuple[np.ndarray, np.ndarray]:
    found = at_equal_progress(training, measured)
    assert found is not None
    return found


def test_progress_needs_training_that_gained_and_a_measurement():
    flat = series(list(range(20)), [5.0] * 20)
    assert at_equal_progress(flat, flat) is None
    assert at_equal_progress(series([], []), flat) is None
    assert at_equal_progress(series([0, 1], [np.nan, np.nan]), flat) is None
    assert at_equal_progress(flat, series([], [])) is None


def test_progress_of_a_run_that_begins_with_nan_is_finite():
    training = series(list(range(40)), [np.nan] * 15 + [5.0 - 0.1 * step for step in range(25)])
    assert np.isfinite(curve(training, series([0, 20, 30, 39], [9.0, 8.0, 7.0, 6.0]))[0]).all()


def test_the_first_step_that_is_as_low_as_a_target():
    assert reached(series([2, 4, 6], [3.0, np.nan, 1.0]), 1.5) == 6
    assert reached(series([2, 4, 6], [3.0, 2.0, 1.0]), 3.0) == 2
    assert reached(series([2, 4], [3.0, np.nan]), 1.0) is None


def test_ten_runs_of_a_hundred_thousand_steps_are_quick():
    steps = np.arange(100_000)
    chance = np.random.default_rng(0)
    runs = [Series(steps, chance.normal(size=len(steps))) for _ in range(10)]
    began = time.process_time()
    band(runs)
    at_equal_progress(runs[0], Series(steps[::100], runs[1].value[::100]))
    assert time.process_time() - began < 1.0


def test_what_was_measured_at_the_first_step_of_training_is_at_no_progress() -> None:
    falling = series(list(range(5, 45)), [5.0 - 0.1 * step for step in range(40)])
    x, y = curve(falling, series([4, 5, 25, 44], [9.0, 8.0, 7.0, 6.0]))
    assert y.tolist() == [8.0, 7.0, 6.0]  # before the first step nothing is known of progress
    assert x[0] == 0.0
    # The median of nine losses lags four behind; each point lies a hair to the right, by its place.
    assert x[1:] == pytest.approx([1.6 + 0.001 * 3.5 / 3, 3.5 + 0.001 * 3.5 * 2 / 3])


def test_progress_is_never_lost_again() -> None:
    there_and_back = series(list(range(40)), [5.0 - 0.1 * min(step, 40 - step) for step in range(40)])
    x, _ = curve(there_and_back, series([10, 24, 39], [1.0, 2.0, 3.0]))
    assert x[1] == pytest.approx(x[2], abs=0.01)


def test_half_of_the_shorter_run_s_steps_are_enough_in_common() -> None:
    long = series(list(range(0, 100, 10)), [float(step) for step in range(0, 100, 10)])
    for steps, interpolated in (([0, 10, 25, 35], False), ([0, 15, 25, 35], True)):
        x, _ = common([long, series(steps, [0.0] * 4)])
        assert (len(x) > 2) is interpolated
