"""How fast a buffer can be read again and again: the bound of anything that reads as many weights."""

import threading
import time

import numba
import numpy as np

_PASSES = 60  # in one call: the threads start together only once


@numba.njit(nogil=True, cache=True)
def _read(words: np.ndarray, passes: int) -> int:
    total = 0
    for _ in range(passes):
        for i in range(len(words)):  # integers, which may be added in any order: LLVM makes vectors of them
            total += words[i]
    return total


class Reader:
    """Reads a buffer, each thread its own part of it.

    Args:
        size: in bytes.
        threads: how many read.
    """

    def __init__(self, size: int, threads: int) -> None:
        self._parts = np.array_split(np.ones(size // 8, np.int64), threads)
        self.seconds_a_pass()

    def seconds_a_pass(self) -> float:
        """Return the seconds of one reading: the slowest thread's, from the common start."""
        ready = threading.Barrier(len(self._parts))
        ends: list[float] = []

        def work(part: np.ndarray) -> None:
            _read(part, 1)  # what ran before has driven it out of the cache
            ready.wait()
            starts.append(time.perf_counter())
            _read(part, _PASSES)
            ends.append(time.perf_counter())

        starts: list[float] = []
        others = [threading.Thread(target=work, args=(part,)) for part in self._parts[1:]]
        for other in others:
            other.start()
        work(self._parts[0])
        for other in others:
            other.join()
        return (max(ends) - min(starts)) / _PASSES
