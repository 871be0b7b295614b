"""Where in a model a difference between two passes is seen first: in what a module is given, or in what it gives."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from newllm.checks.trees import leaves, same

Differ = Callable[[Tensor, Tensor, torch.Size | None], bool | None]
MOST = 2**26  # numbers of all tensors of a pass; of a larger one no place is looked for


@dataclass
class _Call:
    """One call of a module.

    Attributes:
        name: of the module, empty of the model itself.
        given, gives: copies of the tensors.
    """

    name: str
    given: list[Tensor]
    gives: list[Tensor] = field(default_factory=list)


@contextmanager
def _recorded(model: nn.Module) -> Iterator[list[_Call]]:
    """Record the calls of all modules in the order in which they end: what lies in a module stands before it."""
    open_calls: list[_Call] = []
    ended: list[_Call] = []
    left = MOST

    def kept(tree: Any) -> list[Tensor]:
        nonlocal left
        tensors = [tensor for _, tensor in leaves(tree)]
        left -= sum(tensor.numel() for tensor in tensors)
        return [tensor.detach().clone() for tensor in tensors] if left > 0 else []

    def before(name: str) -> Callable[..., None]:
        return lambda _, arguments, options: open_calls.append(_Call(name, kept([arguments, options])))

    def after(_: nn.Module, __: Any, ___: Any, made: Any) -> None:
        call = open_calls.pop()
        call.gives = kept(made)
        ended.append(call)

    handles = [
        handle
        for name, module in model.named_modules()
        if not isinstance(module, torch.jit.ScriptModule)  # it takes no such hook
        for handle in (
            module.register_forward_pre_hook(before(name), with_kwargs=True),
            module.register_forward_hook(after, with_kwargs=True),
        )
    ]
    try:
        yield ended
    finally:
        for handle in handles:
            handle.remove()


def first_seen(
    model: nn.Module,
    first: Callable[[], Any],
    second: Callable[[], Any],
    differ: Differ,
    fewer: Callable[[], Any] | None = None,
) -> dict[str, str | None]:
    """Return where two passes differ first, as `check-where` says it: `where` and `layer`, None where it isn't known.

    Args:
        model: whose modules are looked at.
        first: makes a pass.
        second: makes the other one.
        differ: whether two tensors of one place do, None where it cannot be said; it is also given the shape that the
            tensor has in a pass with fewer rows or positions, None where that is not known.
        fewer: makes that pass.
    """
    before, after = _calls(model, first), _calls(model, second)
    if [one.name for one in before] != [one.name for one in after]:
        return {"where": None, "layer": None}
    less: list[_Call | None] = [None] * len(before)
    if fewer is not None:
        with contextlib.suppress(Exception):  # as of a model that takes so many positions only
            found = _calls(model, fewer)
            if [one.name for one in found] == [one.name for one in before]:
                less = [*found]
    for one, two, few in zip(before, after, less, strict=True):
        if True in _each(one.gives, two.gives, few.gives if few else [], differ):
            given = _each(one.given, two.given, few.given if few else [], differ)
            where = "given" if True in given else "latest" if None in given else "gives"
            return {"where": where if one.name else None, "layer": one.name or None}
    return {"where": None, "layer": None}


def _calls(model: nn.Module, run: Callable[[], Any]) -> list[_Call]:
    with _recorded(model) as ended:
        run()
    return ended


def _each(before: list[Tensor], after: list[Tensor], fewer: list[Tensor], differ: Differ) -> list[bool | None]:
    known = len(fewer) == len(before)
    found: list[bool | None] = []
    for at, (one, two) in enumerate(zip(before, after, strict=False)):
        if same(one, two):
            found.append(False)
        else:
            found.append(differ(one, two, fewer[at].shape if known else None) if one.shape == two.shape else None)
    return found


def parts_apart(
    one: Tensor, other: Tensor, shape: torch.Size | None, size: int, part: Tensor, differ: Callable[..., bool | None]
) -> bool | None:
    """Say whether two tensors differ in a part of their rows, or positions; None where that is not known.

    The axis of the rows is that which is shorter in a pass with one row less. An axis may hold so many rows times
    something else, of which nobody knows the order: what differs differs whichever it is.

    Args:
        one: of one pass.
        other: of the other pass, in the same place.
        shape: that they have in the pass with one row less; None where that is not known.
        size: how many rows there are.
        part: which of them are looked at, by number.
        differ: whether two parts do.
    """
    if shape is None or len(shape) != one.ndim:
        return None
    axes = [axis for axis in range(one.ndim) if one.shape[axis] != shape[axis]]
    times = {one.shape[axis] // size for axis in axes}
    if not axes or any(one.shape[axis] * (size - 1) != shape[axis] * size for axis in axes):
        return None
    if times != {1}:
        return _flat_apart(one, other, axes, size, part, differ)
    for axis in axes:
        one, other = (each.index_select(axis, part.to(each.device)) for each in (one, other))
    return differ(one, other)


def _flat_apart(
    one: Tensor, other: Tensor, axes: list[int], size: int, part: Tensor, differ: Callable[..., bool | None]
) -> bool | None:
    if len(axes) > 1:
        return None
    (axis,) = axes
    orders = [((size, -1), axis), ((-1, size), axis + 1)]
    pairs = (
        (each.unflatten(axis, form).index_select(at, part.to(each.device)) for each in (one, other))
        for form, at in orders
    )
    found = [differ(*pair) for pair in pairs]
    return None if None in found else all(found)
