"""What a run of the benchmark is, and the learning rate and optimizer that follow from it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch

from models import TASKS

# A rate that trains each model well: found by trying a few, before any detector ran.
RATES = {
    "adamw": {"cell": 3e-3, "stack": 4e-3, "attention": 4e-3, "lstm": 8e-3, "mlp": 2e-3, "cnn": 3e-3},
    "sgd": {"cell": 0.1, "stack": 0.1, "attention": 0.1, "lstm": 0.5, "mlp": 0.05, "cnn": 0.03},
}


@dataclass(frozen=True, kw_only=True)
class Setup:
    """One run, before any fault.

    Attributes:
        name: of the run, unique in the benchmark.
        model: one of `models.MODELS`.
        seed: of initialisation, order and dropout.
        task: what it learns; empty takes the model's.
        steps: optimizer steps.
        batch: examples of a (micro-)batch.
        optimizer: "adam", "adamw" or "sgd" (momentum 0.9).
        rate_factor: times the model's rate in RATES.
        schedule: "constant", "cosine", "restarts" (cosine, three times), "steps" (a tenth at half and at 80 %)
            or "linear".
        warm_up: steps from 0 to the full rate.
        dropout: probability.
        clip: largest norm of the gradient; 0 for no clipping.
        accumulate: micro-batches of an update.
        beta2: of Adam.
        evaluate_every: steps; 0 for no validation.
        log: "recorder", "csv-step", "csv-epoch" or "jsonl".
        epoch: steps of an epoch in an epoch-level log.
    """

    name: str
    model: str
    seed: int
    task: str = ""
    steps: int = 200
    batch: int = 16
    optimizer: str = "adamw"
    rate_factor: float = 1.0
    schedule: str = "constant"
    warm_up: int = 0
    dropout: float = 0.0
    clip: float = 0.0
    accumulate: int = 1
    beta2: float = 0.999
    evaluate_every: int = 20
    log: str = "recorder"
    epoch: int = 10

    @property
    def task_name(self) -> str:
        """The task, resolved."""
        return self.task or TASKS.get(self.model, "letters")

    @property
    def rate(self) -> float:
        """The full learning rate."""
        return self.rate_factor * RATES["sgd" if self.optimizer == "sgd" else "adamw"][self.model]


def rate_at(setup: Setup, step: int) -> float:
    """Return the learning rate of a step, which counts from 1."""
    if step <= setup.warm_up:
        return setup.rate * step / setup.warm_up
    done = (step - 1 - setup.warm_up) / max(1, setup.steps - setup.warm_up)
    return setup.rate * _share(setup.schedule, min(done, 1.0))


def _share(schedule: str, done: float) -> float:
    if schedule == "constant":
        return 1.0
    if schedule == "steps":
        return 1.0 if done < 0.5 else 0.1 if done < 0.8 else 0.01
    if schedule == "linear":
        return 1 - done
    cycle = done if schedule == "cosine" else 3 * done % 1
    return 0.5 * (1 + math.cos(math.pi * cycle))


def build_optimizer(setup: Setup, groups: Iterable[dict[str, Any]]) -> torch.optim.Optimizer:
    """Build the optimizer over groups of parameters; a group's `factor` multiplies its rate."""
    groups = [{"factor": 1.0, **group} for group in groups]
    if setup.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=setup.rate, momentum=0.9)
    kind = torch.optim.Adam if setup.optimizer == "adam" else torch.optim.AdamW
    return kind(groups, lr=setup.rate, betas=(0.9, setup.beta2))


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set every group's rate, its own factor included."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]
