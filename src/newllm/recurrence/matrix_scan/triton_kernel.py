"""The Triton kernels of the delta rule: chunks of time as `chunked` has them, four passes.

1. `chunk_products`: of each chunk what hangs on no matrix: the inverse of the triangular system that its errors
   solve, and what each position reads of each error. All chunks at once.
2. `readings`: one chunk after another, what comes into it, its errors and readings.
3. `messages`: one chunk after another from the end, the gradients of its errors and of the matrices behind it.
4. `gradients`: the gradients of queries, keys, lookups and decays. All chunks at once.

Decays are sums of logarithms between two positions and never a quotient, so that a decay of 0 and an underflow are
exact; a reset is a selection. Products are of float32 without TF32. No atomics: the bits depend on the shape only.
With one decay a head a chunk has one matrix of decays, with one a key channel it has one a channel.

Layout: sequences `[rows, positions, heads, width]` and `reset` `[rows, positions]`, contiguous; what a chunk has to
itself lies `[rows * heads, chunks, ...]`. One program takes a chunk of a head, or BV value channels of a head.
N positions are a chunk, BK is the key width and BV the value width, each the next power of two; what a sequence does
not have is read as 0: a position that holds nothing, looks up nothing and lets nothing decay.

This module imports Triton; only `triton_scan` imports it.
"""

import triton
import triton.language as tl


