"""The delta rule compiled for the CPU with numba: one loop over positions for each head.

Each head is computed by one thread in the order of time, so that the bits do not depend on the number of threads.
"""

from typing import Any

import torch
from torch import Tensor

from newllm.kernels import matrix_loops, threads
from newllm.kernels.memory import array
from newllm.recurrence.matrix_scan.steps import Steps


def forward(steps: Steps, initial_BHKV: Tensor, reset_BT: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return every reading `[B, T, H, V]` and the last matrices; all float32 on the CPU."""
    return _MatrixScan.apply(*steps[:-1], steps.log_decay.exp(), initial_BHKV, reset_BT)


class _MatrixScan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        lookup: Tensor,
        decay: Tensor,
        initial: Tensor,
        reset: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        given = [tensor.contiguous() for tensor in (query, key, value, lookup, decay, initial)]
        mask = torch.empty((0, 0), dtype=torch.bool) if reset is None else reset.contiguous()
        readings, last = torch.empty_like(given[2]), torch.empty_like(given[5])
        rows, positions, heads, _ = value.shape
        chunks = -(-positions // matrix_loops.KEPT_EVERY) if any(ctx.needs_input_grad) else 0
        kept = torch.empty(rows if chunks else 0, heads, chunks, *initial.shape[2:])
        _run(matrix_loops.matrix_scan, [*given, mask, readings, last, kept], value, key)
        ctx.save_for_backward(*given[:5], mask, kept)
        return readings, last

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, d_readings: Tensor, d_last: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        query, key, value, lookup, decay, mask, kept = ctx.saved_tensors
        into = [torch.empty_like(tensor) for tensor in (query, key, value, lookup, decay, d_last.contiguous())]
        tensors = [d_readings.contiguous(), d_last.contiguous(), query, key, value, lookup, decay, mask, kept, *into]
        _run(matrix_loops.matrix_scan_backward, tensors, value, key)
        return (*into, None)


def _run(kernel: Any, tensors: list[Tensor], value: Tensor, key: Tensor) -> None:
    rows, positions, heads, width = value.shape
    jobs = threads.by_jobs(rows * heads, positions * width * key.shape[-1])
    threads.run(kernel, [array(tensor) for tensor in tensors], jobs)
