"""Reads what both the test and the interval of paired differences take: finite numbers, and a label for each."""

from collections.abc import Hashable, Sequence

import numpy as np


def finite(differences: Sequence[float]) -> np.ndarray:
    """Return the differences as an array of floats (pairs,).

    Raises:
        ValueError: there is none, or one is not finite. What to do with a run that diverged (rank it last,
            say) decides the meaning of the comparison, so it is the caller's to choose.
    """
    values = np.array(differences, dtype=float)
    if values.ndim != 1 or not values.size:
        raise ValueError(f"differences of shape {values.shape}: give one number a pair, and at least one pair")
    if not np.isfinite(values).all():
        first = int(np.flatnonzero(~np.isfinite(values))[0])
        raise ValueError(f"difference {first} is {values[first]}: rank such runs, or leave them out, and say so")
    return values


def numbered(labels: Sequence[Hashable], pairs: int, name: str) -> np.ndarray:
    """Return each pair's label as a number (pairs,), in the order of first appearance.

    Raises:
        ValueError: there is not one label a pair.
    """
    if len(labels) != pairs:
        raise ValueError(f"{len(labels)} {name} for {pairs} differences: give one a pair")
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(label, len(numbers)) for label in labels])
