"""One position of one head of the delta rule as machine code: 16 columns of the matrix at a time, kept in registers.

Addresses are those of float32; a matrix is `keys` rows, `stride` bytes from one to the next, and keys are a multiple
of 4. Forwards a column has nothing to do with the others. What each number is: `recurrence.matrix_scan.operation`.
"""

# ruff: noqa: ARG001  (numba takes the number of an intrinsic's arguments from its signature)

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types

from newllm.kernels.machine_code import LANES, function, operation
from newllm.kernels.vectors import Lanes, float32, int32, int64, load, loop, offset, store

UNROLLED = 4  # sums that run side by side: one alone would wait for itself


@operation
def fetch(_typing: Any, address: Any, size: Any) -> Any:
    """Ask for memory that is soon read or written: a head's positions lie apart, and no processor foresees them."""

    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        start, size = arguments
        pointer = ir.IntType(8).as_pointer()
        prefetch = function(builder, "llvm.prefetch.p0", ir.VoidType(), pointer, int32, int32, int32)

        def line(at: Any, _carried: Sequence[Any]) -> list[Any]:
            builder.call(prefetch, [builder.inttoptr(builder.add(start, at), pointer), int32(0), int32(3), int32(1)])
            return []

        loop(builder, size, 64, [], line)
        return _context.get_dummy_value()

    return types.void(types.int64, types.int64), emit


def _number(builder: Any, address: Any, index: Any) -> Lanes:
    """Return a float of an array in all lanes."""
    return Lanes(builder, load(builder, offset(builder, address, 4, index), float32))


def _place(builder: Any, matrix: Any, stride: Any, index: Any) -> Any:
    """Return the address of a row."""
    return builder.add(matrix, builder.mul(stride, index))


def _sum(builder: Any, values: Sequence[Any]) -> Lanes:
    first, second, third, fourth = (Lanes(builder, value) for value in values)
    return (first + second) + (third + fourth)


@operation
def advance(
    _typing: Any,
    matrix: Any,
    decay: Any,
    faded: Any,
    key: Any,
    query: Any,
    value: Any,
    error: Any,
    reading: Any,
    keys: Any,
    stride: Any,
) -> Any:
    """Let 16 columns of the matrix go on by a position; write their errors and readings. `faded` is decay * lookup."""

    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        matrix, decay, faded, key, query, value, error, reading, keys, stride = arguments
        zeros = [Lanes(builder, 0.0).value] * UNROLLED

        def look_up(first: Any, sums: Sequence[Any]) -> list[Any]:
            added = []
            for n, total in enumerate(sums):
                i = builder.add(first, int64(n))
                row = Lanes.at(builder, _place(builder, matrix, stride, i))
                added.append(row.times_plus(_number(builder, faded, i), Lanes(builder, total)).value)
            return added

        found = _sum(builder, loop(builder, keys, UNROLLED, zeros, look_up))
        difference = Lanes.at(builder, value) - found
        difference.put(error)

        def write(first: Any, sums: Sequence[Any]) -> list[Any]:
            added = []
            for n, total in enumerate(sums):
                i = builder.add(first, int64(n))
                place = _place(builder, matrix, stride, i)
                left = Lanes.at(builder, place) * _number(builder, decay, i)
                new = difference.times_plus(_number(builder, key, i), left)
                new.put(place)
                added.append(new.times_plus(_number(builder, query, i), Lanes(builder, total)).value)
            return added

        _sum(builder, loop(builder, keys, UNROLLED, zeros, write)).put(reading)
        return _context.get_dummy_value()

    return types.void(*[types.int64] * 10), emit


@operation
def rewrite(_typing: Any, matrix: Any, after: Any, decay: Any, key: Any, error: Any, keys: Any, stride: Any) -> Any:
    """Write 16 columns of the matrix after a position once more, from the errors that it wrote."""

    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        matrix, after, decay, key, error, keys, stride = arguments
        difference = Lanes.at(builder, error)

        def row(i: Any, _carried: Sequence[Any]) -> list[Any]:
            left = Lanes.at(builder, _place(builder, matrix, stride, i)) * _number(builder, decay, i)
            difference.times_plus(_number(builder, key, i), left).put(_place(builder, after, stride, i))
            return []

        loop(builder, keys, 1, [], row)
        return _context.get_dummy_value()

    return types.void(*[types.int64] * 7), emit


