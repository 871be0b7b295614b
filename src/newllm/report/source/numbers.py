"""Numbers in data that nobody has checked: a summary may be of another program, or damaged."""

import math
from collections.abc import Mapping
from typing import Any

_LARGEST = 2**53  # past it a float does not count any more


def number_in(data: Mapping[str, Any], *path: str) -> float | None:
    """Return the finite number at a path of names, None where there is none."""
    found = _at(data, path)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    try:
        value = float(found)
    except OverflowError:
        return None
    return value if math.isfinite(value) else None


def whole_in(data: Mapping[str, Any], *path: str) -> int | None:
    """Return the whole number, 0 or more, at a path of names, None where there is none."""
    found = _at(data, path)
    return found if type(found) is int and 0 <= found < _LARGEST else None


def _at(data: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        data = data.get(name) if isinstance(data, Mapping) else None
    return data
