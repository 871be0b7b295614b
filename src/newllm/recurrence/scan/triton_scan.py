"""The scan on a GPU with Triton: buffers, the length of chunks, and the launch of the kernels.

The length of a chunk grows with the root of the sequence's: the passes inside chunks and the one over
chunks then take about as many steps one after another. It is a function of the shape alone, and nothing is
tuned by timing, so that the same shape gives the same bits every time. A sequence of one chunk needs one
pass, reads and writes each array once; several chunks read decay and input twice.

Limit: chunk length, block and stages are chosen by reasoning; no GPU has judged them yet.

Shapes: B rows, N chunks, C channels.
"""

import math
from typing import Any

import torch
import triton
from torch import Tensor

from newllm.recurrence.scan import triton_kernel

_SHORTEST = 32  # positions of a chunk
_WIDEST = 128  # channels of a program: four to each thread of a warp


def forward(decay: Tensor, input: Tensor, initial: Tensor, reset: Tensor | None) -> Tensor:
    """Return every context `[B, T, C]`."""
    contexts, mask = torch.empty_like(input), _mask(reset)
    carries_BNC = _carries(decay, input, initial, mask, from_end=False)
    _launch(triton_kernel.contexts, input, decay, input, mask, carries_BNC, contexts)
    return contexts


def backward(
    gradient: Tensor, decay: Tensor, contexts: Tensor, initial: Tensor, reset: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of decay, input and initial."""
    given = torch.empty_like(decay), torch.empty_like(decay), torch.empty_like(initial)
    mask = _mask(reset)
    carries_BNC = _carries(decay, gradient, torch.zeros_like(initial), mask, from_end=True)
    _launch(triton_kernel.gradients, decay, gradient, decay, contexts, initial, mask, carries_BNC, *given)
    return given


def chunk_length(positions: int) -> int:
    """Return how many positions a chunk of a sequence has: a power of two near the root, and at least 32."""
    return max(_SHORTEST, triton.next_power_of_2(math.isqrt(positions)))


def _mask(reset: Tensor | None) -> Tensor | None:
    return None if reset is None else reset.view(torch.uint8)


def _carries(decay: Tensor, added: Tensor, initial: Tensor, mask: Tensor | None, *, from_end: bool) -> Tensor:
    """Return what comes into each chunk, `[B, N, C]`, in float32 or wider: passes 1 and 2."""
    rows, positions, channels = added.shape
    chunks = triton.cdiv(positions, chunk_length(positions))
    wide = torch.promote_types(initial.dtype, torch.float32)
    if chunks == 1:
        return initial.to(wide)[:, None]
    ends, products = (torch.empty(rows, chunks, channels, dtype=wide, device=added.device) for _ in range(2))
    deaf = None if mask is None else mask.new_empty(rows, chunks)
    _launch(triton_kernel.chunk_ends, added, decay, added, mask, ends, products, deaf, FROM_END=from_end)
    with torch.cuda.device_of(added):
        block = _block(channels)
        grid = (rows * triton.cdiv(channels, block),)
        triton_kernel.carry_over[grid](
            initial, ends, products, deaf, chunks, channels, FROM_END=from_end, BLOCK=block, num_warps=1
        )
    return ends


def _launch(kernel: Any, like: Tensor, *arrays: Tensor | None, **flags: bool) -> None:
    """Run a kernel on every chunk of every row."""
    rows, positions, channels = like.shape
    size, block = chunk_length(positions), _block(channels)
    grid = (rows * triton.cdiv(positions, size) * triton.cdiv(channels, block),)
    with torch.cuda.device_of(like):
        kernel[grid](*arrays, positions, channels, size, **flags, BLOCK=block, num_warps=1)


def _block(channels: int) -> int:
    return min(_WIDEST, max(32, triton.next_power_of_2(channels)))
