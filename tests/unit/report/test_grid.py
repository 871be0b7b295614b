"""A heat map's grid against its plain twin: of the steps in a column the value that is farthest from the median."""

import numpy as np
import pytest

from newllm.report.charts import grid
from newllm.trace import Series


def plain(rows: list[Series], columns: int) -> tuple[np.ndarray, np.ndarray]:
    x = np.unique(np.concatenate([series.step for series in rows]))
    starts = np.unique(np.linspace(0, len(x), min(len(x), columns), endpoint=False).astype(int))
    values = np.full((len(rows), len(starts)), np.nan)
    for row, series in enumerate(rows):
        with np.errstate(all="ignore"):
            size = np.log(np.abs(series.value))
        finite = size[np.isfinite(size)]
        for column, first in enumerate(starts):
            last = x[starts[column + 1]] if column + 1 < len(starts) else np.inf
            inside = [
                (abs(one - np.median(finite)) if len(finite) else np.inf, at)
                for at, one in enumerate(size)
                if x[first] <= series.step[at] < last and not np.isnan(one)
            ]
            if inside:
                values[row, column] = series.value[max(inside)[1]]
    return x[starts], values


@pytest.mark.parametrize("alike", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_it_keeps_what_is_most_telling(seed, alike, monkeypatch) -> None:
    monkeypatch.setattr(grid, "_COLUMNS", 7)
    chance = np.random.default_rng(seed)
    rows, steps = [], np.sort(chance.choice(500, size=60, replace=False))
    for _ in range(3):
        own = steps if alike else np.sort(chance.choice(500, size=40, replace=False))
        value = np.round(chance.normal(size=len(own)), 1)
        for odd in (np.nan, np.inf, -np.inf, 0.0):
            value[chance.random(len(own)) < 0.05] = odd
        rows.append(Series(own, value))
    made = grid.grid_of(rows)
    assert made is not None
    x, values = plain(rows, 7)
    assert made.x.tolist() == x.tolist()
    np.testing.assert_array_equal(made.values, values)


def test_nothing_known_is_no_grid_and_a_row_of_nothing_is_empty() -> None:
    nothing = Series(np.empty(0, np.int64), np.empty(0))
    assert grid.grid_of([nothing]) is None
    made = grid.grid_of([nothing, Series(np.array([3, 4]), np.array([np.nan, 2.0]))])
    assert made is not None
    np.testing.assert_array_equal(made.values, [[np.nan, np.nan], [np.nan, 2.0]])
