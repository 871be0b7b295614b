"""The delta rule over a sequence as machine code: one position after another, a head's matrix in the first cache.

A head's matrix is as large as the first cache of a processor's core, and stays in it: a plain loop over positions is
faster than any form of matrix products over chunks. Backwards every matrix is needed once more, from the last to the
first. Kept are those before each 16th position, and what every position wrote: from these the ones between are made
again, without looking anything up.

All arithmetic is float32, and the order of sums is always the same. Keys are a multiple of 4, values of 16. What an
array is for stands beside the operation, in `recurrence.matrix_scan.compiled`.

numba keeps machine code by the date of one file, and this code stands in several: only the functions that are called
from outside are kept, and a digest of all files is part of what they are found by.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numba
import numpy as np

from newllm.kernels import machine_code, matrix_sizes, matrix_step, vectors
from newllm.kernels.machine_code import LANES, OPTIONS, compiled, source_of
from newllm.kernels.matrix_sizes import KEPT_EVERY, KEYS, VALUES
from newllm.kernels.matrix_step import UNROLLED, advance, fetch, pull_back, rewrite, step_back

assert KEYS == UNROLLED
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


@partial(numba.njit, fastmath={"contract", "reassoc"}, **OPTIONS)
def _hand_out(dots, decays, lookup, key, errors, d_readings, n, d_query, d_key, d_lookup, d_decay):
    """Make the gradients of place `n` of the four sums of each row."""
    through, total = _ZERO, _ZERO
    for j in range(errors.shape[1]):
        through += errors[n, j] * d_readings[n, j]
    for i in range(key.shape[1]):
        d_query[n, i] = decays[i] * dots[0, i] + key[n, i] * through
        d_key[n, i] = dots[3, i]
        d_lookup[n, i] = -decays[i] * dots[1, i]
    if d_decay.shape[1] == 1:
        for i in range(key.shape[1]):
            total += dots[2, i] - lookup[n, i] * dots[1, i]
        d_decay[n, 0] = total
    else:
        for i in range(key.shape[1]):
            d_decay[n, i] = dots[2, i] - lookup[n, i] * dots[1, i]


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


@_inner
def _again(matrices, key, decay, errors, reset, b, t, n, heads):
    """Compute the matrices `[count, keys, width]` before some positions, from the errors that these wrote.

    The first matrix is there. The first position is `t` of row `b`, its place `n`, and the next place of its head
    `heads` further.
    """
    count, keys, width = matrices.shape
    decays = np.empty(keys, np.float32)
    at_decays, at_key, at_error, at_matrix = _address(decays), _address(key), _address(errors), _address(matrices)
    for m in range(count):
        if reset.shape[0] > 0 and reset[b, t + m]:
            matrices[m] = _ZERO
        if m + 1 == count:
            break
        if t > 0:
            _fetch((at_key,), (at_error,), n - KEPT_EVERY * heads, keys, width)
        for i in range(keys):
            decays[i] = decay[n, min(i, decay.shape[1] - 1)]
        for at in range(0, 4 * width, _BLOCK):
            rewrite(
                at_matrix + at, at_matrix + 4 * keys * width + at, at_decays, at_key + 4 * n * keys,
                at_error + 4 * n * width + at, keys, 4 * width,
            )  # fmt: skip
        n, at_matrix = n + heads, at_matrix + 4 * keys * width


@_inner
def _back(
    d_matrix, matrices, errors, query, key, lookup, decay, d_readings, reset, b, t, n, heads,
    d_query, d_key, d_value, d_lookup, d_decay,
):  # fmt: skip
    """Go back over some positions, from the last, whose place is `n`, to the first, which is `t`."""
    count, keys, width = matrices.shape
    row, wide = 4 * keys, 4 * width
    decays, faded, dots = np.empty(keys, np.float32), np.empty(keys, np.float32), np.empty((4, keys), np.float32)
    at_decays, at_faded, at_dots = _address(decays), _address(faded), _address(dots)
    at_query, at_key, at_reading, at_error = _address(query), _address(key), _address(d_readings), _address(d_value)
    at_d_matrix, at_matrices, at_errors = _address(d_matrix), _address(matrices), _address(errors)
    read, written = (at_query, at_key, _address(lookup)), (_address(d_query), _address(d_key), _address(d_lookup))
    for m in range(count - 1, -1, -1):
        if m >= AHEAD:
            _fetch(read, (at_reading, at_errors), n - AHEAD * heads, keys, width)
            _fetch(written, (at_error,), n - AHEAD * heads, keys, width)
        _fade(decay, lookup, n, decays, faded)
        for at in range(0, wide, _BLOCK):
            pull_back(
                at_d_matrix + at, at_query + n * row, at_key + n * row, at_reading + n * wide + at,
                at_error + n * wide + at, keys, wide,
            )  # fmt: skip
        step_back(
            at_d_matrix, at_matrices + m * keys * wide, at_decays, at_faded, at_errors + n * wide,
            at_reading + n * wide, at_error + n * wide, at_dots, keys, wide,
        )  # fmt: skip
        _hand_out(dots, decays, lookup, key, errors, d_readings, n, d_query, d_key, d_lookup, d_decay)
        if reset.shape[0] > 0 and reset[b, t + m]:
            d_matrix[:] = _ZERO
        n -= heads


def _backward(source: int) -> Any:
    @compiled
    def matrix_scan_backward(
        d_readings, d_last, query, key, lookup, decay, errors, reset, kept,
        d_query, d_key, d_value, d_lookup, d_decay, d_initial, begin, end,
    ):  # fmt: skip
        """The same from the end, with the gradients of all that went in."""
        heads, keys, width = d_last.shape[1:]
        positions = len(key) // (len(d_last) * heads)
        all_matrices = np.empty((KEPT_EVERY, keys, width), np.float32)
        for job in range(begin if source else end, end):
            b, h = job // heads, job % heads
            d_matrix = d_initial[b, h]
            d_matrix[:] = d_last[b, h]
            for chunk in range((positions - 1) // KEPT_EVERY, -1, -1):
                t = chunk * KEPT_EVERY
                count, n = min(KEPT_EVERY, positions - t), (b * positions + t) * heads + h
                matrices = all_matrices[:count]
                matrices[0] = kept[b, h, chunk]
                _again(matrices, key, decay, errors, reset, b, t, n, heads)
                _back(
                    d_matrix, matrices, errors, query, key, lookup, decay, d_readings, reset, b, t,
                    n + (count - 1) * heads, heads, d_query, d_key, d_value, d_lookup, d_decay,
                )  # fmt: skip

    return matrix_scan_backward


_SOURCE = source_of(machine_code, matrix_sizes, matrix_step, vectors, file=__file__)
matrix_scan: Callable[..., None] = _forward(_SOURCE)
matrix_scan_backward: Callable[..., None] = _backward(_SOURCE)
