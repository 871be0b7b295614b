"""Intervals as plain data, [estimate, low, high], and back from a file that anybody may have changed."""

import math
from collections.abc import Sequence
from typing import Any

from newllm.statistics.interval import Interval

Estimate = tuple[float, float | None, float | None]
"""An estimate and the ends of its interval, None where there is none."""


def interval_data(interval: Interval) -> list[float | None]:
    """Return estimate, low, high."""
    return [interval.estimate, interval.low, interval.high]


def interval_in(value: Any) -> Estimate | None:
    """Return an estimate with its interval as `interval_data` writes one; None if it is none."""
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 3:
        return None
    estimate, low, high = (number_of(number) for number in value)
    is_whole = all(isinstance(number, int) for number in value)  # a list of counts is no interval
    return None if estimate is None or is_whole else (estimate, low, high)


def number_of(value: Any) -> float | None:
    """Return a finite number, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None
