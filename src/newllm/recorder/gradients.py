"""The gradient as the backward pass left it, and as the optimizer reads it; how it came about.

A hook on every parameter asks autograd to call back when the whole backward pass is over. There the norm is
taken. When the optimizer's step begins, the gradients' version counters tell whether anything was done to
them since (clipping, unscaling); only then is the norm taken again.

Whether anyone cleared the gradient is seen on a few *sentinels*: parameters whose old gradient is looked at
just before the next one is added to it.

Limit: a backward pass inside a backward pass (reentrant checkpoints) may be counted as one more.
"""

import math
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from newllm.recorder.isolation import Protect, unprotected
from newllm.recorder.layers import dense
from newllm.recorder.passes import Passes
from newllm.recorder.tensors import TENSORS, Tensors

_ENGINE: Any = torch.autograd.Variable._execution_engine


@dataclass(frozen=True)
class Norms:
    """The gradient's norms at one moment.

    Args:
        present: which parameters had a gradient.
        each: their gradients' norms, a vector on the device.
        versions: what tells whether a gradient was touched since.
    """

    present: list[int]
    each: Tensor
    versions: list[tuple[int, int]]

    def whole(self) -> Tensor:
        """Return the norm of the whole gradient."""
        return torch.linalg.vector_norm(self.each)


