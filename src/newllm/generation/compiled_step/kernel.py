"""One token of a stack as one compiled call: what each thread does, stage after stage.

    MIX       norm, convolution; delta, gates and output gate of 16 channels; their update
    MIX_OUT   the mixer's output, added to the stream
    UP        norm; both halves of 16 channels of the SwiGLU
    DOWN      the SwiGLU's output, added to the stream
    HEAD      norm; logits

Every thread prepares a stage's rows for itself, computes its own outputs and meets the others. The first thread is
the caller's; the others wait in `follow`, asleep after a while. Addresses are 64-bit integers.

numba keeps machine code by the date of one file, and this code stands in several: only the two functions that are
called from outside are kept, and a digest of all files is part of what they are found by.
"""

import hashlib
from pathlib import Path
from typing import Any

import numba

from newllm.generation.compiled_step import passes, products, vectors
from newllm.generation.compiled_step.passes import (
    add,
    convolve,
    copy,
    digits,
    normalise,
    number,
    read_normalised,
    swiglu,
    update,
)
from newllm.generation.compiled_step.products import BF16, FP32, HEADER, INT8, TALL, WEIGHT_BYTES, product
from newllm.model.chain import barrier as meeting
from newllm.model.chain.barrier import ABANDONED, look, meet, wake
from newllm.recurrence.scan.machine_code import compiled

MIX, MIX_OUT, UP, DOWN, HEAD = range(5)

# A stage of one thread is a row of 64-bit integers. A group is what stands for 16 channels: 1 to 4 panels.
KIND, PANELS, FIRST, LAST, WEIGHTS, INPUTS, COUNT, NORM = range(8)
TAP_WEIGHTS, KEEP, ADMIT, CONTEXT, TAIL, OUTPUTS = range(8, 14)
STAGE_FIELDS = 14

# What all threads share for a call is a row of 64-bit integers too; strides are bytes from a row to the next one.
ROWS, TOKENS, POSITIONS, BEFORE, AFTER, LOGITS, EMBEDDING, LEARNED, WIDTH = range(9)
X, X_STRIDE, MIXED, MIXED_STRIDE, HIDDEN, HIDDEN_STRIDE, LOGITS_STRIDE, ROOMS, ROOM_STRIDE = range(9, 18)
NORMED, TAKEN, TAKEN_STRIDE, SUMS, READS, WEIGHT_KIND, DONE, SOURCE = range(18, 26)
JOB_FIELDS = 26

_EPSILON = 1.1920928955078125e-07  # nn.RMSNorm's own for float32
_PANEL_BYTES = tuple(16 * WEIGHT_BYTES[kind] for kind in (FP32, BF16, INT8))
_HEADERS = tuple(HEADER[kind] for kind in (FP32, BF16, INT8))
_OWN = {"nogil": True, "error_model": "numpy", "boundscheck": False}

inner = numba.njit(**_OWN)


@inner
def _embed(job):
    size = 4 * job[WIDTH]
    for row in range(job[ROWS]):
        x = job[X] + row * job[X_STRIDE]
        copy(x, job[EMBEDDING] + size * number(job[TOKENS] + 8 * row), job[WIDTH])
        if job[LEARNED] != 0:
            learned = job[LEARNED] + size * number(job[POSITIONS] + 8 * row)
            for i in range(0, size, 64):
                add(learned + i, x + i, 1)


@inner
def _prepare_mix(stage, job, row, room, given, is_first):
    width = job[WIDTH]
    normed = room + job[NORMED]
    before = job[BEFORE] + stage[TAIL] * job[ROWS] + 12 * width * row
    normalise(job[X] + row * job[X_STRIDE], stage[NORM], normed, width, stage[COUNT], _EPSILON)
    convolve(normed, before, stage[TAP_WEIGHTS], given, width)
    if is_first:
        after = job[AFTER] + stage[TAIL] * job[ROWS] + 12 * width * row
        copy(after, before + 4 * width, 2 * width)
        copy(after + 8 * width, normed, width)


@inner
def _prepare_row(stage, job, row, room, is_first):
    """Return the address of the row's inputs as floats."""
    kind = stage[KIND]
    given = room + job[TAKEN] + row * job[TAKEN_STRIDE]
    if kind == MIX:
        _prepare_mix(stage, job, row, room, given, is_first)
    elif kind == MIX_OUT:
        mixed = job[MIXED] + row * job[MIXED_STRIDE]
        if job[READS] == 0:
            return mixed
        context = job[AFTER] + stage[CONTEXT] * job[ROWS] + 4 * stage[INPUTS] * row
        read_normalised(context, mixed, stage[NORM], given, stage[INPUTS], stage[COUNT])
    elif kind == DOWN:
        return job[HIDDEN] + row * job[HIDDEN_STRIDE]
    else:
        normalise(job[X] + row * job[X_STRIDE], stage[NORM], given, job[WIDTH], stage[COUNT], _EPSILON)
    return given


@inner
def _prepare(stage, job, room, is_first):
    """Return the address of the first row's inputs as the products want them, and the bytes to the next row's."""
    first = room + job[TAKEN]
    stride = job[TAKEN_STRIDE]
    floats = first
    for row in range(job[ROWS]):
        given = _prepare_row(stage, job, row, room, is_first)
        if row == 0:
            floats = given
        if job[WEIGHT_KIND] == INT8:
            digits(given, first + row * stride + 4 * stage[INPUTS], stage[INPUTS])
    if job[WEIGHT_KIND] == INT8:
        return first + 4 * stage[INPUTS], stride
    if floats == job[MIXED]:
        return floats, job[MIXED_STRIDE]
    if floats == job[HIDDEN]:
        return floats, job[HIDDEN_STRIDE]
    return floats, stride


