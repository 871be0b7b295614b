"""A few calls of the user's own training step, watched: gradients around each update, modes, the schedule."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_pre_hook

from newllm.checks.bench import Bench, set_seed
from newllm.checks.clips import Clips
from newllm.checks.kept import put_back
from newllm.checks.outcome import CannotCheck
from newllm.checks.present import PresentWeights
from newllm.checks.reached import reached
from newllm.checks.seen import ACTS
from newllm.checks.trees import dense, same
from newllm.checks.updates import frozen_statistics

CALLS = 8
_SHARE = 0.3  # of the time that is left
_CLEARED = 0.01  # share of a tensor's numbers: fewer may have been rounded to zero
_SCALED = 1e-3  # of a factor: all tensors were multiplied by the same


@dataclass
class Call:
    """What one call of a step did.

    Attributes:
        updates: of the optimizer.
        stale: parameters whose gradient at an update held what an update before had used.
        again: parameters whose gradient an update used a second time, with no backward pass since the update before.
        empty: updates at which no parameter had a gradient.
        arrives_late: whether a backward pass came after the last update of the call.
        without_gradient: parameters that were given a gradient and had none at the update, and did not move.
        moved: parameters that did.
        scaled_after_update: factor by which all gradients were scaled after the update that used them; None where they
            were not.
        cleared: by name of a parameter where its gradient was set to zero before the update, though it had one.
        cleared_moved: by name how many of these numbers moved.
        evaluating: layers that act otherwise in training, and were trained in evaluation mode.
        old_weights: layers that computed with weights of before an update (`present`).
        updated_inside: whether an update was made inside of an autocast that keeps copies of weights.
        schedule: steps that the learning rate's schedule took.
        rate: learning rate at the first update.
        first_rate: learning rate when the call began.
        passes: backward passes before the first update: the most that any parameter had.
        gradient: of the parameters at the first update; empty but for the first call that made one.
        clips: calls of clip_grad_norm_.
        idle_clips: of these, the calls before a backward pass, at which there was nothing to clip (`clips`).
        frozen_moved: parameters that need no gradient, and statistics of batch norms of such, that are not what they
            were before the first call; none that the step unfroze for an update.
    """

    updates: int = 0
    stale: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    empty: int = 0
    arrives_late: bool = False
    without_gradient: list[str] = field(default_factory=list)
    moved: set[str] = field(default_factory=set)
    scaled_after_update: float | None = None
    cleared: dict[str, Tensor] = field(default_factory=dict)
    cleared_moved: dict[str, int] = field(default_factory=dict)
    evaluating: list[str] = field(default_factory=list)
    old_weights: list[str] = field(default_factory=list)
    updated_inside: bool = False
    schedule: int = 0
    rate: float | None = None
    first_rate: float | None = None
    passes: int = 0
    gradient: dict[str, Tensor] = field(default_factory=dict)
    clips: int = 0
    idle_clips: int = 0
    frozen_moved: list[str] = field(default_factory=list)


def calls(bench: Bench) -> list[Call]:
    """Return what the step's first calls did, once for all probes.

    Raises:
        CannotCheck: no step was given, or it does no update.
    """
    if bench.parts.step is None:
        raise CannotCheck("no-step")
    found = bench.once(_calls)
    if not any(call.updates for call in found):
        raise CannotCheck("no-update", calls=len(found))
    return found


def schedule_of(bench: Bench) -> Any:
    """Return the schedule of the learning rate: that which was given, or which the step holds; None if none."""
    if bench.parts.scheduler is not None:
        held = bench.parts.scheduler
        return getattr(held, "scheduler", held)  # as accelerate wraps it
    found = [each for each in reached(bench.parts.step, bench.parts.loader) if _is_schedule(each)]
    inner = {id(each) for one in found for each in getattr(one, "_schedulers", [])}
    own = [each for each in found if id(each) not in inner and each.optimizer is bench.optimizer]
    return own[0] if len(own) == 1 else None


def _is_schedule(held: Any) -> bool:
    return all(hasattr(held, name) for name in ("last_epoch", "optimizer", "step"))


def _calls(bench: Bench) -> list[Call]:
    step, schedule = bench.parts.step, bench.once(schedule_of)
    assert step is not None
    ends, found = time.monotonic() + _SHARE * bench.left, []
    with ExitStack() as stack:
        stack.enter_context(put_back(step, schedule, besides=(bench.model, bench.optimizer)))
        stack.enter_context(bench.untouched())
        set_seed(0)
        watch = _Watch(bench)
        stack.callback(watch.remove)
        for _ in range(CALLS):
            found.append(watch.watched(lambda: step(bench.batch), schedule))
            if time.monotonic() > ends and len(found) > 1:
                break
    return found


class _Watch:
    """Hooks on the optimizer, its parameters and the layers that act otherwise in training."""

    def __init__(self, bench: Bench) -> None:
        held = {id(each) for group in bench.optimizer.param_groups for each in group["params"]}
        named = bench.model.named_parameters()
        self._parameters = {name: each for name, each in named if id(each) in held and each.requires_grad}
        frozen = {name: each for name, each in bench.model.named_parameters() if not each.requires_grad}
        frozen |= dict(frozen_statistics(bench.model))
        self._frozen = {name: (each, each.detach().clone()) for name, each in frozen.items()}
        self._unfrozen: set[str] = set()
        self._optimizer = bench.optimizer
        self._stale: set[str] = set()
        self._passes_since: bool | None = None  # whether a backward pass came since the last update; None before any
        self._given: dict[str, Tensor] = {}  # where the last backward pass left a gradient
        self._used: dict[str, float] = {}  # norms right after the last update
        self._values: dict[str, Tensor] = {}
        self._now = Call()
        self._passes: Counter[str] = Counter()
        self._is_first = True  # until an update was seen
        self._present = PresentWeights(bench.model)
        self._clips = Clips(self._parameters.values(), lambda: not self._passes_since)
        self._handles: list[Any] = [
            register_optimizer_step_pre_hook(self._before_any),
            bench.optimizer.register_step_pre_hook(self._before),
            bench.optimizer.register_step_post_hook(self._after),
        ]
        for name, each in self._parameters.items():
            self._handles.append(each.register_hook(self._arriving(name, each)))
            self._handles.append(each.register_post_accumulate_grad_hook(self._arrived(name)))
        for name, module in bench.model.named_modules():
            if isinstance(module, ACTS) and module.training:
                self._handles.append(module.register_forward_hook(self._on_forward(name)))

    def remove(self) -> None:
        """Take the hooks away."""
        self._present.remove()
        self._clips.remove()
        for handle in self._handles:
            handle.remove()

    def watched(self, step: Callable[[], Any], schedule: Any) -> Call:
        """Call the step, and return what it did."""
        self._now = Call(first_rate=_rate(self._optimizer))
        self._present.old, self._present.has_updated_inside = [], False
        self._clips.calls = self._clips.idle = 0
        began = {name: each.detach().clone() for name, each in self._parameters.items()}
        turned = getattr(schedule, "last_epoch", 0)
        step()
        now, parameters = self._now, self._parameters
        now.schedule = getattr(schedule, "last_epoch", 0) - turned
        now.moved = {name for name, each in parameters.items() if not torch.equal(each.detach(), began[name])}
        now.without_gradient = [name for name in now.without_gradient if name not in now.moved]
        now.scaled_after_update = self._scale_after_update()
        now.old_weights, now.updated_inside = self._present.old, self._present.has_updated_inside
        now.clips, now.idle_clips = self._clips.calls, self._clips.idle
        self._look_for_unfrozen()
        now.frozen_moved = [
            name
            for name, (each, before) in self._frozen.items()
            if name not in self._unfrozen and not same(each.detach(), before)
        ]
        for name, mask in now.cleared.items():
            now.cleared_moved[name] = int((parameters[name].detach()[mask] != self._values[name]).sum())
        return now

    def _look_for_unfrozen(self) -> None:
        """Note what was frozen and is trained now, also where it is a side that is trained in turn with another."""
        self._unfrozen |= {
            name for name, (each, _) in self._frozen.items() if each.requires_grad or each.grad is not None
        }

    def _before_any(self, optimizer: torch.optim.Optimizer, arguments: Any, options: Any) -> None:  # noqa: ARG002 (a hook)
        self._look_for_unfrozen()

    def _arriving(self, name: str, parameter: Tensor) -> Callable[[Tensor], None]:
        def hook(_: Tensor) -> None:
            if not _has_gradient(parameter):
                self._stale.discard(name)
                self._passes[name] = 0

        return hook

    def _arrived(self, name: str) -> Callable[[Tensor], None]:
        def hook(parameter: Tensor) -> None:
            self._passes[name] += 1
            self._passes_since = self._now.arrives_late = True
            if parameter.grad is not None and parameter.grad.layout == torch.strided:
                self._given[name] = parameter.grad != 0

        return hook

    def _on_forward(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, _: Any, made: Any) -> None:
            if not module.training and isinstance(made, Tensor) and made.requires_grad:
                call = self._now
                made.register_hook(lambda _: call.evaluating.append(name))

        return hook

    def _before(self, optimizer: torch.optim.Optimizer, arguments: Any, options: Any) -> None:
        if arguments[1:] or options.get("closure") is not None:  # the first is the optimizer itself
            raise CannotCheck("closure")
        now = self._now
        if now.rate is None:
            now.rate = _rate(optimizer)
        if self._parameters and not now.arrives_late:
            now.empty += not any(map(_has_gradient, self._parameters.values()))
        if self._passes_since is False:  # it is None as long as gradients are written by hand
            now.again += [
                name for name in self._parameters if name in self._stale and _has_gradient(self._parameters[name])
            ]
        now.stale += [name for name in self._given if name in self._stale]
        for name, mask in self._given.items():
            if not bool(mask.any()):
                continue
            parameter = self._parameters[name]
            cleared = mask if parameter.grad is None else mask & (parameter.grad == 0)
            if bool((cleared == mask).all()):
                now.without_gradient.append(name)
            elif float(cleared.double().mean()) > _CLEARED:
                now.cleared[name] = cleared
                self._values[name] = parameter.detach()[cleared].clone()
        if self._is_first:
            self._is_first = False
            now.passes = max(self._passes.values(), default=0)
            held = self._parameters.items()
            now.gradient = {name: dense(each.grad).clone() for name, each in held if each.grad is not None}

    def _after(self, optimizer: torch.optim.Optimizer, arguments: Any, options: Any) -> None:  # noqa: ARG002 (a hook)
        self._now.updates += 1
        self._present.updated()
        self._used = dict(self._norms())  # not those of before: a fused optimizer divides by the loss scale itself
        self._stale = {name for name, norm in self._used.items() if norm}
        self._given, self._now.arrives_late = {}, False
        self._passes_since = None if self._passes_since is None else False

    def _norms(self) -> Iterator[tuple[str, float]]:
        for name, each in self._parameters.items():
            if each.grad is not None and each.grad.layout == torch.strided:
                yield name, float(each.grad.double().norm())

    def _scale_after_update(self) -> float | None:
        """Return the factor by which all gradients were scaled since the update, None where they were not."""
        now = dict(self._norms())
        if not self._now.updates or self._given or set(now) != set(self._used):
            return None
        factors = [now[name] / norm for name, norm in self._used.items() if norm]
        if len(factors) < 2 or not 0 < max(factors) < 1 - _SCALED:
            return None
        return max(factors) if max(factors) - min(factors) < _SCALED * max(factors) else None


def _has_gradient(parameter: Tensor) -> bool:
    return parameter.grad is not None and bool(dense(parameter.grad).any())


def _rate(optimizer: torch.optim.Optimizer) -> float:
    return float(optimizer.param_groups[0].get("lr", 0.0))
