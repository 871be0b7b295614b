"""Causes in the batches."""
# ruff: noqa: ARG002, D102 (each method is described where it is declared)

from typing import Any

import numpy as np
import torch

from doctor_parts import Dataset
from newllm.chance import numpy_stream
from training import Batch, Fault


class CorruptedBatch(Fault):
    """A few batches are noise: inputs times `scale`, or random tokens, under random targets."""

    def batch(self, step: int, batch: Batch, classes: int) -> Batch:
        if not self.within(step):
            return batch
        inputs, targets, *more = batch
        chance = numpy_stream(self.setup.seed, "noise", step)
        noise = torch.from_numpy(chance.integers(classes, size=targets.shape))
        if inputs.is_floating_point():
            return self.size["scale"] * inputs, noise, *more
        return torch.from_numpy(chance.integers(classes, size=inputs.shape)), noise, *more


class LabelNoise(Fault):
    """Targets are shuffled among the examples for a while."""

    def batch(self, step: int, batch: Batch, classes: int) -> Batch:
        if not self.within(step):
            return batch
        inputs, targets, *more = batch
        order = torch.from_numpy(numpy_stream(self.setup.seed, "shuffled", step).permutation(targets.numel()))
        return inputs, targets.flatten()[order].reshape(targets.shape), *more


class RepeatedText(Fault):
    """Every row of a burst of batches is one and the same example."""

    def chosen(self, step: int, rows: Any, data: Dataset) -> Any:
        return np.zeros_like(rows) if self.within(step) else rows


class DataOrder(Fault):
    """The examples come sorted: class after class in `parts`, over and over."""

    def chosen(self, step: int, rows: Any, data: Dataset) -> Any:
        parts, targets = int(self.size["parts"]), data.train[1]
        part = step * parts // self.setup.steps % parts
        mine = np.flatnonzero(targets * parts // data.classes == part)
        return mine[rows % len(mine)]


class ScaledInputs(Fault):
    """The inputs of a few batches are in another unit; their targets are right."""

    def batch(self, step: int, batch: Batch, classes: int) -> Batch:
        if not self.within(step):
            return batch
        inputs, *more = batch
        return self.size["scale"] * inputs, *more


class RareGradients(Fault):
    """In every `every`-th batch the gradient is larger, as by a sampling weight; the loss is reported as it is."""

    def batch(self, step: int, batch: Batch, classes: int) -> Batch:
        every = int(self.size["every"])
        return *batch, torch.tensor(self.size["factor"] if step % every == every - 1 else 1.0)


class GradientScale(Fault):
    """For a while, or from some update to the end, the gradient is larger; the loss is reported as it is."""

    def batch(self, step: int, batch: Batch, classes: int) -> Batch:
        return *batch, torch.tensor(self.size["factor"] if self.within(step) else 1.0)
