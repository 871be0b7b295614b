"""The delta rule on a GPU with Triton: sizes of blocks, and the launch of the kernels.

Nothing is tuned by timing, so that the same shape gives the same bits every time.

Limit: no GPU has judged chunk, blocks and warps yet. They are those for which the compiled kernels (sm_80, keys and
values of 64) keep nearly all in registers: at most 104 bytes a thread are spilled, with blocks of 64 values and four
warps up to 4,420; loads that are fetched ahead (`num_stages`) need up to 131 kB of shared memory, more than some have.

Shapes: B rows, T positions, H heads, K key width, V value width.
"""

from typing import Any

import torch
import triton
from torch import Tensor

from newllm.recurrence.matrix_scan import triton_kernel

_NARROWEST, _WIDEST = 16, 32  # of a product in Triton; value channels of a program
OPTIONS = {"num_warps": 8, "num_stages": 1, "enable_fp_fusion": True}


def forward(
    query: Tensor, key: Tensor, value: Tensor, lookup: Tensor, log_decay: Tensor, initial: Tensor,
    reset: Tensor | None, *, into: tuple[Tensor, ...], is_trained: bool,
) -> None:  # fmt: skip
    """Write readings `[B, T, H, V]`, the last matrices, and what `backward` needs into the operator's `outputs`."""
    query, key, value, lookup, log_decay, initial = _contiguous(query, key, value, lookup, log_decay, initial)
    readings, last, errors, before, inverse, reads = into
    launch = _Launch(key, value, log_decay, reset, inverse)
    launch.by_chunk(triton_kernel.chunk_products, query, key, lookup, log_decay, launch.reset, inverse, reads)
    given = (query, key, value, lookup, log_decay, initial, launch.reset, inverse, reads)
    kept = (errors, before) if is_trained else (None, None)
    launch.by_values(triton_kernel.readings, *given, readings, *kept, last)


def backward(
    d_readings: Tensor, d_last: Tensor, query: Tensor, key: Tensor, lookup: Tensor, log_decay: Tensor,
    reset: Tensor | None, errors: Tensor, before: Tensor, inverse: Tensor, reads: Tensor,
) -> tuple[Tensor, ...]:  # fmt: skip
    """Return the gradients of query, key, value, lookup, log_decay and initial."""
    d_readings, d_last, query, key, lookup, log_decay = _contiguous(d_readings, d_last, query, key, lookup, log_decay)
    into = tuple(map(torch.empty_like, (query, key, errors, lookup, log_decay, d_last)))
    d_query, d_key, d_value, d_lookup, d_log_decay, d_initial = into
    behind = torch.empty_like(before)
    launch = _Launch(key, errors, log_decay, reset, inverse)
    given = (query, key, lookup, log_decay, launch.reset)
    launch.by_values(triton_kernel.messages, d_readings, d_last, *given, inverse, reads, d_value, behind, d_initial)
    states = (errors, before, d_value, behind)
    launch.by_chunk(triton_kernel.gradients, d_readings, *given, *states, d_query, d_key, d_lookup, d_log_decay)
    return into


class _Launch:
    """Runs kernels over the chunks of each head, or over blocks of its value channels."""

    def __init__(self, key: Tensor, value: Tensor, log_decay: Tensor, reset: Tensor | None, of_chunks: Tensor) -> None:
        count, positions, heads, keys = key.shape
        values, chunks, length = value.shape[-1], *of_chunks.shape[2:4]
        self._like, self._heads = key, count * heads
        self._sizes = {"positions": positions, "heads": heads, "keys": keys, "values": values, "chunks": chunks}
        self._blocks = {
            "PER_KEY": log_decay.shape[-1] > 1,
            "N": length,
            "BK": max(_NARROWEST, triton.next_power_of_2(keys)),
            "BV": min(_WIDEST, max(_NARROWEST, triton.next_power_of_2(values))),
        }
        self.reset = None if reset is None else reset.contiguous().view(torch.uint8)

    def by_chunk(self, kernel: Any, *tensors: Tensor | None) -> None:
        self._run(kernel, self._sizes["chunks"], tensors)

    def by_values(self, kernel: Any, *tensors: Tensor | None) -> None:
        self._run(kernel, triton.cdiv(self._sizes["values"], self._blocks["BV"]), tensors)

    def _run(self, kernel: Any, programs: int, tensors: tuple[Tensor | None, ...]) -> None:
        numbers = {**self._sizes, **self._blocks}
        given = {name: numbers[name] for name in kernel.arg_names if name in numbers}
        with torch.cuda.device_of(self._like):
            kernel[(self._heads * programs,)](*tensors, **given, **OPTIONS)


def _contiguous(*tensors: Tensor) -> tuple[Tensor, ...]:
    return tuple(tensor.contiguous() for tensor in tensors)
