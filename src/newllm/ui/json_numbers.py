"""Signals as JSON: few digits, and words for what is not finite, which strict JSON has no numbers for."""

import math
from typing import Any

from newllm.trace import Series

_DIGITS = 7  # of a float32


def listed(series: Series) -> dict[str, list[Any]]:
    """Return a signal as JSON holds it: x and y; a value that is not finite is "NaN", "Infinity" or "-Infinity"."""
    return {"x": series.step.tolist(), "y": [number(value) for value in series.value.tolist()]}


def number(value: float) -> float | str:
    """Return a number as JSON holds it."""
    if math.isfinite(value):
        return float(f"{value:.{_DIGITS}g}")
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
