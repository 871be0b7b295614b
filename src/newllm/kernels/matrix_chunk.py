"""The gradient of the delta rule over 16 positions of one head, as products of small matrices.

With S the matrix before the chunk, `D_ts` the decay from position s to t, `D_t` that from before the chunk to t and
`D_Cs` that from s to the chunk's end, a chunk is (the WY form: Yang et al. 2024, arXiv:2406.06484)

    W_ts = query_t . D_ts key_s (s <= t),  U_ts = -lookup_t . D_ts key_s (s < t)
    error_t = value_t - S^T (D_t lookup_t) + sum_{s<t} U_ts error_s
    reading_t = S^T (D_t query_t) + sum_{s<=t} W_ts error_s
    S' = D_C S + sum_s (D_Cs key_s) error_s^T

and this is its gradient. Queries lie above the negated lookups, the gradients of readings above those of errors, so
that one product serves both. A decay's logarithm has the gradient of all that passes its position: what is read there
or later, without what was written there or later.

Addresses are of arrays that are used once more behind the last use of the address: numba frees them else.
"""

from collections import namedtuple

import numba
import numpy as np

from newllm.kernels.machine_code import OPTIONS
from newllm.kernels.matrix_products import (
    add_products,
    add_rows,
    add_to_rows,
    add_up_from_last,
    copy,
    dots,
    fetch_rows,
    multiply,
    multiply_onto,
    negate,
    read_less_written,
    solve,
    times,
    transpose,
)
from newllm.kernels.matrix_sizes import KEPT_EVERY

_ROW, _ZERO, _ONE = 4 * KEPT_EVERY, np.float32(0.0), np.float32(1.0)
_inner = numba.njit(inline="always", **OPTIONS)  # by themselves they would go wrong: `machine_code.operation`

Room = namedtuple(
    "Room",
    (
        *("given", "far", "d_given"),  # queries and negated lookups [32, K]; as S sees them; their gradients
        *("keys", "near", "moving", "d_keys"),  # [16, K]; as S' sees them; on their way from s to t; their gradients
        *("decays", "since", "until"),  # of a position, before it in the chunk with it, and behind it [16, K]
        *("slopes", "errors"),  # gradients of readings and errors [32, V]; errors [16, V]
        *("weights", "d_weights", "between"),  # W and U, their gradients, D_ts or 1 where they are not 0 [32, 16]
        *("turned_keys", "turned_errors"),  # [K, 16]; [V, 16]
        *("turned", "d_turned"),  # S and the gradient of S' [V, K]
        *("passing", "totals", "ones"),  # gradient of a decay's logarithm, of each key [K]; of each position [16]; [32]
    ),
)


@_inner
def _panel(rows, width):
    return np.empty((rows, width), np.float32)


@_inner
def new_room(keys, width):
    """Return what a chunk is computed in."""
    n, two = KEPT_EVERY, 2 * KEPT_EVERY
    return Room(
        _panel(two, keys), _panel(two, keys), _panel(two, keys),
        _panel(n, keys), _panel(n, keys), _panel(n, keys), _panel(n, keys),
        _panel(n, keys), _panel(n, keys), _panel(n, keys),
        _panel(two, width), _panel(n, width),
        _panel(two, n), _panel(two, n), _panel(two, n),
        _panel(keys, n), _panel(width, n),
        _panel(width, keys), _panel(width, keys),
        np.empty(keys, np.float32), np.empty(n, np.float32), np.ones(two, np.float32),
    )  # fmt: skip


@_inner
def _address(array, row):
    """Return where a row begins."""
    return array.ctypes.data + 4 * row * array.shape[1]


@_inner
def _fetch(array, n, heads):
    """Ask for the chunk that comes next, the one before place `n`, while the processor computes."""
    row = 4 * array.shape[1]
    fetch_rows(array.ctypes.data + (n - KEPT_EVERY * heads) * row, heads * row, KEPT_EVERY, row)


@_inner
def _clear(panel, first, last):
    for m in range(first, last):
        for i in range(panel.shape[1]):
            panel[m, i] = _ZERO


@_inner
def _fade(room, decay, reset, b, t, n, heads, count):
    """Write all decays; behind the last position nothing decays, and what starts a document forgets all."""
    decays, last = room.decays, KEPT_EVERY - 1
    keys = decays.shape[1]
    row = 4 * keys
    for m in range(KEPT_EVERY):
        starts = m < count and reset.shape[0] > 0 and reset[b, t + m]
        if m >= count or starts or decay.shape[1] == 1:
            a = _ONE if m >= count else _ZERO if starts else decay[n + m * heads, 0]
            for i in range(keys):
                decays[m, i] = a
        else:
            for i in range(keys):
                decays[m, i] = decay[n + m * heads, i]
    for i in range(keys):
        room.until[last, i] = _ONE
    since, until, of = _address(room.since, 0), _address(room.until, last), _address(decays, 0)
    copy(since, row, of, row, 1, keys)
    times(since + row, row, since, row, of + row, row, last, keys)
    times(until - row, -row, until, -row, of + last * row, -row, last, keys)
    for half in range(2):
        at = half * KEPT_EVERY
        times(_address(room.far, at), row, _address(room.given, at), row, since, row, KEPT_EVERY, keys)
    times(_address(room.near, 0), row, _address(room.keys, 0), row, _address(room.until, 0), row, KEPT_EVERY, keys)


