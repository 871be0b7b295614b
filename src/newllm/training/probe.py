"""Short measurements before a run, whose answers are written into config.toml and never asked again.

Bits depend on the precision and on the number of steps, so neither may hang on a clock a second time.
"""

import copy
import dataclasses
import statistics
import time

import torch

from newllm.data import Batches
from newllm.model.language_model import LanguageModel
from newllm.training.config import RunConfig
from newllm.training.optimizer import build_optimizer
from newllm.training.step import Stepper

WARM_UP, TIMED = 2, 4


def faster_precision(model: LanguageModel, batches: Batches, config: RunConfig) -> tuple[str, dict[str, float]]:
    """Return "bf16" where it trains at least a tenth faster than fp32 here, else "fp32".

    Returns:
        The name, and the median seconds of an update by name.
    """
    seconds = {name: seconds_per_step(model, batches, config, name) for name in ("fp32", "bf16")}
    return ("bf16" if seconds["bf16"] < 0.9 * seconds["fp32"] else "fp32"), seconds


def seconds_per_step(model: LanguageModel, batches: Batches, config: RunConfig, precision: str) -> float:
    """Return the median seconds of an update, on a copy: the model and its optimizer stay as they are."""
    numerics = dataclasses.replace(config.numerics, precision=precision)
    trial = copy.deepcopy(model).train()
    optimizer = build_optimizer(trial, config.optimizer)
    stepper = Stepper(trial, optimizer, batches, dataclasses.replace(config, numerics=numerics))
    times = []
    with torch.random.fork_rng():
        for step in range(WARM_UP + TIMED):
            start = time.perf_counter()
            stepper.update(step)  # ends with the gradient's norm on the CPU, so the device has finished
            times.append(time.perf_counter() - start)
    return statistics.median(times[WARM_UP:])
