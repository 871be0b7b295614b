"""The points of a step where something may strike, the same for all three trainers.

Each trainer calls the points in this order: `build` and `parameters` once, then at every step `begin`, `batch`, `loss`,
`gradients`, `end`.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from benchmarks.strangers.cases.data import Batch
from torch import Tensor, nn


@dataclass
class At:
    """Where a training is.

    Attributes:
        step: from 0.
        model: that is trained.
        optimizer: as it is now.
    """

    step: int
    model: nn.Module
    optimizer: torch.optim.Optimizer


class Hook:
    """Does nothing; each fault overrides the points where it strikes."""

    def build(self, model: nn.Module) -> None:
        """Change a fresh model."""

    def parameters(self, named: list[tuple[str, nn.Parameter]]) -> list[tuple[str, nn.Parameter]]:
        """Return the parameters that the optimizer is given."""
        return named

    def begin(self, at: At) -> None:
        """Before the forward pass."""

    def batch(self, step: int, batch: Batch) -> Batch:
        """Return the batch that is trained on."""
        return batch

    def loss(self, step: int, loss: Tensor) -> Tensor:
        """Return what is differentiated; what is logged stays as it is."""
        return loss

    def gradients(self, at: At) -> None:
        """After the backward pass, before clipping."""

    def keeps(self, name: str) -> bool:
        """Whether the gradient of a parameter is kept from one step to the next."""
        return False

    def end(self, at: At) -> None:
        """After the step of the optimizer."""


class Hooks:
    """Several hooks as one."""

    def __init__(self, hooks: tuple[Hook, ...]):
        self.all = hooks

    def chosen(self, model: nn.Module) -> list[nn.Parameter]:
        """Build the model and return the parameters for the optimizer."""
        for hook in self.all:
            hook.build(model)
        named = [pair for pair in model.named_parameters() if pair[1].requires_grad]
        for hook in self.all:
            named = hook.parameters(named)
        return [parameter for _, parameter in named]

    def call(self, point: Literal["begin", "gradients", "end"], at: At) -> None:
        """Call a point of all of them."""
        for hook in self.all:
            getattr(hook, point)(at)

    def batch(self, step: int, batch: Batch) -> Batch:
        """Pass a batch through all of them."""
        for hook in self.all:
            batch = hook.batch(step, batch)
        return batch

    def loss(self, step: int, loss: Tensor) -> Tensor:
        """Pass a loss through all of them."""
        for hook in self.all:
            loss = hook.loss(step, loss)
        return loss

    def clear(self, model: nn.Module) -> None:
        """Set gradients to None, but for those that a hook keeps."""
        for name, parameter in model.named_parameters():
            if not any(hook.keeps(name) for hook in self.all):
                parameter.grad = None
