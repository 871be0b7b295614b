"""Numbers as logs print them, with how many decimals, and losses that only a perplexity tells."""

import math
from typing import Any

import numpy as np
import pytest

from newllm.trace import Series
from newllm.trace.readers.numbers import decimals, number
from newllm.trace.readers.perplexity import losses_of_perplexity


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        (1.5, 1.5), (3, 3.0), ("2.5", 2.5), (" 2.5\t", 2.5), ("1e-3", 0.001), ("-Inf", -math.inf),
        ("Infinity", math.inf),
        ("50%", 0.5), ("12.5 %", 0.125), (10**400, math.inf), (-(10**400), -math.inf), ("0" * 63 + "7", 7.0),
        ("0" * 64 + "7", None), ("1_000", None), ("", None), (" ", None), ("%", None), ("a", None), ("a%", None),
        (True, None), (None, None), ([1], None), ("1,5", None),
    ],
)  # fmt: skip
def test_a_cell_as_a_number(cell: Any, value: float | None) -> None:
    assert number(cell) == value


def test_nan_is_a_number() -> None:
    assert math.isnan(number("NaN") or 0.0)


@pytest.mark.parametrize(
    ("values", "count"),
    [
        ([1.25, 3.0], 2), ([7.0, 8.0], 0), ([1e-05, 2.5e-04], 5), ([1.5e20], 0), ([1.123456789012], 12),
        ([1.1234567890123], None), ([math.nan, math.inf], None), ([math.nan, 2.5], 1), ([], None), ([-0.125], 3),
        ([1 / 3], None), ([1e-13], None),
    ],
)  # fmt: skip
def test_with_how_many_decimals_a_series_was_printed(values: list[float], count: int | None) -> None:
    assert decimals(np.array(values)) == count


def test_of_a_long_series_some_values_tell() -> None:
    values = np.full(4000, 1.5)
    values[1] = 1.25
    assert decimals(values) == 1  # every other one is looked at
    values[2] = 1.125
    assert decimals(values) == 3
    assert decimals(values[:3999]) == 3


def told(**perplexities: list[float]) -> dict[str, tuple[list[float], int]]:
    signals = {name: Series(np.arange(len(value)), np.array(value)) for name, value in perplexities.items()}
    return {name: (loss.value.tolist(), finer) for name, (loss, finer) in losses_of_perplexity(signals).items()}


def test_a_loss_is_the_logarithm_of_a_perplexity() -> None:
    found = told(perplexity=[100.0, 200.0, 900.0], validation_perplexity=[20.0, 10.0])
    assert found["loss"] == (pytest.approx(np.log([100, 200, 900])), 2)
    assert found["validation_loss"][1] == 1
    assert told(perplexity=[1.0, 9.0])["loss"][1] == 0
    assert told(perplexity=[5.0, math.inf])["loss"][0][1] == math.inf


def test_what_is_no_perplexity_gives_none() -> None:
    assert told(perplexity=[0.99, 2.0]) == {}
    assert told(perplexity=[math.nan]) == {}
    assert told(perplexity=[2.0, -math.inf]) == {}
    assert told(accuracy=[2.0]) == {}
    assert told(perplexity=[0.99, 2.0], validation_perplexity=[20.0, 10.0]).keys() == {"validation_loss"}
    assert told(perplexity=[2.0], validation_loss=[1.0]) == {}  # a loss is there
