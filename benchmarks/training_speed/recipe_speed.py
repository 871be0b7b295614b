"""What does an update of each change of `newllm study recipe` cost against one of the defaults?

    python benchmarks/training_speed/recipe_speed.py [--quick] [--out FILE]

One update of each in turn, preset small, 2,048 bytes, one thread; the median of each round's ratio, of processor time
and of wall time. Memory is kept between updates, as a training does. The study's `COSTS`, by which it makes time equal,
are from here.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import torch

from newllm.data import prepare, training_batches
from newllm.study import load_study
from newllm.training.allocator import keep_freed_memory
from newllm.training.budget import Budget
from newllm.training.configure import configure
from newllm.training.optimizer import build_optimizer
from newllm.training.resolve import resolve
from newllm.training.step import Stepper

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import machine
from answers import give
from preset_runs import TEXT
from timing import against

CONTROL = "defaults"
ALIKE = (f'data.texts=["{TEXT}"]', "numerics.device=cpu", "numerics.threads=1")
WARM_UP, ROUNDS = 3, 25


def stepper(settings: tuple[str, ...]) -> Stepper:
    """Return what does updates of a fresh model of preset small."""
    config = configure("small", None, None, [*ALIKE, *settings], {})
    corpus = prepare(config.data)
    config, model = resolve(config, corpus, Budget(steps=100))
    optimizer = build_optimizer(model, config.optimizer, config.numerics.precision)
    return Stepper(model, optimizer, training_batches(corpus, config.data, config.seed), config)


def costs(rounds: int) -> dict[str, Any]:
    """Return the milliseconds of an update of each arm of 300 updates, and its ratio to that of the defaults."""
    arms = [arm for arm in load_study("recipe").arms if arm.name == CONTROL or arm.control == CONTROL]
    steppers = {arm.name: stepper(arm.settings) for arm in arms if not arm.name.endswith("-time")}
    wall: dict[str, list[float]] = {name: [] for name in steppers}
    processor: dict[str, list[float]] = {name: [] for name in steppers}
    for step in range(WARM_UP + rounds):
        for name, one in steppers.items():
            began, used = time.perf_counter(), time.process_time()
            one.update(step)
            wall[name].append(1e3 * (time.perf_counter() - began))
            processor[name].append(1e3 * (time.process_time() - used))
    return {"processor time": summed_up(processor), "wall time": summed_up(wall)}


def summed_up(times: dict[str, list[float]]) -> dict[str, Any]:
    """Return medians of times and of their ratios, without the rounds that warm up."""
    return against({name: found[WARM_UP:] for name, found in times.items()}, CONTROL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round")
    parser.add_argument("--out", type=Path, help="write the JSON there too")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    answer = {
        "question": "cost of an update of each change of the study recipe",
        "machine": machine.describe(),
        "rounds": 1 if arguments.quick else ROUNDS,
        "cost": costs(1 if arguments.quick else ROUNDS),
    }
    give(answer, arguments.out)


if __name__ == "__main__":
    main()
