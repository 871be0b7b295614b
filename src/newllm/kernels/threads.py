"""A few Python threads that run compiled kernels side by side; the kernels release the GIL.

numba's own OpenMP pool beside torch's would slow torch several times: two pools spin. These threads sleep.
A job is a part of the work that one thread does alone, in a fixed order, so that the bits do not depend on the
number of threads.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import torch
from torch import Tensor

_LINE = 16  # channels a thread takes at least: one cache line of float32
_WORTH_A_THREAD = 32_768  # elements: waking a thread costs more than so little work


def run(kernel: Any, arguments: Sequence[Any], jobs: Sequence[tuple[int, ...]], elements: int) -> None:
    """Call `kernel(*arguments, *job)` for every job.

    Args:
        kernel: compiled.
        arguments: arrays and numbers that every job is given.
        jobs: what each call is given beside them.
        elements: of all jobs together; for few no thread is woken.
    """
    threads = min(torch.get_num_threads(), len(jobs))
    if threads == 1 or elements < _WORTH_A_THREAD:
        for job in jobs:
            kernel(*arguments, *job)
        return
    share = -(-len(jobs) // threads)
    parts = [jobs[i : i + share] for i in range(0, len(jobs), share)]
    waiting = [_pool(threads).submit(_run_all, kernel, arguments, part) for part in parts[1:]]
    _run_all(kernel, arguments, parts[0])
    for other in waiting:
        other.result()


def by_channels(rows: int, channels: int) -> list[tuple[int, int, int]]:
    """Cut work on `[rows, time, channels]` by rows, and by channels too where there are fewer rows than threads.

    Returns:
        Triples: row, first channel, end of the channels.
    """
    return list(_by_channels(rows, channels, torch.get_num_threads()))


def by_positions(positions: int, block: int) -> list[tuple[int, int]]:
    """Cut work on `[positions, ...]` into blocks: pairs of a first position and an end."""
    return [(first, min(first + block, positions)) for first in range(0, positions, block)]


def _by_channels(rows: int, channels: int, threads: int) -> Iterator[tuple[int, int, int]]:
    pieces = 1 if rows >= threads else min(-(-threads // rows), -(-channels // _LINE))
    width = -(-channels // (pieces * _LINE)) * _LINE
    for row in range(rows):
        for first in range(0, channels, width):
            yield row, first, min(first + width, channels)


def _run_all(kernel: Any, arguments: Sequence[Any], jobs: Sequence[tuple[int, ...]]) -> None:
    for job in jobs:
        kernel(*arguments, *job)


def _pool(threads: int) -> ThreadPoolExecutor:
    return _pool_of(os.getpid(), threads)


@cache
def _pool_of(process: int, threads: int) -> ThreadPoolExecutor:  # noqa: ARG001 (a forked child has none of our threads)
    return ThreadPoolExecutor(threads, thread_name_prefix="newllm-kernel")


def array(tensor: Tensor) -> Any:
    """Return a tensor's memory as numpy; bfloat16, which numpy does not know, as the integers that it is kept in."""
    tensor = tensor.detach()
    return tensor.view(torch.uint16).numpy() if tensor.dtype == torch.bfloat16 else tensor.numpy()
