"""A training as it was: whatever happens in a check, weights, moments, modes, gradients and chance come back.

What is kept is all that a step of a training changes: parameters, their gradients, buffers, other attributes of the
modules (a counter, a carried state), the optimizer's moments and groups, and the global generators of torch, numpy and
Python. What a loss function keeps elsewhere (a global, a file) is its own; `reached.py` finds what loaders, steps
and evaluations hold.
"""

import contextlib
import random
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from newllm.checks.trees import same

CONTAINERS = (list, dict, set, deque, Counter, OrderedDict, defaultdict)
_MACHINERY = ("_parameters", "_buffers", "_modules")


@contextlib.contextmanager
def untouched(model: nn.Module, optimizer: torch.optim.Optimizer, others: Iterable[Tensor] = ()) -> Iterator[None]:
    """Undo after a `with` block whatever was done in it to a training, to the bit.

    Args:
        model: that is trained.
        optimizer: that trains it.
        others: tensors that the loss reaches and that are neither's, such as the weights of a discriminator.
    """
    # A stack: whatever one part comes to, all others are put back, first what holds tensors, then the tensors.
    with contextlib.ExitStack() as undo:
        for tensor in _tensors(model, optimizer, others):
            undo.callback(tensor_restorer(tensor))
        for module in model.modules():
            undo.callback(attribute_restorer(module))
        undo.callback(optimizer_restorer(optimizer))
        undo.callback(generator_restorer())
        yield


def _tensors(model: nn.Module, optimizer: torch.optim.Optimizer, others: Iterable[Tensor]) -> list[Tensor]:
    found = {id(each): each for each in [*model.parameters(), *model.buffers(), *others]}
    found |= {id(each): each for group in optimizer.param_groups for each in group["params"]}
    for module in model.modules():
        found |= {id(value): value for value in vars(module).values() if isinstance(value, Tensor)}
    return list(found.values())


def tensor_restorer(tensor: Tensor) -> Callable[[], None]:
    """Return what gives a tensor its values, its gradient and whether it needs one back."""
    needs, grad = tensor.requires_grad, tensor.grad
    values = None if tensor.is_meta else tensor.detach().clone()
    slope = None if grad is None or grad.is_meta else grad.detach().clone()

    def undo() -> None:
        with torch.no_grad():
            if values is not None and not same(tensor, values):  # equal bits are not written: views stay valid
                tensor.copy_(values)
            if grad is not None and slope is not None:
                grad.copy_(slope)
        if tensor.is_leaf:
            tensor.requires_grad_(needs)
            tensor.grad = grad

    return undo


def attribute_restorer(held: Any) -> Callable[[], None]:
    """Return what gives an object its attributes back."""
    attributes = dict(vars(held))
    # The contents of plain containers too, such as a list of what was seen: their tensors stay the same ones.
    contents = {
        name: value.copy() for name, value in attributes.items() if type(value) in CONTAINERS and name not in _MACHINERY
    }
    holders = {name: dict(attributes[name]) for name in _MACHINERY if isinstance(held, nn.Module)}

    def undo() -> None:
        now = vars(held)
        for name in [name for name in now if name not in attributes]:
            del now[name]
        now.update(attributes)
        for name, content in contents.items():
            refill(attributes[name], content)
        for name, content in holders.items():
            refill(attributes[name], content)

    return undo


def refill(container: Any, content: Any) -> None:
    """Give a list, deque, dictionary or set its contents back."""
    container.clear()
    if isinstance(container, list | deque):
        container.extend(content)
    else:
        container.update(content)


def optimizer_restorer(optimizer: torch.optim.Optimizer) -> Callable[[], None]:
    """Return what gives an optimizer its groups and moments back."""
    held_groups = list(optimizer.param_groups)
    groups = [dict(group) for group in held_groups]
    rates = [{key: value.clone() for key, value in group.items() if isinstance(value, Tensor)} for group in groups]
    lists = [list(group["params"]) for group in groups]
    state = {
        parameter: {
            key: (value, value.detach().clone() if isinstance(value, Tensor) else None) for key, value in held.items()
        }
        for parameter, held in optimizer.state.items()
    }
    others = {name: value for name, value in vars(optimizer).items() if name not in ("state", "param_groups")}

    def undo() -> None:
        vars(optimizer).update(others)
        optimizer.param_groups[:] = held_groups
        for group, before, rate, parameters in zip(held_groups, groups, rates, lists, strict=True):
            group.clear()
            group.update(before)
            group["params"] = parameters
            for key, value in rate.items():
                group[key].copy_(value)
        optimizer.state.clear()
        with torch.no_grad():
            for parameter, held in state.items():
                for value, content in held.values():
                    if content is not None:
                        value.copy_(content)
                optimizer.state[parameter] = {key: value for key, (value, _) in held.items()}

    return undo


def generator_restorer() -> Callable[[], None]:
    """Return what gives the global generators of torch, numpy and Python their state back."""
    python, cpu = random.getstate(), torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() and torch.cuda.is_initialized() else None
    numpy = sys.modules.get("numpy")
    old = None if numpy is None else numpy.random.get_state()
    grad = torch.is_grad_enabled()

    def undo() -> None:
        random.setstate(python)
        torch.set_rng_state(cpu)
        torch.set_grad_enabled(grad)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)
        if numpy is not None:
            numpy.random.set_state(old)

    return undo
