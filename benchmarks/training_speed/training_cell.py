"""Child of throughput.py: training steps of some peers at one length of row and one precision, in turn.

With one peer it also watches memory and keeps to the cap. With several, a large square product in the same precision
takes its turn among them: what the machine multiplies at most.
"""

import dataclasses
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import children
from contenders.fit import parameters
from contenders.trained import PEERS
from memory import Peak, limit
from training_job import TrainingJob

SIDE = 2048
"""Of the square product."""
GEMM = "square product"


@dataclasses.dataclass(frozen=True)
class Shape:
    """Of a cell: rows of a batch, length of a row, and precision."""

    rows: int
    length: int
    precision: str

    def job(self, model: nn.Module) -> TrainingJob:
        """Return the training of a model."""
        return TrainingJob(model, self.rows, self.length, self.precision)


def alone(name: str, shape: Shape, repeats: int, cap: float) -> dict[str, Any]:
    """Time one peer by itself and watch its memory; ends the process where a step takes longer than the cap."""
    # A small step first: imports, the fitted width, compiled kernels. They are no part of a training.
    dataclasses.replace(shape, rows=1, length=8).job(PEERS[name].build(8))()
    peak, most = Peak(), limit(0.8)
    model = PEERS[name].build(shape.length)
    count, job = parameters(model), shape.job(model)
    seconds = []
    for _ in range(1 + repeats):
        with children.memory_errors(), children.Capped(cap):
            start = time.perf_counter()
            job()
            seconds.append(time.perf_counter() - start)
    return {
        "parameters": count,
        "loss": job.loss,
        "seconds": seconds[1:],
        "peak_mebibytes": round(peak.mebibytes(), 1),
        "memory_limit_gibibytes": most and round(most, 1),
    }


def together(names: list[str], shape: Shape, budget: float) -> dict[str, Any]:
    """Time several peers and the square product in turn, for about as many seconds as the budget says."""
    jobs: dict[str, Callable[[], object]] = {name: shape.job(PEERS[name].build(shape.length)) for name in names}
    jobs[GEMM] = square_product(shape.precision)
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    start = time.perf_counter()
    _round(jobs, seconds)  # the first warms up, and tells how many there can be
    rounds = max(3, min(15, int(budget / (time.perf_counter() - start))))
    for _ in range(rounds):
        _round(jobs, seconds)
    return {"seconds": {name: times[1:] for name, times in seconds.items()}, "gemm_flop": 2 * SIDE**3}


def _round(jobs: dict[str, Callable[[], object]], seconds: dict[str, list[float]]) -> None:
    """Do each job once and note its seconds."""
    for name, job in jobs.items():
        start = time.perf_counter()
        job()
        seconds[name].append(time.perf_counter() - start)


def square_product(precision: str) -> Callable[[], object]:
    """Return the multiplication of two square matrices, into memory that is there already."""
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    a, b, c = (torch.randn(SIDE, SIDE).to(dtype) for _ in range(3))

    def multiply() -> None:
        torch.mm(a, b, out=c)

    return multiply


def main() -> None:
    task = children.task()
    shape = Shape(**task["shape"])
    if "alone" in task:
        result = alone(task["alone"], shape, task["repeats"], task["cap"])
        children.answer({**result, "seconds_median": statistics.median(result["seconds"])})
    else:
        children.answer(together(task["together"], shape, task["budget"]))


if __name__ == "__main__":
    main()
