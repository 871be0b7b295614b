"""Products of a few rows with packed weights, as machine code: the part that reads the memory.

A panel holds 16 outputs for all inputs, as one cache line after another:

    fp32   a line is one input:    16 weights
    bf16   a line is two inputs:   16 pairs, the even input in the lower half of each
    int8   a line is four inputs:  16 fours, each byte the weight + 128

In front stand lines of 16 floats: the outputs' biases and, for int8, their scales. Panels lie in pairs whose lines
take turns, so that a step reads all its weights in the order in which they lie. The processor then fetches them
ahead by itself; asking for them (prefetch, 256 bytes to 16 KiB ahead) made every precision a tenth slower.

fp32 and bf16 are summed in 4 parts, the inputs i, i + 4, i + 8 ... of each in order, so that a sum does not wait for
the one before; bf16 becomes float32 by a shift, exactly. For int8 the rows are whole numbers too: `passes.digits`
writes each value as two digits of 8 bits, so that the processor's products of bytes (AVX-512 VNNI, four a lane) do
them exactly. Nothing is lost but what rounding a value to 1/32512 of its row's largest loses, a hundredth of what
the weights have lost; converted to floats the weights would take twice the time.

So an output's bits depend neither on the rows beside it nor on the thread that computes it.
"""

# ruff: noqa: ARG001  (numba takes the number of an intrinsic's arguments from its signature)

from typing import Any

from llvmlite import ir
from numba import types

from newllm.generation.compiled_step.passes import DIGITS
from newllm.kernels.machine_code import function, operation, spread
from newllm.kernels.memory import LINE
from newllm.kernels.processor import has_avx512
from newllm.kernels.vectors import (
    Lanes,
    float32,
    floats,
    int32,
    int64,
    integers,
    load,
    loop,
    offset,
)

PARTS = 4  # sums of an output that run side by side
PAIR = 2  # panels whose lines take turns in the memory
TALL = 4 if has_avx512() else 2  # rows of the larger tile: its sums fill the registers

FP32, BF16, INT8 = 0, 1, 2
HEADER = {FP32: LINE, BF16: LINE, INT8: 2 * LINE}  # bytes in front of a panel's weights
WEIGHT_BYTES = {FP32: 4, BF16: 2, INT8: 1}


@operation
def product(_typing: Any, kind: Any, rows: Any, count: Any, panel: Any, inputs: Any, given: Any, stride: Any, sums: Any,
            apart: Any) -> Any:  # fmt: skip
    """Write vectors of 16 sums, for each of `count` panels those of `rows` rows.

    Args:
        kind: of the weights, a literal.
        rows: how many, a literal.
        count: 2 for a pair of panels, for which what is given is read once, or 1 for one of a pair; a literal.
        panel: address of the first.
        inputs: how many, a multiple of 16.
        given: address of the first row; for int8 of its digits and extras, see `passes.digits`.
        stride: bytes from a row to the next one.
        sums: address of the first row's sums; the next row's follow.
        apart: bytes from a panel's sums to the next one's.
    """

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        panel, inputs, given, stride, sums, apart = arguments[3:]
        starts = [offset(builder, given, row, stride) for row in range(rows.literal_value)]
        panels = [builder.add(panel, int64(LINE * i)) for i in range(count.literal_value)]
        emit_sums = _whole_sums if kind.literal_value == INT8 else _float_sums
        found = emit_sums(builder, kind.literal_value, panels, inputs, starts)
        for i, (place, values) in enumerate(zip(panels, found, strict=True)):
            bias, into = Lanes.at(builder, place), offset(builder, sums, i, apart)
            for row, value in enumerate(values):
                (value + bias).put(builder.add(into, int64(row * LINE)))
        return context.get_dummy_value()

    return types.void(kind, rows, count, *[types.int64] * 6), emit


