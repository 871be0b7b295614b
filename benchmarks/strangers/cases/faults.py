"""Faults that strike at a point of a step; also what a healthy run does there.

Every fault acts on the training itself; none of them touches a log.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from benchmarks.strangers.cases.data import Batch
from benchmarks.strangers.cases.hooks import At, Hook
from torch import Tensor, nn


@dataclass
class RateTimes(Hook):
    """The learning rate is multiplied for some steps; `factor` 0 turns it off."""

    first: int
    count: int
    factor: float

    def _scale(self, at: At, factor: float) -> None:
        if self.first <= at.step < self.first + self.count:
            for group in at.optimizer.param_groups:
                group["lr"] *= factor

    def begin(self, at: At) -> None:
        """Multiply."""
        self._scale(at, self.factor)

    def end(self, at: At) -> None:
        """Set it back; a schedule sets the rate of the next step anew anyway."""
        if self.factor:
            self._scale(at, 1 / self.factor)


@dataclass
class KeepsGradients(Hook):
    """Zero_grad is missing, whole or for the parameters whose name contains a part."""

    part: str = ""

    def keeps(self, name: str) -> bool:
        """Keep those."""
        return self.part in name


@dataclass
class Frozen(Hook):
    """Parameters whose name begins so do not train, as after a line left over from an experiment."""

    prefix: str | tuple[str, ...]

    def build(self, model: nn.Module) -> None:
        """Freeze."""
        for name, parameter in model.named_parameters():
            if name.startswith(self.prefix):
                parameter.requires_grad_(False)


@dataclass
class Missing(Hook):
    """The optimizer is not given the parameters whose name begins so."""

    prefix: str | tuple[str, ...]

    def parameters(self, named: list[tuple[str, nn.Parameter]]) -> list[tuple[str, nn.Parameter]]:
        """Leave them out."""
        return [(name, parameter) for name, parameter in named if not name.startswith(self.prefix)]


@dataclass
class Unfreeze(Hook):
    """Planned: parameters that begin so are frozen first and train from a step on."""

    prefix: str | tuple[str, ...]
    first: int

    def begin(self, at: At) -> None:
        """Freeze at the start, thaw later."""
        if at.step in (0, self.first):
            for name, parameter in at.model.named_parameters():
                if name.startswith(self.prefix):
                    parameter.requires_grad_(at.step == self.first)


@dataclass
class Scaled(Hook):
    """A wrong initialisation: weights are multiplied; 0 makes them all zero."""

    factor: float
    part: str = ""

    def build(self, model: nn.Module) -> None:
        """Multiply."""
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if self.part in name and (parameter.ndim > 1 or self.factor == 0):
                    parameter.mul_(self.factor)


@dataclass
class DeadUnits(Hook):
    """Biases before a ReLU start far below zero, so that most units never fire."""

    value: float
    part: str

    def build(self, model: nn.Module) -> None:
        """Set the biases."""
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if self.part in name and name.endswith("bias"):
                    parameter.fill_(self.value)


@dataclass
class Damaged(Hook):
    """Weights are damaged once, after a step: a bit of an exponent flips, or NaN is "repaired" to zero."""

    step: int
    name: str
    how: Literal["flip", "zero"]
    factor: float = 2.0**10

    def end(self, at: At) -> None:
        """Damage a column of a matrix or all of it."""
        if at.step == self.step:
            weight = dict(at.model.named_parameters())[self.name]
            with torch.no_grad():
                if self.how == "flip":
                    weight.view(-1)[: max(1, weight.numel() // 500)] *= self.factor
                else:
                    weight.zero_()


@dataclass
class Permuted(Hook):
    """The targets of a batch are shuffled among its rows at the steps that `when` picks."""

    when: Callable[[int], bool]

    def batch(self, step: int, batch: Batch) -> Batch:
        """Shuffle the last tensor."""
        if not self.when(step):
            return batch
        chance = torch.Generator().manual_seed(step)
        return *batch[:-1], batch[-1][torch.randperm(len(batch[-1]), generator=chance)]


@dataclass
class Ascent(Hook):
    """The sign of the loss is wrong: it is made larger."""

    def loss(self, step: int, loss: Tensor) -> Tensor:
        """Turn it."""
        return -loss


@dataclass
class HalfGradients(Hook):
    """Gradients pass through fp16 with a fixed scale of the loss, and nobody looks whether they overflowed."""

    scale: float

    def gradients(self, at: At) -> None:
        """Round, as a backward pass in fp16 does."""
        for parameter in at.model.parameters():
            if parameter.grad is not None:
                parameter.grad = (parameter.grad * self.scale).half().float() / self.scale


@dataclass
class Forgets(Hook):
    """The optimizer starts without moments every so many steps, or once."""

    every: int
    once: bool = False

    def begin(self, at: At) -> None:
        """Forget."""
        if at.step and (at.step == self.every if self.once else at.step % self.every == 0):
            at.optimizer.state.clear()


@dataclass
class Pruned(Hook):
    """Planned: the smallest weights are cut at a step and stay zero."""

    step: int
    share: float

    def end(self, at: At) -> None:
        """Cut, and keep cut."""
        for parameter in at.model.parameters():
            if at.step < self.step or parameter.ndim < 2:
                continue
            with torch.no_grad():
                kept = self.__dict__.setdefault(
                    f"mask{id(parameter)}",
                    parameter.abs() > parameter.abs().flatten().kthvalue(int(parameter.numel() * self.share)).values,
                )
                parameter.mul_(kept)
