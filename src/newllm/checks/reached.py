"""What a function of the user or a data loader holds: found by closure and attributes, and put back after a trial.

A step of a training loop moves more than model and optimizer: a schedule, a loss scale, an average of the weights, a
counter, generators of its own. What it names, what it closes over and what these hold is found here.
"""

import contextlib
import functools
import random
import sys
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data.dataloader import _BaseDataLoaderIter

from newllm.checks.untouched import CONTAINERS, attribute_restorer, optimizer_restorer, refill, tensor_restorer

_DEEP = 6  # steps from an attribute to an attribute
_MANY = 20_000  # objects
_OF_USERS = {"__main__", "argparse", "builtins", "collections", "functools", "random", "types"}  # users write to it
_MACHINERY = sys.stdlib_module_names - _OF_USERS
_LONG = 1_000  # items of a container that are looked into
_PLAIN = (str, bytes, int, float, complex, bool, type(None), type, types.ModuleType, torch.dtype, torch.device)


@contextlib.contextmanager
def put_back(*roots: Any, besides: Iterable[Any] = ()) -> Iterator[None]:
    """Put back, after a `with` block, whatever was done in it to what some functions and objects hold.

    Args:
        *roots: the functions and objects.
        besides: what somebody else puts back.
    """
    with contextlib.ExitStack() as undo:
        for each in reached(*roots, besides=besides):
            if (back := _restorer_of(each)) is not None:
                undo.callback(back)
        yield


def reached(*roots: Any, besides: Iterable[Any] = ()) -> list[Any]:
    """Return the objects that others hold, themselves among them: through closures, globals and attributes."""
    besides = list(besides)
    known = {id(part) for each in besides for part in (each, *_parts(each))}
    found: dict[int, Any] = {}
    waiting = deque((root, 0) for root in roots)
    while waiting and len(found) < _MANY:
        each, depth = waiting.popleft()
        if id(each) in found or id(each) in known or isinstance(each, _PLAIN) or _is_machinery(each):
            continue
        found[id(each)] = each
        if depth < _DEEP:
            waiting.extend((part, depth + 1) for part in _parts(each))
    return list(found.values())


def _is_machinery(held: Any) -> bool:
    """Say whether an object is of Python's own machinery, or of a loader's workers: queues, threads, locks, files."""
    return type(held).__module__.partition(".")[0] in _MACHINERY or isinstance(held, _BaseDataLoaderIter)


def _parts(held: Any) -> Iterable[Any]:
    if isinstance(held, types.CellType):
        with contextlib.suppress(ValueError):  # an empty one
            return [held.cell_contents]
        return []
    if isinstance(held, _Global):
        return [held.value]
    if isinstance(held, types.FunctionType):
        return _of_function(held)
    if isinstance(held, types.MethodType):
        return [held.__self__, held.__func__]
    if isinstance(held, functools.partial):
        return [held.func, *held.args, *held.keywords.values()]
    if isinstance(held, nn.Module):
        return [*held.modules(), *held.parameters(), *held.buffers()]
    if isinstance(held, torch.optim.Optimizer):
        return [each for group in held.param_groups for each in group["params"]]
    if isinstance(held, dict):
        return list(held.values()) if len(held) <= _LONG else []
    if isinstance(held, list | tuple | set | deque):
        return list(held) if len(held) <= _LONG else []
    return list(vars(held).values()) if hasattr(held, "__dict__") and not isinstance(held, Tensor) else []


def _of_function(function: types.FunctionType) -> list[Any]:
    if function.__module__.partition(".")[0] in _MACHINERY | {"torch", "numpy"}:
        return []
    named = [_Global(function.__globals__, name) for name in _names(function.__code__) if name in function.__globals__]
    return [*(function.__closure__ or ()), *(function.__defaults__ or ()), *named]


def _names(code: types.CodeType) -> set[str]:
    inner = [each for each in code.co_consts if isinstance(each, types.CodeType)]
    return set(code.co_names).union(*map(_names, inner))


class _Global:
    """A global variable that a function names."""

    __slots__ = ("name", "namespace", "value")

    def __init__(self, namespace: dict[str, Any], name: str) -> None:
        self.namespace, self.name, self.value = namespace, name, namespace[name]


def _restorer_of(held: Any) -> Callable[[], Any] | None:
    """Return what puts an object back, None of one that does not change."""
    for kinds, keep in _KEEPERS:
        if isinstance(held, kinds):
            return keep(held)
    name = f"{type(held).__module__}.{type(held).__name__}"
    if name.startswith("numpy.random"):
        if hasattr(held, "get_state"):
            return functools.partial(held.set_state, held.get_state())
        kept = getattr(held, "bit_generator", held)
        return _keep_state(kept) if hasattr(kept, "random_raw") else None  # a SeedSequence cannot be written to
    return attribute_restorer(held) if hasattr(held, "__dict__") else None


def _keep_state(chance: Any) -> Callable[[], Any]:
    return functools.partial(setattr, chance, "state", chance.state)


def _keep_cell(cell: types.CellType) -> Callable[[], Any] | None:
    try:
        return functools.partial(setattr, cell, "cell_contents", cell.cell_contents)
    except ValueError:  # an empty one
        return None


_KEEPERS: tuple[tuple[Any, Callable[[Any], Callable[[], Any] | None]], ...] = (
    (Tensor, lambda tensor: tensor_restorer(tensor) if tensor.layout == torch.strided else None),
    (torch.optim.Optimizer, optimizer_restorer),
    (types.CellType, _keep_cell),
    (_Global, lambda held: functools.partial(held.namespace.__setitem__, held.name, held.value)),
    (torch.Generator, lambda chance: functools.partial(chance.set_state, chance.get_state())),
    (random.Random, lambda chance: functools.partial(chance.setstate, chance.getstate())),
    (CONTAINERS, lambda held: functools.partial(refill, held, held.copy()) if len(held) <= _LONG else None),
    ((types.FunctionType, types.MethodType, type), lambda _: None),
)
