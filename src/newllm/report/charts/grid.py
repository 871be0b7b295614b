"""Several series on one grid of columns, for a heat map; a column of many steps keeps what is most telling."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from newllm.trace import Series, same_steps

_COLUMNS = 1500


@dataclass(frozen=True, eq=False)
class Grid:
    """Numbers by row and column.

    Attributes:
        x: position of each column [N], rising; of several steps in one column the first.
        values: [rows, N]; NaN where nothing was measured.
    """

    x: np.ndarray
    values: np.ndarray


def grid_of(rows: Sequence[Series]) -> Grid | None:
    """Return series as the rows of a grid, None where there is no point.

    Of the steps that fall into one column each row keeps the value that is farthest, in its logarithm, from the row's
    median: neither what explodes nor what vanishes for one step is lost.
    """
    known = [series for series in rows if len(series.step)]
    if not known:
        return None
    x = known[0].step if same_steps(known) else np.unique(np.concatenate([series.step for series in known]))
    starts = np.unique(np.linspace(0, len(x), min(len(x), _COLUMNS), endpoint=False).astype(int))
    values = np.full((len(rows), len(starts)), np.nan)
    for place, series in enumerate(rows):
        column = np.searchsorted(x[starts], series.step, side="right") - 1
        _fill(values[place], column, series.value)
    return Grid(x[starts], values)


def _fill(row: np.ndarray, column: np.ndarray, value: np.ndarray) -> None:
    known = ~np.isnan(value)
    column, value = column[known], value[known]
    if not len(value):
        return
    with np.errstate(all="ignore"):
        size = np.log(np.abs(value))
        distance = np.abs(size - np.median(size[np.isfinite(size)]) if np.isfinite(size).any() else size)
    distance = np.nan_to_num(distance, nan=-1.0)
    first = np.flatnonzero(np.diff(column, prepend=-1))  # of each column: steps rise, and so do they
    farthest = np.maximum.reduceat(distance, first)
    told = distance == np.repeat(farthest, np.diff(first, append=len(column)))
    row[column[told]] = value[told]  # of several that are as far the last
