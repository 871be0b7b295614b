"""What a stage is given, made ready for its products, as machine code: norms, convolution, digits.

Every pass reads and writes rows at addresses; rows are filled up with zeros to a multiple of 16 floats, and stay so.
"""

# ruff: noqa: ARG001  (numba takes the number of an intrinsic's arguments from its signature)

from typing import Any

from llvmlite import ir
from numba import types

from newllm.kernels.machine_code import function, operation
from newllm.kernels.vectors import (
    Lanes,
    float32,
    int8,
    int32,
    int64,
    integers,
    load,
    loop,
    offset,
    store,
)

TAPS = 4
EPSILON = 1.1920928955078125e-07  # nn.RMSNorm's own for float32
DIGITS = 2  # of a value, 8 bits each
_LARGEST_WHOLE = 32512.0  # of a value in digits: 127 * 256
_SMALLEST = 1e-30  # a row of less is taken for zero: its scale would have no inverse
_BIAS = 0x8080  # makes each digit positive, to be cut out, and is taken back from each


def _at(builder: Any, address: Any, index: Any) -> Lanes:
    return Lanes.at(builder, offset(builder, address, 4, index))


def _put(builder: Any, value: Lanes, address: Any, index: Any) -> None:
    value.put(offset(builder, address, 4, index))


def _mean(builder: Any, size: Any, count: Any, each: Any) -> Any:
    """Return the sum of what `each(index)` gives, over `count`: a float."""
    zero = Lanes(builder, 0.0).value
    (sums,) = loop(builder, size, 16, [zero], lambda i, s: [(Lanes(builder, s[0]) + each(i)).value])
    return builder.fdiv(Lanes(builder, sums).total(), builder.sitofp(count, float32))


def _inverse_root(builder: Any, mean: Any, epsilon: Any) -> Lanes:
    root = function(builder, "llvm.sqrt.f32", float32, float32)
    value = builder.call(root, [builder.fadd(mean, epsilon)])
    return Lanes(builder, builder.fdiv(float32(1.0), value))


@operation
def normalise(_typing: Any, x: Any, weight: Any, out: Any, size: Any, count: Any, epsilon: Any) -> Any:
    """Write the RMSNorm of a row: `x / sqrt(mean(x^2) + epsilon) * weight`."""

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        x, weight, out, size, count, epsilon = arguments

        def square(i: Any) -> Lanes:
            value = _at(builder, x, i)
            return value * value

        scale = _inverse_root(builder, _mean(builder, size, count, square), epsilon)

        def scaled(i: Any, _: Any) -> Any:
            _put(builder, _at(builder, x, i) * scale * _at(builder, weight, i), out, i)
            return []

        loop(builder, size, 16, [], scaled)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 5, types.float32), emit


@operation
def convolve(_typing: Any, x: Any, tail: Any, taps: Any, out: Any, size: Any) -> Any:
    """Write the short convolution of a row with the three before it, the oldest first in `tail`.

    `taps` holds four rows: 1 + the weight of the row itself, then of one, two and three positions before.
    """

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        x, tail, taps, out, size = arguments

        def turn(i: Any, _: Any) -> Any:
            total = _at(builder, x, i) * _at(builder, taps, i)
            for lag in range(1, TAPS):
                before = offset(builder, tail, 4 * (TAPS - 1 - lag), size)
                weight = offset(builder, taps, 4 * lag, size)
                total = total + _at(builder, before, i) * _at(builder, weight, i)
            _put(builder, total, out, i)
            return []

        loop(builder, size, 16, [], turn)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 5), emit


