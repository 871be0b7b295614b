"""What a function of the user or a data loader holds: found by closure and attributes, and put back after a trial.

A loss may keep more than model and batch (a counter, a running centre, a teacher, a judge that it trains, generators of
its own), and a step of a training loop moves a schedule, a loss scale, an average of the weights besides. What such a
function names, what it closes over and what these hold is found here. Modules of Python, files, sockets, threads and
locks are left alone, and so is what holds a file: it says how far the file is.
"""

import contextlib
import dis
import functools
import sys
import types
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import PurePath
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data.dataloader import _BaseDataLoaderIter

from newllm.checks.untouched import CONTAINERS, MACHINERY

_DEEP = 6  # steps from an attribute to an attribute
_MANY = 20_000  # objects
_OF_USERS = {"__main__", "argparse", "builtins", "collections", "functools", "random", "types"}  # users write to it
_MACHINERY = sys.stdlib_module_names - _OF_USERS
_OF_TORCH = ("torch._dynamo", "torch._inductor", "torch._functorch", "torch.distributed", "torch.fx")
_TRACKERS = ("mlflow", "tensorboard", "tensorboardX", "trackio", "wandb")
_LIBRARIES = _MACHINERY | {"builtins", "collections", "functools", "random", "types", "torch", "numpy"}
_INSTALLED = {"site-packages", "dist-packages"}
_WRITES = ("write", "flush", "send", "commit")  # beside close(): a file, a connection, or what writes to one
_LONG = 1_000  # items of a container that are looked into
_PLAIN = (str, bytes, int, float, complex, bool, type(None), types.ModuleType, torch.dtype, torch.device)
_CODE = (types.FunctionType, types.ModuleType, type)  # a name of it is hardly given to anything else
_HOOKS = "hooks"  # in the names of attributes where a module keeps functions of others


def beyond(model: nn.Module) -> list[Any]:
    """Return what the modules of a model hold besides parameters, buffers and plain values: objects, hooks, methods."""
    found: list[Any] = []
    for module in model.modules():
        for name, value in vars(module).items():
            if name in MACHINERY or isinstance(value, _PLAIN):
                continue
            # Not the container itself, which is put back with its module: a trial may add hooks of its own.
            is_container = isinstance(value, CONTAINERS) or _HOOKS in name
            found += _parts(value) if is_container else [value]
        found += _classes(module)
    return found


def reached(*roots: Any, besides: Iterable[Any] = ()) -> list[Any]:
    """Return the objects that others hold, themselves among them: through closures, globals and attributes."""
    besides = list(besides)
    known = {id(part) for each in besides for part in (each, *_known_parts(each))}
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
    """Say whether an object is of Python's own machinery, of a loader's workers, or tells how far something outside is.

    These are queues, threads, locks, files, and what writes to a file or a connection.
    """
    if isinstance(held, Tensor | nn.Module | torch.optim.Optimizer):
        return False
    if isinstance(held, type):
        return not _is_users(held)
    kind = type(held)
    if kind.__module__.partition(".")[0] in _MACHINERY.union(_TRACKERS) or kind.__module__.startswith(_OF_TORCH):
        return True
    is_writing = callable(getattr(kind, "close", None)) and any(hasattr(kind, name) for name in _WRITES)
    return is_writing or isinstance(held, _BaseDataLoaderIter)


def _parts(held: Any) -> Iterable[Any]:
    for kinds, parts in _HOLDERS:
        if isinstance(held, kinds):
            return parts(held)
    if isinstance(held, Tensor) or not hasattr(held, "__dict__"):
        return slots_of(held).values()
    return [*vars(held).values(), *slots_of(held).values(), *_classes(held)]


def _of_cell(cell: types.CellType) -> list[Any]:
    with contextlib.suppress(ValueError):  # an empty one
        return [cell.cell_contents]
    return []


def _of_module(module: nn.Module) -> list[Any]:
    own = [value for name, value in vars(module).items() if name not in MACHINERY]
    return [*_known_parts(module), *own, *_classes(module)]


def _known_parts(held: Any) -> Iterable[Any]:
    """Return what is put back together with a module or an optimizer."""
    return [*held.modules(), *held.parameters(), *held.buffers()] if isinstance(held, nn.Module) else _parts(held)


