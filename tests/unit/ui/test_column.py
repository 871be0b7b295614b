"""One signal in memory: points at its end, corrections, and numbers as JSON holds them."""

import math

import numpy as np
import pytest

from newllm.trace import Series
from newllm.ui.column import Column
from newllm.ui.responses import listed, number


def add(column: Column, *points: tuple[int, float]) -> bool:
    return column.add(np.array([at for at, _ in points], np.int64), np.array([value for _, value in points]))


def held(column: Column) -> list[tuple[int, float]]:
    series = column.series()
    return list(zip(series.step.tolist(), series.value.tolist(), strict=True))


def test_points_at_the_end_change_nothing_that_is_there() -> None:
    column = Column()
    assert not add(column)
    assert not add(column, (1, 1.0), (2, 2.0))
    before = column.series()
    assert not add(column, (3, 3.0))
    assert (len(column), column.last, before.step.tolist()) == (3, 3, [1, 2])
    assert held(column) == [(1, 1.0), (2, 2.0), (3, 3.0)]
    assert column.series(2).step.tolist() == [3]
    assert column.nbytes >= 3 * 16


@pytest.mark.parametrize(
    ("points", "other", "after"),
    [
        ([(2, 2.0)], False, [(1, 1.0), (2, 2.0), (3, math.nan)]),
        ([(2, 2.0), (3, math.nan), (4, 4.0)], False, [(1, 1.0), (2, 2.0), (3, math.nan), (4, 4.0)]),
        ([(2, 9.0)], True, [(1, 1.0), (2, 9.0), (3, math.nan)]),
        ([(0, 0.0)], True, [(0, 0.0), (1, 1.0), (2, 2.0), (3, math.nan)]),
        ([(2, 9.0), (5, 5.0)], True, [(1, 1.0), (2, 9.0), (3, math.nan), (5, 5.0)]),
        ([(5, 1.0), (4, 4.0), (5, 5.0)], False, [(1, 1.0), (2, 2.0), (3, math.nan), (4, 4.0), (5, 5.0)]),
    ],
)
def test_what_is_written_again_holds_and_is_told_where_it_differs(points, other: bool, after) -> None:
    column = Column()
    add(column, (1, 1.0), (2, 2.0), (3, math.nan))
    before = column.series()
    assert add(column, *points) is other
    np.testing.assert_array_equal(np.array(held(column)), np.array(after))
    np.testing.assert_array_equal(before.value, [1.0, 2.0, math.nan])


def test_thousands_of_points_one_by_one() -> None:
    column = Column()
    for step in range(5000):
        add(column, (step, step / 2))
    assert held(column) == [(step, step / 2) for step in range(5000)]


def test_numbers_as_json() -> None:
    values = [1 / 3, 1e10, math.nan, math.inf, -math.inf, -0.5]
    assert [number(value) for value in values] == [0.3333333, 1e10, "NaN", "Infinity", "-Infinity", -0.5]
    assert listed(Series(np.array([1, 2]), np.array([0.1, math.nan]))) == {"x": [1, 2], "y": [0.1, "NaN"]}