@_inner
def _weigh(room):
    """Write the weights of a head with one decay."""
    between, keys = room.between, room.decays.shape[1]
    for t in range(KEPT_EVERY):
        a = room.decays[t, 0]
        for s in range(KEPT_EVERY):
            passed = between[t - 1, s] * a if s < t else _ZERO
            between[t, s], between[KEPT_EVERY + t, s] = passed, passed
        between[t, t] = _ONE
    turned, weights = _address(room.turned_keys, 0), _address(room.weights, 0)
    transpose(turned, _ROW, _address(room.keys, 0), 4 * keys, KEPT_EVERY, keys)
    multiply(weights, _ROW, _address(room.given, 0), 4 * keys, 4, turned, _ROW, 2 * KEPT_EVERY, keys, KEPT_EVERY)
    times(weights, _ROW, weights, _ROW, _address(between, 0), _ROW, 2 * KEPT_EVERY, KEPT_EVERY)


@_inner
def _through_weights(room):
    """Add what the weights pass on to the gradients of queries, lookups and keys."""
    keys = room.decays.shape[1]
    row, d_weights, ones = 4 * keys, _address(room.d_weights, 0), room.ones.ctypes.data
    multiply_onto(
        _address(room.d_given, 0), row, d_weights, _ROW, 4, _address(room.keys, 0), row, 2 * KEPT_EVERY, KEPT_EVERY,
        keys, ones,
    )  # fmt: skip
    multiply_onto(
        _address(room.d_keys, 0), row, d_weights, 4, _ROW, _address(room.given, 0), row, KEPT_EVERY, 2 * KEPT_EVERY,
        keys, ones,
    )  # fmt: skip


@_inner
def _move(room, t):
    """Let the keys before position t decay up to it, and put its own beside them."""
    keys = room.decays.shape[1]
    moving, row = _address(room.moving, 0), 4 * keys
    times(moving, row, moving, row, _address(room.decays, t), 0, t, keys)
    copy(moving + t * row, row, _address(room.keys, t), row, 1, keys)


@_inner
def _weigh_by_key(room):
    """Write the weights of a head with a decay for each key."""
    keys, between = room.decays.shape[1], room.between
    _clear(room.weights, 0, 2 * KEPT_EVERY)
    for t in range(KEPT_EVERY):
        _move(room, t)
        for half in range(2):
            at, moving = half * KEPT_EVERY + t, _address(room.moving, 0)
            dots(_address(room.weights, at), _address(room.given, at), moving, 4 * keys, t + 1 - half, keys)
            for s in range(KEPT_EVERY):
                between[at, s] = _ONE if s < t + 1 - half else _ZERO


@_inner
def _through_weights_by_key(room):
    """The same where each key has a decay."""
    keys = room.decays.shape[1]
    moving, row = _address(room.moving, 0), 4 * keys
    for t in range(KEPT_EVERY):
        _move(room, t)
        for half in range(2):
            at = half * KEPT_EVERY + t
            add_rows(_address(room.d_given, at), _address(room.d_weights, at), moving, row, t + 1, keys)
    _clear(room.moving, 0, KEPT_EVERY)
    for t in range(KEPT_EVERY - 1, -1, -1):
        for half in range(2):
            at = half * KEPT_EVERY + t
            add_to_rows(moving, row, _address(room.d_weights, at), _address(room.given, at), t + 1, keys)
        add_rows(_address(room.d_keys, t), room.ones.ctypes.data, moving + t * row, row, 1, keys)
        times(moving, row, moving, row, _address(room.decays, t), 0, t, keys)


@_inner
def _hand_out(room, reset, b, t, n, heads, count, d_query, d_key, d_value, d_lookup, d_decay):
    """Write the gradients of the chunk's positions."""
    keys, width = room.decays.shape[1], room.errors.shape[1]
    row, wide = 4 * keys, 4 * width
    copy(d_query.ctypes.data + n * row, heads * row, _address(room.d_given, 0), row, count, keys)
    negate(d_lookup.ctypes.data + n * row, heads * row, _address(room.d_given, KEPT_EVERY), row, count, keys)
    copy(d_key.ctypes.data + n * row, heads * row, _address(room.d_keys, 0), row, count, keys)
    copy(d_value.ctypes.data + n * wide, heads * wide, _address(room.slopes, KEPT_EVERY), wide, count, width)
    for m in range(count):
        starts = reset.shape[0] > 0 and reset[b, t + m]
        if d_decay.shape[1] == 1:
            d_decay[n + m * heads, 0] = _ZERO if starts else room.totals[m]
        else:
            for i in range(keys):
                d_decay[n + m * heads, i] = _ZERO if starts else room.moving[m, i]


