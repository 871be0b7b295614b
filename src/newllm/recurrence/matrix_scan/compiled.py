"""The delta rule compiled for the CPU with numba: one loop over positions for each head.

Each head is computed by one thread in the order of time, so that the bits do not depend on the number of threads.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from newllm.kernels import threads
from newllm.kernels.matrix_sizes import KEPT_EVERY, KEYS, VALUES
from newllm.kernels.memory import array, mask, new, rows
from newllm.kernels.operators import Differentiable, Operator, like
from newllm.recurrence.matrix_scan.steps import Steps


def forward(steps: Steps, initial_BHKV: Tensor, reset_BT: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return every reading `[B, T, H, V]` and the last matrices; all float32 on the CPU."""
    keys, values = steps.key.shape[-1], steps.value.shape[-1]
    more_keys, more_values = -keys % KEYS, -values % VALUES
    query, key, value, lookup, log_decay = steps
    if more_keys or more_values:  # filled up with zeros, which stay zeros
        query, key, lookup = (F.pad(x, (0, more_keys)) for x in (query, key, lookup))
        value, initial_BHKV = F.pad(value, (0, more_values)), F.pad(initial_BHKV, (0, more_values, 0, more_keys))
        log_decay = log_decay if log_decay.shape[-1] == 1 else F.pad(log_decay, (0, more_keys))
    given = (query, key, value, lookup, log_decay, initial_BHKV)
    is_trained = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in given)
    readings, last = _matrix_scan(*given, reset_BT, is_trained)
    if more_keys or more_values:
        return readings[..., :values], last[:, :, :keys, :values].contiguous()
    return readings, last


def _outputs(value: Tensor, initial: Tensor, *, is_trained: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return room for readings, last matrices, errors and the matrices kept for the gradient, if there is one.

    The kept ones of a head lie below one another, `[B, H, chunks * K, V]`: an axis of one or more chunks would make
    export ask whether it is one.
    """
    count, heads, keys, width = initial.shape
    chunks = -(-value.shape[1] // KEPT_EVERY) if is_trained else 0
    kept = initial.new_empty(count if is_trained else 0, heads, chunks * keys, width)
    return new(value), new(initial), new(value), kept


def _by_chunk(kept: Tensor, keys: int) -> Any:
    return array(kept.unflatten(2, (kept.shape[2] // keys, keys)))


def _forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    lookup: Tensor,
    log_decay: Tensor,
    initial: Tensor,
    reset: Tensor | None,
    is_trained: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    from newllm.kernels import matrix_loops  # numba is an extra, and slow to import

    readings, last, errors, kept = into = _outputs(value, initial, is_trained=is_trained)
    given = [*map(rows, (query, key, value, lookup, log_decay.exp())), array(initial.contiguous()), mask(reset)]
    arrays = [*given, rows(readings), rows(errors), array(last), _by_chunk(kept, key.shape[-1])]
    threads.run(matrix_loops.matrix_scan, arrays, _jobs(value.shape, key.shape[-1]))
    return into


def _backward(
    d_readings: Tensor,
    d_last: Tensor,
    query: Tensor,
    key: Tensor,
    lookup: Tensor,
    log_decay: Tensor,
    errors: Tensor,
    reset: Tensor | None,
    kept: Tensor,
) -> tuple[Tensor, ...]:
    from newllm.kernels import matrix_loops

    *d_steps, d_initial = into = tuple(map(new, (query, key, errors, lookup, log_decay, d_last)))
    given = [rows(d_readings), array(d_last.contiguous())]
    saved = [*map(rows, (query, key, lookup, log_decay.exp(), errors)), mask(reset), _by_chunk(kept, key.shape[-1])]
    arrays = [*given, *saved, *map(rows, d_steps), array(d_initial)]
    threads.run(matrix_loops.matrix_scan_backward, arrays, _jobs(errors.shape, key.shape[-1]))
    return into


def _jobs(shape: torch.Size, keys: int) -> list[tuple[int, int]]:
    count, positions, heads, width = shape
    return threads.by_jobs(count * heads, positions * width * keys)


def _save(ctx: Any, inputs: tuple[Any, ...], outputs: tuple[Tensor, ...]) -> None:
    query, key, _, lookup, log_decay, _, reset, _ = inputs
    *_, errors, kept = outputs
    ctx.save_for_backward(query, key, lookup, log_decay, errors, reset, kept)  # the errors say all that the values did


_matrix_scan = Differentiable(
    Operator(
        "matrix_scan(Tensor query, Tensor key, Tensor value, Tensor lookup, Tensor log_decay, Tensor initial, "
        "Tensor? reset, bool is_trained) -> (Tensor, Tensor, Tensor, Tensor)",
        _forward,
        fake=lambda *given: _outputs(given[2], given[5], is_trained=given[7]),
    ),
    Operator(
        "matrix_scan_backward(Tensor d_readings, Tensor d_last, Tensor query, Tensor key, Tensor lookup, "
        "Tensor log_decay, Tensor errors, Tensor? reset, Tensor kept) "
        "-> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)",
        _backward,
        fake=like(2, 3, 6, 4, 5, 1),
    ),
    _save,
    lambda ctx, backward, *gradients: (*backward(*gradients, *ctx.saved_tensors), None, None),
    results=2,
)
