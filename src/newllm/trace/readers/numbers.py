"""Numbers as logs print them: words for what is not finite, per cent signs, decimal commas, and how many decimals."""

import math
from typing import Any

import numpy as np

_LONGEST = 64  # characters; no printed number is longer
_SAMPLE = 2000  # values whose decimals are looked at
_FULL = 12  # a float printed in full has more decimals than this, and then they say nothing


def number(value: Any) -> float | None:
    """Return a cell of a log as a number, None where it holds none.

    Args:
        value: what a JSON or CSV reader gave. `"nan"`, `"Infinity"`, `"-inf"` in any case are numbers; an empty cell,
            true and false, and text are none.
    """
    if type(value) is float:
        return value
    if type(value) is str:
        return _printed(value)
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    return None


def decimals(values: np.ndarray) -> int | None:
    """Return with how many digits after the point a series was printed, None where it was printed in full.

    Args:
        values: float64. Their shortest forms are looked at: trailing zeros are made up for by the other values.
    """
    finite = values[np.isfinite(values)]
    if not len(finite):
        return None
    sample = finite[:: max(1, len(finite) // _SAMPLE)]
    digits = max(_decimals(value) for value in sample.tolist())
    return digits if digits <= _FULL else None


def _printed(text: str) -> float | None:
    if not text or len(text) > _LONGEST or "_" in text:  # float() takes 1_000
        return None
    try:
        return float(text)
    except ValueError:
        text = text.strip()
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else None
    except ValueError:
        return None


def _decimals(value: float) -> int:
    mantissa, _, exponent = repr(value).partition("e")
    after = mantissa.partition(".")[2].rstrip("0")
    return max(0, len(after) - int(exponent or 0))