class GradientWatch:
    """Watches the gradients of some parameters.

    Args:
        parameters: of the model.
        protect: keeps errors from the training.
        held: returns the ids of the parameters that an optimizer, or (for None) any of them, was given.

    Attributes:
        before: norms after the last backward pass of this update; None where there was none.
        clipped: norms as the optimizer reads them, where they were touched since; else None. Of no parameter where it
            finds no gradient at all: cleared too early, or computed too late.
        backwards: backward passes since the gradient was last cleared.
        discarded: backward passes of this step whose gradient was cleared before any update read it.
        carried: what was left in each sentinel from the update before when it was added to, where an optimizer has
            read it; not 0 is carried.
        passes: these backward passes, of which some may be for the sake of another network.
        has_read_others: whether an update of this step read the gradient of such a pass beside its own.
        scaler: what multiplied the loss, by which the gradients are divided here; None without one.
    """

    def __init__(
        self,
        parameters: Sequence[nn.Parameter],
        protect: Protect = unprotected,
        held: Callable[[torch.optim.Optimizer | None], set[int]] | None = None,
    ) -> None:
        self._parameters, self._protect = parameters, protect
        self._held = held or (lambda _: {id(one) for one in parameters})
        self._handles: list[RemovableHandle] = []
        self._hooked: set[int] = set()
        self._is_open = False
        self._ended = protect(self._backward_ends)
        self._sentinels: dict[int, tuple[weakref.ref[Tensor], int] | None] = {}
        self._running = self._updating = self._updated = self._cleared = self._at_old_weights = False
        self.scaler: Any = None
        self.passes = Passes(parameters)
        self.reset()

    def open(self) -> None:
        """Hook every parameter that is trained now; `reset` hooks those that are trained later."""
        self._is_open = True
        self._hook()

    def close(self) -> None:
        """Take every hook away."""
        self._is_open = False
        while self._handles:
            self._handles.pop().remove()

    def _hook(self) -> None:
        for index, parameter in enumerate(self._parameters):
            if parameter.requires_grad and index not in self._hooked:
                self._hooked.add(index)
                self._handles.append(parameter.register_post_accumulate_grad_hook(self._accumulated))

    def reset(self) -> None:
        """Begin the next step."""
        if self._is_open:
            self._hook()
        self.before: Norms | None = None
        self.clipped: Norms | None = None
        self.backwards = self.discarded = 0
        self.has_read_others = False
        self.carried: dict[int, Tensor] = {}
        self._left: dict[int, Tensor] = {}
        """The same where none has read it yet: another loss may leave its gradient behind, which is then cleared."""
        self._running = self._updating = False

    @property
    def sentinels(self) -> int:
        """How many parameters are watched for a gradient that is carried."""
        return len(self._sentinels)

    def found(self, scaler: Any) -> None:
        """Take the scaler, or None, into account from the present step on."""
        self.scaler = scaler
        if self.before is not None:
            self.before = self._unscaled(self.before)

    def closure_begins(self) -> None:
        """Call it where the optimizer is about to call a closure, whose first pass is followed by `update_begins`."""
        self._updating, self._running, self._at_old_weights = True, False, True

    @torch.no_grad()
    def update_begins(self, optimizer: torch.optim.Optimizer | None = None, scale: Tensor | None = None) -> None:
        """Call it right before an optimizer changes a weight.

        Args:
            optimizer: that does.
            scale: by which the gradients are still multiplied, None for 1.
        """
        if not self._updating:
            self.closure_begins()
        self.has_read_others |= self.passes.of_others
        if self._left:
            reads = self._held(optimizer)
            self.carried |= {at: left for at, left in self._left.items() if id(self._parameters[at]) in reads}
        # The second of several optimizers reads what the first one did: that one may use gradients as its memory.
        is_second = self._updated and self.before is not None
        if is_second or (self.before is not None and _versions(self._parameters) == self.before.versions):
            return
        now = gradient_norms(self._parameters)
        if now is not None and scale is not None:
            now = replace(now, each=now.each / scale)
        if now is None:
            self.clipped = self._nothing(optimizer)
        elif self.before is None:
            self.before = now
        else:
            self.clipped = now

    def _nothing(self, optimizer: torch.optim.Optimizer | None) -> Norms | None:
        """Return what an optimizer reads where there is no gradient; None where it holds other weights than these."""
        held = self._held(optimizer)
        own = [one for one in self._parameters if one.requires_grad and id(one) in held]
        return Norms([], torch.zeros(1, device=own[0].device), []) if own else None

    def update_ends(self) -> None:
        """Call it right after."""
        self._updating, self._updated, self.passes.own = False, True, 0
        self._remember()

    def _accumulated(self, parameter: Tensor) -> None:  # noqa: ARG002 (a hook's form)
        if not self._running:
            self._running = True
            # Twice: what DDP queued meanwhile, the last of its reductions, comes in between.
            _ENGINE.queue_callback(lambda: _ENGINE.queue_callback(self._ended))

    @torch.no_grad()
    def _backward_ends(self) -> None:
        self._running = False
        if self._cleared and not self._updated:
            self.discarded += self.passes.own
        self.passes.ends(cleared=self._cleared)
        if self._cleared:
            self.backwards, self._cleared = 0, False
        # Where a closure runs several passes inside one update, the first is at the weights before it.
        if not self._updating or self._at_old_weights:
            self._at_old_weights = False
            found = gradient_norms(self._parameters)
            self.before = None if found is None else self._unscaled(found)
        self.backwards += 1
        self._updated = False
        if self.before is not None and not any(self._parameters[index].requires_grad for index in self._sentinels):
            self._choose_sentinels(self.before.present)
        self._remember()

    def _unscaled(self, found: Norms) -> Norms:
        scale = getattr(self.scaler, "_scale", None)  # absent while it is switched off
        return found if scale is None else replace(found, each=found.each / scale.to(found.each.device))

    def _choose_sentinels(self, present: Sequence[int]) -> None:
        # What no update reads may keep its gradient: nobody clears it, and nobody needs to.
        held = self._held(None)
        read = [index for index in present if id(self._parameters[index]) in held] or list(present)
        self._sentinels = dict.fromkeys({read[0], read[len(read) // 2], read[-1]})
        for index in self._sentinels:
            arriving = self._protect(partial(self._arriving, index))
            self._handles.append(self._parameters[index].register_hook(arriving))

    def _arriving(self, index: int, gradient: Tensor) -> None:  # noqa: ARG002 (a hook's form)
        """A gradient is about to be added to what the sentinel has."""
        if index not in self._sentinels:  # others were chosen since, as this one was frozen for a while
            return
        old, known = self._parameters[index].grad, self._sentinels[index]
        if old is None or known is None or known[0]() is not old or known[1] != old._version:
            self._cleared = True
            self._left.pop(index, None)  # what another loss had left is gone
        elif self._updated:
            # Nobody touched it as far as the counter tells; `.data.zero_()` is seen only in the numbers.
            self._left[index] = dense(old.detach()).any()

    def _remember(self) -> None:
        for index in self._sentinels:
            gradient = self._parameters[index].grad
            self._sentinels[index] = None if gradient is None else (weakref.ref(gradient), gradient._version)


def gradient_norms(parameters: Sequence[nn.Parameter], tensors: Tensors = TENSORS) -> Norms | None:
    """Return the norms of the gradients that are there, None if none is; nothing is read from the device.

    A parameter that was frozen may keep the gradient of an earlier phase: that is none of this update's.

    Args:
        parameters: of the model.
        tensors: how they are measured.
    """
    present = [i for i, parameter in enumerate(parameters) if parameter.requires_grad and parameter.grad is not None]
    if not present:
        return None
    gradients = [dense(g) for i in present if (g := parameters[i].grad) is not None]
    return Norms(present, tensors.norms([tensors.own(one) for one in gradients], gradients), _versions(parameters))


def _versions(parameters: Sequence[nn.Parameter]) -> list[tuple[int, int]]:
    return [(id(g), g._version) for p in parameters if p.requires_grad and (g := p.grad) is not None]


def euclidean(parts: Sequence[float]) -> float:
    """Return the norm of the whole from those of its parts."""
    # hypot calls the norm of (infinity, NaN) infinite; to us any NaN is NaN.
    return math.nan if any(math.isnan(value) for value in parts) else math.hypot(*parts)
