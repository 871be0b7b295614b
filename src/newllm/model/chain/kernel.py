"""The chain's machine code: numba around a tile of vectors that stay in registers, written for LLVM by hand.

A tile is up to 16 rows by 16 outputs, one vector of sums a row. Weights come from far (the layers of a position
do not fit a core's own cache), so that each is read once a position, in the order in which it lies, and asked
for well before its turn: without that the same tile runs at two thirds of the speed.

Rows are copied by each thread before a layer, away from powers of two: without that 1024 inputs run at half speed.

Every output is summed over the inputs in order, by one thread: the bits depend neither on the number of threads
nor on the rows beside it. All code but the barrier's stands in this one file because numba looks at a file's date to
know whether the machine code that it kept is still right.
"""

# ruff: noqa: ARG001  (numba takes the number of an intrinsic's arguments from its signature)

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from newllm.kernels.barrier import ABANDONED, look, meet
from newllm.kernels.machine_code import LANES, compiled, function, operation, spread

UNROLLED = 4  # inputs a turn of the loop
AHEAD = 4096  # bytes between a weight and the one that is asked for; 1024 is too few, 2048 as good
PATIENCE = 50_000  # looks at a barrier before a thread sleeps: longer than torch takes between two positions
SPACING = 16  # floats between copied rows: rows a power of two apart would drive one another out of the cache

# A stage is a row of 64-bit integers. An operand takes three: address, bytes a position, bytes a row.
WEIGHT, INPUTS, OUTPUTS, RELU, GIVEN, OUT, ADD, GATE, MASK, FIELDS = 0, 1, 2, 3, 4, 7, 10, 13, 16, 19

_int64, _int32, _float = ir.IntType(64), ir.IntType(32), ir.FloatType()
_byte_pointer = ir.IntType(8).as_pointer()
_vector, _lanes, _bits = (ir.VectorType(kind, LANES) for kind in (_float, _int32, ir.IntType(1)))
_zero, _lowest = (ir.Constant(_vector, [value] * LANES) for value in (0.0, float("-inf")))


def _sum_products(builder: Any, first: Any, last: Any, step: int, rows: list[Any], weight: Any, sums: list[Any]) -> Any:
    """Emit a loop that adds `row[i] * weight[i]`; return the first `i` left (fewer than `step` are) and the sums."""
    before, head = builder.block, builder.append_basic_block("head")
    body, done = builder.append_basic_block("body"), builder.append_basic_block("done")
    builder.branch(head)
    builder.position_at_end(head)
    index, totals = builder.phi(_int64), [builder.phi(_vector) for _ in rows]
    for phi, start in zip((index, *totals), (first, *sums), strict=True):
        phi.add_incoming(start, before)
    after = builder.add(index, _int64(step))
    builder.cbranch(builder.icmp_signed("<=", after, last), body, done)
    builder.position_at_end(body)
    added = totals
    for i in range(step):
        added = _add_products(builder, builder.add(index, _int64(i)), rows, weight, added)
    for phi, value in zip((index, *totals), (after, *added), strict=True):
        phi.add_incoming(value, body)
    builder.branch(head)
    builder.position_at_end(done)
    return index, totals


