"""The delta rule compiled for the CPU with numba: one loop over positions for each head.

Each head is computed by one thread in the order of time, so that the bits do not depend on the number of threads.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from newllm.kernels import matrix_loops, threads
from newllm.kernels.memory import array, rows
from newllm.recurrence.matrix_scan.steps import Steps


def forward(steps: Steps, initial_BHKV: Tensor, reset_BT: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return every reading `[B, T, H, V]` and the last matrices; all float32 on the CPU."""
    keys, values = steps.key.shape[-1], steps.value.shape[-1]
    more_keys, more_values = -keys % matrix_loops.KEYS, -values % matrix_loops.VALUES
    decay = steps.log_decay.exp()
    if more_keys or more_values:  # filled up with zeros, which stay zeros
        query, key, lookup = (F.pad(x, (0, more_keys)) for x in (steps.query, steps.key, steps.lookup))
        value, initial_BHKV = F.pad(steps.value, (0, more_values)), F.pad(initial_BHKV, (0, more_values, 0, more_keys))
        decay = decay if decay.shape[-1] == 1 else F.pad(decay, (0, more_keys))
        readings, last = _MatrixScan.apply(query, key, value, lookup, decay, initial_BHKV, reset_BT)
        return readings[..., :values], last[:, :, :keys, :values].contiguous()
    return _MatrixScan.apply(*steps[:-1], decay, initial_BHKV, reset_BT)


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
        steps = [tensor.contiguous() for tensor in (query, key, value, lookup, decay)]
        mask = torch.empty((0, 0), dtype=torch.bool) if reset is None else reset.contiguous()
        readings, errors = torch.empty_like(steps[2]), torch.empty_like(steps[2])
        last = torch.empty_like(initial, memory_format=torch.contiguous_format)
        chunks = -(-value.shape[1] // matrix_loops.KEPT_EVERY) if any(ctx.needs_input_grad) else 0
        kept = initial.new_empty(len(value) if chunks else 0, value.shape[2], chunks, *initial.shape[2:])
        jobs = _jobs(value.shape, key.shape[-1])
        given = [*map(rows, steps), array(initial.contiguous()), array(mask)]
        into = [rows(readings), rows(errors), array(last), array(kept)]
        threads.run(matrix_loops.matrix_scan, [*given, *into], jobs)
        query, key, _, lookup, decay = steps
        ctx.save_for_backward(query, key, lookup, decay, errors, mask, kept)  # the errors say all that the values did
        return readings, last

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, d_readings: Tensor, d_last: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        query, key, lookup, decay, errors, mask, kept = ctx.saved_tensors
        d_steps = [torch.empty_like(tensor) for tensor in (query, key, errors, lookup, decay)]
        d_initial = torch.empty_like(d_last, memory_format=torch.contiguous_format)
        given = [rows(d_readings.contiguous()), array(d_last.contiguous())]
        saved = [*map(rows, (query, key, lookup, decay, errors)), array(mask), array(kept)]
        arrays = [*given, *saved, *map(rows, d_steps), array(d_initial)]
        threads.run(matrix_loops.matrix_scan_backward, arrays, _jobs(errors.shape, key.shape[-1]))
        return (*d_steps, d_initial, None)


def _jobs(shape: torch.Size, keys: int) -> list[tuple[int, int]]:
    count, positions, heads, width = shape
    return threads.by_jobs(count * heads, positions * width * keys)
