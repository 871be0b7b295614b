"""What a head of a matrix context does at a position, as machine code: see `kernels.head_inputs` and its rules."""

# ruff: noqa: ARG001  (numba takes the number of an intrinsic's arguments from its signature)

from typing import Any

import numba
from numba import types

from newllm.generation.compiled_step.fields import (
    AFTER,
    BEFORE,
    CONTEXT,
    EACH_KEY,
    FIRST,
    FORGETS,
    GATES,
    HEADS,
    KEYS,
    LAST,
    MIXED,
    NORM,
    PROJECTED,
    ROWS,
    STRIDE,
    STRONGEST,
    TAIL,
    TAP_WEIGHTS,
    WIDE,
    WRITES,
)
from newllm.generation.compiled_step.formulas import number, swiglu
from newllm.generation.compiled_step.passes import EPSILON as NORM_EPSILON
from newllm.generation.compiled_step.passes import TAPS, copy, normalise
from newllm.kernels.head_inputs import EPSILON
from newllm.kernels.machine_code import OPTIONS, function, operation
from newllm.kernels.matrix_step import advance
from newllm.kernels.vectors import Lanes, float32, int64, load, loop, offset


def _at(builder: Any, address: Any, index: Any) -> Lanes:
    return Lanes.at(builder, offset(builder, address, 4, index))


@operation
def convolve_apart(
    _typing: Any, x: Any, one: Any, two: Any, three: Any, taps: Any, apart: Any, out: Any, size: Any
) -> Any:
    """Write the SiLU of the short convolution of some channels, whose earlier values stand at three addresses.

    `taps` is the address of 1 + the weight of the row itself; `apart` bytes behind it are those of earlier positions.
    """

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        *rows, taps, apart, out, size = arguments

        def turn(i: Any, _: Any) -> Any:
            total = _at(builder, rows[0], i) * _at(builder, taps, i)
            for lag, row in enumerate(rows[1:], 1):
                total = total + _at(builder, row, i) * _at(builder, offset(builder, taps, lag, apart), i)
            total.silu().put(offset(builder, out, 4, i))
            return []

        loop(builder, size, 16, [], turn)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 8), emit


@operation
def make_unit(_typing: Any, vector: Any, size: Any) -> Any:
    """Give a vector the length 1."""

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        vector, size = arguments

        def square(i: Any, sums: Any) -> Any:
            value = _at(builder, vector, i)
            return [(Lanes(builder, sums[0]) + value * value).value]

        (sums,) = loop(builder, size, 16, [Lanes(builder, 0.0).value], square)
        root = function(builder, "llvm.sqrt.f32", float32, float32)
        length = builder.call(root, [builder.fadd(Lanes(builder, sums).total(), float32(EPSILON))])
        scale = Lanes(builder, builder.fdiv(float32(1.0), length))

        def scaled(i: Any, _: Any) -> Any:
            (_at(builder, vector, i) * scale).put(offset(builder, vector, 4, i))
            return []

        loop(builder, size, 16, [], scaled)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), emit


@operation
def write_gates(_typing: Any, write: Any, forget: Any, each_key: Any, strongest: Any, lookup: Any, key: Any,
                decays: Any, faded: Any, size: Any) -> Any:  # fmt: skip
    """Write key `strength * lookup`, decay and `decay * lookup` of a head from the products of its gates.

    Args:
        write: address of the product of the gate that writes.
        forget: address of that of the gate that forgets, of the head or of its first key.
        each_key: 1 where each key has one of its own, 0 where the head has one.
        strongest: what the strength is at most, a whole number.
        lookup: address of the vector to look up.
        key: where.
        decays: where.
        faded: where.
        size: how many keys.
    """

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        write, forget, each_key, strongest, lookup, key, decays, faded, size = arguments
        most = Lanes(builder, builder.sitofp(strongest, float32))
        strength = most * Lanes(builder, load(builder, write, float32)).sigmoid()
        is_shared = builder.icmp_signed("==", each_key, int64(0))

        def turn(i: Any, _: Any) -> Any:
            # A gate that is shared has only one number that may be read.
            place = builder.select(is_shared, forget, offset(builder, forget, 4, i))
            alone = Lanes(builder, load(builder, forget, float32))
            given = Lanes(builder, builder.select(is_shared, alone.value, Lanes.at(builder, place).value))
            decay, looked_up = (-given).sigmoid(), _at(builder, lookup, i)
            (strength * looked_up).put(offset(builder, key, 4, i))
            decay.put(offset(builder, decays, 4, i))
            (decay * looked_up).put(offset(builder, faded, 4, i))
            return []

        loop(builder, size, 16, [], turn)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 9), emit


@numba.njit(**OPTIONS)
def _earlier(stage, job, before, first, row, lag):
    """Return where what was projected `lag` rows before a row of a text stands; its first row goes on from `before`."""
    if row - lag >= first:
        return job[PROJECTED] + (row - lag) * job[WIDE]
    return before + stage[TAIL] + 12 * (TAPS - 1 + row - first - lag) * stage[HEADS] * stage[KEYS]


@numba.njit(**OPTIONS)
def _run_head(stage, job, room, head, first, last):
    """Let a head's matrix go on by all rows of a text."""
    keys, size, part = stage[KEYS], 4 * stage[KEYS], 4 * stage[HEADS] * stage[KEYS]
    before, after, at = number(job[BEFORE] + 8 * first), number(job[AFTER] + 8 * last), head * size
    query, lookup, value, key = room, room + size, room + 2 * size, room + 3 * size
    decays, faded, error, reading = room + 4 * size, room + 5 * size, room + 6 * size, room + 7 * size
    place = stage[CONTEXT] + head * keys * size
    copy(after + place, before + place, keys * keys)
    for row in range(first, last + 1):
        projected = job[PROJECTED] + row * job[WIDE]
        one, two = _earlier(stage, job, before, first, row, 1) + at, _earlier(stage, job, before, first, row, 2) + at
        three = _earlier(stage, job, before, first, row, 3) + at
        for i in range(3):
            convolve_apart(
                projected + at + i * part, one + i * part, two + i * part, three + i * part,
                stage[TAP_WEIGHTS] + at + i * part, 3 * part, room + i * size, keys,
            )  # fmt: skip
        make_unit(query, keys)
        make_unit(lookup, keys)
        forget = projected + stage[FORGETS] + (at if stage[EACH_KEY] != 0 else 4 * head)
        write_gates(
            projected + stage[WRITES] + 4 * head, forget, stage[EACH_KEY], stage[STRONGEST], lookup, key, decays, faded,
            keys,
        )  # fmt: skip
        for i in range(0, size, 64):
            advance(after + place + i, decays, faded, key, query, value + i, error + i, reading + i, keys, size)
        normalise(reading, stage[NORM], value, keys, keys, NORM_EPSILON)
        gate, mixed = projected + stage[GATES] + at, job[MIXED] + row * job[STRIDE] + at
        for i in range(0, size, 64):
            swiglu(gate + i, value - gate, mixed + i)
    for i in range(3):
        for lag in range(TAPS - 1):
            copy(after + stage[TAIL] + 3 * part * (TAPS - 2 - lag) + at + i * part,
                 _earlier(stage, job, before, first, last, lag) + at + i * part, keys)  # fmt: skip


@numba.njit(**OPTIONS)
def run_heads(stage, job, room):
    """Run one thread's heads, text after text."""
    first = 0
    while first < job[ROWS]:
        last = first
        while number(job[AFTER] + 8 * last) == 0:
            last += 1
        for head in range(stage[FIRST], stage[LAST]):
            _run_head(stage, job, room, head, first, last)
        first = last + 1