@operation
def pull_back(
    _typing: Any, d_matrix: Any, query: Any, key: Any, d_reading: Any, d_error: Any, keys: Any, stride: Any
) -> Any:
    """Add the gradient of 16 columns' readings to that of the matrix, and write that of their errors."""

    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        d_matrix, query, key, d_reading, d_error, keys, stride = arguments
        zeros, slope = [Lanes(builder, 0.0).value] * UNROLLED, Lanes.at(builder, d_reading)

        def turn(first: Any, sums: Sequence[Any]) -> list[Any]:
            added = []
            for n, total in enumerate(sums):
                i = builder.add(first, int64(n))
                place = _place(builder, d_matrix, stride, i)
                row = slope.times_plus(_number(builder, query, i), Lanes.at(builder, place))
                row.put(place)
                added.append(row.times_plus(_number(builder, key, i), Lanes(builder, total)).value)
            return added

        _sum(builder, loop(builder, keys, UNROLLED, zeros, turn)).put(d_error)
        return _context.get_dummy_value()

    return types.void(*[types.int64] * 7), emit


@operation
def step_back(
    _typing: Any,
    d_matrix: Any,
    before: Any,
    decay: Any,
    faded: Any,
    error: Any,
    d_reading: Any,
    d_error: Any,
    dots: Any,
    keys: Any,
    stride: Any,
) -> Any:
    """Turn the gradient of a whole matrix after a position, `slope`, into that of the one before.

    `dots` takes four arrays of `keys` floats: of each row `before` times `d_reading` and times `d_error`, `slope` times
    `before` and times `error`. All gradients of the position are made of these.
    """

    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        d_matrix, before, decay, faded, error, d_reading, d_error, dots, keys, stride = arguments
        zeros = [Lanes(builder, 0.0).value] * 4

        def row(i: Any, _carried: Sequence[Any]) -> list[Any]:
            slopes, olds = (_place(builder, start, stride, i) for start in (d_matrix, before))
            a, p = _number(builder, decay, i), -_number(builder, faded, i)

            def columns(at: Any, sums: Sequence[Any]) -> list[Any]:
                place = builder.add(slopes, at)
                slope, old = Lanes.at(builder, place), Lanes.at(builder, builder.add(olds, at))
                e, d_read, d_e = (Lanes.at(builder, builder.add(one, at)) for one in (error, d_reading, d_error))
                d_e.times_plus(p, slope * a).put(place)
                pairs = (old, d_read), (old, d_e), (slope, old), (slope, e)
                given = zip(pairs, sums, strict=True)
                return [left.times_plus(right, Lanes(builder, total)).value for (left, right), total in given]

            totals = _totals(builder, loop(builder, stride, 4 * LANES, zeros, columns))
            for n in range(4):
                place = offset(builder, builder.add(dots, builder.mul(int64(4 * n), keys)), 4, i)
                store(builder, builder.extract_element(totals, int32(n)), place)
            return []

        loop(builder, keys, 1, [], row)
        return _context.get_dummy_value()

    return types.void(*[types.int64] * 10), emit


def _totals(builder: Any, vectors: Sequence[Any]) -> Any:
    """Return the sums over the lanes of four vectors, as one of four floats."""
    first, second, third, fourth = (_halved(builder, _halved(builder, vector)) for vector in vectors)
    left, right = _pairs(builder, first, second), _pairs(builder, third, fourth)
    even = _shuffled(builder, left, right, [0, 1, 4, 5])
    return builder.fadd(even, _shuffled(builder, left, right, [2, 3, 6, 7]))


def _halved(builder: Any, vector: Any) -> Any:
    half = vector.type.count // 2
    low, high = (_shuffled(builder, vector, vector, range(start, start + half)) for start in (0, half))
    return builder.fadd(low, high)


def _pairs(builder: Any, first: Any, second: Any) -> Any:
    """Return `first` and `second` in turn, each halved to two sums: f, s, f, s."""
    low = _shuffled(builder, first, second, [0, 4, 1, 5])
    return builder.fadd(low, _shuffled(builder, first, second, [2, 6, 3, 7]))


def _shuffled(builder: Any, first: Any, second: Any, order: Sequence[int]) -> Any:
    lanes = ir.Constant(ir.VectorType(int32, len(order)), list(order))
    return builder.shuffle_vector(first, second, lanes)
