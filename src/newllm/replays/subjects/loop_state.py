"""The state of any optimizer as tensors by name: moments, and the numbers that some keep beside them.

PARAMETER/KEY    of a parameter: tensors are the optimizer's own, numbers tensors of no dimension
group/N/KEY      numbers of a group, as the learning rate, which a training may change on its way
"""

from typing import Any

import torch
from torch import Tensor, nn

from newllm.errors import UserError
from newllm.replays.replica.replica import Tensors

_GROUP = "group/"


def optimizer_state(model: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[Tensors, Tensors]:
    """Return copies of the optimizer's tensors, and of its numbers.

    Raises:
        UserError: it keeps something that is neither.
    """
    tensors: Tensors = {}
    numbers: Tensors = {}
    for name, parameter in model.named_parameters():
        for key, value in optimizer.state.get(parameter, {}).items():
            if isinstance(value, Tensor):
                tensors[f"{name}/{key}"] = value.detach().clone()
            elif isinstance(value, int | float):
                numbers[f"{name}/{key}"] = _as_tensor(value)
            elif value is not None:
                raise UserError(
                    f"{type(optimizer).__name__} keeps '{key}' as {type(value).__name__}: only tensors and numbers can "
                    "be put back, so take another optimizer"
                )
    for at, group in enumerate(optimizer.param_groups):
        for key, value in group.items():
            if isinstance(value, Tensor | int | float) and not isinstance(value, bool):
                numbers[f"{_GROUP}{at}/{key}"] = _as_tensor(value)
    return tensors, numbers


def put_optimizer_state(model: nn.Module, optimizer: torch.optim.Optimizer, tensors: Tensors, numbers: Tensors) -> None:
    """Put back what `optimizer_state` returned.

    Raises:
        UserError: it belongs to another model.
    """
    parameters = dict(model.named_parameters())
    optimizer.state.clear()
    for path, value in (*tensors.items(), *numbers.items()):
        if path.startswith(_GROUP) and path in numbers:
            _, at, key = path.split("/", 2)
            _put_number(optimizer.param_groups[int(at)], key, value)
            continue
        name, _, key = path.rpartition("/")
        if name not in parameters or (value.dim() and value.numel() not in (1, parameters[name].numel())):
            raise UserError(f"the optimizer state '{path}' does not fit this model: build(seed) gave another one")
        device = _device_of(optimizer, parameters[name], value)
        optimizer.state[parameters[name]][key] = value.item() if path in numbers else value.to(device).clone()


def check_built(built: Any) -> tuple[nn.Module, torch.optim.Optimizer, Any]:
    """Return the model, the optimizer and the scheduler that `build` gave; None where it gave no scheduler.

    Raises:
        UserError: it gave something else, or an optimizer of other parameters.
    """
    if not isinstance(built, tuple | list) or len(built) not in (2, 3):
        count = f" of {len(built)}" if isinstance(built, tuple | list) else ""
        raise UserError(
            f"build(seed) gave {type(built).__name__}{count}: it must give a model and its optimizer, "
            "and may give a scheduler as a third"
        )
    model, optimizer, scheduler = (*built, None)[:3]
    if not isinstance(model, nn.Module) or not isinstance(optimizer, torch.optim.Optimizer):
        kinds = f"{type(model).__name__} and {type(optimizer).__name__}"
        raise UserError(f"build(seed) gave {kinds}: it must give a torch.nn.Module and a torch.optim.Optimizer")
    if isinstance(optimizer, torch.optim.LBFGS):
        raise UserError("build(seed) gave LBFGS, which runs the model several times an update: take another optimizer")
    own = {id(parameter) for parameter in model.parameters()}
    if not own or any(id(p) not in own for group in optimizer.param_groups for p in group["params"]):
        raise UserError(
            f"build(seed) gave {type(optimizer).__name__} of parameters that {type(model).__name__} does not have: "
            "make the optimizer after the model, from its parameters"
        )
    if scheduler is not None and not callable(getattr(scheduler, "step", None)):
        raise UserError(f"build(seed) gave {type(scheduler).__name__} as its third: give a scheduler, which has step()")
    if isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
        raise UserError(
            "build(seed) gave ReduceLROnPlateau, which sets the rate by what evaluations show and not by the step: "
            "give rate=, a function from the step to the rates that it set"
        )
    return model, optimizer, scheduler


def _as_tensor(value: Tensor | float) -> Tensor:
    if isinstance(value, Tensor):
        return value.detach().clone()
    return torch.tensor(value, dtype=torch.float64 if isinstance(value, float) else torch.int64)


def _put_number(group: dict[str, Any], key: str, value: Tensor) -> None:
    if isinstance(group.get(key), Tensor):
        group[key].copy_(value)
    else:
        group[key] = value.item()


def _device_of(optimizer: torch.optim.Optimizer, parameter: nn.Parameter, value: Tensor) -> torch.device:
    """Return where a tensor belongs: torch keeps counts of steps on the CPU unless its kernel is fused or captured."""
    group = next(one for one in optimizer.param_groups if any(p is parameter for p in one["params"]))
    beside = value.dim() > 0 or group.get("fused") or group.get("capturable")
    return parameter.device if beside else torch.device("cpu")
