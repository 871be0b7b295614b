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

from newllm.kernels import machine_code, matrix_chunk, matrix_products, matrix_sizes, matrix_step, vectors
from newllm.kernels.machine_code import LANES, OPTIONS, compiled, source_of
from newllm.kernels.matrix_chunk import chunk_backward, new_room
from newllm.kernels.matrix_sizes import KEPT_EVERY, KEYS, VALUES
from newllm.kernels.matrix_step import UNROLLED, advance, fetch

assert KEYS % UNROLLED == 0
assert VALUES == LANES
AHEAD = 2  # positions
_ZERO, _BLOCK = np.float32(0.0), 4 * LANES
_inner = numba.njit(**OPTIONS)


@_inner
def _address(array):
    """Return where an array begins. It must be used once more behind the last use of this: numba frees it else."""
    return array.ctypes.data


@_inner
def _fade(decay, lookup, n, decays, faded):
    """Write the decay of each key at place `n`, and that times the lookup."""
    last = decay.shape[1] - 1
    if last == 0:
        a = decay[n, 0]
        for i in range(lookup.shape[1]):
            decays[i], faded[i] = a, a * lookup[n, i]
    else:
        for i in range(lookup.shape[1]):
            decays[i], faded[i] = decay[n, i], decay[n, i] * lookup[n, i]


@_inner
def _fetch(narrow, broad, n, keys, width):
    """Ask for place `n` of arrays of keys and of values."""
    for start in narrow:
        fetch(start + 4 * n * keys, 4 * keys)
    for start in broad:
        fetch(start + 4 * n * width, 4 * width)


@_inner
def _advance(matrix, decays, faded, narrow, broad, n, keys, width):
    """Go on by place `n`, all columns, between addresses."""
    (query, key, _), (value, reading, error) = narrow, broad
    for at in range(0, 4 * width, _BLOCK):
        here = 4 * n * width + at
        advance(
            matrix + at, decays, faded, key + 4 * n * keys, query + 4 * n * keys, value + here, error + here,
            reading + here, keys, 4 * width,
        )  # fmt: skip


def _forward(source: int) -> Any:
    @compiled
    def matrix_scan(query, key, value, lookup, decay, initial, reset, readings, errors, last, kept, begin, end):
        """Run some heads of all rows: head `h` of row `b` is number `b * heads + h`."""
        heads, keys, width = last.shape[1:]
        positions = len(value) // (len(last) * heads)
        decays, faded = np.empty(keys, np.float32), np.empty(keys, np.float32)
        at_decays, at_faded = _address(decays), _address(faded)
        narrow = _address(query), _address(key), _address(lookup)
        broad = _address(value), _address(readings), _address(errors)
        for job in range(begin if source else end, end):
            b, h = job // heads, job % heads
            matrix = last[b, h]
            matrix[:] = initial[b, h]
            at_matrix = _address(matrix)
            for t in range(positions):
                n = (b * positions + t) * heads + h
                if reset.shape[0] > 0 and reset[b, t]:
                    matrix[:] = _ZERO
                if kept.shape[0] > 0 and t % KEPT_EVERY == 0:
                    kept[b, h, t // KEPT_EVERY] = matrix
                if t + AHEAD < positions:
                    _fetch(narrow, broad, n + AHEAD * heads, keys, width)
                _fade(decay, lookup, n, decays, faded)
                _advance(at_matrix, at_decays, at_faded, narrow, broad, n, keys, width)

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


_SOURCE = source_of(machine_code, matrix_chunk, matrix_products, matrix_sizes, matrix_step, vectors, file=__file__)
matrix_scan: Callable[..., None] = _forward(_SOURCE)
matrix_scan_backward: Callable[..., None] = _backward(_SOURCE)
