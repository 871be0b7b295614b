"""Times jobs in turn, so that a machine that drifts drifts for all of them."""

import time
from collections.abc import Callable

WARM_UP = 2  # the first rounds compile and warm up


def interleaved(jobs: dict[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Return the seconds of each job in each round."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for repeat in range(repeats + WARM_UP):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            if repeat >= WARM_UP:
                seconds[name].append(time.perf_counter() - start)
    return seconds
