"""The gradient that the loop's first update uses: is it that of the batch's loss, whatever the loop does on the way?

Three things are so in every training that means its loss. An update is made of the gradient of that loss, up to one
factor (a clip); a loss scale, which only moves numbers out of the way of half precision, does not change it; and the
next pass computes with the weights that the update has made.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor

from newllm.checks.bench import Bench, names, set_seed
from newllm.checks.kept import put_back
from newllm.checks.loop import CALLS, calls, schedule_of
from newllm.checks.outcome import CannotCheck, Outcome, sound, wrong
from newllm.checks.reached import reached
from newllm.checks.targets import Targets, targets
from newllm.checks.trees import chosen_rows, dense, leaves

Gradient = dict[str, Tensor]

_ALIKE = 1e-3  # of a gradient: what differs by less is the same, up to a factor
_APART = 0.05  # what differs by more is another one: passes of nearly one size are as good as passes of one size
_LEVEL = 0.01  # of a weight or factor
_LEAST, _MOST = 1.0, 2.0**32  # of a loss scale: trainings begin with 2^7 to 2^32, and lower it where gradients overflow
_IN_USE = (2.0**16, 2.0**8, 1.0)
_NEVER = 1e-4  # of a norm: what comes out as exactly the same, or exactly twice, of other batches too


def step_loss(bench: Bench) -> Outcome:
    """Compare the gradient of the first update with that of the loss of the batch.

    A loop that cuts the batch into passes and takes the mean of their losses has another gradient where they hold
    different numbers of targets: what it trains then depends on how the batch was cut. This is said only where the
    gradient is that mean, number by number, and the loss that was given counts every target alike. Of another gradient
    nothing is known: a step may draw chance or a batch of its own, or add terms.
    """
    first = next(call for call in calls(bench) if call.updates)
    used = first.gradient
    if not used or not _norm(used):
        raise CannotCheck("no-gradient")
    bench.optimizer.zero_grad(set_to_none=True)
    bench.loss().backward()
    whole = _gradient(bench, used)
    evidence: dict[str, Any] = {"passes": first.passes}
    if _apart(used, whole) <= _ALIKE:
        return _same_loss(first.passes, _norm(used) / _norm(whole))
    if first.passes < 2:
        raise CannotCheck("step-other")
    found = _counted(bench)
    weighed, means, counts = _of_passes(bench, used, found, first.passes)
    if _apart(used, weighed) <= _ALIKE:
        return _same_loss(first.passes, _norm(used) / _norm(weighed))
    evidence |= {"least": min(counts), "most": max(counts), "apart": _apart(means, weighed)}
    if _apart(used, means) <= _ALIKE and evidence["apart"] > _APART:
        return wrong("step-loss", **evidence)
    raise CannotCheck("step-other")


def _same_loss(passes: int, factor: float) -> Outcome:
    if passes > 1 and abs(factor - passes) <= _LEVEL * passes:
        raise CannotCheck("step-sum", passes=passes)
    return sound("step-loss", passes=passes, factor=factor)


def _counted(bench: Bench) -> Targets:
    """Return the targets of a loss that is a mean over them, each by itself."""
    try:
        found = targets(bench)
    except CannotCheck:
        raise CannotCheck("step-other") from None
    weights = found.weights[found.used]
    is_mean = bool(torch.isfinite(weights).all()) and abs(float(weights.sum()) - 1) <= _LEVEL
    if not is_mean or float(weights.std(correction=0)) > _LEVEL * float(weights.mean()):
        raise CannotCheck("step-other")
    if found.ids.ndim == 1 and found.classes == len(found.ids):
        raise CannotCheck("in-batch")
    return found


def _of_passes(bench: Bench, used: Gradient, found: Targets, passes: int) -> tuple[Gradient, Gradient, list[int]]:
    """Return the gradient of the batch's parts weighed by their targets, their mean, and how many targets each has."""
    batch = bench.batch
    rows = len(found.used)
    parts = torch.arange(rows).chunk(passes)
    if len(parts) != passes or any(len(each) != rows for _, each in leaves(batch) if each.ndim):
        raise CannotCheck("step-other")
    counts = [int(found.used[part.to(found.used.device)].sum()) for part in parts]
    if not all(counts):
        raise CannotCheck("step-other")
    weighed: Gradient = {name: torch.zeros_like(each) for name, each in used.items()}
    means: Gradient = {name: torch.zeros_like(each) for name, each in used.items()}
    set_seed(0)
    for part, count in zip(parts, counts, strict=True):
        bench.optimizer.zero_grad(set_to_none=True)
        bench.parts.loss(bench.model, chosen_rows(batch, rows, part)).backward()
        for name, each in _gradient(bench, used).items():
            weighed[name] += each * (count / sum(counts))
            means[name] += each / passes
    return weighed, means, counts