def _float_sums(builder: Any, kind: int, panels: list[Any], inputs: Any, rows: list[Any]) -> list[list[Lanes]]:
    read, zero = _read_floats if kind == FP32 else _read_halves, Lanes(builder, 0.0).value
    weights = [builder.add(panel, int64(PAIR * HEADER[kind])) for panel in panels]

    def turn(index: Any, sums: Any) -> Any:
        columns = [
            read(builder, offset(builder, address, PAIR * WEIGHT_BYTES[kind] * 16, index)) for address in weights
        ]
        left, after = iter(sums), []
        places = [[offset(builder, builder.add(row, int64(4 * i)), 4, index) for i in range(PARTS)] for row in rows]
        given = [[Lanes(builder, load(builder, place, float32)) for place in row] for row in places]
        for column in columns:
            for row in given:
                for x, weight in zip(row, column, strict=True):
                    after.append(x.times_plus(Lanes(builder, weight), Lanes(builder, next(left))).value)
        return after

    sums = loop(builder, inputs, PARTS, [zero] * (PARTS * len(rows) * len(panels)), turn)
    parts = [[Lanes(builder, value) for value in sums[i : i + PARTS]] for i in range(0, len(sums), PARTS)]
    return _by_panel([(a + b) + (c + d) for a, b, c, d in parts], len(rows))


def _by_panel(values: list[Any], rows: int) -> list[list[Any]]:
    return [values[i : i + rows] for i in range(0, len(values), rows)]


def _line(builder: Any, address: Any, kind: Any) -> Any:
    return load(builder, address, kind, align=LINE)


def _read_floats(builder: Any, address: Any) -> list[Any]:
    """Return the weights of four inputs from four lines."""
    return [_line(builder, builder.add(address, int64(PAIR * LINE * i)), floats) for i in range(PARTS)]


def _read_halves(builder: Any, address: Any) -> list[Any]:
    """Return the weights of four inputs from two lines."""
    half, upper = (ir.Constant(integers, [value] * 16) for value in (16, 0xFFFF0000))
    bits = []
    for i in range(PARTS // 2):
        pairs = _line(builder, builder.add(address, int64(PAIR * LINE * i)), integers)
        bits += [builder.shl(pairs, half), builder.and_(pairs, upper)]
    return [builder.bitcast(value, floats) for value in bits]


def _whole_sums(builder: Any, kind: int, panels: list[Any], inputs: Any, rows: list[Any]) -> list[list[Lanes]]:
    weights = [builder.add(panel, int64(PAIR * HEADER[kind])) for panel in panels]
    extras = [offset(builder, row, DIGITS, inputs) for row in rows]
    starts = [[offset(builder, row, digit, inputs) for digit in range(DIGITS)] for row in rows]
    # A sum starts at -128 times the sum of its digits, which takes back what the weights have too much.
    first = [spread(builder, load(builder, builder.add(e, int64(4 * d)), int32)) for e in extras for d in range(DIGITS)]
    zero = ir.Constant(integers, [0] * 16)

    def turn(index: Any, sums: Any) -> Any:
        after = list(sums)
        for i in range(2):
            at = builder.add(index, int64(4 * i))
            lines = [_line(builder, offset(builder, address, PAIR * 16, at), integers) for address in weights]
            fours = [[spread(builder, load(builder, builder.add(s, at), int32)) for s in row] for row in starts]
            for slot, (line, digit) in enumerate((line, digit) for line in lines for row in fours for digit in row):
                after[2 * slot + i] = _add_bytes(builder, after[2 * slot + i], line, digit)
        return after

    begin = [value for _ in panels for one in first for value in (one, zero)]
    sums = loop(builder, inputs, 8, begin, turn)
    totals = _by_panel([builder.add(*sums[i : i + 2]) for i in range(0, len(sums), 2)], DIGITS)
    scales = [Lanes.at(builder, builder.add(panel, int64(PAIR * LINE))) for panel in panels for _ in rows]
    joined = [_joined(builder, digits, extra) for digits, extra in zip(totals, extras * len(panels), strict=True)]
    return _by_panel([value * scale for value, scale in zip(joined, scales, strict=True)], len(rows))


def _add_bytes(builder: Any, sums: Any, unsigned: Any, signed: Any) -> Any:
    """Add to each lane the products of its four bytes."""
    add = function(builder, "llvm.x86.avx512.vpdpbusd.512", integers, integers, integers, integers)
    return builder.call(add, [sums, unsigned, signed])


def _joined(builder: Any, digits: list[Any], extra: Any) -> Lanes:
    """Return the floats that sums of digits stand for."""
    high, low = (Lanes(builder, builder.sitofp(value, floats)) for value in digits)
    value = high.times_plus(256.0, low)
    return value * Lanes(builder, load(builder, builder.add(extra, int64(4 * DIGITS)), float32))
