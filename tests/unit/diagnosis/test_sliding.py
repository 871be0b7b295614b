"""What is computed of every window at once, against the naive form that looks at each window by itself."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newllm.diagnosis.detectors.explosion import LEAST_EXPLOSION, SUDDEN, _is_sudden
from newllm.diagnosis.excursion import Excursion
from newllm.diagnosis.losses import sliding_mean

VALUES = st.lists(st.floats(0, 10) | st.sampled_from([1e12, 1e-12]), min_size=1, max_size=80)


@given(VALUES, st.integers(1, 40))
def test_the_mean_of_every_window(values: list[float], width: int) -> None:
    width = min(width, len(values))
    expected = [math.fsum(values[at : at + width]) / width for at in range(len(values) - width + 1)]
    np.testing.assert_allclose(sliding_mean(np.array(values), width), expected, rtol=1e-13)


def test_a_huge_value_takes_no_digits_from_those_behind_it() -> None:
    values = np.append(1e300, np.random.default_rng(1).random(999))
    expected = np.convolve(values, np.full(100, 1 / 100), mode="valid")
    np.testing.assert_allclose(sliding_mean(values, 100), expected, rtol=1e-13)
    assert np.isfinite(sliding_mean(np.full(100, 1e308), 50)).all()


@pytest.mark.parametrize("count", [20, 21, 80, 400, 1000])
def test_how_fast_a_norm_rises(count: int) -> None:
    rng, found = np.random.default_rng(count), set()
    for _ in range(200):
        value = np.exp(np.cumsum(rng.choice([0.02, 0.1, 0.3]) * rng.standard_normal(count)))
        onset, peak = sorted(rng.choice(np.arange(1, count), 2, replace=False).tolist())
        explosion = Excursion(onset, peak, peak + 1, base=1, height=1, rise=1, noise=1, chance=0, width=1)
        way = np.log(value[onset - 1 : peak + 1])
        within = min(max(SUDDEN, count // 20), len(way) - 1)
        rise = max(float((way[at:] - way[:-at]).max()) for at in range(1, within + 1))
        found.add(rise >= 0.5 * math.log(LEAST_EXPLOSION))
        assert _is_sudden(value, explosion) is (rise >= 0.5 * math.log(LEAST_EXPLOSION))
    assert found == {True, False}
