"""What does a context that is a matrix cost: its scan by itself, and a training step of stacks that have some?

    python benchmarks/training_speed/matrix_speed.py [--quick] [--out FILE]

The scan of preset small, forwards and backwards, compiled and in torch's chunks, on one and on two threads. Then one
update of each stack in turn: every block a vector, one block in four matrices, all matrices; wall time, and the median
of each round's ratio to the stack of vectors. Memory is kept between updates, as a training does.
"""

import argparse
import dataclasses
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from newllm.recurrence import Steps, matrix_scan
from newllm.training.allocator import keep_freed_memory
from rule_speed import stepper, with_rule

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import machine
from answers import give
from preset_runs import resolved
from timing import against, interleaved

ROWS, POSITIONS, HEADS, WIDTH = 8, 256, 4, 64
STACKS = {"vectors": "gated", "one in four": "gated,gated,delta,gated", "matrices": "delta"}
PRESETS = ("tiny", "small")
WARM_UP, ROUNDS, MOST = 2, 15, 100


def scan_once(steps: Steps, gradient: Tensor, backend: str) -> Callable[[], object]:
    """Return what runs a scan forwards and backwards."""

    def run() -> object:
        readings, _ = matrix_scan(steps, backend=backend)
        return torch.autograd.grad(readings, list(steps), gradient)

    return run


def scans(threads: int, rounds: int) -> dict[str, float]:
    """Return the microseconds a token of each backend."""
    torch.set_num_threads(threads)
    shape = ROWS, POSITIONS, HEADS, WIDTH
    lookup = F.normalize(torch.randn(shape), dim=-1)
    given = torch.randn(shape), 0.5 * lookup, torch.randn(shape), lookup, -0.1 * torch.rand(*shape[:3], 1)
    steps, gradient = Steps(*(tensor.requires_grad_() for tensor in given)), torch.randn(shape)
    jobs: dict[str, Callable[[], object]] = {}
    for backend in ("numba", "torch"):
        jobs[f"{backend} forward"] = lambda backend=backend: matrix_scan(steps, backend=backend)
        jobs[f"{backend} forward and backward"] = scan_once(steps, gradient, backend)
    return {
        name: round(1e6 * statistics.median(times) / ROWS / POSITIONS, 2)
        for name, times in interleaved(jobs, rounds).items()
    }


def stacks(preset: str, threads: int, precision: str, rounds: int) -> dict[str, Any]:
    """Return the milliseconds of an update of each stack, and its ratio to that of vectors."""
    torch.set_num_threads(threads)
    config, corpus = resolved(preset, precision, MOST, {})
    config = dataclasses.replace(config, numerics=dataclasses.replace(config.numerics, threads=threads))
    steppers = {name: stepper(with_rule(config, rule), corpus) for name, rule in STACKS.items()}
    times: dict[str, list[float]] = {name: [] for name in steppers}
    for step in range(WARM_UP + rounds):
        for name, one in steppers.items():
            begun = time.perf_counter()
            one.update(step)
            times[name].append(1e3 * (time.perf_counter() - begun))
    kept = {name: found[WARM_UP:] for name, found in times.items()}
    return {
        "preset": preset,
        "precision": precision,
        "threads": threads,
        "parameters": {name: sum(p.numel() for p in one.model.parameters()) for name, one in steppers.items()},
        **against(kept, "vectors"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round")
    parser.add_argument("--out", type=Path, help="write the JSON there too")
    arguments = parser.parse_args()
    rounds = 1 if arguments.quick else ROUNDS
    keep_freed_memory()
    precisions = machine.precisions(quick=True)  # bf16 where the processor multiplies it
    answer = {
        "question": "cost of contexts that are matrices",
        "machine": machine.describe(),
        "scan": {
            "rows, positions, heads, width": (ROWS, POSITIONS, HEADS, WIDTH),
            "microseconds a token, by threads": {str(n): scans(n, max(rounds, 3)) for n in (1, 2)},
        },
        "stacks": [stacks(preset, 2, precision, rounds) for preset in PRESETS for precision in precisions],
    }
    give(answer, arguments.out)


if __name__ == "__main__":
    main()
