"""What is recorded of a model: its layers under their own names, whatever wraps it; and recording.json."""

import inspect
from collections.abc import Iterator, Mapping
from types import CodeType
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.parallel import DataParallel, DistributedDataParallel

from newllm.batch_norm import norm_momentum
from newllm.errors import UserError
from newllm.model.bodies.cell import Cell
from newllm.recorder.layers import ROOT, layers
from newllm.recorder.optimizers import Optimizers

_COMPILED = "_orig_mod"  # torch.compile keeps the module that it wraps under this name
_COUPLED = (
    *(torch.optim.SGD, torch.optim.Adam, torch.optim.NAdam, torch.optim.RAdam, torch.optim.RMSprop),
    *(torch.optim.Adagrad, torch.optim.Adadelta, torch.optim.Adamax, torch.optim.ASGD),
)
"""Optimizers of torch that add the weight decay to the gradient."""


def _minds_the_mode(module: nn.Module) -> bool:
    """Whether a module works otherwise in training mode: a batch norm, or dropout, also by a rate of its own."""
    rates = [value for name, value in vars(module).items() if "dropout" in name and isinstance(value, int | float)]
    return isinstance(module, _BatchNorm) or any(rate > 0 for rate in [*rates, *_dropped(module)])


def _asks_for_the_mode(module: nn.Module) -> bool:
    """Whether a module's own code, not torch's, reads the mode, as functional dropout does."""
    classes = [one for one in type(module).__mro__ if one.__module__.split(".")[0] not in ("torch", "builtins")]
    methods = [_undecorated(one) for owner in classes for one in vars(owner).values() if inspect.isfunction(one)]
    return any(
        _reads_the_mode(code) for method in methods if isinstance(code := getattr(method, "__code__", None), CodeType)
    )


def _undecorated(method: Any) -> Any:
    try:
        return inspect.unwrap(method)
    except ValueError:  # it wraps itself
        return method


def _reads_the_mode(code: CodeType) -> bool:
    inner = [one for one in code.co_consts if isinstance(one, CodeType)]
    return "training" in code.co_names or any(map(_reads_the_mode, inner))


def _dropped(module: nn.Module) -> list[float]:
    if isinstance(module, nn.RNNBase):  # between its layers
        return [module.dropout] if module.num_layers > 1 else []
    return [module.p] if isinstance(module, _DropoutNd) else []


class Layout:
    """A model's parts.

    Args:
        model: as it is called: bare, compiled, or wrapped for several devices.

    Attributes:
        root: the model as it is called.
        inner: the model without its wrappers.
        layers: the parameters that each layer owns, shared ones once.
        parameters: all of them, in that order.
        compiled: paths of what was compiled before recording began.

    Raises:
        UserError: it has no parameters.
    """

    def __init__(self, model: nn.Module) -> None:
        self.root = model
        self.inner = _unwrapped(model)
        self.layers = {own_name(name): own for name, own in layers(self.inner).items()}
        self.parameters = [parameter for own in self.layers.values() for parameter in own]
        self.compiled = [own_name(name) for name, module in self.inner.named_modules() if _is_compiled(module)]
        if _wraps_compiled(model) and ROOT not in self.compiled:
            self.compiled.append(ROOT)
        if not self.parameters:
            raise UserError(f"{type(self.inner).__name__} has no parameters: give the model that the optimizer trains")

    def runs_in_training_mode(self) -> bool:
        """Whether a module that works otherwise in training mode is in it; where none does, whether the model is."""
        minding = [module for module in self.inner.modules() if _minds_the_mode(module)]
        return any(module.training for module in minding) if minding else self.root.training

    def callable_modules(self) -> Iterator[tuple[str, nn.Module]]:
        """Yield every module whose calls hooks can see without changing them, by its path.

        Left out: what was compiled, and the inside of our cell, which runs as one fused function unless it
        is hooked.
        """
        if ROOT in self.compiled:
            return
        hidden = {id(part) for module in self.inner.modules() for part in _fused(module)}
        for name, module in self.inner.named_modules():
            if id(module) not in hidden:
                yield own_name(name), module

    def describe(self, optimizers: Optimizers, every: int, vocabulary: int | None) -> dict[str, Any]:
        """Return the content of recording.json."""
        modules = {own_name(name): module for name, module in self.inner.named_modules()}
        trained, decays, penalties = optimizers.held(), _decays(optimizers), _penalties(optimizers)
        return {
            "schema": 1,
            "vocabulary": vocabulary,
            "parameters": sum(parameter.numel() for parameter in self.parameters),
            "optimizer": optimizers.name,
            "every": every,
            "training_mode_matters": any(map(_minds_the_mode, self.inner.modules())),
            "asks_for_mode": any(map(_asks_for_the_mode, self.inner.modules())),
            "dropout": max((rate for module in self.inner.modules() for rate in _dropped(module)), default=0.0),
            "layers": [
                {
                    "name": name,
                    "kind": type(modules[name]).__name__,
                    "parameters": sum(parameter.numel() for parameter in own),
                    "trained": any(p.requires_grad and id(p) in trained for p in own),
                    "given": any(id(p) in trained for p in own),
                    "weight_decay": max((decays.get(id(p), 0.0) for p in own), default=0.0),
                    "penalty": max((penalties.get(id(p), 0.0) for p in own), default=0.0),
                    **_norm_momentum(modules[name]),
                }
                for name, own in self.layers.items()
            ],
        }

    def group(self, numbers: Mapping[int, Any]) -> Iterator[tuple[str, list[Any]]]:
        """Yield each layer with what is known of its parameters, by their index in `parameters`."""
        first = 0
        for name, own in self.layers.items():
            found = [numbers[i] for i in range(first, first + len(own)) if i in numbers]
            first += len(own)
            if found:
                yield name, found


