"""How many threads work is worth, and a few Python threads that run compiled kernels; the kernels release the GIL.

numba's own OpenMP pool beside torch's would slow torch several times: two pools spin. These threads sleep.
A job is a part of the work that one thread does alone. No sum is shared between two jobs, so that the bits do not
depend on how the work is shared out.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import torch

from newllm.machine import available_cores

_LINE = 16  # channels a thread takes at least: one cache line of float32
# Two measures. A pass over memory takes as long as it has elements, and wakes its threads once: it has all or none.
# A product takes as long as it has multiply-adds, and its threads meet many times on the way (`barrier`): each must
# have enough to do between, and a core of its own, or all wait for it.
_WORTH_WAKING = 32_768  # elements: waking a thread costs more than so little work
_WORTH_MEETING = 1 << 19  # multiply-adds of a position, 10 microseconds: for less no thread is met


def run(kernel: Any, arguments: Sequence[Any], jobs: Sequence[tuple[int, ...]]) -> None:
    """Call `kernel(*arguments, *job)` for every job, each in a thread of its own.

    Args:
        kernel: compiled.
        arguments: arrays and numbers that every job is given.
        jobs: what each call is given beside them.
    """
    if len(jobs) == 1:
        kernel(*arguments, *jobs[0])
        return
    pool = _pool(len(jobs) - 1)
    waiting = [pool.submit(kernel, *arguments, *job) for job in jobs[1:]]
    kernel(*arguments, *jobs[0])
    for other in waiting:
        other.result()


def by_channels(rows: int, length: int, channels: int) -> list[tuple[int, int, int, int]]:
    """Share work on `[rows, length, channels]` out by rows, or by channels where there are fewer rows than threads.

    Returns:
        For each thread: its first row and their end, its first channel and their end.
    """
    threads = _threads(rows * length * channels)
    if rows >= threads:
        return [(first, last, 0, channels) for first, last in _shares(rows, threads)]
    lines = -(-channels // _LINE)
    shares = _shares(lines, min(threads, lines))
    return [(0, rows, first * _LINE, min(last * _LINE, channels)) for first, last in shares]


def by_positions(positions: int, width: int, block: int = 1) -> list[tuple[int, int]]:
    """Share work on `[positions, width]` out in whole blocks: for each thread a first position and their end."""
    blocks = -(-positions // block)
    shares = _shares(blocks, min(_threads(positions * width), blocks))
    return [(first * block, min(last * block, positions)) for first, last in shares]


def by_jobs(jobs: int, elements: int) -> list[tuple[int, int]]:
    """Share out jobs that each pass over so many elements: for each thread its first job and their end."""
    return _shares(jobs, min(_threads(jobs * elements), jobs))


def threads_for(products: int) -> int:
    """Return how many threads share so many multiply-adds of a position; it changes no bits."""
    available = min(torch.get_num_threads(), available_cores())
    return max(1, min(available, products // _WORTH_MEETING))


def _threads(elements: int) -> int:
    return torch.get_num_threads() if elements >= _WORTH_WAKING else 1


def _shares(count: int, parts: int) -> list[tuple[int, int]]:
    return [(count * i // parts, count * (i + 1) // parts) for i in range(parts)]


def _pool(threads: int) -> ThreadPoolExecutor:
    return _pool_of(os.getpid(), threads)


@cache
def _pool_of(process: int, threads: int) -> ThreadPoolExecutor:  # noqa: ARG001 (a forked child has none of our threads)
    return ThreadPoolExecutor(threads, thread_name_prefix="newllm-kernel")
