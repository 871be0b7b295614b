"""The parameters: is each in the optimizer once, does each get a gradient and move, and does the rest stay?"""

from typing import Any

import torch
from torch import Tensor, nn

from newllm.checks.bench import Bench, names
from newllm.checks.outcome import CannotCheck, Outcome, sound, wrong

_STEPS = 3  # updates: what begins at zero (a gate, LoRA's B) keeps the gradient from others in the first of them


def optimizer_holds(bench: Bench) -> Outcome:
    """Hold the optimizer's parameters against those of the model that need a gradient."""
    held = [id(each) for group in bench.optimizer.param_groups for each in group["params"]]
    trainable = dict(bench.model.named_parameters())
    trainable = {name: each for name, each in trainable.items() if each.requires_grad}
    if not trainable:
        return wrong("optimizer-holds", "nothing-trainable")
    twice = [name for name, each in trainable.items() if held.count(id(each)) > 1]
    missing = [name for name, each in trainable.items() if id(each) not in held]
    share = sum(trainable[name].numel() for name in missing) / sum(each.numel() for each in trainable.values())
    others = len(set(held) - {id(each) for each in bench.model.parameters()})
    if len(missing) == len(trainable):
        return wrong("optimizer-holds", "other-model", others=others)
    if missing:
        return wrong("optimizer-holds", "missing", share=share, others=others, **names(missing))
    if twice:
        return wrong("optimizer-holds", "twice", **names(twice))
    return sound("optimizer-holds", count=len(trainable), others=others)


def gradients(bench: Bench) -> Outcome:
    """Do a few updates and see which parameters never got a gradient."""
    trainable = {name: each for name, each in bench.model.named_parameters() if each.requires_grad}
    absent, zero = set(trainable), set(trainable)
    for _ in range(_STEPS):
        bench.step()
        absent -= {name for name in absent if trainable[name].grad is not None}
        zero -= {name for name in zero if (grad := trainable[name].grad) is not None and bool((grad != 0).any())}
    if not trainable or len(absent) == len(trainable):
        raise CannotCheck("no-gradient")
    share = sum(trainable[name].numel() for name in zero) / sum(each.numel() for each in trainable.values())
    if absent:
        return wrong("gradients", "absent", share=share, **names([name for name in trainable if name in absent]))
    if zero:
        return wrong("gradients", "zero", share=share, **names([name for name in trainable if name in zero]))
    return sound("gradients", count=len(trainable), updates=_STEPS)


def moves(bench: Bench) -> Outcome:
    """Do a few updates: what has a gradient and is in the optimizer must move."""
    groups = bench.optimizer.param_groups
    held = {id(each): float(group.get("lr", 1.0)) for group in groups for each in group["params"]}
    if held and not any(held.values()):
        raise CannotCheck("rate-zero")
    mine = {name: each for name, each in bench.model.named_parameters() if each.requires_grad and held.get(id(each))}
    before = {name: each.detach().clone() for name, each in mine.items()}
    pulled: set[str] = set()
    for _ in range(_STEPS):
        bench.step()
        pulled |= {name for name, each in mine.items() if each.grad is not None and bool((each.grad != 0).any())}
    if not pulled:
        raise CannotCheck("no-gradient")
    still = [name for name in mine if name in pulled and torch.equal(mine[name].detach(), before[name])]
    if still:
        dtype = str(mine[still[0]].dtype).removeprefix("torch.")
        return wrong("moves", updates=_STEPS, dtype=dtype, rate=held[id(mine[still[0]])], **names(still))
    return sound("moves", count=len(pulled), updates=_STEPS)


def stays(bench: Bench) -> Outcome:
    """Do a few updates: what is frozen may not move, nor the running statistics that belong to it."""
    frozen: dict[str, Tensor] = {name: p for name, p in bench.model.named_parameters() if not p.requires_grad}
    statistics = {
        f"{name}.{kind}": buffer
        for name, module in bench.model.named_modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and _is_frozen(module)
        for kind, buffer in module.named_buffers(recurse=False)
        if buffer.is_floating_point()
    }
    if not frozen:
        raise CannotCheck("nothing-frozen")
    before = {name: each.detach().clone() for name, each in [*frozen.items(), *statistics.items()]}
    for _ in range(_STEPS):
        bench.step()
    moved = _moved(frozen, before)
    if moved:
        return wrong("stays", "weights", **names(moved))
    moved = _moved(statistics, before)
    if moved:
        return wrong("stays", "statistics", **names(moved))
    return sound("stays", count=len(frozen))


def _is_frozen(module: nn.Module) -> bool:
    own = list(module.parameters(recurse=False))
    return bool(own) and not any(each.requires_grad for each in own)


def _moved(now: dict[str, Any], before: dict[str, Tensor]) -> list[str]:
    return [name for name, each in now.items() if not torch.equal(each.detach(), before[name])]
