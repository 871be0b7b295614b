"""Several processes that train one model: every number that a decision is made of is the same on all of them.

Under `torch.distributed` each process has its own batches, so its own losses. What is seen, and what replays are
assessed by, is their mean over all processes; gradients are left to what reduces them (DistributedDataParallel). As
decisions are functions of those numbers alone, every process decides alike, and replays run on all of them together.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from newllm.replays.subjects.loop import Loop


def ranks() -> int:
    """Return how many processes train together; 1 without `torch.distributed`."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def averaged_over_ranks(loop: Loop) -> Loop:
    """Return a loop whose losses are the means over all processes; the loop itself where there is one process.

    The gradient is that of the process's own loss.
    """
    if ranks() == 1:
        return loop
    validate = loop.validate
    return dataclasses.replace(
        loop, loss=_mean_of(loop.loss), validate=None if validate is None else _means_of(validate)
    )


def _mean_of(loss: Callable[[nn.Module, Any], Any]) -> Callable[[nn.Module, Any], Any]:
    def mean(model: nn.Module, batch: Any) -> Any:
        given = loss(model, batch)
        return (_Mean.apply(part) for part in given) if isinstance(given, Iterator) else _Mean.apply(given)

    return mean


def _means_of(validate: Callable[[nn.Module], Mapping[str, float]]) -> Callable[[nn.Module], Mapping[str, float]]:
    def means(model: nn.Module) -> Mapping[str, float]:
        found = dict(validate(model))
        device = next(model.parameters()).device
        return {name: float(_mean(torch.tensor(value, device=device))) for name, value in sorted(found.items())}

    return means


class _Mean(torch.autograd.Function):
    """The mean over all processes, with the gradient of the own value."""

    @staticmethod
    def forward(ctx: Any, loss: Tensor) -> Tensor:  # noqa: ARG004 (torch's form)
        return _mean(loss)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]  # noqa: ARG004
        return gradient


def _mean(value: Tensor) -> Tensor:
    total = value.detach().double()
    dist.all_reduce(total)
    return (total / ranks()).to(value.dtype)
