"""Some tokens of a stack as one compiled call: what each thread does, stage after stage.

    MIX       norm, convolution; delta, gates and output gate of 16 channels; their update
    MIX_OUT   the mixer's output, added to the stream
    UP        norm; both halves of 16 channels of the SwiGLU
    DOWN      the SwiGLU's output, added to the stream
    HEAD      norm; logits

and of a block with matrices, in place of MIX,

    PROJECT   norm; queries, keys, values and all gates
    MATRICES  of each head convolution, update and reading

A row is one token. It goes on either from a state in memory or from the row above it, of the same text; the last row
of a text leaves a state. So one call reads tokens of many texts, several of one text too, and every token has the bits
that it has alone: products, formulas and their order are the same.

Every thread prepares a stage's rows for itself, computes its own outputs and meets the others. The first thread is
the caller's; the others wait in `RUN`, asleep after a while. Addresses are 64-bit integers.

numba keeps machine code by the date of one file, and this code stands in several: only the function that is called
from outside is kept, and a digest of all files is part of what it is found by.
"""

from typing import Any

import numba

from newllm.generation.compiled_step import fields, formulas, heads, passes, products
from newllm.generation.compiled_step.fields import (
    ADMIT,
    AFTER,
    ALONE,
    BEFORE,
    CONTEXT,
    CONTEXTS,
    COUNT,
    DONE,
    DOWN,
    EMBEDDING,
    FIRST,
    HEAD,
    HIDDEN,
    INPUTS,
    KEEP,
    KIND,
    LAST,
    LEARNED,
    LOGITS,
    LOGITS_OF,
    LOGITS_ROWS,
    MATRICES,
    MIX,
    MIX_OUT,
    MIXED,
    NGRAM_ROWS,
    NORM,
    PAIRS,
    PANELS,
    PROJECT,
    PROJECTED,
    READS,
    ROOM_SIZE,
    ROOMS,
    ROWS,
    SOURCE,
    STRIDE,
    SUMS,
    TAIL,
    TAKEN,
    TAP_WEIGHTS,
    TOKENS,
    TRIPLES,
    UP,
    VOCABULARY,
    WEIGHTS,
    WIDE,
    WIDTH,
    X,
)
from newllm.generation.compiled_step.formulas import add, number, put_number, put_some, swiglu, update
from newllm.generation.compiled_step.heads import run_heads
from newllm.generation.compiled_step.passes import EPSILON, convolve, copy, digits, normalise, read_normalised
from newllm.generation.compiled_step.products import BF16, FP32, HEADER, INT8, PAIR, TALL, WEIGHT_BYTES, product
from newllm.kernels import barrier as meeting
from newllm.kernels import machine_code, matrix_step, vectors
from newllm.kernels.barrier import ABANDONED, look, meet
from newllm.kernels.machine_code import OPTIONS, compiled, source_of
from newllm.model import ngram_embedding

SUMS_AT_ONCE = 64  # vectors of sums between products and formulas, 4 KiB; of two groups there is always room

PATIENCE = 1_000_000  # looks before a thread sleeps, 0.3 ms: longer than a token is chosen; waking takes as long
ALERT = 4_000  # looks before it lets others run, 1 microsecond: the parts of a stage are as long

_PANEL_BYTES = tuple(16 * WEIGHT_BYTES[kind] for kind in (FP32, BF16, INT8))
_HEADERS = tuple(HEADER[kind] for kind in (FP32, BF16, INT8))

# Most are compiled once, inside their caller; a few by themselves, which is quicker where there is much to copy.
inner, outer = numba.njit(inline="always", **OPTIONS), numba.njit(**OPTIONS)
_fold = outer(ngram_embedding.fold)


@inner
def _add_row(table, row, size, x):
    """Add a row of so many bytes to the stream."""
    for i in range(0, size, 64):
        add(table + size * row + i, x + i)


@outer
def _begin(job):
    """Put the tokens' embeddings into the stream; a state begins with their position and the last two."""
    size, position, two, one = 4 * job[WIDTH], 0, 0, 0
    for row in range(job[ROWS]):
        x, before, after = job[X] + row * job[STRIDE], number(job[BEFORE] + 8 * row), number(job[AFTER] + 8 * row)
        token = number(job[TOKENS] + 8 * row)
        position = number(before) if before != 0 else position + 1
        copy(x, job[EMBEDDING] + size * token, job[WIDTH])
        if job[NGRAM_ROWS] != 0:
            if before != 0:
                two, one = number(before + 8), number(before + 16)
            _add_row(job[PAIRS], _fold(one, token + 1) % job[NGRAM_ROWS], size, x)
            if job[TRIPLES] != 0:
                _add_row(job[TRIPLES], _fold(_fold(two, one), token + 1) % job[NGRAM_ROWS], size, x)
            two, one = one, token + 1
            if after != 0:
                put_number(after + 8, two)
                put_number(after + 16, one)
        if job[LEARNED] != 0:
            _add_row(job[LEARNED], position, size, x)
        if after != 0:
            put_number(after, position + 1)