@operation
def read_normalised(_typing: Any, context: Any, gate: Any, norm: Any, out: Any, size: Any, count: Any) -> Any:
    """Write `gate * LayerNorm(context)` of a row; `norm` holds weight, bias, and 1 where there is a channel."""

    def emit(nothing: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        context, gate, norm, out, size, count = arguments
        weight, bias, real = (offset(builder, norm, 4 * i, size) for i in range(3))
        mean = Lanes(builder, _mean(builder, size, count, lambda i: _at(builder, context, i)))

        def off_mean(i: Any) -> Lanes:
            return (_at(builder, context, i) - mean) * _at(builder, real, i)

        def square(i: Any) -> Lanes:
            value = off_mean(i)
            return value * value

        scale = _inverse_root(builder, _mean(builder, size, count, square), float32(1e-5))

        def turn(i: Any, _: Any) -> Any:
            read = off_mean(i) * scale * _at(builder, weight, i) + _at(builder, bias, i)
            _put(builder, read * _at(builder, gate, i), out, i)
            return []

        loop(builder, size, 16, [], turn)
        return nothing.get_dummy_value()

    return types.void(*[types.int64] * 6), emit


@operation
def digits(_typing: Any, x: Any, out: Any, size: Any) -> Any:
    """Write a row as two rows of signed bytes, `x = scale * (256 a + b)`, and then a line of extras.

    The extras are -128 times the sum of each row of bytes, 32 bits, and the scale. If a value is not finite, nor is
    the scale.
    """

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        x, out, size = arguments
        largest = _largest(builder, x, size)
        is_zero = builder.fcmp_ordered("<", largest, float32(_SMALLEST))
        up = builder.select(is_zero, float32(0.0), builder.fdiv(float32(_LARGEST_WHOLE), largest))
        down = builder.fmul(largest, float32(1.0 / _LARGEST_WHOLE))
        factor, bias, toggled = Lanes(builder, up), _whole(_BIAS), ir.Constant(ir.VectorType(int8, 16), [-128] * 16)

        def turn(i: Any, sums: Any) -> Any:
            whole = builder.add((_at(builder, x, i) * factor).rounded_bits(), bias)
            after = []
            for digit, total in enumerate(sums):
                shifted = builder.lshr(whole, _whole(8 - 8 * digit))
                byte = builder.xor(builder.trunc(shifted, toggled.type), toggled)
                store(builder, byte, builder.add(offset(builder, out, digit, size), i), align=1)
                after.append(builder.add(total, builder.sext(byte, integers)))
            return after

        totals = loop(builder, size, 16, [_whole(0)] * DIGITS, turn)
        extras = offset(builder, out, DIGITS, size)
        add = function(builder, "llvm.vector.reduce.add.v16i32", int32, integers)
        for digit, total in enumerate(totals):
            correction = builder.mul(builder.call(add, [total]), int32(-128))
            store(builder, correction, builder.add(extras, int64(4 * digit)))
        store(builder, down, builder.add(extras, int64(4 * DIGITS)))
        return context.get_dummy_value()

    return types.void(*[types.int64] * 3), emit


def _whole(value: int) -> Any:
    return ir.Constant(integers, [value] * 16)


def _largest(builder: Any, x: Any, size: Any) -> Any:
    """Return the largest size of a value as a float, compared as integers: there NaN is above all."""
    greater = function(builder, "llvm.umax.v16i32", integers, integers, integers)

    def turn(i: Any, found: Any) -> Any:
        bits = load(builder, offset(builder, x, 4, i), integers)
        return [builder.call(greater, [found[0], builder.and_(bits, _whole(0x7FFFFFFF))])]

    (found,) = loop(builder, size, 16, [_whole(0)], turn)
    across = function(builder, "llvm.vector.reduce.umax.v16i32", int32, integers)
    return builder.bitcast(builder.call(across, [found]), float32)


@operation
def copy(_typing: Any, into: Any, source: Any, size: Any) -> Any:
    """Copy `size` floats, a multiple of 16."""

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        into, source, size = arguments

        def turn(i: Any, _: Any) -> Any:
            _put(builder, _at(builder, source, i), into, i)
            return []

        loop(builder, size, 16, [], turn)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 3), emit
