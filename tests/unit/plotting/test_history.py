"""A growing signal in bounded memory: every spike stays, whatever came before and after."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newllm.plotting.history import History


def _filled(values, *, buckets: int, first: int = 1) -> History:
    history = History(buckets)
    for step, value in enumerate(values, first):
        history.add(step, value)
    return history


def test_a_short_run_is_kept_whole() -> None:
    values = [3.0, 2.0, math.nan, 5.0, math.inf, 1.0]
    x, y = _filled(values, buckets=8).points()
    assert x.tolist() == [1, 2, 3, 4, 5, 6]
    assert np.array_equal(y, values, equal_nan=True)


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=300),
    buckets=st.sampled_from([2, 4, 8, 32]),
)
def test_the_extremes_and_a_gap_stay_at_their_places(values, buckets) -> None:
    history = _filled(values, buckets=buckets)
    x, y = history.points()
    given_values = np.array(values)
    assert len(x) <= 3 * buckets
    assert (np.diff(x) > 0).all()
    assert np.array_equal(given_values[x.astype(int) - 1], y, equal_nan=True), "nothing is made up"
    finite = np.isfinite(given_values)
    if finite.any():
        assert np.nanmin(np.where(finite, given_values, np.nan)) == np.min(y[np.isfinite(y)])
        assert np.nanmax(np.where(finite, given_values, np.nan)) == np.max(y[np.isfinite(y)])
    assert finite.all() == np.isfinite(y).all()
    assert history.last == len(values)


@settings(max_examples=30, deadline=None)
@given(length=st.integers(300, 3000), at=st.floats(0, 1), second=st.floats(0, 1))
def test_two_spikes_of_one_point_in_a_long_run(length, at, second) -> None:
    """Not the highest alone: one in each half, of any height, where they are in different buckets."""
    values = np.zeros(length)
    half = length // 2
    places = {round(at * (half - 64)), half + 64 + round(second * (half - 65))}  # at most 64 make one bucket
    for height, place in enumerate(places, 5):
        values[place] = height
    x, y = _filled(values.tolist(), buckets=64).points()
    assert {int(step) - 1 for step in x[y >= 5]} == places


def test_old_and_new_are_kept_alike() -> None:
    """A million steps are no more than a thousand buckets, each about as wide as the others."""
    x, _ = _filled(np.random.default_rng(0).normal(size=200_000).tolist(), buckets=1024).points()
    in_quarters, _ = np.histogram(x, bins=4)
    assert 1024 <= len(x) <= 2 * 1024
    assert in_quarters.min() > 0.8 * in_quarters.max()


@pytest.mark.parametrize("buckets", [4, 64, 1024])
def test_a_run_that_goes_back_forgets_what_came_after(buckets) -> None:
    history = _filled([float(step) for step in range(1, 201)], buckets=buckets)
    history.cut(101)
    x, _ = history.points()
    assert x.max() <= 100
    assert history.last == x.max()
    for step in range(101, 151):
        history.add(step, 0.0)
    x, y = history.points()
    assert (np.diff(x) > 0).all()
    assert y.max() <= 100
    assert x[-1] > 100


def test_going_back_to_the_start_forgets_all() -> None:
    history = _filled([1.0, 2.0], buckets=4)
    history.cut(0)
    assert len(history.points()[0]) == 0
    history.add(1, 7.0)
    assert history.points()[1].tolist() == [7.0]
