"""One position of one head of the delta rule as machine code: some columns of the matrix at a time.

Addresses are those of float32; a matrix is `keys` rows, `stride` bytes from one to the next, and keys are a multiple
of 4. A column has nothing to do with the others. What each number is: `recurrence.matrix_scan.operation`.
"""

# ruff: noqa: ARG001  (numba takes the number of an intrinsic's arguments from its signature)

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types

from newllm.kernels.machine_code import LANES, function, operation
from newllm.kernels.processor import has_avx512
from newllm.kernels.routines import Address, Number, each, routine, row_at
from newllm.kernels.vectors import Lanes, float32, int32, int64, load, loop, offset

_VECTOR, _BROAD = 4 * LANES, 4 if has_avx512() else 1  # bytes; vectors beside each other
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


def _columns(builder: Any, width: Any, body: Callable[[Any, int], None]) -> None:
    """Emit `body(bytes into a row, vectors)` for all columns: 64 at a time where registers take them, then 16."""
    row = builder.mul(width, int64(4))
    whole = builder.sub(row, builder.urem(row, int64(_BROAD * _VECTOR)))
    each(builder, whole, _BROAD * _VECTOR, lambda at: body(at, _BROAD))
    if _BROAD > 1:
        each(builder, builder.sub(row, whole), _VECTOR, lambda at: body(builder.add(whole, at), 1))


def _vectors(builder: Any, start: Any, at: Any, count: int) -> list[Any]:
    """Return the addresses of vectors side by side."""
    return [builder.add(start, builder.add(at, int64(n * _VECTOR))) for n in range(count)]


def _write_error(builder: Any, found: Sequence[Any], factor: Any, values: Sequence[Any], errors: Sequence[Any]) -> None:
    lost = -_number(builder, factor, int64(0))
    for one, value, error in zip(found, values, errors, strict=True):
        Lanes(builder, one).times_plus(lost, Lanes.at(builder, value)).put(error)


@routine
def look_up(
    builder: Any, matrix: Address, lookup: Address, factor: Address, value: Address, error: Address, keys: Number,
    width: Number,
) -> None:  # fmt: skip
    """Write what a matrix lacks: the value less `factor`, a number, times what stands under the lookup."""
    stride = builder.mul(width, int64(4))

    def some(at: Any, count: int) -> None:
        def row(i: Any, sums: Sequence[Any]) -> list[Any]:
            number, below = _number(builder, lookup, i), row_at(builder, matrix, stride, i)
            places = _vectors(builder, below, at, count)
            pairs = zip(places, sums, strict=True)
            return [Lanes.at(builder, one).times_plus(number, Lanes(builder, total)).value for one, total in pairs]

        found = loop(builder, keys, 1, [Lanes(builder, 0.0).value] * count, row)
        _write_error(builder, found, factor, _vectors(builder, value, at, count), _vectors(builder, error, at, count))

    _columns(builder, width, some)


@routine
def go_on(
    builder: Any, matrix: Address, decay: Address, step: Number, key: Address, query: Address, error: Address,
    reading: Address, lookup: Address, factor: Address, value: Address, next_error: Address, keys: Number,
    width: Number,
) -> None:  # fmt: skip
    """Let a matrix go on by a position whose error is known; write its reading and the next one's error, in one pass.

    `step` is 0 where there is one decay, and 4 where there is one for each key. `lookup`, `factor` and `value` are the
    next position's, as `look_up` takes them.
    """
    stride = builder.mul(width, int64(4))

    def some(at: Any, count: int) -> None:
        differences = [Lanes.at(builder, place) for place in _vectors(builder, error, at, count)]

        def row(i: Any, sums: Sequence[Any]) -> list[Any]:
            kept = Lanes(builder, load(builder, builder.add(decay, builder.mul(step, i)), float32))
            k, q, p = (_number(builder, one, i) for one in (key, query, lookup))
            read, found = [], []
            places = _vectors(builder, row_at(builder, matrix, stride, i), at, count)
            for n, (place, difference) in enumerate(zip(places, differences, strict=True)):
                new = difference.times_plus(k, Lanes.at(builder, place) * kept)
                new.put(place)
                read.append(new.times_plus(q, Lanes(builder, sums[n])).value)
                found.append(new.times_plus(p, Lanes(builder, sums[count + n])).value)
            return [*read, *found]

        sums = loop(builder, keys, 1, [Lanes(builder, 0.0).value] * (2 * count), row)
        for one, place in zip(sums[:count], _vectors(builder, reading, at, count), strict=True):
            Lanes(builder, one).put(place)
        values, errors = _vectors(builder, value, at, count), _vectors(builder, next_error, at, count)
        _write_error(builder, sums[count:], factor, values, errors)

    _columns(builder, width, some)
