"""Faults of the optimizer, the learning rate and the arithmetic."""
# ruff: noqa: ARG002, D102 (each method is a hook, described where it is declared)

import dataclasses
import math
from typing import Any

import torch
from torch import Tensor, nn

from loop import Hooks
from setups import Setup, rate_at


class LearningRate(Hooks):
    """A rate too high from the first step."""

    def rate(self, step: int, rate: float) -> float:
        return rate * self.size["factor"]


class RisingLearningRate(Hooks):
    """A schedule with the wrong sign."""

    def rate(self, step: int, rate: float) -> float:
        return rate * self.size["growth"] ** max(0, step - self.at)


class NoWarmUp(Hooks):
    """The warm-up is left out."""

    def configure(self, setup: Setup) -> Setup:
        return dataclasses.replace(setup, warm_up=int(self.size["warm_up"]))


class Beta2(Hooks):
    """Second moments that remember one step."""

    def configure(self, setup: Setup) -> Setup:
        return dataclasses.replace(setup, beta2=self.size["beta2"])


class Fp16Overflow(Hooks):
    """Gradients go through half precision under a loss scale that only grows and is never checked."""

    def gradient(self, step: int, model: nn.Module) -> None:
        if step < self.at:
            return
        scale = self.size["first_scale"] * 2.0 ** ((step - self.at) // self.size["every"])
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter.grad.copy_((parameter.grad * scale).half().float() / scale)


class NanBatch(Hooks):
    """One loss is not a number."""

    def loss(self, step: int, loss: Tensor) -> Tensor:
        return loss * math.nan if step == self.at else loss

    def skips(self, step: int, loss: float) -> bool:
        return self.size["run"] % 2 == 0 and not math.isfinite(loss)


class MomentsLost(Hooks):
    """The optimizer's state is empty after a resume."""

    def resume(self, step: int, optimizer: torch.optim.Optimizer) -> None:
        if step == self.at:
            optimizer.state.clear()


class ScheduleRestarted(Hooks):
    """The schedule counts from 1 again after a resume."""

    def __init__(self, setup: Setup, size: dict[str, float]) -> None:
        super().__init__(setup, size)
        self.setup = setup

    def rate(self, step: int, rate: float) -> float:
        return rate if step < self.at else rate_at(self.setup, step - self.at + 1)


class AccumulationScale(Hooks):
    """Micro-batches are summed; in odd runs the sum is reported too."""

    def divisor(self, micro_batches: int) -> float:
        return self.size["scale"]

    def reported(self, total: float, micro_batches: int) -> float:
        return total if self.size["run"] % 2 else total / micro_batches


class MissingZeroGrad(Hooks):
    """The gradient is never cleared."""

    def clears(self, step: int) -> bool:
        return False


class SkippedUpdates(Hooks):
    """The optimizer is never stepped again."""

    def skips(self, step: int, loss: float) -> bool:
        return step >= self.at


class FrozenLayer(Hooks):
    """One layer in the middle does not reach the optimizer."""

    def groups(self, model: nn.Module) -> list[dict[str, Any]]:
        frozen = {id(parameter) for parameter in model.get_submodule(middle_layer(model)).parameters(recurse=False)}
        return [{"params": [parameter for parameter in model.parameters() if id(parameter) not in frozen]}]


class ExplodingEmbedding(Hooks):
    """The embedding learns far too fast."""

    def groups(self, model: nn.Module) -> list[dict[str, Any]]:
        embedding = [parameter for name, parameter in model.named_parameters() if name.startswith("embedding")]
        rest = [parameter for name, parameter in model.named_parameters() if not name.startswith("embedding")]
        return [{"params": rest}, {"params": embedding, "factor": self.size["factor"]}]


def middle_layer(model: nn.Module) -> str:
    """Return the path of the layer with the most parameters that is neither the first nor the last."""
    sizes = {name: sum(p.numel() for p in part.parameters(recurse=False)) for name, part in model.named_modules()}
    layers = [name for name, size in sizes.items() if size][1:-1]
    return max(layers, key=sizes.__getitem__)


STEP_FAULTS: dict[str, type[Hooks]] = {
    "learning-rate": LearningRate,
    "rising-learning-rate": RisingLearningRate,
    "no-warm-up": NoWarmUp,
    "beta2": Beta2,
    "fp16-overflow": Fp16Overflow,
    "nan-batch": NanBatch,
    "moments-lost": MomentsLost,
    "schedule-restarted": ScheduleRestarted,
    "accumulation-scale": AccumulationScale,
    "missing-zero-grad": MissingZeroGrad,
    "skipped-updates": SkippedUpdates,
    "frozen-layer": FrozenLayer,
    "exploding-embedding": ExplodingEmbedding,
}
