"""Causes in the learning rate and the optimizer."""
# ruff: noqa: D102 (each method is described where it is declared)

import dataclasses
from typing import Any

import torch
from torch import nn

from training import Fault, Setup, time_of


class HighRate(Fault):
    """The rate times `factor`, for a while or from some update to the end."""

    def rate(self, step: int, rate: float) -> float:
        return rate * self.size["factor"] if self.within(step) else rate


class RisingRate(Fault):
    """A schedule with the wrong sign: the rate grows by a factor every update."""

    def rate(self, step: int, rate: float) -> float:
        return rate * self.size["growth"] ** max(0, step - self.at + 1)


class Configured(Fault):
    """One value of the set-up is another: of beta2, warm_up or clip."""

    def configure(self, setup: Setup) -> Setup:
        changes: dict[str, Any] = dict(self.size)
        return dataclasses.replace(setup, **changes)


class MomentsLost(Fault):
    """A resume without the optimizer's state: it is empty again at one update."""

    def hook(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        def forget(*_: Any) -> None:
            if time_of(model) == self.at + 1:
                optimizer.state.clear()

        optimizer.register_step_pre_hook(forget)
