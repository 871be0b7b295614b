"""Numbers and versions in a request, and numbers in an answer."""

import math

import numpy as np
import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from newllm.trace import Series
from newllm.ui.request_values import number, whole
from newllm.ui.responses import listed


def asked(query: str) -> float:
    return number(Request({"type": "http", "query_string": query.encode(), "headers": []}), "x", 7.0)


def test_a_number_of_the_query() -> None:
    assert [asked(query) for query in ("", "x=", "y=3", "x=2.5", "x=-inf")] == [7.0, 7.0, 7.0, 2.5, -math.inf]
    assert asked(f"x={'1' * 40}") == float("1" * 40)


@pytest.mark.parametrize("text", ["a", "nan", "1" * 41, "1 2"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(HTTPException) as refused:
        asked(f"x={text}")
    assert refused.value.status_code == 400
    assert repr(text[:40]) in refused.value.detail


def test_a_version_is_a_whole_number_of_fifteen_digits_at_most() -> None:
    texts = ("12", "1" * 15, "1" * 16, "-3", "", "1.5", "\u0663")
    assert [whole(text, 9) for text in texts] == [12, int("1" * 15), 9, 9, 9, 9, 9]


def test_a_signal_has_seven_digits_and_words_for_what_is_not_finite() -> None:
    series = Series(np.arange(4), np.array([1 / 3, math.nan, math.inf, -math.inf]))
    assert listed(series) == {"x": [0, 1, 2, 3], "y": [0.3333333, "NaN", "Infinity", "-Infinity"]}
