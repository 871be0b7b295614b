"""What becomes of a stage's sums, 16 channels at a time, as machine code; and single numbers in memory."""

# ruff: noqa: ARG001  (numba takes the number of an intrinsic's arguments from its signature)

from typing import Any

from llvmlite import ir
from numba import types

from newllm.kernels.machine_code import function, operation, spread
from newllm.kernels.vectors import Lanes, floats, int32, int64, integers, load, offset, store


@operation
def update(_typing: Any, gates: Any, sums: Any, stride: Any, keep: Any, admit: Any, before: Any, after: Any, read: Any,
           mixed: Any) -> Any:  # fmt: skip
    """Write 16 channels of the next context, and what the block makes of it.

    Args:
        gates: the rule's gates, a literal: 0 for constants, 1 for an update gate, 2 for forget and input gate.
        sums: address of the products of the delta, the gates and the output gate; `stride` bytes apart.
        stride: see there.
        keep: address of the constant decay of these channels, used where there is no gate.
        admit: address of what the delta is multiplied by, used where there is no gate.
        before: address of these channels of the context.
        after: address of the same of the next one.
        read: 1 to write `silu(gate) * context`, 0 for `silu(gate)` alone.
        mixed: where.
    """

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        sums, stride, keep, admit, before, after, read, mixed = arguments[1:]
        count = gates.literal_value
        delta, *gate, last = (Lanes.at(builder, offset(builder, sums, i, stride)) for i in range(count + 2))
        if count == 0:
            decay, factor = Lanes.at(builder, keep), Lanes.at(builder, admit)
        elif count == 1:
            factor, decay = gate[0].sigmoids()
        else:
            decay, factor = gate[0].sigmoid(), gate[1].sigmoid()
        new = decay * Lanes.at(builder, before) + factor * delta
        new.put(after)
        one = Lanes(builder, 1.0).value
        seen = builder.select(builder.icmp_signed("!=", read, int64(0)), new.value, one)
        (last.silu() * Lanes(builder, seen)).put(mixed)
        return context.get_dummy_value()

    return types.void(gates, *[types.int64] * 8), emit


@operation
def swiglu(_typing: Any, sums: Any, stride: Any, out: Any) -> Any:
    """Write 16 values of `silu(gate) * value`; the value's products stand `stride` bytes behind the gate's."""

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        sums, stride, out = arguments
        gate, value = (Lanes.at(builder, offset(builder, sums, i, stride)) for i in range(2))
        (gate.silu() * value).put(out)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 3), emit


@operation
def add(_typing: Any, sums: Any, to: Any) -> Any:
    """Add 16 sums to what stands at `to`."""

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        sums, to = arguments
        (Lanes.at(builder, to) + Lanes.at(builder, sums)).put(to)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 2), emit


@operation
def put_some(_typing: Any, sums: Any, to: Any, count: Any) -> Any:
    """Write the first `count` of 16 sums, and nothing behind them."""

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        sums, to, count = arguments
        wanted = builder.icmp_signed(
            "<", ir.Constant(integers, [*range(16)]), spread(builder, builder.trunc(count, int32))
        )
        pointer = floats.as_pointer()
        some = ir.VectorType(ir.IntType(1), 16)
        put = function(builder, "llvm.masked.store.v16f32.p0", ir.VoidType(), floats, pointer, int32, some)
        builder.call(put, [Lanes.at(builder, sums).value, builder.inttoptr(to, pointer), int32(4), wanted])
        return context.get_dummy_value()

    return types.void(*[types.int64] * 3), emit


@operation
def number(_typing: Any, address: Any) -> Any:
    """Return the 64-bit number at an address."""

    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return load(builder, arguments[0], int64, align=8)

    return types.int64(types.int64), emit


@operation
def put_number(_typing: Any, address: Any, value: Any) -> Any:
    """Put a 64-bit number at an address."""

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        store(builder, arguments[1], arguments[0], align=8)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), emit