@inner
def _prepare_mix(stage, job, row, normed, given, is_first):
    """Normalise and convolve a row; return where the next row's norm goes, behind the norms of this text's rows.

    A text of several rows has its tail and its norms one after another, so that each row finds the three before it.
    """
    width = job[WIDTH]
    before, after = number(job[BEFORE] + 8 * row), number(job[AFTER] + 8 * row)
    tail = normed - 12 * width
    if before != 0:
        tail = before + stage[TAIL]
        if after == 0:
            copy(normed, tail, 3 * width)
            tail, normed = normed, normed + 12 * width
    normalise(job[X] + row * job[STRIDE], stage[NORM], normed, width, stage[COUNT], EPSILON)
    convolve(normed, tail, stage[TAP_WEIGHTS], given, width)
    if is_first and after != 0:
        copy(after + stage[TAIL], tail + 4 * width, 2 * width)
        copy(after + stage[TAIL] + 8 * width, normed, width)
    return normed + 4 * width


@inner
def _context_before(stage, job, row):
    before = number(job[BEFORE] + 8 * row)
    return before + stage[CONTEXT] if before != 0 else job[CONTEXTS] + (row - 1) * job[STRIDE]


@inner
def _context_after(stage, job, row):
    after = number(job[AFTER] + 8 * row)
    return after + stage[CONTEXT] if after != 0 else job[CONTEXTS] + row * job[STRIDE]


@outer
def _prepare_rows(stage, job, room, is_first):
    """Return the address of the first row's inputs, of which one is `STRIDE` bytes behind the other."""
    kind, rows, stride = stage[KIND], job[ROWS], job[STRIDE]
    given = room + job[TAKEN]
    if kind == MIX:
        normed = room
        for row in range(rows):
            normed = _prepare_mix(stage, job, row, normed, given + row * stride, is_first)
    elif kind == MIX_OUT:
        if stage[NORM] == 0:
            return job[MIXED]
        for row in range(rows):
            context, mixed = _context_after(stage, job, row), job[MIXED] + row * stride
            read_normalised(context, mixed, stage[NORM], given + row * stride, stage[INPUTS], stage[COUNT])
    elif kind == DOWN:
        return job[HIDDEN]
    elif kind == MATRICES:
        return given
    else:
        for i in range(_rows(stage, job)):
            row = number(job[LOGITS_OF] + 8 * i) if kind == HEAD else i
            normalise(job[X] + row * stride, stage[NORM], given + i * stride, job[WIDTH], stage[COUNT], EPSILON)
    return given


@inner
def _rows(stage, job):
    return job[LOGITS_ROWS] if stage[KIND] == HEAD else job[ROWS]


@inner
def _prepare(weights, stage, job, room, is_first):
    """Return the address of the first row's inputs, as the products want them."""
    given = _prepare_rows(stage, job, room, is_first)
    if weights != INT8 or stage[KIND] == MATRICES:
        return given
    taken = room + job[TAKEN] + 4 * stage[INPUTS]
    for row in range(0, _rows(stage, job) * job[STRIDE], job[STRIDE]):
        digits(given + row, taken + row, stage[INPUTS])
    return taken


@inner
def _multiply(weights, stage, job, pair, given, sums):
    """Multiply all rows by a pair of panels: four rows by one panel at a time, what is left row by row."""
    rows, stride, inputs = _rows(stage, job), job[STRIDE], stage[INPUTS]
    apart, tall = 64 * rows, rows // TALL * TALL
    for i in range(PAIR):
        for row in range(0, tall, TALL):
            at, into, panel = given + row * stride, sums + 64 * row + apart * i, pair + 64 * i
            if weights == FP32:
                product(FP32, TALL, 1, panel, inputs, at, stride, into, apart)
            elif weights == BF16:
                product(BF16, TALL, 1, panel, inputs, at, stride, into, apart)
            else:
                product(INT8, TALL, 1, panel, inputs, at, stride, into, apart)
    for row in range(tall, rows):
        at, into = given + row * stride, sums + 64 * row
        if weights == FP32:
            product(FP32, 1, PAIR, pair, inputs, at, stride, into, apart)
        elif weights == BF16:
            product(BF16, 1, PAIR, pair, inputs, at, stride, into, apart)
        else:
            product(INT8, 1, PAIR, pair, inputs, at, stride, into, apart)