def own_name(path: str) -> str:
    """Return a module's path without what torch.compile put into it; "." for the model itself."""
    return ".".join(part for part in path.split(".") if part not in (_COMPILED, "")) or ROOT


def _decays(optimizers: Optimizers) -> dict[int, float]:
    """Return by how much each update shrinks a parameter, by its id, as a share of the largest learning rate.

    Only of optimizers that shrink weights beside the gradient's update (AdamW): else decay is a part of the gradient.
    """
    # A schedule may begin at a rate of nothing; what it rises to stands beside it.
    rates = [float(group.get("initial_lr") or group.get("lr", 0.0)) for _, group in optimizers.groups]
    return {
        id(parameter): float(group.get("weight_decay", 0.0)) * rate / max(rates)
        for (one, group), rate in zip(optimizers.groups, rates, strict=True)
        for parameter in group["params"]
        if max(rates) > 0 and (isinstance(one, torch.optim.AdamW) or group.get("decoupled_weight_decay"))
    }


def _penalties(optimizers: Optimizers) -> dict[int, float]:
    """Return by how much of itself a parameter is added to its gradient, by its id: where decay is not decoupled.

    Only of optimizers that are known to do so, or say so as torch's do: what another one (Lion, Muon) makes of its
    decay, nobody can tell.
    """
    decoupled = _decays(optimizers)
    return {
        id(parameter): float(group.get("weight_decay") or 0.0)
        for one, group in optimizers.groups
        for parameter in group["params"]
        if (type(one) in _COUPLED or group.get("decoupled_weight_decay") is False)
        and id(parameter) not in decoupled
        and isinstance(group.get("weight_decay", 0.0), int | float)
    }


def _norm_momentum(module: nn.Module) -> dict[str, float]:
    momentum = norm_momentum(module)
    return {} if momentum is None else {"norm_momentum": momentum}


def _unwrapped(model: nn.Module) -> nn.Module:
    while True:
        if isinstance(model, DataParallel | DistributedDataParallel):
            model = model.module
        elif isinstance(within := getattr(model, _COMPILED, None), nn.Module):
            model = within
        else:
            return model


def _wraps_compiled(model: nn.Module) -> bool:
    while isinstance(model, DataParallel | DistributedDataParallel):
        model = model.module
    return _is_compiled(model)


def _is_compiled(module: nn.Module) -> bool:
    return hasattr(module, _COMPILED) or getattr(module, "_compiled_call_impl", None) is not None


def _fused(module: nn.Module) -> Iterator[nn.Module]:
    if isinstance(module, Cell):
        for part in (module.fnn, module.rule, module.norm):
            yield from part.modules()
    elif _is_compiled(module):
        yield from module.modules()
