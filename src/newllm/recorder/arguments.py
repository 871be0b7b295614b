"""Checks what a recorder is given: mistakes are told at once, in one line."""

from pathlib import Path

import torch
from torch import nn

from newllm.errors import UserError
from newllm.recorder.layout import Layout
from newllm.recorder.optimizers import Optimizers


def the_model(model: object) -> nn.Module:
    """Return the model if it is one."""
    if not isinstance(model, nn.Module):
        raise UserError(f"model is {type(model).__name__}: give a torch.nn.Module")
    return model


def the_optimizers(optimizer: object, layout: Layout) -> Optimizers:
    """Return the optimizers without their wrappers, once each is known to train the model."""
    if not isinstance(optimizer, list | tuple):
        return Optimizers([_the_optimizer(optimizer, layout)])
    if not optimizer:
        raise UserError(f"optimizer is an empty {type(optimizer).__name__}: give the optimizers that the loop steps")
    return Optimizers([_the_optimizer(one, layout) for one in optimizer])


def _the_optimizer(optimizer: object, layout: Layout) -> torch.optim.Optimizer:
    while isinstance(within := getattr(optimizer, "optimizer", None), torch.optim.Optimizer):
        optimizer = within
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise UserError(f"optimizer is {type(optimizer).__name__}: give a torch.optim.Optimizer, or a list of them")
    known = {id(parameter) for parameter in layout.parameters}
    if not any(id(parameter) in known for group in optimizer.param_groups for parameter in group["params"]):
        raise UserError(
            f"{type(optimizer).__name__} trains no parameter of this {type(layout.inner).__name__}: "
            "make the optimizer after the model, from its parameters"
        )
    return optimizer


def be_fresh(out: Path) -> None:
    """Refuse a file, and a directory that holds a recording or a run."""
    if out.exists() and not out.is_dir():
        raise UserError(f"'{out}' is a file: give a directory")
    found = sorted(path.name for pattern in ("trace.*", "recording.json") for path in out.glob(pattern))
    if found:
        raise UserError(f"'{out}' holds a recording already ({', '.join(found)}): choose another directory")


def is_first_process() -> bool:
    """Return whether this process is the one that writes."""
    return processes() == 1 or torch.distributed.get_rank() == 0


def processes() -> int:
    """Return how many processes train together."""
    distributed = torch.distributed
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1