@inner
def _finish_mix(stage, job, row, column, sums, stride):
    keep, admit = stage[KEEP] + 4 * column, stage[ADMIT] + 4 * column
    before, after = _context_before(stage, job, row) + 4 * column, _context_after(stage, job, row) + 4 * column
    mixed, reads = job[MIXED] + row * job[STRIDE] + 4 * column, 1 - job[READS]
    if stage[PANELS] == 2:
        update(0, sums, stride, keep, admit, before, after, reads, mixed)
    elif stage[PANELS] == 3:
        update(1, sums, stride, keep, admit, before, after, reads, mixed)
    else:
        update(2, sums, stride, keep, admit, before, after, reads, mixed)


@outer
def _finish(stage, job, row, column, sums, stride):
    """Put 16 channels of a row, from their sums, where the next stage finds them."""
    kind = stage[KIND]
    if kind == MIX:
        _finish_mix(stage, job, row, column, sums, stride)
    elif kind == UP:
        swiglu(sums, stride, job[HIDDEN] + row * job[STRIDE] + 4 * column)
    elif kind == PROJECT:
        copy(job[PROJECTED] + row * job[WIDE] + 4 * column, sums, 16)
    elif kind == HEAD:
        put_some(sums, job[LOGITS] + 4 * (row * job[VOCABULARY] + column), min(16, job[VOCABULARY] - column))
    else:
        add(sums, job[X] + row * job[STRIDE] + 4 * column)


@inner
def _run_part(weights, stage, job, given, sums):
    """Run one thread's part of a stage whose inputs are prepared."""
    if stage[KIND] == MATRICES:
        run_heads(stage, job, sums)
        return
    rows, each = _rows(stage, job), stage[PANELS]
    size = PAIR * (_HEADERS[weights] + stage[INPUTS] * _PANEL_BYTES[weights])
    pair = stage[WEIGHTS]
    # As many groups at once as their sums have room for, an even number: so their formulas run side by side.
    some = max(PAIR, SUMS_AT_ONCE // max(1, rows * each) // PAIR * PAIR)
    for first in range(stage[FIRST], stage[LAST], some):
        count = min(some, stage[LAST] - first)
        for i in range(0, count * each, PAIR):
            _multiply(weights, stage, job, pair, given, sums + 64 * rows * i)
            pair += size
        for group in range(count):
            for row in range(rows):
                _finish(stage, job, row, 16 * (first + group), sums + 64 * (row + rows * each * group), 64 * rows)


@inner
def _serve(weights, table, job, barrier, thread):
    """Run this thread's part of a call; a thread that follows then waits for the next one, until all shall leave.

    The leading thread may do all parts itself: then it meets nobody, and the others go on waiting.
    """
    threads, stages, met = table.shape[0], table.shape[1], 0
    first, last, alone = thread, thread + 1, threads == 1
    if thread == 0:
        if job[ALONE] != 0:
            last, alone = threads, True
        else:
            met = job[DONE] * (stages + 1)
            job[DONE] += 1
        _begin(job)
    while True:
        for s in range(stages + 1):
            if s > 0:
                room = job[ROOMS] + thread * job[ROOM_SIZE]  # since the last call it may have moved
                given = _prepare(weights, table[thread, s - 1], job, room, thread == 0)
                for part in range(first, last):
                    _run_part(weights, table[part, s - 1], job, given, room + job[SUMS])
            met += 1
            if not alone:
                meet(barrier, met * threads, PATIENCE, ALERT)
                if look(barrier) >= ABANDONED:
                    return
        if thread == 0:
            return


def _cached(source: int, weights: int) -> Any:
    """Return the function that is called from outside, kept on disk under its own code and these two numbers."""

    @compiled
    def run(table, job, barrier, thread):
        job[SOURCE] = source
        _serve(weights, table, job, barrier, thread)

    return run


_SOURCE = source_of(
    *(fields, formulas, heads, passes, products, matrix_step, vectors, meeting, machine_code, ngram_embedding),
    file=__file__,
)
RUN = {weights: _cached(_SOURCE, weights) for weights in (FP32, BF16, INT8)}
"""For weights of each kind `run(table, job, barrier, thread)`, which is compiled when it is called first."""
