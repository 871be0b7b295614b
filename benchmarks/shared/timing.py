"""Times jobs in turn, so that a machine that drifts drifts for all of them."""

import statistics
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


def against(times: dict[str, list[float]], control: str) -> dict[str, dict[str, float]]:
    """Return the median of each list of times, and of its ratios to the control's, round by round."""
    return {
        "milliseconds": {name: round(statistics.median(found), 1) for name, found in times.items()},
        "ratio": {
            name: round(statistics.median(b / a for a, b in zip(times[control], found, strict=True)), 3)
            for name, found in times.items()
        },
    }
