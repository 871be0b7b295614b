"""Products of a few rows with one panel of packed weights, as machine code: the part that reads the memory.

A panel holds 16 outputs for all inputs, in the order in which it is read, one cache line after another:

    fp32   a line is one input:    16 weights
    bf16   a line is two inputs:   16 pairs, the even input in the lower half of each
    int8   a line is four inputs:  16 fours, each byte the weight + 128

In front stand lines of 16 floats: the outputs' biases and, for int8, their scales. Each weight is read once for up
to 4 rows, and asked for well before its turn. fp32 and bf16 are summed in 4 parts, the inputs i, i + 4, i + 8 ...
of each in order, so that a sum does not wait for the one before; bf16 becomes float32 by a shift, exactly.

For int8 the rows are whole numbers too: `passes.digits` writes each value as three digits of 8 bits, 23 bits in
all, so that the processor's products of bytes (AVX-512 VNNI, four a lane) do them exactly: nothing is lost but what
rounding a float to 23 bits of the row's largest loses. Converted to floats, the weights would take twice the time.

So an output's bits depend neither on the rows beside it nor on the thread that computes it.
"""

from typing import Any

from llvmlite import ir
from numba import types

from newllm.generation.compiled_step.vectors import (
    LINE,
    Lanes,
    float32,
    floats,
    function,
    int32,
    int64,
    integers,
    load,
    loop,
    offset,
    operation,
    prefetch,
    spread,
)

PARTS = 4  # sums of an output that run side by side
AHEAD = 4096  # bytes between a weight and the one that is asked for
TALL = 4  # rows of the larger tile
DIGITS = 3  # digits of a value, 8 bits each

FP32, BF16, INT8 = 0, 1, 2
HEADER = {FP32: LINE, BF16: LINE, INT8: 2 * LINE}  # bytes in front of a panel's weights
WEIGHT_BYTES = {FP32: 4, BF16: 2, INT8: 1}

_Sums = list[list[Any]]


@operation
def product(_typing: Any, kind: Any, rows: Any, panel: Any, inputs: Any, given: Any, stride: Any, sums: Any) -> Any:
    """Write `rows` (a literal) vectors of 16 sums.

    Args:
        kind: of the weights, a literal.
        rows: how many, a literal.
        panel: address of the panel.
        inputs: how many, a multiple of 16.
        given: address of the first row; for int8 of its digits, three times `inputs` bytes and then 64 bytes with
            the three corrections and the scale.
        stride: bytes from a row to the next one.
        sums: address of the first row's sums; the next row's follow.
    """

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        panel, inputs, given, stride, sums = arguments[2:]
        starts = [offset(builder, given, row, stride) for row in range(rows.literal_value)]
        emit_sums = _whole_sums if kind.literal_value == INT8 else _float_sums
        found = emit_sums(builder, kind.literal_value, panel, inputs, starts)
        bias = Lanes.at(builder, panel)
        for row, value in enumerate(found):
            (value + bias).put(builder.add(sums, int64(row * LINE)))
        return context.get_dummy_value()

    return types.void(kind, rows, *[types.int64] * 5), emit


def _float_sums(builder: Any, kind: int, panel: Any, inputs: Any, rows: list[Any]) -> list[Lanes]:
    weights = builder.add(panel, int64(HEADER[kind]))
    read = _read_floats if kind == FP32 else _read_halves
    zero = Lanes(builder, 0.0).value

    def turn(index: Any, sums: Any) -> Any:
        columns = read(builder, offset(builder, weights, WEIGHT_BYTES[kind] * 16, index))
        after = list(sums)
        for part, column in enumerate(columns):
            for row, start in enumerate(rows):
                place = builder.add(start, offset(builder, int64(4 * part), 4, index))
                at = row * PARTS + part
                x = Lanes(builder, load(builder, place, float32))
                after[at] = x.times_plus(Lanes(builder, column), Lanes(builder, after[at])).value
        return after

    sums = loop(builder, inputs, PARTS, [zero] * (PARTS * len(rows)), turn)
    parts = [[Lanes(builder, value) for value in sums[i : i + PARTS]] for i in range(0, len(sums), PARTS)]
    return [(a + b) + (c + d) for a, b, c, d in parts]


def _line(builder: Any, address: Any, kind: Any) -> Any:
    prefetch(builder, builder.add(address, int64(AHEAD)))
    return load(builder, address, kind, align=LINE)


def _read_floats(builder: Any, address: Any) -> list[Any]:
    """Return the weights of four inputs from four lines."""
    return [_line(builder, builder.add(address, int64(LINE * i)), floats) for i in range(PARTS)]


def _read_halves(builder: Any, address: Any) -> list[Any]:
    """Return the weights of four inputs from two lines."""
    found = []
    half, upper = (ir.Constant(integers, [value] * 16) for value in (16, 0xFFFF0000))
    for i in range(PARTS // 2):
        pairs = _line(builder, builder.add(address, int64(LINE * i)), integers)
        for bits in (builder.shl(pairs, half), builder.and_(pairs, upper)):
            found.append(builder.bitcast(bits, floats))
    return found


def _whole_sums(builder: Any, kind: int, panel: Any, inputs: Any, rows: list[Any]) -> list[Lanes]:
    weights, lines = builder.add(panel, int64(HEADER[kind])), 2
    extras = [offset(builder, start, DIGITS, inputs) for start in rows]
    zero = ir.Constant(integers, [0] * 16)
    # A sum starts at -128 times the sum of its digits, which takes back what the weights have too much.
    first = [spread(builder, load(builder, builder.add(e, int64(4 * d)), int32)) for e in extras for d in range(DIGITS)]

    def turn(index: Any, sums: Any) -> Any:
        after = list(sums)
        for i in range(lines):
            at = builder.add(index, int64(4 * i))
            line = _line(builder, builder.add(weights, offset(builder, int64(0), 16, at)), integers)
            for row, start in enumerate(rows):
                for digit in range(DIGITS):
                    place = builder.add(builder.add(start, offset(builder, int64(0), digit, inputs)), at)
                    fours = spread(builder, load(builder, place, int32))
                    slot = (row * DIGITS + digit) * lines + i
                    after[slot] = _add_bytes(builder, after[slot], line, fours)
        return after

    starts = [value for one in first for value in (one, *[zero] * (lines - 1))]
    sums = loop(builder, inputs, 4 * lines, starts, turn)
    totals = [builder.add(*sums[i : i + lines]) for i in range(0, len(sums), lines)]
    scale = Lanes.at(builder, builder.add(panel, int64(LINE)))
    return [_joined(builder, totals[DIGITS * row :], extra) * scale for row, extra in enumerate(extras)]


def _add_bytes(builder: Any, sums: Any, unsigned: Any, signed: Any) -> Any:
    """Add to each lane the products of its four bytes."""
    add = function(builder, "llvm.x86.avx512.vpdpbusd.512", integers, integers, integers, integers)
    return builder.call(add, [sums, unsigned, signed])


def _joined(builder: Any, digits: list[Any], extra: Any) -> Lanes:
    """Return the floats that sums of digits stand for."""
    high, middle, low = (Lanes(builder, builder.sitofp(value, floats)) for value in digits[:DIGITS])
    value = high.times_plus(65536.0, middle.times_plus(256.0, low))
    return value * Lanes(builder, load(builder, builder.add(extra, int64(4 * DIGITS)), float32))