def is_array(held: Any) -> bool:
    """Say whether an object is an array of numpy in memory."""
    return f"{type(held).__module__}.{type(held).__name__}" == "numpy.ndarray"


def _of_function(function: types.FunctionType) -> list[Any]:
    if (function.__module__ or "").partition(".")[0] in _LIBRARIES:
        return []
    held = [*(function.__closure__ or ()), *(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    held += vars(function).values()
    if _is_installed(function.__code__.co_filename):
        return held  # what a package keeps for itself, such as what it has found of the machine
    space = function.__globals__
    used, written = _names(function.__code__)
    for name in sorted(used):
        if name in written or (name in space and not isinstance(space[name], _CODE)):
            held.append(Global(space, name))
        elif name in space:
            held.append(space[name])
    return held


def _classes(held: Any) -> list[type]:
    """Return the classes of an object that users have written: their methods name global variables, too."""
    return [kind for kind in type(held).__mro__ if _is_users(kind)]


def _is_users(kind: type) -> bool:
    if kind.__module__.partition(".")[0] in _LIBRARIES:
        return False
    return not _is_installed(getattr(sys.modules.get(kind.__module__), "__file__", None) or "")


def _is_installed(file: str) -> bool:
    return bool(_INSTALLED.intersection(PurePath(file).parts))


def variables_of(kind: type) -> dict[str, Any]:
    """Return what stands in a class, methods among it, but for what Python keeps there."""
    named = vars(kind).items()
    return {name: value for name, value in named if not name.startswith("__") or isinstance(value, types.FunctionType)}


def slots_of(held: Any) -> dict[str, Any]:
    """Return the attributes that an object of a user's class has without a dictionary, `NOTHING` where one is unset."""
    if isinstance(held, Tensor) or type(held).__module__.partition(".")[0] in _LIBRARIES:
        return {}
    names = []
    for kind in type(held).__mro__:
        slots = vars(kind).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else tuple(slots):
            is_private = name.startswith("__") and not name.endswith("__")
            names.append(f"_{kind.__name__.lstrip('_')}{name}" if is_private else name)
    return {name: getattr(held, name, NOTHING) for name in names if name not in ("__dict__", "__weakref__")}


def _names(code: types.CodeType) -> tuple[set[str], set[str]]:
    """Return the names that a function uses, and those of global variables that it sets."""
    used = set(code.co_names)
    written = {each.argval for each in dis.get_instructions(code) if each.opname == "STORE_GLOBAL"}
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            more = _names(inner)
            used |= more[0]
            written |= more[1]
    return used, written


class Global:
    """A global variable that a function names; `value` is `NOTHING` as long as there is none."""

    __slots__ = ("name", "namespace", "value")

    def __init__(self, namespace: dict[str, Any], name: str) -> None:
        self.namespace, self.name, self.value = namespace, name, namespace.get(name, NOTHING)

    def restore(self) -> bool:
        """Give it its value back."""
        if self.namespace.get(self.name, NOTHING) is self.value:
            return False
        if self.value is NOTHING:
            del self.namespace[self.name]
        else:
            self.namespace[self.name] = self.value
        return True


NOTHING = type("NOTHING", (), {})


_HOLDERS: tuple[tuple[Any, Callable[[Any], Iterable[Any]]], ...] = (
    (types.CellType, _of_cell),
    (Global, lambda held: [held.value]),
    (types.FunctionType, _of_function),
    (types.MethodType, lambda held: [held.__self__, held.__func__]),
    ((staticmethod, classmethod), lambda held: [held.__func__]),
    (property, lambda held: [held.fget, held.fset]),
    (type, lambda held: list(variables_of(held).values())),
    (functools.partial, lambda held: [held.func, *held.args, *held.keywords.values()]),
    (nn.Module, _of_module),
    (torch.optim.Optimizer, lambda held: [each for group in held.param_groups for each in group["params"]]),
    (dict, lambda held: list(held.values()) if len(held) <= _LONG else []),
    ((list, tuple, set, deque), lambda held: list(held) if len(held) <= _LONG else []),
)
