"""One thing that is changed of a training while it is run again (`newllm.reruns`): the environment says what.

What `newllm.record` sees of any loop is its model and its optimizers, so a change is one of these:

hold        settings of the parameter groups stand at what they were before its first step
cap         the learning rate stands at no more than it ever was before
scale       the learning rate is multiplied
clip        the norm of the whole gradient is clipped
clear       no gradient is left behind an update
skip        the optimizer makes no update
sift        the optimizer makes no update by a gradient that is not finite
keep-state  what others than the optimizer write to weights and moments is undone
"""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from newllm.errors import UserError
from newllm.recorder.closures import after_closure
from newllm.recorder.isolation import Protect, unprotected
from newllm.recorder.layout import Layout
from newllm.recorder.optimizers import Optimizers
from newllm.trace.program import CHANGE, CHANGED

_RECORDINGS: list[Path] = []  # of this process, in their order
KINDS = ("hold", "cap", "scale", "clip", "clear", "skip", "sift", "keep-state")


class AppliedChange:
    """Makes the change that the environment names, in steps `first` to `last`; without one it does nothing.

    Args:
        layout: of the model.
        optimizers: of the training.
        out: directory of the recording: the file `changed` stands there once the change was made.
        step: returns the step of the recording that is under way, from 1.

    Raises:
        UserError: what the environment names is no change.
    """

    def __init__(self, layout: Layout, optimizers: Optimizers, out: Path, step: Callable[[], int]) -> None:
        self._layout, self._optimizers, self._out, self._step = layout, optimizers, out, step
        self._wanted = _wanted(os.environ.get(CHANGE, ""))
        self._handles: list[Any] = []
        self._before: dict[tuple[int, int, str], Any] = {}  # settings that are held, by optimizer, group and name
        self._undo: list[Callable[[], None]] = []
        self._kept: list[tuple[Tensor, Tensor]] = []
        self._is_told = False
        self._protect: Protect = unprotected

    def open(self, protect: Protect = unprotected) -> None:
        """Begin to look out for the steps, where this is the recording of its process that is meant."""
        if self._out not in _RECORDINGS:
            _RECORDINGS.append(self._out)
        if self._wanted.get("nth", 0) not in (0, _RECORDINGS.index(self._out) + 1):
            self._wanted = {}
        if not self._wanted:
            return
        self._protect = protect
        self._optimizers.hook(protect(self._begins), protect(self._ends))
        if self._wanted["kind"] == "keep-state":
            self._handles.append(self._layout.root.register_forward_pre_hook(protect(lambda *_: self._put_back())))

    def close(self) -> None:
        """Take the hooks away, but for those of the optimizers, which go with theirs."""
        self._wanted = {}
        while self._handles:
            self._handles.pop().remove()

    @property
    def _is_now(self) -> bool:
        return bool(self._wanted) and self._wanted["first"] <= self._step() <= self._wanted["last"]

    def _begins(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not self._wanted:
            return None
        if self._wanted["kind"] == "keep-state":
            self._put_back()
            return None
        # Before a closure runs there are no gradients, and what it sets is what counts.
        given = after_closure(args, kwargs, self._protect(lambda: self._change(optimizer)))
        if given is None:
            self._change(optimizer)
        return given

    def _change(self, optimizer: Optimizer) -> None:
        kind = self._wanted.get("kind")
        if kind in ("hold", "cap"):
            self._hold(optimizer, is_cap=kind == "cap")
        elif self._is_now and kind in ("scale", "clip", "skip"):
            {"scale": self._scale, "clip": self._clip, "skip": self._drop_gradients}[kind](optimizer)
        elif self._is_now and kind == "sift" and not _is_finite(optimizer):
            self._drop_gradients(optimizer)

    def _ends(self, optimizer: Optimizer, *_: Any) -> None:
        while self._undo:
            self._undo.pop()()
        if self._is_now and self._wanted["kind"] == "clear":
            self._drop_gradients(optimizer)
        if self._wanted and self._wanted["kind"] == "keep-state":
            self._kept = [(one, one.detach().clone()) for one in self._state(optimizer)] if self._is_near else []

    @property
    def _is_near(self) -> bool:
        """Whether what is written before the next step may have to be undone."""
        return self._wanted["first"] - 1 <= self._step() <= self._wanted["last"]

    def _hold(self, optimizer: Optimizer, *, is_cap: bool) -> None:
        which = next((at for at, one in enumerate(self._optimizers.each) if one is optimizer), 0)
        for at, group in enumerate(optimizer.param_groups):
            for name in (str(one) for one in self._wanted["settings"] if one in group):
                place = which, at, name
                if self._step() < self._wanted["first"]:
                    if not is_cap or place not in self._before or group[name] > self._before[place]:
                        self._before[place] = _copied(group[name])
                elif self._is_now:
                    # A group that was not there before stands as the first one did.
                    kept = self._before.get(place, self._before.get((which, 0, name)))
                    if kept is not None and not (is_cap and group[name] <= kept):
                        self._set(group, name, _copied(kept))

    def _scale(self, optimizer: Optimizer) -> None:
        for group in optimizer.param_groups:
            self._set(group, "lr", group["lr"] * self._wanted["factor"])

    def _set(self, group: dict[str, Any], name: str, value: Any) -> None:
        """Set a setting for this step: a schedule goes on from what it had set itself."""
        own = _copied(group[name])
        if isinstance(group[name], Tensor):  # of a captured optimizer, which reads it in place
            group[name].copy_(value)
            self._undo.append(lambda: group[name].copy_(own))
        else:
            group[name] = value
            self._undo.append(lambda: group.__setitem__(name, own))
        self._tell()

    def _clip(self, optimizer: Optimizer) -> None:
        given = [one for group in optimizer.param_groups for one in group["params"] if one.grad is not None]
        torch.nn.utils.clip_grad_norm_(given, self._wanted["norm"])
        self._tell()

    def _drop_gradients(self, optimizer: Optimizer) -> None:
        for group in optimizer.param_groups:
            for one in group["params"]:
                one.grad = None
        self._tell()

    def _state(self, optimizer: Optimizer) -> Iterator[Tensor]:
        yield from (one for group in optimizer.param_groups for one in group["params"])
        yield from (it for own in optimizer.state.values() for it in own.values() if isinstance(it, Tensor))

    def _put_back(self) -> None:
        if not self._is_now:
            return
        with torch.no_grad():
            for own, kept in self._kept:
                if own.shape == kept.shape and not torch.equal(own, kept):
                    own.copy_(kept)
                    self._tell()

    def _tell(self) -> None:
        """Say beside the recording that the change was made."""
        if not self._is_told:
            self._is_told = True
            self._out.mkdir(parents=True, exist_ok=True)
            (self._out / CHANGED).touch()


def _is_finite(optimizer: Optimizer) -> bool:
    """Whether every number of its gradients is finite."""
    given = (one.grad for group in optimizer.param_groups for one in group["params"] if one.grad is not None)
    return all(bool(torch.isfinite(one.coalesce().values() if one.is_sparse else one).all()) for one in given)


def _copied(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, Tensor) else value


def _wanted(text: str) -> dict[str, Any]:
    """Return what the environment names, empty where it names nothing.

    Raises:
        UserError: it is no change.
    """
    if not text:
        return {}
    try:
        found = json.loads(text)
        if found["kind"] not in KINDS or not 0 < found["first"] <= found["last"]:
            raise ValueError("no change")
        if found["kind"] in ("hold", "cap"):
            found["settings"] = [str(one) for one in found["settings"]]
        for name, kind in (("factor", "scale"), ("norm", "clip")):
            if found["kind"] == kind:
                found[name] = float(found[name])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{CHANGE} is {text[:80]!r}: unset it, only newllm sets it") from error
    return found
