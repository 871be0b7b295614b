"""The machine code of the short convolution: four positions at a time in registers, or one where a document begins.

Both ways give the same bits: of each number the same products in the same order, each added with one rounding. Memory
is float32, or bfloat16 as the 16-bit integers that it is kept in, which goes one position at a time.

numba keeps machine code by the date of one file, and this code stands in several: only the functions that are called
from outside are kept, and a digest of all files is part of what they are found by.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numba
import numpy as np

from newllm.kernels import loops, machine_code, routines, vectors
from newllm.kernels.loops import copy, get
from newllm.kernels.machine_code import LANES, OPTIONS, compiled, source_of
from newllm.kernels.routines import Address, Number, each, routine, row_at
from newllm.kernels.vectors import Lanes, int64

TAPS = 4
_BLOCK = 4  # positions
_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
_inner = partial(numba.njit, fastmath={"contract"}, **OPTIONS)


def _rows(builder: Any, start: Any, row: Any, at: Any, first: int, last: int) -> dict[int, Lanes]:
    """Return a vector of each of some rows, counted from `start`."""
    return {
        n: Lanes.at(builder, builder.add(row_at(builder, start, row, int64(n)), at)) for n in range(first, last + 1)
    }


@routine
def _convolve_block(builder: Any, x: Address, weight: Address, out: Address, row: Number, width: Number) -> None:
    """Convolve four positions, the first at `x`, behind which nothing is cut off."""

    def column(at: Any) -> None:
        w = _rows(builder, weight, row, at, 0, TAPS - 1)
        given = _rows(builder, x, row, at, 1 - TAPS, _BLOCK - 1)
        for t in range(_BLOCK):
            total = given[t] * (w[0] + 1.0)
            for lag in range(1, TAPS):
                total = given[t - lag].times_plus(w[lag], total)
            total.put(builder.add(row_at(builder, out, row, int64(t)), at))

    each(builder, builder.mul(width, int64(4)), 4 * LANES, column)


@routine
def _convolve_block_backward(
    builder: Any, gradient: Address, x: Address, weight: Address, d_x: Address, d_weight: Address, row: Number,
    width: Number,
) -> None:  # fmt: skip
    """Write the gradients of four positions, from the last; add to the weight's."""

    def column(at: Any) -> None:
        w = _rows(builder, weight, row, at, 0, TAPS - 1)
        w = {lag: one + (0.0 if lag else 1.0) for lag, one in w.items()}
        slopes = _rows(builder, gradient, row, at, 0, _BLOCK + TAPS - 2)
        given = _rows(builder, x, row, at, 0, _BLOCK - 1)
        d_w = _rows(builder, d_weight, row, at, 0, TAPS - 1)
        for t in range(_BLOCK - 1, -1, -1):
            total = Lanes(builder, 0.0)
            for lag in range(TAPS):
                total = slopes[t + lag].times_plus(w[lag], total)
                d_w[lag] = slopes[t + lag].times_plus(given[t], d_w[lag])
            total.put(builder.add(row_at(builder, d_x, row, int64(t)), at))
        for lag, one in d_w.items():
            one.put(builder.add(row_at(builder, d_weight, row, int64(lag)), at))

    each(builder, builder.mul(width, int64(4)), 4 * LANES, column)


@_inner
def _in_blocks(x, other, first, last):
    """Return whether these channels may go in blocks."""
    return x.itemsize == 4 and other.itemsize == 4 and (last - first) % LANES == 0


@_inner
def _is_whole(positions, row, first, last):
    """Return whether every tap reaches back from all these positions."""
    whole = True
    for t in range(first, last):
        whole &= positions[row, t] >= TAPS - 1
    return whole


