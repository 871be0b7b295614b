"""What the cells of a study are samples of: data sets and seeds."""

from collections.abc import Sequence

from newllm.study.design import Row


def units(rows: Sequence[Row]) -> tuple[list[str], list[int]]:
    """Return the data set and the seed of each row, to be resampled.

    Where there is but one data set, each seed stands for one: the interval then speaks of further seeds on it.
    """
    sets, seeds = [str(row["data"]) for row in rows], [int(row["seed"]) for row in rows]
    return ([str(seed) for seed in seeds] if len(set(sets)) == 1 else sets), seeds
