"""The machine code of most fused kernels: numba loops that LLVM vectorises over channels.

Memory is read and written in float32, or in bfloat16 as the 16-bit integers that it is kept in; all arithmetic is
float32. Each loop over channels is plain and free of branches, for LLVM to make vectors of it. Arrays are
contiguous. What an array is for, and its gradient, stands beside the operation that calls the loop.

All code stands in this one file because numba looks at a file's date to know whether the machine code that it kept
is still right.
"""

# ruff: noqa: ARG001  (numba takes the number of an intrinsic's arguments from its signature)

from functools import partial
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import overload

from newllm.kernels.machine_code import compiled, operation

_ONE, _HALF = np.float32(1.0), np.float32(0.5)
_LOWEST, _HIGHEST = np.float32(-87.0), np.float32(88.0)  # exp of less is not normal, of more not finite
_LOG2E, _LN2_HIGH, _LN2_LOW = np.float32(1.44269504), np.float32(0.693359375), np.float32(-2.12194440e-4)
# exp(r) - 1 - r on [-ln 2 / 2, ln 2 / 2], divided by r squared: Cephes, expf.
_P0, _P1, _P2 = np.float32(1.9875691500e-4), np.float32(1.3981999507e-3), np.float32(8.3334519073e-3)
_P3, _P4, _P5 = np.float32(4.1665795894e-2), np.float32(1.6666665459e-1), np.float32(5.0000001201e-1)
_fused = partial(compiled, fastmath={"contract"})  # a product and a sum in one instruction, rounded once
_any_order = partial(compiled, fastmath={"contract", "reassoc"})


@operation
def _float_of_bits(_typing, bits):
    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), emit


@operation
def _widen(_typing, half):
    """Return the float32 that a bfloat16 is the upper half of."""

    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        bits = builder.shl(builder.zext(arguments[0], ir.IntType(32)), ir.IntType(32)(16))
        return builder.bitcast(bits, ir.FloatType())

    return types.float32(types.uint16), emit


@operation
def _narrow(_typing, value):
    """Return the bfloat16 nearest to a float32, ties to even; NaN stays NaN."""

    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        word, half = ir.IntType(32), ir.IntType(16)
        bits = builder.bitcast(arguments[0], word)
        odd = builder.and_(builder.lshr(bits, word(16)), word(1))
        rounded = builder.add(bits, builder.add(odd, word(0x7FFF)))
        number = builder.fcmp_ordered("ord", arguments[0], arguments[0])
        return builder.trunc(builder.lshr(builder.select(number, rounded, word(0x7FC00000)), word(16)), half)

    return types.uint16(types.float32), emit


def get(array, index):
    """Return a number as float32."""
    raise NotImplementedError("for compiled code only")


def put(array, index, value):
    """Write a float32, rounded where the array holds bfloat16."""
    raise NotImplementedError("for compiled code only")


@overload(get, inline="always")
def _get_compiled(array, index):
    if array.dtype == types.uint16:
        return lambda array, index: _widen(array[index])
    return lambda array, index: array[index]


@overload(put, inline="always")
def _put_compiled(array, index, value):
    if array.dtype == types.uint16:

        def put_half(array, index, value):
            array[index] = _narrow(value)

        return put_half

    def put_whole(array, index, value):
        array[index] = value

    return put_whole


@_fused
def _exp(x):
    """Return exp(x) within 2 units in the last place; x beyond the range of normal results is cut off, NaN stays."""
    cut = min(max(x, _LOWEST), _HIGHEST)
    n = np.floor(cut * _LOG2E + _HALF)
    r = cut - n * _LN2_HIGH - n * _LN2_LOW
    p = ((((_P0 * r + _P1) * r + _P2) * r + _P3) * r + _P4) * r + _P5
    power = _float_of_bits((np.int32(n) + np.int32(127)) << np.int32(23))
    return (p * r * r + r + _ONE) * power if x == x else x


@_fused
def sigmoid(x):
    """Return 1 / (1 + exp(-x))."""
    return _ONE / (_ONE + _exp(-x))


@_fused
def _opened(x):
    """Return sigmoid(x) and its complement, both exact: neither is formed as 1 minus the other."""
    e = _exp(-abs(x))
    large = _ONE / (_ONE + e)
    return (large, e * large) if x > 0 else (e * large, large)


@compiled
def copy(source, into):
    """Copy numbers, rounded where they go into bfloat16."""
    for k in range(source.shape[0]):
        put(into, k, get(source, k))


