"""A training as it was: whatever happens in a check, weights, moments, modes, gradients and chance come back.

What is kept is all that a step of a training changes: parameters, their gradients, buffers, other attributes of the
modules (a counter, a carried state), the optimizer's moments and groups, and the global generators of torch, numpy and
Python. `kept.py` puts back what losses, loaders, steps and evaluations hold besides. What gives a thing back says
whether it had changed.
"""

import contextlib
import random
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from newllm.checks.trees import same

CONTAINERS = (list, dict, set, deque, Counter, OrderedDict, defaultdict)
MACHINERY = ("_parameters", "_buffers", "_modules")


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


def tensor_restorer(tensor: Tensor) -> Callable[[], bool]:
    """Return what gives a tensor its memory, its values, its gradient and whether it needs one back."""
    has_values = not (tensor.is_meta or is_lazy(tensor))
    needs, grad = tensor.requires_grad, tensor.grad if tensor.is_leaf else None
    home = tensor.data if has_values and tensor.layout == torch.strided else None
    values = tensor.detach().clone() if has_values else None
    slope = None if grad is None or grad.is_meta else grad.detach().clone()

    def undo() -> bool:
        changed = False
        with torch.no_grad():
            if home is not None and _place(tensor) != _place(home):
                tensor.data, changed = home, True
            if values is not None and not same(tensor, values):  # equal bits are not written: views stay valid
                tensor.copy_(values)
                changed = True
            if grad is not None and slope is not None and not same(grad, slope):
                grad.copy_(slope)
                changed = True
        if tensor.is_leaf and (tensor.requires_grad != needs or tensor.grad is not grad):
            tensor.requires_grad_(needs)
            tensor.grad = grad
            changed = True
        return changed

    return undo


def _place(tensor: Tensor) -> tuple[Any, ...]:
    return tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride()


def attribute_restorer(held: Any) -> Callable[[], bool]:
    """Return what gives an object its attributes back, and plain containers among them their contents."""
    attributes = dict(vars(held))
    restorers = []
    for name, value in attributes.items():
        is_machinery = name in MACHINERY and isinstance(held, nn.Module) and isinstance(value, dict)
        if is_machinery or type(value) in CONTAINERS:  # such as a list of what was seen: its tensors stay the same ones
            restorers.append(container_restorer(value))
    if isinstance(held, torch.jit.ScriptModule):
        restorers.append(_script_restorer(held))

    def undo() -> bool:
        now = vars(held)
        changed = now.keys() != attributes.keys() or any(now[name] is not value for name, value in attributes.items())
        if changed:
            for name in now.keys() - attributes.keys():
                del now[name]
            now.update(attributes)
        return any([changed, *(restore() for restore in restorers)])

    return undo


def _script_restorer(module: torch.jit.ScriptModule) -> Callable[[], bool]:
    """Return what gives a scripted or traced module its attributes back, which are not Python's."""
    core = getattr(module, "_actual_script_module", module)
    kept = {name: core._c.getattr(name) for name in core._concrete_type.get_attributes()}

    def undo() -> bool:
        changed = False
        for name, value in kept.items():
            now = core._c.getattr(name)
            if now is not value and (isinstance(value, Tensor) or now != value):
                core._c.setattr(name, value)
                changed = True
        return changed

    return undo


def container_restorer(container: Any) -> Callable[[], bool]:
    """Return what gives a list, deque, dictionary or set its contents back."""
    content = container.copy()

    def undo() -> bool:
        if _has_same_items(container, content):
            return False
        container.clear()
        if isinstance(container, list | deque):
            container.extend(content)
        else:
            container.update(content)
        return True

    return undo


def _has_same_items(container: Any, content: Any) -> bool:
    """Say whether a container holds the very objects of another, in their order."""
    if len(container) != len(content) or not content:
        return len(container) == len(content)
    if isinstance(container, set):
        return all(each in content for each in container)
    if isinstance(container, dict):
        pairs = zip(container.items(), content.items(), strict=True)
        return all(key is other and value is kept for (key, value), (other, kept) in pairs)
    return all(each is kept for each, kept in zip(container, content, strict=True))


def optimizer_restorer(optimizer: torch.optim.Optimizer) -> Callable[[], bool]:
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

    def undo() -> bool:
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
        return True

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
