"""Norms, changes, time scales and packed columns, against numbers by hand."""

import base64
import math

import numpy as np
import pytest

from newllm.playground.motion import MOST_ROWS, motion, octaves, packed_rows, rows


def unpacked(packed: dict[str, object], layers: int) -> np.ndarray:
    data = np.frombuffer(base64.b64decode(str(packed["data"])), dtype="<f2").astype(np.float64)
    return data.reshape(-1, layers, int(str(packed["rows"]))) * float(str(packed["factor"]))


def test_norm_change_and_its_share_are_of_each_layer() -> None:
    before = np.array([[3.0, 4.0], [0.0, 0.0]])
    after = np.array([[[0.0, 0.0], [0.0, 2.0]], [[6.0, 8.0], [0.0, 2.0]]])
    first, second = motion(before, after, np.full((2, 2, 2), 0.5))
    assert (first["norm"], first["change"]) == ([0.0, 2.0], [5.0, 2.0])
    assert first["relative"] == [1.0, None]  # nothing was there before
    assert (second["norm"], second["change"], second["relative"]) == ([10.0, 2.0], [10.0, 0.0], [None, 0.0])


def test_a_time_scale_is_the_inverse_of_what_is_forgotten() -> None:
    decays = np.array([[[0.0, 0.5, 0.75, 0.9, 1.0]]])
    (token,) = motion(np.zeros((1, 5)), np.ones((1, 1, 5)), decays)
    assert token["scales"] == [[1.0, 2.0, 4.0, 10.0, None]]
    assert sum(token["octaves"][0]) == 5
    assert [at for at, count in enumerate(token["octaves"][0]) if count] == [0, 1, 2, 3, 15]


def test_an_octave_begins_at_its_power_of_two_and_the_last_but_one_has_no_end() -> None:
    scales = np.array([1.0, 1.99, 2.0, 16383.0, 16384.0, 1e9, math.inf])
    assert octaves(scales[None, None])[0, 0].nonzero()[0].tolist() == [0, 1, 13, 14, 15]
    assert octaves(scales[None, None])[0, 0].tolist()[14] == 2


def test_a_column_comes_back_as_it_was_to_three_digits() -> None:
    values = np.random.default_rng(0).normal(size=(5, 3, 40))
    packed = packed_rows(values)
    assert packed["factor"] == 1.0
    np.testing.assert_allclose(unpacked(packed, 3), values, rtol=1e-3, atol=1e-6)


def test_a_channel_far_from_zero_is_seen_among_thousands() -> None:
    values = np.zeros((1, 1, 1000))
    values[0, 0, 777] = -3.0
    shown = unpacked(packed_rows(values), 1)[0, 0]
    assert len(shown) == rows(1000) <= MOST_ROWS
    assert shown[777 // 4] == -3.0
    assert np.count_nonzero(shown) == 1


@pytest.mark.parametrize("channels", [1, 255, 256, 257, 511, 513])
def test_there_are_never_more_rows_than_can_be_drawn(channels: int) -> None:
    assert packed_rows(np.ones((2, 2, channels)))["rows"] == rows(channels) <= MOST_ROWS


def test_what_is_too_large_for_half_precision_is_scaled_and_what_is_no_number_stays_none() -> None:
    values = np.array([[[1e9, -5e8, math.nan, math.inf]]])
    shown = unpacked(packed_rows(values), 1)[0, 0]
    np.testing.assert_allclose(shown[:2], [1e9, -5e8], rtol=1e-3)
    assert math.isnan(shown[2])
    assert math.isinf(shown[3])
    (token,) = motion(np.zeros((1, 4)), values, np.full((1, 1, 4), np.nan))
    assert token["norm"] == [None]
    assert token["scales"] == [[None] * 5]
