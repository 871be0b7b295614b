"""Layers that hold what they were made with: nobody has trained them yet."""

import math

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

_FEWEST = 64  # numbers of a weight whose spread tells
_SCATTERS = 1.8  # by the root of the number of draws: four times what a standard deviation of even draws scatters
_ROUNDING = 1e-5
_KNOWN = 0.5  # of a model's numbers
_NORMS = (_BatchNorm, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


@torch.no_grad()
def untrained_share(model: nn.Module) -> float | None:
    """Return which share of a model's numbers is as layers are made, of those of which it can be told.

    None where that is less than half of them.
    """
    fresh = known = 0
    for module in model.modules():
        numbers = sum(one.numel() for one in module.parameters(recurse=False))
        if numbers and (is_fresh := _is_fresh(module)) is not None:
            known += numbers
            fresh += numbers * is_fresh
    whole = sum(one.numel() for one in model.parameters())
    return fresh / known if known and known >= _KNOWN * whole else None


def norms_with_statistics(model: nn.Module) -> list[_BatchNorm]:
    """Return its batch norms that keep running statistics."""
    return [one for one in model.modules() if isinstance(one, _BatchNorm) and one.running_mean is not None]


def statistics_have_moved(model: nn.Module) -> bool:
    """Whether the running statistics of any batch norm are other than a new one's, 0 and 1."""
    return any(
        bool(one.running_mean.any()) or bool((one.running_var != 1).any())
        for one in norms_with_statistics(model)
        if one.running_mean is not None and one.running_var is not None
    )


def _is_fresh(module: nn.Module) -> bool | None:
    """Whether a layer is as torch makes it, or has no bias yet; None of other layers."""
    if isinstance(module, _NORMS):
        weight, bias = module.weight, getattr(module, "bias", None)
        return weight is not None and bool((weight == 1).all()) and (bias is None or not bool(bias.any()))
    if isinstance(module, nn.RNNBase):
        return all(_is_drawn(one, 1 / math.sqrt(module.hidden_size)) for one in module.parameters())
    if not isinstance(module, nn.Linear | _ConvNd) or module.weight.numel() < _FEWEST:
        return None
    if _is_drawn(module.weight, 1 / math.sqrt(_inputs(module))):
        return True
    return None if module.bias is None else not bool(module.bias.any())


def _inputs(module: nn.Linear | _ConvNd) -> int:
    """Return how many numbers torch counts as the inputs of one output, when it draws the weights."""
    return module.weight[0].numel()


def _is_drawn(weight: Tensor, bound: float) -> bool:
    """Whether all numbers are drawn evenly from minus to plus this bound; a few are only held against it."""
    largest, count = float(weight.abs().max()), weight.numel()
    if largest > bound * (1 + _ROUNDING):
        return False
    spread = float(weight.float().std(correction=0)) * math.sqrt(3) / bound
    return count < _FEWEST or abs(spread - 1) < _SCATTERS / math.sqrt(count)
