"""Products of small matrices in machine code, against numpy: broad and narrow tiles, any order, nothing beside them."""

from typing import Any

import numpy as np
import pytest

numba = pytest.importorskip("numba")

from newllm.kernels.matrix_products import (  # noqa: E402  (it imports numba)
    multiply,
    multiply_onto,
    solve,
    transpose,
)

Array = np.ndarray[Any, Any]
SHAPES = ((16, 16, 16), (32, 5, 48), (8, 64, 64), (24, 16, 80))  # rows, length of the sums, columns


@numba.njit
def _multiply(into: Array, left: Array, right: Array, turned: bool) -> None:
    row, across = (4, 4 * left.shape[1]) if turned else (4 * left.shape[1], 4)
    multiply(
        into.ctypes.data, 4 * into.shape[1], left.ctypes.data, row, across, right.ctypes.data, 4 * right.shape[1],
        into.shape[0], right.shape[0], right.shape[1],
    )  # fmt: skip


@numba.njit
def _multiply_onto(into: Array, left: Array, right: Array, factors: Array) -> None:
    multiply_onto(
        into.ctypes.data, 4 * into.shape[1], left.ctypes.data, 4 * left.shape[1], 4, right.ctypes.data,
        4 * right.shape[1], into.shape[0], right.shape[0], right.shape[1], factors.ctypes.data,
    )  # fmt: skip


@numba.njit
def _transpose(into: Array, given: Array) -> None:
    transpose(into.ctypes.data, 4 * into.shape[1], given.ctypes.data, 4 * given.shape[1], *given.shape)


@numba.njit
def _solve(panel: Array, weights: Array) -> None:
    solve(panel.ctypes.data, 4 * panel.shape[1], weights.ctypes.data, 4 * weights.shape[1], panel.shape[1])


def drawn(*shape: int) -> Array:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(("rows", "length", "width"), SHAPES)
@pytest.mark.parametrize("turned", [False, True])
def test_a_product_is_numpys_and_no_more_is_written(rows: int, length: int, width: int, turned: bool) -> None:
    left, right = drawn(rows, length), drawn(length, width)
    around = np.full((rows + 2, width), np.nan, np.float32)
    _multiply(around[1:-1], np.ascontiguousarray(left.T) if turned else left, right, turned)
    np.testing.assert_allclose(around[1:-1], left.astype(np.float64) @ right, rtol=1e-5, atol=1e-5)
    assert np.isnan(around[[0, -1]]).all()


@pytest.mark.parametrize(("rows", "length", "width"), SHAPES)
def test_a_product_is_added_to_rows_times_their_factor(rows: int, length: int, width: int) -> None:
    left, right, factors, into = drawn(rows, length), drawn(length, width), drawn(rows), drawn(rows, width)
    expected = into * factors[:, None].astype(np.float64) + left.astype(np.float64) @ right
    _multiply_onto(into, left, right, factors)
    np.testing.assert_allclose(into, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(16, 16), (16, 64), (48, 32)])
def test_a_transposed_matrix_is_numpys(shape: tuple[int, int]) -> None:
    given, into = drawn(*shape), drawn(*shape[::-1])
    _transpose(into, given)
    np.testing.assert_array_equal(into, given.T)


@pytest.mark.parametrize("width", [16, 48])
def test_rows_are_solved_from_the_last(width: int) -> None:
    panel, weights = drawn(16, width), 0.3 * drawn(16, 16)
    above = np.tril(weights.astype(np.float64), -1).T
    expected = np.linalg.solve(np.eye(16) - above, panel.astype(np.float64))
    _solve(panel, weights)
    np.testing.assert_allclose(panel, expected, rtol=1e-4, atol=1e-4)
