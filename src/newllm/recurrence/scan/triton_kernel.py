"""The Triton kernels of the scan: three passes over chunks of time, element by element over channels.

1. `chunk_ends`: every chunk is scanned from zero; kept are where it ends and the product of its decays.
2. `carry_over`: the context that comes into each chunk, one chunk after another.
3. `contexts` (or `gradients`): every chunk is scanned again, from what comes into it.

Backwards what is carried is a message, `decay_t * d_input_t`, from each position to the one before it; the
chunks are the same and run from the end. Products of decays are only multiplied, never divided by, so that a
decay of 0 and an underflow are exact. A reset is a selection, not a multiplication by 0: a NaN in one document
does not reach the next. Sums are kept in the dtype of the carries, float32 or float64, whatever the arrays have.
No atomics: the bits depend on the shape only.

Limit: decays above 1 whose product over a chunk overflows give inf or NaN where a plain loop might not.

Layout: arrays `[rows, positions, channels]`, contiguous; carries `[rows, chunks, channels]`; `deaf`
`[rows, chunks]`, 1 where a chunk holds a reset. Without resets `reset` and `deaf` are None. One program takes
BLOCK channels of one chunk of one row.

This module imports Triton; only `triton_scan` imports it.
"""

import triton
import triton.language as tl

# Loads that are under way at once: a position is short work, and memory is far.
STAGES = tl.constexpr(4)


@triton.jit
def _locate(chunks, channels, BLOCK: tl.constexpr):
    """Return the row, the chunk, the channels of this program, and which of these there are."""
    blocks = tl.cdiv(channels, BLOCK)
    job = tl.program_id(0) // blocks
    channel = tl.program_id(0) % blocks * BLOCK + tl.arange(0, BLOCK)
    return (job // chunks).to(tl.int64), job % chunks, channel, channel < channels


@triton.jit
def chunk_ends(
    decay,
    added,
    reset,
    ends,
    products,
    deaf,
    positions,
    channels,
    size,
    FROM_END: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Pass 1: scan each chunk of `size` positions from zero, `added` being the input, or the gradient from the end."""
    dtype: tl.constexpr = ends.dtype.element_ty
    chunks = tl.cdiv(positions, size)
    row, chunk, channel, here = _locate(chunks, channels, BLOCK)
    first, count = row * positions + chunk * size, tl.minimum(size, positions - chunk * size)
    carried, product, heard_reset = tl.zeros([BLOCK], dtype), tl.full([BLOCK], 1.0, dtype), 0
    for i in tl.range(0, count, num_stages=STAGES):
        t = first + (count - 1 - i if FROM_END else i)
        a = tl.load(decay + t * channels + channel, here, 0.0).to(dtype)
        x = tl.load(added + t * channels + channel, here, 0.0).to(dtype)
        product *= a
        if FROM_END:
            carried, alone = a * (x + carried), 0.0
        else:
            carried, alone = a * carried + x, x
        if reset is not None:
            is_reset = tl.load(reset + t).to(tl.int32)
            heard_reset |= is_reset
            carried = tl.where(is_reset != 0, alone, carried)
    at = row * chunks + chunk
    tl.store(ends + at * channels + channel, carried, here)
    tl.store(products + at * channels + channel, product, here)
    if deaf is not None:
        tl.store(deaf + at, heard_reset)  # each block of channels writes the same


@triton.jit
def carry_over(
    initial,
    ends,
    products,
    deaf,
    chunks,
    channels,
    FROM_END: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Pass 2: put into the place of each chunk's end what comes into the chunk."""
    row, _, channel, here = _locate(1, channels, BLOCK)
    carried = tl.load(initial + row * channels + channel, here, 0.0).to(ends.dtype.element_ty)
    for i in tl.range(0, chunks, num_stages=STAGES):
        at = row * chunks + (chunks - 1 - i if FROM_END else i)
        end = tl.load(ends + at * channels + channel, here, 0.0)
        product = tl.load(products + at * channels + channel, here, 0.0)
        tl.store(ends + at * channels + channel, carried, here)
        carried = product * carried + end
        if deaf is not None:
            carried = tl.where(tl.load(deaf + at) != 0, end, carried)


@triton.jit
def contexts(
    decay,
    added,
    reset,
    carries,
    out,
    positions,
    channels,
    size,
    BLOCK: tl.constexpr,
):
    """Pass 3 forwards: write every context."""
    dtype: tl.constexpr = carries.dtype.element_ty
    chunks = tl.cdiv(positions, size)
    row, chunk, channel, here = _locate(chunks, channels, BLOCK)
    first, count = row * positions + chunk * size, tl.minimum(size, positions - chunk * size)
    context = tl.load(carries + (row * chunks + chunk) * channels + channel, here, 0.0)
    for i in tl.range(0, count, num_stages=STAGES):
        t = first + i
        a = tl.load(decay + t * channels + channel, here, 0.0).to(dtype)
        x = tl.load(added + t * channels + channel, here, 0.0).to(dtype)
        context = a * context + x
        if reset is not None:
            context = tl.where(tl.load(reset + t) != 0, x, context)
        tl.store(out + t * channels + channel, context, here)


@triton.jit
def gradients(
    gradient,
    decay,
    context,
    initial,
    reset,
    carries,
    d_decay,
    d_input,
    d_initial,
    positions,
    channels,
    size,
    BLOCK: tl.constexpr,
):
    """Pass 3 backwards: write the gradients of decay, input and the initial context."""
    dtype: tl.constexpr = carries.dtype.element_ty
    chunks = tl.cdiv(positions, size)
    row, chunk, channel, here = _locate(chunks, channels, BLOCK)
    first, count = row * positions + chunk * size, tl.minimum(size, positions - chunk * size)
    message = tl.load(carries + (row * chunks + chunk) * channels + channel, here, 0.0)
    start = tl.load(initial + row * channels + channel, here, 0.0).to(dtype)
    for i in tl.range(0, count, num_stages=STAGES):
        back = count - 1 - i
        t = first + back
        has_before = chunk * size + back > 0
        a = tl.load(decay + t * channels + channel, here, 0.0).to(dtype)
        g = tl.load(gradient + t * channels + channel, here, 0.0).to(dtype)
        before = tl.load(context + tl.where(has_before, t - 1, t) * channels + channel, here, 0.0).to(dtype)
        d = g + message
        d_a = d * tl.where(has_before, before, start)
        message = a * d
        if reset is not None:
            is_reset = tl.load(reset + t) != 0
            d_a = tl.where(is_reset, 0.0, d_a)
            message = tl.where(is_reset, 0.0, message)
        tl.store(d_decay + t * channels + channel, d_a, here)
        tl.store(d_input + t * channels + channel, d, here)
    if chunk == 0:
        tl.store(d_initial + row * channels + channel, message, here)
