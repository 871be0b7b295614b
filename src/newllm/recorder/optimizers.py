"""The optimizers of a training, seen as one: Muon for the matrices and AdamW for the rest, say.

A loop may make its optimizer anew, as after layers were unfrozen or at each epoch. One that trains parameters of one
that is recorded takes its place from its first step on. Optimizers that others call inside their own step (Lookahead)
are left alone.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any
from weakref import WeakSet

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.utils.hooks import RemovableHandle

from newllm.recorder.isolation import Protect, unprotected


class Optimizers:
    """What several optimizers hold together.

    Args:
        each: of them, without wrappers; at least one.

    Attributes:
        replaced: whether one took the place of another since this was last set to False.
    """

    def __init__(self, each: Sequence[Optimizer]) -> None:
        self.each = tuple(each)
        self.replaced = False
        self._hooked: WeakSet[Optimizer] = WeakSet(self.each)
        self._hooks: list[tuple[Callable[..., Any], Callable[..., Any]]] = []
        self._handles: list[RemovableHandle] = []
        self._depth = 0  # of steps inside steps

    @property
    def name(self) -> str:
        """Return their names."""
        return " + ".join(type(one).__name__ for one in self.each)

    @property
    def groups(self) -> Iterator[tuple[Optimizer, dict[str, Any]]]:
        """Yield the parameter groups, each with its optimizer."""
        return ((one, group) for one in self.each for group in one.param_groups)

    def held(self, by: Optimizer | None = None) -> set[int]:
        """Return the ids of the parameters that they, or one of them, were given."""
        return {id(one) for owner, group in self.groups if by in (None, owner) for one in group["params"]}

    def state(self, parameter: Tensor) -> dict[Any, Any]:
        """Return what they keep of a parameter, such as its moments."""
        found: dict[Any, Any] = {}
        for one in self.each:
            found |= one.state.get(parameter, {})
        return found

    def hook(self, begins: Callable[..., Any], ends: Callable[..., Any]) -> None:
        """Call these before and after each step of each of them, and of those that take their place."""
        self._hooks.append((begins, ends))
        for one in self.each:
            self._hook(one, begins, ends)

    def follow(self, protect: Protect = unprotected) -> None:
        """Look out for optimizers that take the place of others."""
        self._handles.append(register_optimizer_step_pre_hook(protect(self._step_begins)))
        self._handles.append(register_optimizer_step_post_hook(protect(self._step_ends)))

    def begin(self) -> None:
        """Begin an update: a step that an error ended is over."""
        self._depth = 0

    def close(self) -> None:
        """Take every hook away."""
        self._hooks = []
        while self._handles:
            self._handles.pop().remove()

    def _hook(self, optimizer: Optimizer, begins: Callable[..., Any], ends: Callable[..., Any]) -> None:
        self._handles.append(optimizer.register_step_pre_hook(begins))
        self._handles.append(optimizer.register_step_post_hook(ends))

    def _step_begins(self, optimizer: Optimizer, *_: Any) -> None:
        # torch calls this before the optimizer's own hooks, which may therefore be added here.
        if not self._depth and not any(one is optimizer for one in self.each):
            self._see(optimizer)
        self._depth += 1

    def _step_ends(self, *_: Any) -> None:
        self._depth = max(0, self._depth - 1)

    def _see(self, optimizer: Optimizer) -> None:
        own = {id(one) for group in optimizer.param_groups for one in group["params"]}
        others = tuple(one for one in self.each if own.isdisjoint(self.held(one)))
        if len(others) == len(self.each):
            return
        if optimizer in self._hooked:  # it had lost its place, and is stepped all the same: both are
            self.each = (*self.each, optimizer)
            return
        self.each, self.replaced = (*others, optimizer), True
        self._hooked.add(optimizer)
        for begins, ends in self._hooks:
            self._hook(optimizer, begins, ends)
