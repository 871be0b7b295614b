"""The scan compiled for the CPU with numba: one loop over time, vectorised over channels.

It reads and writes each array once, so that it runs at about the speed of a memory copy. The kernels
release the GIL and a few Python threads drive them, each its own rows and channels: numba's own OpenMP
pool beside torch's would slow torch several times. Each element is computed by one thread in the order
of time, so that the bits do not depend on the number of threads.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from newllm.recurrence.scan.machine_code import compiled

_LINE = 16  # channels a thread takes at least: one cache line of float32


@compiled
def _forward(decay, input, initial, reset, contexts, row, first, last):
    previous = initial[row, first:last].copy()
    for t in range(input.shape[1]):
        a, b, c = decay[row, t, first:last], input[row, t, first:last], contexts[row, t, first:last]
        if reset.shape[0] > 0 and reset[row, t]:
            for k in range(last - first):
                c[k] = b[k]
        else:
            for k in range(last - first):
                c[k] = a[k] * previous[k] + b[k]
        previous = c


@compiled
def _backward(gradient, decay, contexts, initial, reset, d_decay, d_input, d_initial, row, first, last):
    carried = np.zeros_like(initial[row, first:last])
    for t in range(gradient.shape[1] - 1, -1, -1):
        before = contexts[row, t - 1, first:last] if t > 0 else initial[row, first:last]
        g, a = gradient[row, t, first:last], decay[row, t, first:last]
        da, db = d_decay[row, t, first:last], d_input[row, t, first:last]
        if reset.shape[0] > 0 and reset[row, t]:
            for k in range(last - first):
                db[k] = g[k] + carried[k]
                da[k] = 0.0
                carried[k] = 0.0
        else:
            for k in range(last - first):
                d = g[k] + carried[k]
                db[k] = d
                da[k] = d * before[k]
                carried[k] = a[k] * d
    d_initial[row, first:last] = carried


def forward(decay: Tensor, input: Tensor, initial: Tensor, reset: Tensor | None) -> Tensor:
    """Return every context `[B, T, C]`."""
    contexts = torch.empty_like(input)
    _run(_forward, [decay, input, initial, _mask(reset), contexts], input)
    return contexts


def backward(
    gradient: Tensor, decay: Tensor, contexts: Tensor, initial: Tensor, reset: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of decay, input and initial."""
    d_decay, d_input, d_initial = torch.empty_like(decay), torch.empty_like(decay), torch.empty_like(initial)
    tensors = [gradient, decay, contexts, initial, _mask(reset), d_decay, d_input, d_initial]
    _run(_backward, tensors, decay)
    return d_decay, d_input, d_initial


def _mask(reset: Tensor | None) -> Tensor:
    return torch.empty((0, 0), dtype=torch.bool) if reset is None else reset


def _run(kernel: Any, tensors: list[Tensor], like: Tensor) -> None:
    arrays = [tensor.detach().numpy() for tensor in tensors]
    rows, _, channels = like.shape
    threads = torch.get_num_threads()
    jobs = list(_jobs(rows, channels, threads))
    if threads == 1 or like.numel() < 32_768:  # waking a thread costs more than so little work
        for job in jobs:
            kernel(*arrays, *job)
        return
    share = -(-len(jobs) // threads)
    parts = [jobs[i : i + share] for i in range(0, len(jobs), share)]
    list(_pool(threads).map(lambda part: [kernel(*arrays, *job) for job in part], parts))


def _jobs(rows: int, channels: int, threads: int) -> Iterator[tuple[int, int, int]]:
    """Cut the work by rows, and by channels too where there are fewer rows than threads."""
    pieces = 1 if rows >= threads else min(-(-threads // rows), -(-channels // _LINE))
    width = -(-channels // (pieces * _LINE)) * _LINE
    for row in range(rows):
        for first in range(0, channels, width):
            yield row, first, min(first + width, channels)


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="newllm-scan")
