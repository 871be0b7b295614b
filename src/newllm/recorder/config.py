"""The settings of a training that a recording keeps: those of its optimizer, and what its owner gives."""

from collections.abc import Mapping
from typing import Any

import torch

from newllm.errors import UserError
from newllm.recorder.optimizers import Optimizers

_DEEPEST = 6
_LONGEST = 200  # characters of what is no plain value
_NAMES = {"lr": "learning_rate", "eps": "epsilon"}  # as the settings of `newllm train` are called


def config_of(given: Any) -> dict[str, Any]:
    """Return settings as JSON can hold them.

    Args:
        given: a mapping, the result of argparse, or another object with attributes; None for none.

    Raises:
        UserError: it is none of these, or a name is no text.
    """
    if given is None:
        return {}
    table = given if isinstance(given, Mapping) else getattr(given, "__dict__", None)
    if not isinstance(table, Mapping):
        raise UserError(f"config is {given!r:.60}: give a mapping from names to values, or what argparse returns")
    for name in table:
        if not isinstance(name, str):
            raise UserError(f"config names a setting {name!r:.60}: give names as text")
    return _plain(table, _DEEPEST)


def optimizer_settings(optimizers: Optimizers) -> dict[str, Any]:
    """Return the names of the optimizers, and the numbers of the first one; those of the others by their names."""
    first, *others = optimizers.each
    return {**_settings(first), "name": optimizers.name, **{type(one).__name__: _settings(one) for one in others}}


def _settings(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Return the name of an optimizer, and the numbers of its first group before any schedule has changed them."""
    group = optimizer.param_groups[0]
    found: dict[str, Any] = {"name": type(optimizer).__name__}
    for name, value in group.items():
        value = group.get("initial_lr", value) if name == "lr" else value
        value = value.item() if isinstance(value, torch.Tensor) and value.numel() == 1 else value
        if name == "betas" and isinstance(value, tuple | list):
            found |= {f"beta{at}": float(beta) for at, beta in enumerate(value, 1)}
        elif isinstance(value, int | float | str) and name != "initial_lr":
            found[_NAMES.get(name, name)] = value
    return found


def _plain(value: Any, deepest: int) -> Any:
    if value is None or isinstance(value, str | int | float):
        return value
    if deepest and isinstance(value, Mapping):
        return {str(name): _plain(item, deepest - 1) for name, item in value.items() if not str(name).startswith("_")}
    if deepest and isinstance(value, list | tuple):
        return [_plain(item, deepest - 1) for item in value[:100]]
    try:
        return str(value)[:_LONGEST]
    except Exception:  # of somebody's own class: a setting that cannot be told is no reason to end a training
        return type(value).__name__
