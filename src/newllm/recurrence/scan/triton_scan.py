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
    _launch(triton_kernel.contexts, carries_BNC, decay, input, mask, carries_BNC, contexts, *_sizes(input))
    return contexts


def backward(
    gradient: Tensor, decay: Tensor, contexts: Tensor, initial: Tensor, reset: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of decay, input and initial."""
    found = torch.empty_like(decay), torch.empty_like(decay), torch.empty_like(initial)
    mask = _mask(reset)
    carries_BNC = _carries(decay, gradient, torch.zeros_like(initial), mask, from_end=True)
    arrays = [gradient, decay, contexts, initial, mask, carries_BNC, *found]
    _launch(triton_kernel.gradients, carries_BNC, *arrays, *_sizes(decay))
    return found


def chunk_length(positions: int) -> int:
    """Return how many positions a chunk of a sequence has: a power of two near the root, and at least 32."""
    return max(_SHORTEST, triton.next_power_of_2(math.isqrt(positions)))


def _mask(reset: Tensor | None) -> Tensor | None:
    return None if reset is None else reset.view(torch.uint8)


def _sizes(like: Tensor) -> tuple[int, int, int]:
    _, positions, channels = like.shape
    return positions, channels, chunk_length(positions)


def _carries(decay: Tensor, added: Tensor, initial: Tensor, mask: Tensor | None, *, from_end: bool) -> Tensor:
    """Return what comes into each chunk, `[B, N, C]`, in float32 or wider: passes 1 and 2."""
    rows, positions, channels = added.shape
    chunks = triton.cdiv(positions, chunk_length(positions))
    wide = torch.promote_types(initial.dtype, torch.float32)
    if chunks == 1:
        return initial.to(wide)[:, None]
    ends = torch.empty(rows, chunks, channels, dtype=wide, device=added.device)
    products, deaf = torch.empty_like(ends), None if mask is None else mask.new_empty(rows, chunks)
    made = [ends, products, deaf]
    _launch(triton_kernel.chunk_ends, ends, decay, added, mask, *made, *_sizes(added), FROM_END=from_end)
    _launch(triton_kernel.carry_over, initial, initial, *made, chunks, channels, FROM_END=from_end)
    return ends


def _launch(kernel: Any, like: Tensor, *arguments: Tensor | int | None, **flags: bool) -> None:
    """Run a kernel, a program for each block of channels of whatever else `like` has.

    Multiply and add are fused whatever this version of Triton does by default.
    """
    channels = like.shape[-1]
    block = min(_WIDEST, max(32, triton.next_power_of_2(channels)))
    grid = (like.numel() // channels * triton.cdiv(channels, block),)
    with torch.cuda.device_of(like):
        kernel[grid](*arguments, **flags, BLOCK=block, num_warps=1, enable_fp_fusion=True)
