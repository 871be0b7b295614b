"""One position of one head of the delta rule as machine code: 16 columns of the matrix at a time, kept in registers.

Addresses are those of float32; a matrix is `keys` rows, `stride` bytes from one to the next, and keys are a multiple
of 4. Forwards a column has nothing to do with the others. What each number is: `recurrence.matrix_scan.operation`.
"""

# ruff: noqa: ARG001  (numba takes the number of an intrinsic's arguments from its signature)

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types

from newllm.kernels.machine_code import function, operation
from newllm.kernels.vectors import Lanes, float32, int32, int64, load, loop, offset

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
