"""Several series on one grid of columns, for a heat map; a column of many steps keeps what is most telling."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from newllm.trace import Series

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
    steps = [series.step for series in rows if len(series.step)]
    if not steps:
        return None
    x = np.unique(np.concatenate(steps))
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
    row_order = np.argsort(np.nan_to_num(distance, nan=-1.0), kind="stable")  # the farthest is written last
    row[column[row_order]] = value[row_order]