@compiled
def _fill(array, value):
    for k in range(array.shape[0]):
        put(array, k, value)


@_any_order
def _sum_of_squares(x):
    total = np.float32(0.0)
    for k in range(x.shape[0]):
        total += get(x, k) * get(x, k)
    return total


@_any_order
def _sum_of_products(x, y, z):
    total = np.float32(0.0)
    for k in range(x.shape[0]):
        total += get(x, k) * get(y, k) * z[k]
    return total


@partial(compiled, fastmath={"reassoc", "nnan", "nsz"})
def _largest(x):
    largest = np.float32(-np.inf)
    for k in range(x.shape[0]):
        largest = max(largest, get(x, k))
    return largest


@_any_order
def _sum_of_exponentials(x, largest):
    total = np.float32(0.0)
    for k in range(x.shape[0]):
        total += _exp(get(x, k) - largest)
    return total


@_fused
def rms_norm(x, weight, epsilon, normed, scales, first, last):
    """Norm the positions from first to last; keep each one's factor in `scales`."""
    for n in range(first, last):
        row, out = x[n], normed[n]
        scale = _ONE / np.sqrt(_sum_of_squares(row) / np.float32(x.shape[1]) + epsilon)
        scales[n] = scale
        for k in range(row.shape[0]):
            put(out, k, get(row, k) * scale * weight[k])


