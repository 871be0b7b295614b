"""What the rows of a study are samples of: data sets and seeds."""

from collections.abc import Mapping, Sequence
from typing import Any


def units(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    """Return the data set and the seed of each row, to be resampled.

    Where there is but one data set, each seed stands for one: the interval then speaks of further seeds on it.
    """
    sets, seeds = [str(row.get("data", "")) for row in rows], [str(row["seed"]) for row in rows]
    return (seeds if len(set(sets)) == 1 else sets), seeds