@_inner
def _convolve(x, tail, weight, positions, out, row, t, first, last, total):
    """Convolve one position; a tap that reaches before the row takes the tail."""
    channels = last - first
    own, own_weight = x[row, t, first:last], weight[0, first:last]
    for k in range(channels):
        total[k] = get(own, k) * (_ONE + own_weight[k])
    for lag in range(1, min(TAPS - 1, positions[row, t]) + 1):
        w = weight[lag, first:last]
        if t >= lag:
            before = x[row, t - lag, first:last]
            for k in range(channels):
                total[k] += get(before, k) * w[k]
        else:
            carried = tail[row, t - lag + TAPS - 1, first:last]
            for k in range(channels):
                total[k] += carried[k] * w[k]
    copy(total, out[row, t, first:last])


@_inner
def _convolve_backward(
    gradient, x, tail, weight, positions, d_x, d_tail, d_weights, row, t, first, last, total, value
):  # fmt: skip
    """Write the gradient of one position, or of one of the tail."""
    length = x.shape[1]
    if t >= 0:
        copy(x[row, t, first:last], value)
    else:
        copy(tail[row, t + TAPS - 1, first:last], value)
    total[:] = _ZERO
    for lag in range(max(0, -t), min(TAPS, length - t)):
        if positions[row, t + lag] < lag:
            continue
        g, w, d_w = gradient[row, t + lag, first:last], weight[lag, first:last], d_weights[row, lag, first:last]
        through = _ONE if lag == 0 else _ZERO
        for k in range(last - first):
            slope = get(g, k)
            total[k] += slope * (through + w[k])
            d_w[k] += slope * value[k]
    if t >= 0:
        copy(total, d_x[row, t, first:last])
    else:
        copy(total, d_tail[row, t + TAPS - 1, first:last])


def _forward(source: int) -> Any:
    @compiled
    def convolution(x, tail, weight, positions, out, begin, end, first, last):
        """Convolve some rows over some channels."""
        channels, length = x.shape[2], x.shape[1]
        total, in_blocks = np.empty(last - first, np.float32), _in_blocks(x, out, first, last)
        for row in range(begin if source else end, end):
            t = 0
            while t < length:
                if in_blocks and t >= TAPS - 1 and t + _BLOCK <= length and _is_whole(positions, row, t, t + _BLOCK):
                    at = 4 * ((row * length + t) * channels + first)
                    _convolve_block(
                        x.ctypes.data + at, weight.ctypes.data + 4 * first, out.ctypes.data + at, 4 * channels,
                        last - first,
                    )  # fmt: skip
                    t += _BLOCK
                else:
                    _convolve(x, tail, weight, positions, out, row, t, first, last, total)
                    t += 1

    return convolution


def _backward(source: int) -> Any:
    @compiled
    def convolution_backward(gradient, x, tail, weight, positions, d_x, d_tail, d_weights, begin, end, first, last):
        """Write the gradients of rows and their tails; add the weight's to each row's own `d_weights`."""
        channels, length = x.shape[2], x.shape[1]
        total, value = np.empty(last - first, np.float32), np.empty(last - first, np.float32)
        in_blocks = _in_blocks(x, gradient, first, last)
        for row in range(begin if source else end, end):
            t = length - 1
            while t > -TAPS:
                start, until = t - _BLOCK + 1, t + TAPS
                if in_blocks and start >= 0 and until <= length and _is_whole(positions, row, start, until):
                    at = 4 * ((row * length + start) * channels + first)
                    _convolve_block_backward(
                        gradient.ctypes.data + at, x.ctypes.data + at, weight.ctypes.data + 4 * first,
                        d_x.ctypes.data + at, d_weights.ctypes.data + 4 * (row * TAPS * channels + first),
                        4 * channels, last - first,
                    )  # fmt: skip
                    t -= _BLOCK
                else:
                    _convolve_backward(
                        gradient, x, tail, weight, positions, d_x, d_tail, d_weights, row, t, first, last, total, value
                    )
                    t -= 1

    return convolution_backward


_SOURCE = source_of(loops, machine_code, routines, vectors, file=__file__)
convolution: Callable[..., None] = _forward(_SOURCE)
convolution_backward: Callable[..., None] = _backward(_SOURCE)
