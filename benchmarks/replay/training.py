"""An ordinary PyTorch training with places where a cause may be injected: three functions, for `newllm.replay`.

A training without faults is the healthy twin. A fault lives in the batch of a step, in the learning rate of a step, in
how model and optimizer are built, or acts by the model's clock: never in the loop, so that a replay from a snapshot
meets it again. The batches go on past the end of the run.
"""
# ruff: noqa: ARG002 (a fault that changes nothing)

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from doctor_parts import Dataset, build_model, dataset, logits
from newllm.chance import numpy_stream
from newllm.replays.subjects.loop import Loop
from transformer import Transformer

Batch = tuple[Tensor, ...]
"""Inputs, targets, and perhaps by what the gradient is multiplied."""

_SMOOTHING = 0.1  # of the labels of what is no text
_VALIDATED = 64  # examples
_TASKS = {"mlp": "vectors", "cnn": "images"}


@dataclass(frozen=True, kw_only=True)
class Setup:
    """One training, before anything is injected.

    Attributes:
        model: "mlp", "cnn", "lstm" (as in the doctor's benchmark) or "transformer".
        seed: of the initialisation, the order and dropout.
        rate: the highest learning rate.
        steps: updates.
        batch: examples.
        optimizer: "adamw" or "sgd" (momentum 0.9).
        schedule: "constant" or "cosine" (to nothing).
        warm_up: steps from 0 to the full rate.
        clip: largest norm of the gradient; 0 clips nothing.
        beta2: of AdamW.
        dropout: probability, where the model has a place for it.
        task: what it learns; empty takes the model's.
    """

    model: str
    seed: int
    rate: float
    steps: int = 240
    batch: int = 32
    optimizer: str = "adamw"
    schedule: str = "constant"
    warm_up: int = 0
    clip: float = 0.0
    beta2: float = 0.99
    dropout: float = 0.0
    task: str = ""

    @property
    def task_name(self) -> str:
        """The task, resolved."""
        return self.task or _TASKS.get(self.model, "letters")


def rate_at(setup: Setup, step: int) -> float:
    """Return the learning rate of the update that leads from `step` to the next."""
    warm = min(1.0, (step + 1) / setup.warm_up) if setup.warm_up else 1.0
    if setup.schedule == "constant":
        return setup.rate * warm
    done = min(1.0, max(0, step - setup.warm_up) / max(1, setup.steps - setup.warm_up))
    return setup.rate * warm * 0.5 * (1 + math.cos(math.pi * done))


class Fault:
    """Nothing injected. A cause overrides one of these.

    Args:
        setup: the healthy twin's.
        size: numbers; times are shares of the run.
    """

    def __init__(self, setup: Setup, size: Mapping[str, float]) -> None:
        self.setup, self.size = setup, size
        self.at = round(size.get("at", 0.0) * setup.steps)  # the first update that it touches, from 0

    def within(self, step: int) -> bool:
        """Return whether an update is one of those that are touched."""
        return self.at <= step < self.at + self.size.get("steps", math.inf)

    def configure(self, setup: Setup) -> Setup:
        """Return the set-up."""
        return setup

    def shape(self, model: nn.Module) -> None:
        """Change the model before its optimizer is built."""

    def hook(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Change the optimizer."""

    def rate(self, step: int, rate: float) -> float:
        """Return the learning rate of an update."""
        return rate

    def chosen(self, step: int, rows: Any, data: Dataset) -> Any:
        """Return which examples the batch of an update has."""
        return rows

    def batch(self, step: int, batch: Batch, classes: int) -> Batch:
        """Return the batch of an update."""
        return batch


class Training:
    """One training.

    Args:
        setup: the healthy twin's.
        faults: what is injected; none is the healthy twin.
    """

    def __init__(self, setup: Setup, faults: Sequence[Fault] = ()) -> None:
        self.twin, self.faults = setup, tuple(faults)
        for fault in self.faults:
            setup = fault.configure(setup)
        self.setup, self.data = setup, dataset(setup.task_name)

    @property
    def model(self) -> str:
        """What the tables call it."""
        return f"{self.setup.model} {self.setup.optimizer}"

    def loop(self) -> Loop:
        """Return the training as `newllm.replay` takes it."""
        setup = self.setup
        held = tuple(torch.from_numpy(part[:_VALIDATED]) for part in self.data.validation)
        return Loop(
            self.build,
            self.batch,
            self.loss,
            setup.steps,
            seed=setup.seed,
            clip=setup.clip,
            rate=self.rate,
            probe=held,
            validate=self.validate,
        )

    def build(self, seed: int) -> tuple[nn.Module, torch.optim.Optimizer]:
        """Build model and optimizer."""
        setup = self.setup
        if setup.model == "transformer":
            model: nn.Module = Transformer(self.data.classes, setup.dropout)
        else:
            model = build_model(setup.model, self.data.classes, seed, setup.dropout)
        clock(model)
        for fault in self.faults:
            fault.shape(model)
        optimizer = build_optimizer(setup, model)
        for fault in self.faults:
            fault.hook(model, optimizer)
        return model, optimizer

    def batch(self, step: int) -> Batch:
        """Return the batch of an update."""
        inputs, targets = self.data.train
        rows = numpy_stream(self.setup.seed, "order", step).integers(len(inputs), size=self.setup.batch)
        for fault in self.faults:
            rows = fault.chosen(step, rows, self.data)
        batch: Batch = torch.from_numpy(inputs[rows]), torch.from_numpy(targets[rows])
        for fault in self.faults:
            batch = fault.batch(step, batch, self.data.classes)
        return batch

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return the mean loss of a batch, nats."""
        inputs, targets, *weight = batch
        output = logits(model, inputs)
        # Else these losses come down to nothing, and twice nothing is no spike that anyone would replay.
        smoothing = 0.0 if self.data.is_text else _SMOOTHING
        loss = F.cross_entropy(output.flatten(0, -2), targets.flatten(), label_smoothing=smoothing)
        return scaled_gradient(loss, weight[0]) if weight else loss

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Return the loss on validation examples that are not the probe's."""
        held = tuple(torch.from_numpy(part[_VALIDATED : 2 * _VALIDATED]) for part in self.data.validation)
        return {"validation": float(self.loss(model, held))}

    def rate(self, step: int) -> float:
        """Return the learning rate of an update."""
        rate = rate_at(self.setup, step)
        for fault in self.faults:
            rate = fault.rate(step, rate)
        return rate


def build_optimizer(setup: Setup, model: nn.Module) -> torch.optim.Optimizer:
    """Build the optimizer of a set-up."""
    if setup.optimizer == "sgd":
        return torch.optim.SGD(model.parameters(), lr=setup.rate, momentum=0.9)
    return torch.optim.AdamW(model.parameters(), lr=setup.rate, betas=(0.9, setup.beta2), weight_decay=0.01)


def clock(model: nn.Module) -> None:
    """Let a model count its forward passes in training mode, one an update, in a buffer that snapshots keep."""
    model.register_buffer("clock", torch.zeros((), dtype=torch.int64))
    model.register_forward_pre_hook(_tick)


def time_of(model: nn.Module) -> int:
    """Return how many updates have begun, the one under way included."""
    return int(model.get_buffer("clock"))


def _tick(model: nn.Module, _: Any) -> None:
    if model.training:
        model.get_buffer("clock").add_(1)


def scaled_gradient(loss: Tensor, factor: Tensor) -> Tensor:
    """Return the loss as it is, whose gradient is multiplied by a factor."""
    return loss * factor + (loss - loss * factor).detach()
