"""Settings that a training's own code may change on its way: those of the optimizer's groups, and dropout.

learning_rate   of each group, where the training has no planned rate
weight_decay    of each group
momentum        of each group: momentum, beta1, beta2
dropout         of each module
"""

from collections.abc import Iterator, Mapping

import torch
from torch import nn

Settings = dict[str, dict[str, float]]
"""Values by kind and by place: "0/weight_decay" of a group, "encoder.1.p" of a module."""

_KEYS = {"lr": "learning_rate", "weight_decay": "weight_decay", "momentum": "momentum"}
_BETAS = ("beta1", "beta2")


def settings_of(model: nn.Module, optimizer: torch.optim.Optimizer) -> Settings:
    """Return the settings as they are."""
    found: Settings = {"learning_rate": {}, "weight_decay": {}, "momentum": {}, "dropout": {}}
    for number, group in enumerate(optimizer.param_groups):
        for key, kind in _KEYS.items():
            if key in group:
                found[kind][f"{number}/{key}"] = float(group[key])
        for name, value in zip(_BETAS, group.get("betas", ()), strict=False):
            found["momentum"][f"{number}/{name}"] = float(value)
    found["dropout"] = {place: value for place, _, _, value in dropouts(model)}
    return found


def hold(model: nn.Module, optimizer: torch.optim.Optimizer, kind: str, values: Mapping[str, float]) -> None:
    """Hold the settings of a kind at these values from now on, whatever the training's own code sets."""
    if kind == "dropout":
        for place, module, name, _ in list(dropouts(model)):
            if place in values:
                module.register_forward_pre_hook(lambda it, _, name=name, value=values[place]: setattr(it, name, value))
        return
    optimizer.register_step_pre_hook(lambda it, *_: _put(it, values))


def _put(optimizer: torch.optim.Optimizer, values: Mapping[str, float]) -> None:
    for place, value in values.items():
        number, key = place.split("/")
        group = optimizer.param_groups[int(number)]
        if key in _BETAS:
            betas = list(group["betas"])
            betas[_BETAS.index(key)] = value
            group["betas"] = tuple(betas)
        else:
            group[key] = value


def dropouts(model: nn.Module) -> Iterator[tuple[str, nn.Module, str, float]]:
    """Yield place, module, attribute and value of each probability of dropout, 0 too: it may be raised later.

    Known are torch's dropout layers and any number called "...dropout...", as torch's own recurrent and attention
    layers have, and most models that call `functional.dropout`. A number written into a call cannot be seen.
    """
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            is_one = "dropout" in name or (name == "p" and isinstance(module, nn.modules.dropout._DropoutNd))
            if is_one and isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
                yield f"{path}.{name}", module, name, float(value)