@_inner
def chunk_backward(
    room, d_matrix, before, d_readings, query, key, lookup, decay, errors, reset, b, t, n, heads, count,
    d_query, d_key, d_value, d_lookup, d_decay,
):  # fmt: skip
    """Turn `d_matrix` from the gradient of a head's matrix behind a chunk into that of the one before it.

    `before` is the matrix before the chunk. All but these two and the room is `[places, width]`, as the scan has it;
    the chunk has `count` positions, of row `b` from `t` on, the first at place `n`, and the next `heads` further.
    `d_query` and what follows are written; `d_decay` takes the gradient of the decay's logarithm.
    """
    keys, width = before.shape
    row, wide, low = 4 * keys, 4 * width, KEPT_EVERY
    given, slopes, errors_ = _address(room.given, 0), _address(room.slopes, 0), _address(room.errors, 0)
    copy(given, row, query.ctypes.data + n * row, heads * row, count, keys)
    negate(given + low * row, row, lookup.ctypes.data + n * row, heads * row, count, keys)
    copy(_address(room.keys, 0), row, key.ctypes.data + n * row, heads * row, count, keys)
    copy(slopes, wide, d_readings.ctypes.data + n * wide, heads * wide, count, width)
    copy(errors_, wide, errors.ctypes.data + n * wide, heads * wide, count, width)
    if count < low:
        _clear(room.given, count, low)
        _clear(room.given, low + count, 2 * low)
        _clear(room.keys, count, low)
        _clear(room.slopes, count, low)
        _clear(room.errors, count, low)
    _fade(room, decay, reset, b, t, n, heads, count)
    if decay.shape[1] == 1:
        _weigh(room)
    else:
        _weigh_by_key(room)
    d_errors, weights, ones = slopes + low * wide, _address(room.weights, 0), room.ones.ctypes.data
    d_weights, d_after = _address(room.d_weights, 0), d_matrix.ctypes.data
    multiply(d_errors, wide, _address(room.near, 0), row, 4, d_after, wide, low, keys, width)
    _fetch(query, n, heads)
    multiply_onto(d_errors, wide, weights, 4, _ROW, slopes, wide, low, low, width, ones)
    _fetch(key, n, heads)
    solve(d_errors, wide, weights + low * _ROW, _ROW, width)
    _fetch(lookup, n, heads)
    turned = _address(room.turned_errors, 0)
    transpose(turned, _ROW, errors_, wide, low, width)
    multiply(d_weights, _ROW, slopes, wide, 4, turned, _ROW, 2 * low, width, low)
    _fetch(d_readings, n, heads)
    times(d_weights, _ROW, d_weights, _ROW, _address(room.between, 0), _ROW, 2 * low, low)
    turned, d_turned = _address(room.turned, 0), _address(room.d_turned, 0)
    transpose(turned, row, before.ctypes.data, wide, keys, width)
    _fetch(errors, n, heads)
    transpose(d_turned, row, d_after, wide, keys, width)
    _fetch(d_query, n, heads)
    d_given, d_keys = _address(room.d_given, 0), _address(room.d_keys, 0)
    multiply(d_given, row, slopes, wide, 4, turned, row, 2 * low, width, keys)
    fetch_rows(before.ctypes.data - keys * wide, wide, keys, wide)
    multiply(d_keys, row, errors_, wide, 4, d_turned, row, low, width, keys)
    _fetch(d_key, n, heads)
    since = _address(room.since, 0)
    all_of_it = since + (low - 1) * row
    multiply_onto(d_after, wide, _address(room.far, 0), 4, row, slopes, wide, keys, 2 * low, width, all_of_it)
    _fetch(d_lookup, n, heads)
    times(d_given, row, d_given, row, since, row, low, keys)
    times(d_given + low * row, row, d_given + low * row, row, since, row, low, keys)
    _fetch(d_value, n, heads)
    times(d_keys, row, d_keys, row, _address(room.until, 0), row, low, keys)
    passing = room.passing.ctypes.data
    for i in range(keys):
        room.passing[i] = _ZERO
    add_products(passing, turned, row, d_turned, row, width, keys)
    times(passing, row, passing, row, all_of_it, row, 1, keys)
    add_products(passing, _address(room.keys, 0), row, d_keys, row, low, keys)
    if decay.shape[1] == 1:
        _through_weights(room)
    else:
        _through_weights_by_key(room)
    read_less_written(_address(room.moving, 0), given, d_given, _address(room.keys, 0), d_keys, row, low, keys)
    add_up_from_last(_address(room.moving, 0), row, passing, room.totals.ctypes.data, low, keys)
    _hand_out(room, reset, b, t, n, heads, count, d_query, d_key, d_value, d_lookup, d_decay)
