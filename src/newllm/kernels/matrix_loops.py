"""The delta rule over a sequence as machine code: one position after another, a head's matrix in the first cache.

A head's matrix is as large as the first cache of a processor's core, and stays in it. Forwards a plain loop over
positions does as little arithmetic as products over chunks, and has the same bits wherever a text is cut. Backwards
products over chunks of 16 positions (`matrix_chunk`) do half of that of a loop: no matrix but the first of a chunk is
needed once more. These are kept, and what every position wrote.

All arithmetic is float32, and the order of sums is always the same. Keys and values are multiples of 16. What an
array is for stands beside the operation, in `recurrence.matrix_scan.compiled`.

numba keeps machine code by the date of one file, and this code stands in several: only the functions that are called
from outside are kept, and a digest of all files is part of what they are found by.
"""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from newllm.kernels import machine_code, matrix_chunk, matrix_products, matrix_sizes, matrix_step, routines, vectors
from newllm.kernels.machine_code import LANES, OPTIONS, compiled, source_of
from newllm.kernels.matrix_chunk import chunk_backward, new_room
from newllm.kernels.matrix_sizes import KEPT_EVERY, KEYS, VALUES
from newllm.kernels.matrix_step import fetch, go_on, look_up

assert KEYS == LANES
assert VALUES == LANES
AHEAD = 2  # positions
_ZERO = np.float32(0.0)
_inner = numba.njit(inline="always", **OPTIONS)  # by themselves they would go wrong: `machine_code.operation`


@_inner
def _address(array):
    """Return where an array begins. It must be used once more behind the last use of this: numba frees it else."""
    return array.ctypes.data


@_inner
def _fade(decay, lookup, n, faded, ones):
    """Return where a lookup and its factor stand: as they are, or the lookup times the decay of each key, and 1."""
    keys = lookup.shape[1]
    if decay.shape[1] == 1:
        return _address(lookup) + 4 * n * keys, _address(decay) + 4 * n
    for i in range(keys):
        faded[i] = decay[n, i] * lookup[n, i]
    return _address(faded), _address(ones)


def _forward(source: int) -> Any:
    @compiled
    def matrix_scan(query, key, value, lookup, decay, initial, reset, readings, errors, last, kept, begin, end):
        """Run some heads of all rows: head `h` of row `b` is number `b * heads + h`."""
        heads, keys, width = last.shape[1:]
        positions = len(value) // (len(last) * heads)
        faded, ones, nowhere = np.empty(keys, np.float32), np.ones(1, np.float32), np.empty(width, np.float32)
        at_query, at_key, at_lookup = _address(query), _address(key), _address(lookup)
        at_value, at_reading, at_error = _address(value), _address(readings), _address(errors)
        row, wide, step = 4 * keys, 4 * width, 0 if decay.shape[1] == 1 else 4
        for job in range(begin if source else end, end):
            b, h = job // heads, job % heads
            matrix = last[b, h]
            matrix[:] = initial[b, h]
            n = b * positions * heads + h
            if reset.shape[0] > 0 and reset[b, 0]:
                matrix[:] = _ZERO
            found, factor = _fade(decay, lookup, n, faded, ones)
            look_up(_address(matrix), found, factor, at_value + n * wide, at_error + n * wide, keys, width)
            for t in range(positions):
                if kept.shape[0] > 0 and t % KEPT_EVERY == 0:
                    kept[b, h, t // KEPT_EVERY] = matrix
                if t + AHEAD < positions:
                    soon = n + AHEAD * heads
                    for start in (at_query, at_key, at_lookup):
                        fetch(start + soon * row, row)
                    for start in (at_value, at_reading, at_error):
                        fetch(start + soon * wide, wide)
                following = min(n + heads, (b + 1) * positions * heads - heads + h)
                error = at_error + following * wide if t + 1 < positions else _address(nowhere)
                found, factor = _fade(decay, lookup, following, faded, ones)
                go_on(
                    _address(matrix), _address(decay) + 4 * n * decay.shape[1], step, at_key + n * row,
                    at_query + n * row, at_error + n * wide, at_reading + n * wide, found, factor,
                    at_value + following * wide, error, keys, width,
                )  # fmt: skip
                n += heads
                if t + 1 < positions and reset.shape[0] > 0 and reset[b, t + 1]:
                    matrix[:] = _ZERO
                    look_up(_address(matrix), found, factor, at_value + n * wide, error, keys, width)
            nowhere[0], faded[0], ones[0] = _ZERO, _ZERO, 1.0

    return matrix_scan


def _backward(source: int) -> Any:
    @compiled
    def matrix_scan_backward(
        d_readings, d_last, query, key, lookup, decay, errors, reset, kept,
        d_query, d_key, d_value, d_lookup, d_decay, d_initial, begin, end,
    ):  # fmt: skip
        """The same from the end, with the gradients of all that went in, and of the logarithm of the decay."""
        heads, keys, width = d_last.shape[1:]
        positions = len(key) // (len(d_last) * heads)
        room = new_room(keys, width)
        for job in range(begin if source else end, end):
            b, h = job // heads, job % heads
            d_matrix = d_initial[b, h]
            d_matrix[:] = d_last[b, h]
            for chunk in range((positions - 1) // KEPT_EVERY, -1, -1):
                t = chunk * KEPT_EVERY
                count, n = min(KEPT_EVERY, positions - t), (b * positions + t) * heads + h
                chunk_backward(
                    room, d_matrix, kept[b, h, chunk], d_readings, query, key, lookup, decay, errors, reset, b, t, n,
                    heads, count, d_query, d_key, d_value, d_lookup, d_decay,
                )  # fmt: skip

    return matrix_scan_backward


_SOURCE = source_of(
    *(machine_code, matrix_chunk, matrix_products, matrix_sizes, matrix_step, routines, vectors), file=__file__
)
matrix_scan: Callable[..., None] = _forward(_SOURCE)
matrix_scan_backward: Callable[..., None] = _backward(_SOURCE)
