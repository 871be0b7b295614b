"""Numbers as JSON holds them: seven digits, and words for what is not finite."""

import math

import numpy as np

from newllm.trace import Series
from newllm.ui.responses import listed, number


def test_a_number_has_the_digits_of_a_float32_and_what_is_not_finite_is_a_word() -> None:
    assert [number(value) for value in (1 / 3, 12345678.0, 1e-9, 0.0, -2.5)] == [0.3333333, 12345680, 1e-9, 0, -2.5]
    assert [number(value) for value in (math.nan, math.inf, -math.inf)] == ["NaN", "Infinity", "-Infinity"]
    assert listed(Series(np.array([3, 5]), np.array([1 / 3, math.nan]))) == {"x": [3, 5], "y": [0.3333333, "NaN"]}