@triton.jit
def _positions(job, chunk, positions, heads, N: tl.constexpr):
    """Return row, head, the places of a chunk's positions in a sequence `[rows, positions, heads]`, and which exist."""
    row, head = (job // heads).to(tl.int64), job % heads
    t = chunk * N + tl.arange(0, N)
    return (row * positions + t) * heads + head, t < positions


@triton.jit
def _load(source, at, here, first, width, BLOCK: tl.constexpr):
    """Return channels from `first` on of some positions, `[N, BLOCK]`."""
    channel = first + tl.arange(0, BLOCK)
    return tl.load(source + at[:, None] * width + channel, here[:, None] & (channel < width), 0.0)


@triton.jit
def _store(target, values, at, here, first, width, BLOCK: tl.constexpr):
    channel = first + tl.arange(0, BLOCK)
    tl.store(target + at[:, None] * width + channel, values, here[:, None] & (channel < width))


@triton.jit
def _matrix(base, at, keys, values, first, BK: tl.constexpr, BV: tl.constexpr):
    """Return pointers to matrix number `at` from value channel `first` on, `[BK, BV]`, and which of them exist."""
    key, value = tl.arange(0, BK), first + tl.arange(0, BV)
    here = (key < keys)[:, None] & (value < values)[None, :]
    return base + at.to(tl.int64) * keys * values + key[:, None] * values + value, here


@triton.jit
def _square(base, at, N: tl.constexpr):
    """Return pointers to what a chunk has of each two positions, `[N, N]`."""
    t = tl.arange(0, N)
    return base + at.to(tl.int64) * N * N + t[:, None] * N + t


@triton.jit
def _document(reset, job, chunk, positions, heads, N: tl.constexpr):
    """Return how many documents have begun within the chunk, at each position `[N]`."""
    begun = tl.zeros([N], tl.int32)
    if reset is not None:
        t = chunk * N + tl.arange(0, N)
        begun += tl.load(reset + (job // heads).to(tl.int64) * positions + t, t < positions, 0).to(tl.int32)
    return tl.cumsum(begun, axis=0)


@triton.jit
def _steps(log_decay, at, here, keys, PER_KEY: tl.constexpr, BK: tl.constexpr):
    """Return the logarithms of some positions' decays for each key channel, `[N, BK]`."""
    if PER_KEY:
        steps = _load(log_decay, at, here, 0, keys, BK)
    else:
        steps = tl.load(log_decay + at, here, 0.0)[:, None] + tl.zeros([1, BK], tl.float32)
    return steps


@triton.jit
def _decays(
    log_decay,
    chunk,
    at,
    here,
    document,
    positions,
    heads,
    keys,
    PER_KEY: tl.constexpr,
    N: tl.constexpr,
    BK: tl.constexpr,
):
    """Return each channel's decay since before the chunk, until its end (`[N, BK]`) and through all of it (`[BK]`)."""
    steps = _steps(log_decay, at, here, keys, PER_KEY, BK)
    since = tl.where((document == 0)[:, None], tl.exp(tl.cumsum(steps, axis=0)), 0.0)
    # What comes behind a position is summed from the next one on: minus infinity, taken off again, is no number.
    following = tl.arange(0, N) + 1
    has_next = (following < N) & (chunk * N + following < positions)
    behind = tl.cumsum(_steps(log_decay, at + heads, has_next, keys, PER_KEY, BK), axis=0, reverse=True)
    last = tl.max(document, axis=0)
    until = tl.where((document == last)[:, None], tl.exp(behind), 0.0)
    through = tl.where(last == 0, tl.exp(tl.sum(steps, axis=0)), 0.0)
    return since, until, through


@triton.jit
def _between(steps, document, N: tl.constexpr):
    """Return the decay from position s to t, `[t, s]`, 0 where t is before s or in another document."""
    t = tl.arange(0, N)
    later = t[:, None] > t[None, :]
    sums = tl.cumsum(tl.where(later, steps[:, None], 0.0), axis=0)
    return tl.where((t[:, None] >= t[None, :]) & (document[:, None] == document[None, :]), tl.exp(sums), 0.0)


@triton.jit
def _column(values, number, BLOCK: tl.constexpr):
    """Return one channel of `[N, BLOCK]`."""
    return tl.sum(tl.where(tl.arange(0, BLOCK)[None, :] == number, values, 0.0), axis=1)


@triton.jit
def _product(a, b):
    return tl.dot(a, b, input_precision="ieee")


@triton.jit
def chunk_products(
    query,
    key,
    lookup,
    log_decay,
    reset,
    inverse,
    reads,
    positions,
    heads,
    keys,
    chunks,
    PER_KEY: tl.constexpr,
    N: tl.constexpr,
    BK: tl.constexpr,
):
    """Pass 1: write `inverse`, that of 1 + `lookup_t . D_ts key_s` for s < t, and `reads`, `query_t . D_ts key_s`."""
    job, chunk = tl.program_id(0) // chunks, tl.program_id(0) % chunks
    at, here = _positions(job, chunk, positions, heads, N)
    document = _document(reset, job, chunk, positions, heads, N)
    t = tl.arange(0, N)
    q, k = _load(query, at, here, 0, keys, BK), _load(key, at, here, 0, keys, BK)
    looked = _load(lookup, at, here, 0, keys, BK)
    if PER_KEY:
        past, read = tl.zeros([N, N], tl.float32), tl.zeros([N, N], tl.float32)
        for number in range(keys):
            between = _between(tl.load(log_decay + at * keys + number, here, 0.0), document, N)
            held = between * _column(k, number, BK)[None, :]
            past += held * _column(looked, number, BK)[:, None]
            read += held * _column(q, number, BK)[:, None]
    else:
        between = _between(tl.load(log_decay + at, here, 0.0), document, N)
        past, read = _product(looked, tl.trans(k)) * between, _product(q, tl.trans(k)) * between
    # Row by row: a sum of powers would be fewer products, and its terms grow where keys are written twice as strongly.
    past = tl.where(t[:, None] > t[None, :], past, 0.0)
    solved = tl.where(t[:, None] == t[None, :], 1.0, 0.0)
    for i in range(1, N):
        of_row = tl.sum(tl.where(t[:, None] == i, past, 0.0), axis=0)
        solved -= tl.where(t[:, None] == i, tl.sum(of_row[:, None] * solved, axis=0)[None, :], 0.0)
    tl.store(_square(inverse, tl.program_id(0), N), solved)
    tl.store(_square(reads, tl.program_id(0), N), read)


@triton.jit
def readings(
    query,
    key,
    value,
    lookup,
    log_decay,
    initial,
    reset,
    inverse,
    reads,
    out,
    errors,
    before,
    last,
    positions,
    heads,
    keys,
    values,
    chunks,
    PER_KEY: tl.constexpr,
    N: tl.constexpr,
    BK: tl.constexpr,
    BV: tl.constexpr,
):
    """Pass 2: write readings, errors, the matrices before each chunk (where `before` is given) and the last ones."""
    blocks = tl.cdiv(values, BV)
    job, first = tl.program_id(0) // blocks, tl.program_id(0) % blocks * BV
    place, exists = _matrix(initial, job, keys, values, first, BK, BV)
    matrix = tl.load(place, exists, 0.0)
    for chunk in range(chunks):
        at, here = _positions(job, chunk, positions, heads, N)
        document = _document(reset, job, chunk, positions, heads, N)
        since, until, through = _decays(log_decay, chunk, at, here, document, positions, heads, keys, PER_KEY, N, BK)
        if before is not None:
            place, exists = _matrix(before, job * chunks + chunk, keys, values, first, BK, BV)
            tl.store(place, matrix, exists)
        held = _product(since * _load(lookup, at, here, 0, keys, BK), matrix)
        free = _load(value, at, here, first, values, BV) - held
        error = _product(tl.load(_square(inverse, job * chunks + chunk, N)), free)
        reading = _product(since * _load(query, at, here, 0, keys, BK), matrix)
        reading += _product(tl.load(_square(reads, job * chunks + chunk, N)), error)
        matrix = through[:, None] * matrix + _product(tl.trans(until * _load(key, at, here, 0, keys, BK)), error)
        _store(out, reading, at, here, first, values, BV)
        if errors is not None:
            _store(errors, error, at, here, first, values, BV)
    place, exists = _matrix(last, job, keys, values, first, BK, BV)
    tl.store(place, matrix, exists)


@triton.jit
def messages(
    d_readings,
    d_last,
    query,
    key,
    lookup,
    log_decay,
    reset,
    inverse,
    reads,
    d_value,
    behind,
    d_initial,
    positions,
    heads,
    keys,
    values,
    chunks,
    PER_KEY: tl.constexpr,
    N: tl.constexpr,
    BK: tl.constexpr,
    BV: tl.constexpr,
):
    """Pass 3: write the gradients of values, of the matrices behind each chunk and of the initial ones."""
    blocks = tl.cdiv(values, BV)
    job, first = tl.program_id(0) // blocks, tl.program_id(0) % blocks * BV
    place, exists = _matrix(d_last, job, keys, values, first, BK, BV)
    message = tl.load(place, exists, 0.0)
    for i in range(chunks):
        chunk = chunks - 1 - i
        at, here = _positions(job, chunk, positions, heads, N)
        document = _document(reset, job, chunk, positions, heads, N)
        since, until, through = _decays(log_decay, chunk, at, here, document, positions, heads, keys, PER_KEY, N, BK)
        place, exists = _matrix(behind, job * chunks + chunk, keys, values, first, BK, BV)
        tl.store(place, message, exists)
        given = _load(d_readings, at, here, first, values, BV)
        d_error = _product(tl.trans(tl.load(_square(reads, job * chunks + chunk, N))), given)
        d_error += _product(until * _load(key, at, here, 0, keys, BK), message)
        d_free = _product(tl.trans(tl.load(_square(inverse, job * chunks + chunk, N))), d_error)
        message = through[:, None] * message
        message += _product(tl.trans(since * _load(query, at, here, 0, keys, BK)), given)
        message -= _product(tl.trans(since * _load(lookup, at, here, 0, keys, BK)), d_free)
        _store(d_value, d_free, at, here, first, values, BV)
    place, exists = _matrix(d_initial, job, keys, values, first, BK, BV)
    tl.store(place, message, exists)


@triton.jit
def gradients(
    d_readings,
    query,
    key,
    lookup,
    log_decay,
    reset,
    errors,
    before,
    d_value,
    behind,
    d_query,
    d_key,
    d_lookup,
    d_log_decay,
    positions,
    heads,
    keys,
    values,
    chunks,
    PER_KEY: tl.constexpr,
    N: tl.constexpr,
    BK: tl.constexpr,
    BV: tl.constexpr,
):
    """Pass 4: write the gradients of queries, keys, lookups and logarithms of decays."""
    job, chunk = tl.program_id(0) // chunks, tl.program_id(0) % chunks
    at, here = _positions(job, chunk, positions, heads, N)
    document = _document(reset, job, chunk, positions, heads, N)
    since, until, through = _decays(log_decay, chunk, at, here, document, positions, heads, keys, PER_KEY, N, BK)
    d_past, d_read = tl.zeros([N, N], tl.float32), tl.zeros([N, N], tl.float32)
    d_q, d_k, d_looked = tl.zeros([N, BK], tl.float32), tl.zeros([N, BK], tl.float32), tl.zeros([N, BK], tl.float32)
    d_through = tl.zeros([BK], tl.float32)
    for first in range(0, values, BV):
        given, error = _load(d_readings, at, here, first, values, BV), _load(errors, at, here, first, values, BV)
        d_free = _load(d_value, at, here, first, values, BV)
        place, exists = _matrix(before, tl.program_id(0), keys, values, first, BK, BV)
        matrix = tl.load(place, exists, 0.0)
        place, exists = _matrix(behind, tl.program_id(0), keys, values, first, BK, BV)
        message = tl.load(place, exists, 0.0)
        d_past -= _product(d_free, tl.trans(error))
        d_read += _product(given, tl.trans(error))
        d_looked -= _product(d_free, tl.trans(matrix))
        d_q += _product(given, tl.trans(matrix))
        d_k += _product(error, tl.trans(message))
        d_through += tl.sum(matrix * message, axis=1)
    t, channel = tl.arange(0, N), tl.arange(0, BK)
    d_past = tl.where(t[:, None] > t[None, :], d_past, 0.0)  # `between` is 0 above the diagonal
    q, k = _load(query, at, here, 0, keys, BK), _load(key, at, here, 0, keys, BK)
    looked = _load(lookup, at, here, 0, keys, BK)
    d_q, d_k, d_looked = since * d_q, until * d_k, since * d_looked
    # A position's decay lies between the matrices before the chunk and all that is looked up and read from there on,
    # between all that was written before it and the matrices behind the chunk, and between the two.
    of_past = tl.cumsum(d_q * q + d_looked * looked, axis=0, reverse=True)
    earlier = tl.where(t[:, None] > t[None, :], 1.0, 0.0)
    d_steps = of_past + _product(earlier, d_k * k) + (through * d_through)[None, :]
    if PER_KEY:
        for number in range(keys):
            between = _between(tl.load(log_decay + at * keys + number, here, 0.0), document, N)
            q_t, k_s = _column(q, number, BK), _column(k, number, BK)
            looked_t = _column(looked, number, BK)
            past, read = d_past * between, d_read * between
            moved = (past * looked_t[:, None] + read * q_t[:, None]) * k_s[None, :]
            is_it = (channel == number)[None, :]
            d_q += tl.where(is_it, tl.sum(read * k_s[None, :], axis=1)[:, None], 0.0)
            d_looked += tl.where(is_it, tl.sum(past * k_s[None, :], axis=1)[:, None], 0.0)
            d_k += tl.where(is_it, tl.sum(past * looked_t[:, None] + read * q_t[:, None], axis=0)[:, None], 0.0)
            d_steps += tl.where(is_it, _crossing(moved, N)[:, None], 0.0)
        _store(d_log_decay, d_steps, at, here, 0, keys, BK)
    else:
        between = _between(tl.load(log_decay + at, here, 0.0), document, N)
        past, read = d_past * between, d_read * between
        moved = past * _product(looked, tl.trans(k)) + read * _product(q, tl.trans(k))
        d_q += _product(read, k)
        d_looked += _product(past, k)
        d_k += _product(tl.trans(past), looked) + _product(tl.trans(read), q)
        tl.store(d_log_decay + at, tl.sum(d_steps, axis=1) + _crossing(moved, N), here)
    _store(d_query, d_q, at, here, 0, keys, BK)
    _store(d_key, d_k, at, here, 0, keys, BK)
    _store(d_lookup, d_looked, at, here, 0, keys, BK)


@triton.jit
def _crossing(moved, N: tl.constexpr):
    """Return at each position u the sum of `moved[t, s]` over all s < u <= t."""
    t = tl.arange(0, N)
    from_here = tl.cumsum(moved, axis=0, reverse=True)
    return tl.sum(tl.where(t[:, None] > t[None, :], from_here, 0.0), axis=1)