@_fused
def rms_norm_backward(gradient, x, weight, scales, block, d_x, d_weights, first, last):
    """Write `d_x`; add each block's part of the weight's gradient to its row of `d_weights`."""
    for n in range(first, last):
        row, g, out, scale, d_weight = x[n], gradient[n], d_x[n], scales[n], d_weights[n // block]
        along = _sum_of_products(g, row, weight) * scale * scale * scale / np.float32(x.shape[1])
        for k in range(row.shape[0]):
            value, slope = get(row, k), get(g, k)
            put(out, k, slope * weight[k] * scale - value * along)
            d_weight[k] += slope * value * scale


@_fused
def residual_rms_norm(x, added, weight, epsilon, total, normed, scales, first, last):
    """Write `x + added`, and that normed, in one pass."""
    for n in range(first, last):
        row, more, both = x[n], added[n], total[n]
        for k in range(row.shape[0]):
            put(both, k, get(row, k) + get(more, k))
        out, scale = normed[n], _ONE / np.sqrt(_sum_of_squares(both) / np.float32(x.shape[1]) + epsilon)
        scales[n] = scale
        for k in range(row.shape[0]):
            put(out, k, get(both, k) * scale * weight[k])


@_fused
def residual_rms_norm_backward(gradient, passing, total, weight, scales, block, d_x, d_added, d_weights, first, last):
    """Write the gradient of the sum, which also has the one that passes the norm by; `d_added` is a copy, or empty."""
    for n in range(first, last):
        row, g, by, out, scale, d_weight = total[n], gradient[n], passing[n], d_x[n], scales[n], d_weights[n // block]
        along = _sum_of_products(g, row, weight) * scale * scale * scale / np.float32(total.shape[1])
        for k in range(row.shape[0]):
            value, slope = get(row, k), get(g, k)
            put(out, k, get(by, k) + slope * weight[k] * scale - value * along)
            d_weight[k] += slope * value * scale
        if d_added.shape[0] > 0:
            copy(out, d_added[n])


@_fused
def silu_product(gates, values, out, at, first, last):
    """Write `silu(gate) * value`; `at` is where gate and value begin in their rows, and how wide they are."""
    gate_at, value_at, width = at
    for n in range(first, last):
        gate, value, product = gates[n, gate_at : gate_at + width], values[n, value_at : value_at + width], out[n]
        for k in range(width):
            x = get(gate, k)
            put(product, k, x * sigmoid(x) * get(value, k))


@_fused
def silu_product_backward(gradient, gates, values, d_gates, d_values, at, first, last):
    """Write both gradients; the two may lie in one array."""
    gate_at, value_at, width = at
    for n in range(first, last):
        gate, value, slope = gates[n, gate_at : gate_at + width], values[n, value_at : value_at + width], gradient[n]
        d_gate, d_value = d_gates[n, gate_at : gate_at + width], d_values[n, value_at : value_at + width]
        for k in range(width):
            x, g = get(gate, k), get(slope, k)
            s = sigmoid(x)
            other = get(value, k)
            put(d_gate, k, g * other * (s + x * s * (_ONE - s)))
            put(d_value, k, g * x * s)


@compiled
def scan(decay, input, initial, reset, contexts, begin, end, first, last):
    """Run `context = decay * context + input` over rows from begin to end and some channels."""
    for row in range(begin, end):
        previous = initial[row, first:last].copy()
        for t in range(input.shape[1]):
            a, b, c = decay[row, t, first:last], input[row, t, first:last], contexts[row, t, first:last]
            if reset.shape[0] > 0 and reset[row, t]:
                for k in range(last - first):
                    c[k] = b[k]
            else:
                for k in range(last - first):
                    c[k] = a[k] * previous[k] + b[k]
            previous = c


@compiled
def scan_backward(gradient, decay, contexts, initial, reset, d_decay, d_input, d_initial, begin, end, first, last):
    """The same from the end, with the gradients of decay, input and the first context."""
    for row in range(begin, end):
        carried = np.zeros_like(initial[row, first:last])
        for t in range(gradient.shape[1] - 1, -1, -1):
            before = contexts[row, t - 1, first:last] if t > 0 else initial[row, first:last]
            g, a = gradient[row, t, first:last], decay[row, t, first:last]
            da, db = d_decay[row, t, first:last], d_input[row, t, first:last]
            if reset.shape[0] > 0 and reset[row, t]:
                for k in range(last - first):
                    db[k] = g[k] + carried[k]
                    da[k] = 0.0
                    carried[k] = 0.0
            else:
                for k in range(last - first):
                    d = g[k] + carried[k]
                    db[k] = d
                    da[k] = d * before[k]
                    carried[k] = a[k] * d
        d_initial[row, first:last] = carried


@_fused
def gated_scan(delta, gate, initial, reset, contexts, begin, end, first, last):
    """Run the gated rule over rows from begin to end and some channels."""
    for row in range(begin, end):
        nothing = np.zeros(last - first, np.float32)
        previous = initial[row, first:last]
        for t in range(delta.shape[1]):
            d, x, c = delta[row, t, first:last], gate[row, t, first:last], contexts[row, t, first:last]
            if reset.shape[0] > 0 and reset[row, t]:
                previous = nothing
            for k in range(last - first):
                u, stays = _opened(get(x, k))
                c[k] = stays * previous[k] + u * get(d, k)
            previous = c


@_fused
def gated_scan_backward(
    gradient, delta, gate, contexts, initial, reset, d_delta, d_gate, d_initial, begin, end, first, last
):
    """Write the gradients of delta, gate and the first context."""
    for row in range(begin, end):
        nothing, carried = np.zeros(last - first, np.float32), np.zeros(last - first, np.float32)
        for t in range(gradient.shape[1] - 1, -1, -1):
            before = contexts[row, t - 1, first:last] if t > 0 else initial[row, first:last]
            starts = reset.shape[0] > 0 and reset[row, t]
            if starts:
                before = nothing
            g, d, x = gradient[row, t, first:last], delta[row, t, first:last], gate[row, t, first:last]
            out_d, out_x = d_delta[row, t, first:last], d_gate[row, t, first:last]
            for k in range(last - first):
                u, stays = _opened(get(x, k))
                slope = g[k] + carried[k]
                put(out_d, k, slope * u)
                put(out_x, k, slope * u * stays * (get(d, k) - before[k]))
                carried[k] = stays * slope
            if starts:
                _fill(carried, np.float32(0.0))
        copy(carried, d_initial[row, first:last])


@_fused
def cross_entropy(logits, targets, ignored, nats, log_z, first, last):
    """Write each prediction's -log p and log Z."""
    for n in range(first, last):
        if targets[n] == ignored:
            nats[n] = log_z[n] = np.float32(0.0)
            continue
        row = logits[n]
        largest = _largest(row)
        log_z[n] = largest + np.log(_sum_of_exponentials(row, largest))
        nats[n] = log_z[n] - get(row, targets[n])


@_fused
def cross_entropy_backward(scale, logits, targets, ignored, log_z, first, last):
    """Turn logits into their gradient, in their own memory."""
    for n in range(first, last):
        row, z = logits[n], log_z[n]
        if targets[n] == ignored:
            _fill(row, np.float32(0.0))
            continue
        own = _exp(get(row, targets[n]) - z) - _ONE
        for k in range(row.shape[0]):
            put(row, k, _exp(get(row, k) - z) * scale)
        put(row, targets[n], own * scale)
