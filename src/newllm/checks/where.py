"""Where in a model a difference between two passes is seen first: in what a module is given, or in what it gives."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from newllm.checks.trees import leaves

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
    differ: Callable[[Tensor, Tensor], bool | None],
) -> dict[str, str | None]:
    """Return where two passes differ first, as `check-where` says it: `where` and `layer`, None where it isn't known.

    Args:
        model: whose modules are looked at.
        first: makes a pass.
        second: makes the other one.
        differ: whether two tensors of one place do; None where it cannot be said.
    """
    calls = []
    for run in (first, second):
        with _recorded(model) as ended:
            run()
        calls.append(ended)
    before, after = calls
    if [one.name for one in before] != [one.name for one in after]:
        return {"where": None, "layer": None}
    for one, two in zip(before, after, strict=True):
        if True in _each(one.gives, two.gives, differ):
            given = _each(one.given, two.given, differ)
            where = "given" if True in given else "latest" if None in given else "gives"
            return {"where": where if one.name else None, "layer": one.name or None}
    return {"where": None, "layer": None}


def _each(
    before: list[Tensor], after: list[Tensor], differ: Callable[[Tensor, Tensor], bool | None]
) -> list[bool | None]:
    return [differ(one, two) if one.shape == two.shape else None for one, two in zip(before, after, strict=False)]