@inner
def _multiply(kind, panel, inputs, given, stride, sums, rows):
    """Multiply all rows by a panel, four at a time and the rest one by one."""
    row = 0
    while row + TALL <= rows:
        at, into = given + row * stride, sums + 64 * row
        if kind == FP32:
            product(FP32, TALL, panel, inputs, at, stride, into)
        elif kind == BF16:
            product(BF16, TALL, panel, inputs, at, stride, into)
        else:
            product(INT8, TALL, panel, inputs, at, stride, into)
        row += TALL
    while row < rows:
        at, into = given + row * stride, sums + 64 * row
        if kind == FP32:
            product(FP32, 1, panel, inputs, at, stride, into)
        elif kind == BF16:
            product(BF16, 1, panel, inputs, at, stride, into)
        else:
            product(INT8, 1, panel, inputs, at, stride, into)
        row += 1


@inner
def _finish_mix(stage, job, row, column, sums, stride):
    channels = stage[OUTPUTS]
    place = stage[CONTEXT] * job[ROWS] + 4 * (channels * row + column)
    keep, admit = stage[KEEP] + 4 * column, stage[ADMIT] + 4 * column
    before, after = job[BEFORE] + place, job[AFTER] + place
    mixed, reads = job[MIXED] + row * job[MIXED_STRIDE] + 4 * column, 1 - job[READS]
    if stage[PANELS] == 2:
        update(0, sums, stride, keep, admit, before, after, reads, mixed)
    elif stage[PANELS] == 3:
        update(1, sums, stride, keep, admit, before, after, reads, mixed)
    else:
        update(2, sums, stride, keep, admit, before, after, reads, mixed)


@inner
def _finish(stage, job, row, column, sums, stride):
    """Put 16 channels of a row, from their sums, where the next stage finds them."""
    kind = stage[KIND]
    if kind == MIX:
        _finish_mix(stage, job, row, column, sums, stride)
    elif kind == UP:
        swiglu(sums, stride, job[HIDDEN] + row * job[HIDDEN_STRIDE] + 4 * column)
    elif kind == HEAD:
        add(sums, job[LOGITS] + row * job[LOGITS_STRIDE] + 4 * column, 0)
    else:
        add(sums, job[X] + row * job[X_STRIDE] + 4 * column, 1)


@inner
def _run_stage(stage, job, thread):
    room = job[ROOMS] + thread * job[ROOM_STRIDE]
    given, stride = _prepare(stage, job, room, thread == 0)
    kind, rows, sums = job[WEIGHT_KIND], job[ROWS], room + job[SUMS]
    size = _HEADERS[kind] + stage[INPUTS] * _PANEL_BYTES[kind]
    panel = stage[WEIGHTS]
    for group in range(stage[FIRST], stage[LAST]):
        for i in range(stage[PANELS]):
            _multiply(kind, panel, stage[INPUTS], given, stride, sums + 64 * rows * i, rows)
            panel += size
        for row in range(rows):
            _finish(stage, job, row, 16 * group, sums + 64 * row, 64 * rows)


@inner
def _run_stages(stages, job, thread, threads, barrier, met):
    """Run this thread's part of a token; `met` is how often all have met before."""
    for s in range(len(stages)):
        _run_stage(stages[s], job, thread)
        if threads > 1:
            meet(barrier, (met + s + 1) * threads)
            if look(barrier) >= ABANDONED:
                return


@inner
def _lead(table, job, barrier):
    """Run a token with the threads that follow; return when it is done."""
    threads, stages = table.shape[0], table.shape[1]
    met = job[DONE] * (stages + 1)
    _embed(job)
    if threads > 1:
        meet(barrier, (met + 1) * threads)
    _run_stages(table[0], job, 0, threads, barrier, met + 1)
    job[DONE] += 1


@inner
def _follow(table, job, barrier, thread):
    """Help with one token after another, whenever the leading thread comes; return when arrivals are `ABANDONED`."""
    threads, stages = table.shape[0], table.shape[1]
    met = 0
    while True:
        meet(barrier, (met + 1) * threads)
        if look(barrier) >= ABANDONED:
            return
        _run_stages(table[thread], job, thread, threads, barrier, met + 1)
        met += stages + 1


def _source() -> int:
    """Return a number that changes with any file that the machine code is made of."""
    files = [module.__file__ for module in (passes, products, vectors, meeting)]
    content = b"\0".join(Path(file).read_bytes() for file in (*files, __file__))
    return int.from_bytes(hashlib.sha256(content).digest()[:7], "little")


def _kept(source: int) -> tuple[Any, Any]:
    """Return the two functions, kept on disk under their own code and what they enclose: this number."""

    @compiled
    def lead(table, job, barrier):
        job[SOURCE] = source
        _lead(table, job, barrier)

    @compiled
    def follow(table, job, barrier, thread):
        job[SOURCE] = source
        _follow(table, job, barrier, thread)

    return lead, follow


lead, follow = _kept(_source())
