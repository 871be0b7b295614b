"""Plain data with a few significant digits: records and results are read by people and kept by the hundred."""

from collections.abc import Mapping
from typing import Any

import numpy as np


def rounded(value: Any, digits: int) -> Any:
    """Return plain data with its floats rounded to so many significant digits."""
    if isinstance(value, Mapping):
        return {name: rounded(item, digits) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item, digits) for item in value]
    return float(f"{value:.{digits}g}") if isinstance(value, float | np.floating) else value