def _add_products(builder: Any, index: Any, rows: list[Any], weight: Any, sums: list[Any]) -> list[Any]:
    fma = function(builder, "llvm.fma.v16f32", _vector, _vector, _vector, _vector)
    prefetch = function(builder, "llvm.prefetch.p0", ir.VoidType(), _byte_pointer, _int32, _int32, _int32)
    line = builder.gep(weight, [builder.mul(index, _int64(LANES))])
    later = builder.bitcast(builder.gep(line, [_int64(AHEAD // 4)]), _byte_pointer)
    builder.call(prefetch, [later, _int32(0), _int32(3), _int32(1)])  # to read, into every cache, data
    weights = builder.load(builder.bitcast(line, _vector.as_pointer()), align=4 * LANES)
    given = [spread(builder, builder.load(builder.gep(row, [index]))) for row in rows]
    return [builder.call(fma, [x, weights, s]) for x, s in zip(given, sums, strict=True)]


def _pointer(builder: Any, operand: Any, row: int, to: Any) -> Any:
    """Return a pointer to a row of an operand, a pair: address, bytes a row."""
    address, stride = (builder.extract_value(operand, i) for i in (0, 1))
    return builder.inttoptr(builder.add(address, builder.mul(stride, _int64(row))), to.as_pointer())


class _Columns:
    """Access to the columns that a tile has: the last panel of a layer may be narrower than a vector."""

    def __init__(self, builder: Any, count: Any) -> None:
        numbers = ir.Constant(_lanes, list(range(LANES)))
        self.wanted = builder.icmp_signed("<", numbers, spread(builder, builder.trunc(count, _int32)))
        to, self.builder = _vector.as_pointer(), builder
        self.loads = function(builder, "llvm.masked.load.v16f32.p0", _vector, to, _int32, _bits, _vector)
        self.stores = function(builder, "llvm.masked.store.v16f32.p0", ir.VoidType(), _vector, to, _int32, _bits)

    def load(self, operand: Any, row: int) -> Any:
        start = _pointer(self.builder, operand, row, _vector)
        return self.builder.call(self.loads, [start, _int32(4), self.wanted, _zero])

    def store(self, value: Any, operand: Any, row: int) -> None:
        start = _pointer(self.builder, operand, row, _vector)
        self.builder.call(self.stores, [value, start, _int32(4), self.wanted])


@operation
def _tile(_typing, rows, weight, inputs, outputs, relu, given, out, add, gate, mask):
    """Compute `rows` (a literal) by `outputs` (at most 16); given to mask are pairs: address, bytes a row."""

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        weight, inputs, outputs, relu, given, out, add, gate, mask = arguments[1:]
        starts = [_pointer(builder, given, row, _float) for row in range(rows.literal_value)]
        panel, sums = builder.inttoptr(weight, _float.as_pointer()), [_zero] * len(starts)
        left, sums = _sum_products(builder, _int64(0), inputs, UNROLLED, starts, panel, sums)
        _, sums = _sum_products(builder, left, inputs, 1, starts, panel, sums)
        floor = builder.select(builder.icmp_signed("!=", relu, _int64(0)), _zero, _lowest)
        columns = _Columns(builder, outputs)
        for row, value in enumerate(sums):
            value = builder.fadd(value, columns.load(add, row))
            # Comparisons with NaN are false, so that NaN goes through as it does in torch.
            value = builder.select(builder.fcmp_ordered("<", value, floor), floor, value)
            value = builder.select(builder.fcmp_ordered("<=", columns.load(gate, row), _zero), _zero, value)
            columns.store(builder.fmul(value, columns.load(mask, row)), out, row)
        return context.get_dummy_value()

    pair = types.UniTuple(types.int64, 2)
    return types.void(rows, *[types.int64] * 4, *[pair] * 5), emit


@operation
def _copy(_typing, into, source, size):
    """Copy `size` bytes from one address to another."""

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        into, source = (builder.inttoptr(address, _byte_pointer) for address in arguments[:2])
        cgutils.raw_memcpy(builder, into, source, arguments[2], 1)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 3), emit


@compiled
def _at(stage, operand, t, row, column):
    return stage[operand] + t * stage[operand + 1] + row * stage[operand + 2] + 4 * column, stage[operand + 2]


@compiled
def _run_tile(size, stage, t, row, panel, given):
    column = panel * LANES
    weight = stage[WEIGHT] + panel * stage[INPUTS] * 4 * LANES
    width, inputs, relu = min(LANES, stage[OUTPUTS] - column), stage[INPUTS], stage[RELU]
    out, add = _at(stage, OUT, t, row, column), _at(stage, ADD, t, row, column)
    gate, mask = _at(stage, GATE, t, row, column), _at(stage, MASK, t, row, column)
    if size == 16:
        _tile(16, weight, inputs, width, relu, given, out, add, gate, mask)
    elif size == 8:
        _tile(8, weight, inputs, width, relu, given, out, add, gate, mask)
    elif size == 4:
        _tile(4, weight, inputs, width, relu, given, out, add, gate, mask)
    elif size == 2:
        _tile(2, weight, inputs, width, relu, given, out, add, gate, mask)
    else:
        _tile(1, weight, inputs, width, relu, given, out, add, gate, mask)


@compiled
def _run_stage(stage, t, team):
    rows, thread, threads, _, room = team
    stride = 4 * (stage[INPUTS] + SPACING)
    for row in range(rows):
        _copy(room + row * stride, _at(stage, GIVEN, t, row, 0)[0], 4 * stage[INPUTS])
    size = 16
    while size > rows:
        size //= 2
    panels = (stage[OUTPUTS] + LANES - 1) // LANES
    for panel in range(panels * thread // threads, panels * (thread + 1) // threads):
        for begin in range(0, rows, size):
            row = min(begin, rows - size)  # the last tile may overlap the one before: it computes the same again
            _run_tile(size, stage, t, row, panel, (room + row * stride, stride))


@compiled
def run_positions(stages, order, team):
    """Run this thread's part of all stages at some positions, meeting the other threads before and after each stage.

    A thread that helps so comes to a position when the leading thread does. All leave when arrivals are `ABANDONED`.

    Args:
        stages: the table, `[stages, FIELDS]`.
        order: the first position, the step to the next one, how many there are and how many were run before.
        team: rows, this thread's number and how many there are, addresses of the barrier and of this thread's
            room for what a stage is given, `4 * rows * (inputs + SPACING)` bytes.
    """
    first, step, length, before = order
    _, _, threads, barrier, _ = team
    for i in range(length):
        meeting = (before + i) * (len(stages) + 1)
        for s in range(len(stages)):
            if threads > 1:
                meet(barrier, (meeting + s + 1) * threads, PATIENCE, PATIENCE)
                if look(barrier) >= ABANDONED:
                    return
            _run_stage(stages[s], first + step * i, team)
        if threads > 1:
            meet(barrier, (meeting + len(stages) + 1) * threads, PATIENCE, PATIENCE)