def loss_scale(bench: Bench) -> Outcome:
    """Let the step make its first update by two loss scales: the gradient that it uses must be the same.

    A gradient that is clipped while it is scaled, or never divided by the scale, goes by the scale, which changes by
    itself in training. A limit that is multiplied by the scale passes, and so does an optimizer that divides by itself.
    """
    if bench.parts.step is None:
        raise CannotCheck("no-step")
    held = reached(bench.parts.step, besides=(bench.model, bench.optimizer))
    scalers = [each for each in held if isinstance(each, torch.amp.GradScaler) and each.is_enabled()]
    if len(scalers) != 1:
        raise CannotCheck("no-scaler")
    scale = float(scalers[0].get_scale())
    try:
        first, other, again = (_at_scale(bench, scalers[0], each) for each in (scale, scale / 2, scale))
    except CannotCheck as reason:
        return _never_updates(bench, scalers[0], reason)
    evidence = {"scale": scale, "first": _norm(first), "second": _norm(other)}
    ratio = _norm(other) / _norm(first)
    if _apart(first, again) <= _ALIKE:  # the step does the same each time
        if _apart(first, other) > _ALIKE:
            raise CannotCheck("scale-other")
        ratio = ratio if abs(ratio - 1) > _LEVEL else 1.0
    elif abs(_norm(again) / _norm(first) - 1) > _NEVER:
        raise CannotCheck("scale-other")  # it draws its own batches, and nothing is the same of them
    elif abs(ratio - 1) <= _NEVER or abs(ratio - 2) <= 2 * _NEVER:  # clipped to one norm by each scale
        ratio = float(round(ratio))
    else:
        raise CannotCheck("scale-other")
    if ratio == 1 and not _LEAST <= scale <= _MOST:
        raise CannotCheck("scale-far", scale=scale)
    if ratio == 1:
        return sound("loss-scale", **evidence)
    return wrong("loss-scale", "clipped" if ratio > 1 else "kept", ratio=ratio, **evidence)


def _never_updates(bench: Bench, scaler: torch.amp.GradScaler, reason: CannotCheck) -> Outcome:
    """Say what is wrong where no update is made by the loss scale, which is none of those in use, and one is by such.

    Raises:
        CannotCheck: it is one of those in use, or no update is made by another either.
    """
    scale = float(scaler.get_scale())
    for other in () if _LEAST <= scale <= _MOST else _IN_USE:
        try:
            _at_scale(bench, scaler, other)
        except CannotCheck:
            continue
        case = "overflows" if scale > _MOST else "vanishes"
        return wrong("loss-scale", case, scale=scale, better=other, calls=CALLS)
    raise reason


def _at_scale(bench: Bench, scaler: torch.amp.GradScaler, scale: float) -> Gradient:
    """Return the gradient that the step's first update uses if the loss scale is this one."""
    step = bench.parts.step
    assert step is not None
    found: list[Gradient] = []

    def look(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        overflow, divisor = (getattr(optimizer, name, None) for name in ("found_inf", "grad_scale"))
        if found or (isinstance(overflow, Tensor) and bool(overflow.any())):
            return
        by = float(divisor) if isinstance(divisor, Tensor) else 1.0  # an optimizer that divides by itself
        found.append({name: each / by for name, each in _gradient(bench).items()})

    with ExitStack() as stack:
        besides = (bench.model, bench.optimizer)
        stack.enter_context(put_back(step, bench.once(schedule_of), besides=besides))
        stack.enter_context(bench.untouched())
        stack.callback(bench.optimizer.register_step_pre_hook(look).remove)
        set_seed(0)
        scaler.load_state_dict(scaler.state_dict() | {"scale": scale})
        for _ in range(CALLS):
            step(bench.batch)
            if found:
                break
    if not found or not _norm(found[0]):
        raise CannotCheck("scale-skips", calls=CALLS)
    return found[0]


def step_weights(bench: Bench) -> Outcome:
    """See whether a pass after an update computes with the weights that the update has made."""
    found = calls(bench)
    old = [name for call in found for name in call.old_weights]
    if old:
        return wrong("step-weights", **names(list(dict.fromkeys(old))))
    if not any(call.updated_inside for call in found):
        raise CannotCheck("no-autocast-around")
    return sound("step-weights", calls=len(found))


def _gradient(bench: Bench, like: Gradient | None = None) -> Gradient:
    """Return the gradients that the optimizer's parameters have now, or those of the same names as others."""
    held = {id(each) for group in bench.optimizer.param_groups for each in group["params"]}
    named = [(name, each) for name, each in bench.model.named_parameters() if id(each) in held]
    found = {name: dense(each.grad).clone() for name, each in named if each.grad is not None}
    return found if like is None else {name: found.get(name, torch.zeros_like(each)) for name, each in like.items()}


def _pairs(one: Gradient, other: Gradient) -> Iterator[tuple[Tensor, Tensor]]:
    return ((one[name].double(), other[name].double()) for name in one.keys() | other.keys())


def _norm(gradient: Gradient) -> float:
    return sum(float(each.double().square().sum()) for each in gradient.values()) ** 0.5


def _apart(one: Gradient, other: Gradient) -> float:
    """Return by how much two gradients differ beyond a positive factor: the sine of the angle, 1 for opposite ones."""
    if one.keys() != other.keys():
        return 1.0
    size, reach = _norm(one), _norm(other)
    if not size or not reach:
        return 1.0
    along = sum(float((a * b).sum()) for a, b in _pairs(one, other)) / (size * reach)
    rest = sum(float((a / size - along * b / reach).square().sum()) for a, b in _pairs(one, other)) ** 0.5
    return rest if along > 0 else 1.0
