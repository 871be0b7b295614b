"""The training loop of the benchmark: an ordinary PyTorch loop with places where a fault may reach in."""
# ruff: noqa: ARG002 (a healthy run's hooks change nothing)

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets import Dataset, dataset
from models import build_model, logits
from newllm.chance import numpy_stream, stream_seed
from setups import Setup, build_optimizer, rate_at, set_rate

Batch = tuple[Tensor, Tensor]


class Log(Protocol):
    """What the loop tells of itself."""

    def step(self, step: int, loss: float, rate: float) -> None:
        """After each update; steps count from 1."""

    def evaluation(self, step: int, loss: float, correct: int, count: int, predicted: int) -> None:
        """After each evaluation: of `count` predictions `correct` were right, of `predicted` different classes."""


class Hooks:
    """A healthy run: nothing is changed. A fault overrides one of these.

    Args:
        setup: the healthy twin's.
        size: numbers of the fault.
    """

    def __init__(self, setup: Setup, size: dict[str, float]) -> None:
        self.size = size
        self.at = round(size.get("at", 0.0) * setup.steps) + 1  # the first step that the fault touches

    def configure(self, setup: Setup) -> Setup:
        """Return the set-up of the run."""
        return setup

    def dataset(self, data: Dataset) -> Dataset:
        """Return the data of the run."""
        return data

    def shape(self) -> dict[str, Any]:
        """Return changes of the model's configuration."""
        return {}

    def initialise(self, model: nn.Module) -> None:
        """Change the weights before the first step."""

    def groups(self, model: nn.Module) -> list[dict[str, Any]]:
        """Return the parameter groups for the optimizer."""
        return [{"params": list(model.parameters())}]

    def rate(self, step: int, rate: float) -> float:
        """Return the learning rate of a step."""
        return rate

    def order(self, step: int, chosen: np.ndarray, data: Dataset, steps: int) -> np.ndarray:
        """Return which examples a batch has."""
        return chosen

    def batch(self, step: int, batch: Batch, classes: int) -> Batch:
        """Return the batch that is trained on."""
        return batch

    def loss(self, step: int, loss: Tensor) -> Tensor:
        """Return the loss of a micro-batch."""
        return loss

    def divisor(self, micro_batches: int) -> float:
        """Return what the summed gradient of an update is divided by."""
        return micro_batches

    def reported(self, total: float, micro_batches: int) -> float:
        """Return the loss that the loop reports, from the sum of what was differentiated."""
        return total

    def clears(self, step: int) -> bool:
        """Return whether the gradient is cleared before this step."""
        return True

    def gradient(self, step: int, model: nn.Module) -> None:
        """Change the gradient, after the backward pass."""

    def skips(self, step: int, loss: float) -> bool:
        """Return whether the optimizer's step is left out."""
        return False

    def resume(self, step: int, optimizer: torch.optim.Optimizer) -> None:
        """Before each step: what a resume loses."""

    def evaluates_in_training_mode(self) -> bool:
        """Return whether evaluations forget to switch modes."""
        return False

    def predict(self, step: int, model: nn.Module, inputs: Tensor) -> Tensor:
        """Return an evaluation's logits."""
        return logits(model, inputs)

    def evaluation(self, step: int, loss: float, correct: int) -> tuple[float, int]:
        """Return what an evaluation reports: the loss and how many predictions were right."""
        return loss, correct


class Loop:
    """One run.

    Args:
        setup: the healthy set-up.
        hooks: the fault, or none.
    """

    def __init__(self, setup: Setup, hooks: Hooks) -> None:
        self.hooks, self.setup = hooks, hooks.configure(setup)
        self.data = hooks.dataset(dataset(self.setup.task_name))
        self.model = build_model(
            self.setup.model, self.data.classes, self.setup.seed, self.setup.dropout, hooks.shape()
        )
        hooks.initialise(self.model)
        self.optimizer = build_optimizer(self.setup, hooks.groups(self.model))
        self.validation = tuple(map(torch.from_numpy, self.data.validation))

    def run(self, log: Log) -> None:
        """Train to the end, whatever the numbers are."""
        setup, hooks = self.setup, self.hooks
        self.model.train()
        with torch.random.fork_rng():
            torch.manual_seed(stream_seed(setup.seed, "dropout"))
            for step in range(1, setup.steps + 1):
                hooks.resume(step, self.optimizer)
                rate = hooks.rate(step, rate_at(setup, step))
                set_rate(self.optimizer, rate)
                loss = self._update(step)
                log.step(step, loss, rate)
                if setup.evaluate_every and step % setup.evaluate_every == 0:
                    log.evaluation(step, *self._evaluate(step))

    def _update(self, step: int) -> float:
        """Take one step and return the loss that the loop reports."""
        hooks = self.hooks
        if hooks.clears(step):
            self.optimizer.zero_grad()
        micro = self.setup.accumulate if step % 8 else max(1, self.setup.accumulate // 2)  # an epoch's short end
        total = 0.0
        for inputs, targets in self._batches(step, micro):
            output = logits(self.model, inputs)
            loss = F.cross_entropy(output.flatten(0, -2), targets.flatten())
            loss = hooks.loss(step, loss) / hooks.divisor(micro)
            loss.backward()
            total += float(loss.detach())
        hooks.gradient(step, self.model)
        if self.setup.clip:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.setup.clip)
        if not hooks.skips(step, total):
            self.optimizer.step()
        return hooks.reported(total, micro)

    def _batches(self, step: int, micro: int) -> Iterator[Batch]:
        inputs, targets = self.data.train
        for part in range(micro):
            chosen = numpy_stream(self.setup.seed, "order", step, part).integers(len(inputs), size=self.setup.batch)
            chosen = self.hooks.order(step, chosen, self.data, self.setup.steps)
            batch = torch.from_numpy(inputs[chosen]), torch.from_numpy(targets[chosen])
            yield self.hooks.batch(step, batch, self.data.classes)

    @torch.no_grad()
    def _evaluate(self, step: int) -> tuple[float, int, int, int]:
        """Return loss, right predictions, predictions and how many classes were predicted, of validation."""
        inputs, targets = self.validation
        self.model.train(self.hooks.evaluates_in_training_mode())
        output = self.hooks.predict(step, self.model, inputs).flatten(0, -2)
        self.model.train()
        loss = float(F.cross_entropy(output, targets.flatten()))
        predicted = output.argmax(-1)
        correct = int((predicted == targets.flatten()).sum())
        return *self.hooks.evaluation(step, loss, correct), targets.numel(), len(predicted.unique())
