"""Medians of many windows at once, against the median of each."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newllm.diagnosis import medians
from newllm.diagnosis.detectors.jumps import _level
from newllm.diagnosis.losses import rolling_median, sliding_median

VALUES = st.lists(st.floats(-1e300, 1e300) | st.sampled_from([0.0, 1.0, 2.0, math.inf]), min_size=1, max_size=80)


@pytest.fixture(params=[0, 1000], ids=["bit by bit", "one by one"], autouse=True)
def dense(request, monkeypatch) -> None:
    """Both ways are taken, for whatever width; one by one in several parts."""
    monkeypatch.setattr(medians, "_DENSE", request.param)
    monkeypatch.setattr(medians, "_AT_ONCE", 100)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(VALUES, st.integers(1, 40))
def test_of_every_window(values, width) -> None:
    width = min(width, len(values))
    expected = [np.median(values[at : at + width]) for at in range(len(values) - width + 1)]
    np.testing.assert_array_equal(sliding_median(np.array(values), width), expected)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(VALUES, st.integers(2, 30))
def test_around_every_point(values, width) -> None:
    half = min(width // 2, (len(values) - 1) // 2)
    if len(values) < 3:
        half = 0
    padded = np.pad(np.array(values), half, mode="reflect")
    expected = [np.median(padded[at : at + 2 * half + 1]) for at in range(len(values))]
    np.testing.assert_array_equal(rolling_median(np.array(values), width), expected)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(VALUES, min_size=1, max_size=3))
def test_of_the_four_samples_before_each(layers) -> None:
    logs = np.array([layer[: min(map(len, layers))] for layer in layers])
    expected = logs.copy()
    for at in range(4, logs.shape[1]):
        expected[:, at] = np.median(logs[:, at - 4 : at], axis=1)
    np.testing.assert_array_equal(_level(logs), expected)
