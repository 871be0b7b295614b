"""Numbers out of facts about data, which may come from a file that anyone wrote: what is not there is None."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from newllm.trace import Trace

LARGEST = 1e15  # tokens


def number(data: Mapping[str, Any], *path: str) -> float | None:
    """Return the number at a path of names, None where there is none that could be a count, a share or nats."""
    value: Any = data
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST:
        return float(value)
    return None


def values(trace: Trace, name: str) -> np.ndarray:
    """Return the finite values of a signal, float64, in their order."""
    value = trace.series(name).value
    return value[np.isfinite(value)]


def last(trace: Trace, name: str) -> float | None:
    """Return the last finite value of a signal, None where there is none."""
    found = values(trace, name)
    return float(found[-1]) if len(found) else None


def excess(data: Mapping[str, Any], part: str) -> tuple[float, float] | None:
    """Return a drift above what chance gives, in nats, and in standard deviations of chance; None without it."""
    nats, expected, spread = (number(data, part, name) for name in ("nats", "expected", "spread"))
    if nats is None or expected is None or spread is None:
        return None
    return nats - expected, (nats - expected) / max(spread, 1e-12)
