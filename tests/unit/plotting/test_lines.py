import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from newllm.plotting import lines


@settings(max_examples=60, deadline=None)
@given(
    length=st.integers(1, 30_000),
    seed=st.integers(0, 1000),
    at=st.floats(0, 1),
    spike=st.sampled_from([1e3, -1e3, np.nan]),
)
@example(length=16385, seed=0, at=6.103515625e-05, spike=np.nan)  # a gap at the second point of the first stretch
def test_decimation_never_loses_a_spike_a_gap_or_an_end(length, seed, at, spike):
    y = np.random.default_rng(seed).normal(size=length)
    y[int(at * (length - 1))] = spike
    x = np.arange(length) * 2.0
    kept_x, kept_y = lines.decimate(x, y)
    assert len(kept_x) <= 4 * lines.BUCKETS
    assert (kept_x[0], kept_x[-1]) == (x[0], x[-1])
    assert np.all(np.diff(kept_x) > 0)
    place = np.flatnonzero(kept_x == x[int(at * (length - 1))])
    assert len(place) == 1
    np.testing.assert_equal(kept_y[place[0]], spike)


def test_decimation_keeps_a_signal_that_is_nowhere_finite():
    _, y = lines.decimate(np.arange(20_000.0), np.full(20_000, np.nan))
    assert np.isnan(y).all()


@pytest.mark.parametrize("length", [0, 1, 2, 61, 12_345])
def test_the_smooth_line_ignores_one_spike_and_breaks_where_the_signal_does(length):
    x, y = np.arange(length, dtype=float), np.full(length, 2.0)
    y[length // 2 : length // 2 + 1] = 1e100 if length > 2 else 2.0
    assert lines.running_middle(x, y)[1].tolist() == pytest.approx([2.0] * min(length, 400))
    y[:] = np.nan
    assert np.isnan(lines.running_middle(x, y)[1]).all()


def test_gaps_are_stretches_and_near_ones_are_one():
    x = np.arange(10_000.0)
    y = np.ones(10_000)
    assert lines.gaps(x, y) == []
    y[[100, 102, 5000]] = np.nan
    y[9000:] = np.inf
    assert lines.gaps(x, y) == [(100.0, 102.0), (5000.0, 5000.0), (9000.0, 9999.0)]
    far_apart = np.array([0.0, 100.0, 200.0, 300.0])
    assert lines.gaps(far_apart, np.array([1.0, np.nan, np.nan, 1.0])) == [(100.0, 200.0)]


def test_a_lonely_value_is_found():
    y = np.array([1.0, np.nan, 2.0, np.nan, 3.0, 4.0])
    assert lines.lonely(y).tolist() == [True, False, True, False, False, False]
    assert lines.lonely(np.array([1.0])).tolist() == [True]
    assert lines.lonely(np.array([])).tolist() == []


def test_medians_are_those_of_sorted_stretches_whatever_is_not_finite():
    chance = np.random.default_rng(2)
    for length, buckets in ((1, 1), (7, 3), (100, 9), (1000, 333)):
        y = chance.normal(size=length)
        y[chance.random(length) < 0.1] = np.nan
        y[chance.random(length) < 0.1] = np.inf
        x, middle = lines.medians(np.arange(length), y, buckets)
        width = -(-length // buckets) | 1
        assert len(x) <= buckets
        for at, (place, value) in enumerate(zip(x.tolist(), middle.tolist(), strict=True)):
            part = [one for one in y[at * width : (at + 1) * width].tolist() if not math.isnan(one)]
            assert at * width <= place < min(length, (at + 1) * width)
            expected = sorted(part)[(len(part) - 1) // 2] if part else math.nan
            assert value == expected or (math.isnan(value) and math.isnan(expected))
