"""The machine code of the delta rule over a sequence: one position after another, a head's matrix in the first cache.

A head's matrix is as large as the first cache of a processor's core, and stays in it: a plain loop over positions is
faster than any form of matrix products over chunks. Backwards every matrix is needed once more, from the last to the
first. Kept are those before each 32nd position; from there the ones between are computed again.

All arithmetic is float32. What an array is for stands beside the operation, in `recurrence.matrix_scan.compiled`.
"""

from functools import partial

import numpy as np

from newllm.kernels.machine_code import compiled

KEPT_EVERY = 32  # positions: so many matrices of 64 x 64 are 512 KiB, which the second cache holds
_ZERO = np.float32(0.0)
_any_order = partial(compiled, fastmath={"contract", "reassoc"})


@_any_order
def _error(matrix, decay, lookup, value, error):
    """Write `value - (decay * matrix)^T lookup`."""
    last = decay.shape[0] - 1
    for j in range(error.shape[0]):
        error[j] = value[j]
    for i in range(matrix.shape[0]):
        row, factor = matrix[i], lookup[i] * decay[min(i, last)]
        for j in range(error.shape[0]):
            error[j] -= factor * row[j]


@_any_order
def _write(matrix, decay, key, error, after):
    """Write `decay * matrix + key error^T` into `after`, which may be the matrix itself."""
    last = decay.shape[0] - 1
    for i in range(matrix.shape[0]):
        row, into, a, k = matrix[i], after[i], decay[min(i, last)], key[i]
        for j in range(error.shape[0]):
            into[j] = a * row[j] + k * error[j]


@_any_order
def _read(matrix, query, reading):
    """Write `matrix^T query`."""
    for j in range(reading.shape[0]):
        reading[j] = _ZERO
    for i in range(matrix.shape[0]):
        row, factor = matrix[i], query[i]
        for j in range(reading.shape[0]):
            reading[j] += factor * row[j]


@_any_order
def _write_and_read(matrix, decay, key, error, query, reading):
    """Let the matrix decay, write `key error^T` and read it, in one pass."""
    last = decay.shape[0] - 1
    for j in range(reading.shape[0]):
        reading[j] = _ZERO
    for i in range(matrix.shape[0]):
        row, a, k, q = matrix[i], decay[min(i, last)], key[i], query[i]
        for j in range(error.shape[0]):
            new = a * row[j] + k * error[j]
            row[j] = new
            reading[j] += q * new


@compiled
def matrix_scan(query, key, value, lookup, decay, initial, reset, readings, last, kept, begin, end):
    """Run some heads of all rows: head `h` of row `b` is number `b * heads + h`."""
    heads = value.shape[2]
    for job in range(begin, end):
        b, h = job // heads, job % heads
        matrix, error = last[b, h], np.empty(value.shape[3], np.float32)
        matrix[:] = initial[b, h]
        for t in range(value.shape[1]):
            if reset.shape[0] > 0 and reset[b, t]:
                matrix[:] = _ZERO
            if kept.shape[0] > 0 and t % KEPT_EVERY == 0:
                kept[b, h, t // KEPT_EVERY] = matrix
            _error(matrix, decay[b, t, h], lookup[b, t, h], value[b, t, h], error)
            _write_and_read(matrix, decay[b, t, h], key[b, t, h], error, query[b, t, h], readings[b, t, h])


@_any_order
def _d_matrix(d_matrix, d_reading, query, key, d_error):
    """Add the reading's gradient to the matrix's; write the error's."""
    for j in range(d_error.shape[0]):
        d_error[j] = _ZERO
    for i in range(d_matrix.shape[0]):
        row, q, k = d_matrix[i], query[i], key[i]
        for j in range(d_error.shape[0]):
            slope = row[j] + q * d_reading[j]
            row[j] = slope
            d_error[j] += k * slope


@_any_order
def _d_row(row, before, a, k, p, error, d_reading, d_error):
    """Turn the gradient of a row after a position into that of the row before; return four of the position's own."""
    d_q, d_k, d_p, d_a = _ZERO, _ZERO, _ZERO, _ZERO
    for j in range(row.shape[0]):
        slope, old = row[j], before[j]
        decayed = a * old
        d_q += (decayed + k * error[j]) * d_reading[j]
        d_k += slope * error[j]
        d_p -= decayed * d_error[j]
        inner = slope - p * d_error[j]
        d_a += inner * old
        row[j] = a * inner
    return d_q, d_k, d_p, d_a


@compiled
def _matrices(key, value, lookup, decay, reset, b, h, first, count, matrices, errors):
    """Compute the matrices before and the errors of `count` positions from `first` on; `matrices[0]` is there."""
    for n in range(count):
        t, matrix = first + n, matrices[n]
        if reset.shape[0] > 0 and reset[b, t]:
            matrix[:] = _ZERO
        _error(matrix, decay[b, t, h], lookup[b, t, h], value[b, t, h], errors[n])
        if n + 1 < count:
            _write(matrix, decay[b, t, h], key[b, t, h], errors[n], matrices[n + 1])


@compiled
def matrix_scan_backward(
    d_readings, d_last, query, key, value, lookup, decay, reset, kept,
    d_query, d_key, d_value, d_lookup, d_decay, d_initial, begin, end,
):  # fmt: skip
    """The same from the end, with the gradients of all that went in."""
    positions, heads, keys, width = value.shape[1], value.shape[2], key.shape[3], value.shape[3]
    matrices, errors = np.empty((KEPT_EVERY, keys, width), np.float32), np.empty((KEPT_EVERY, width), np.float32)
    for job in range(begin, end):
        b, h = job // heads, job % heads
        d_matrix = d_initial[b, h]
        d_matrix[:] = d_last[b, h]
        for chunk in range((positions - 1) // KEPT_EVERY, -1, -1):
            first = chunk * KEPT_EVERY
            count = min(KEPT_EVERY, positions - first)
            matrices[0] = kept[b, h, chunk]
            _matrices(key, value, lookup, decay, reset, b, h, first, count, matrices, errors)
            for n in range(count - 1, -1, -1):
                t, before, error = first + n, matrices[n], errors[n]
                d_reading, d_error, d_a = d_readings[b, t, h], d_value[b, t, h], d_decay[b, t, h]
                _d_matrix(d_matrix, d_reading, query[b, t, h], key[b, t, h], d_error)
                a, k, p = decay[b, t, h], key[b, t, h], lookup[b, t, h]
                last = a.shape[0] - 1
                d_a[:] = _ZERO
                for i in range(keys):
                    d_q, d_k, d_p, d_row = _d_row(
                        d_matrix[i], before[i], a[min(i, last)], k[i], p[i], error, d_reading, d_error
                    )
                    d_query[b, t, h, i], d_key[b, t, h, i], d_lookup[b, t, h, i] = d_q, d_k, d_p
                    d_a[min(i, last)] += d_row
                if reset.shape[0] > 0 and reset[b, t]:
                    d_matrix[:] = _ZERO
