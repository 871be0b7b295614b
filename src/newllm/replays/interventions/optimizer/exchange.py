"""Another optimizer in the place of a replica's: same parameter groups, state carried over where it means the same.

Learning rates of Adam and SGD do not compare: one is the length of a step, the other a factor of the gradient. So
that the exchange changes the direction of the updates and not their length, a rate is matched: over N weights and
with a clipped gradient of norm G, at rate 1,

    Adam    an update is about sqrt(N) long
    SGD     G / (1 - momentum)

G is what Adam's second moment remembers, or the norm of the first gradient where nothing is remembered. Weight
decay outside of the gradient (AdamW's) and SGD's take away the same share of the weights an update as before.
"""

import math
from collections.abc import Callable

import torch

from newllm.replays.replica.replica import Replica

MOMENTUM = 0.9
Factor = Callable[[float, int], float]
_SETTINGS = ("lr", "betas", "eps", "weight_decay", "amsgrad")
_MOMENTS = ("step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq")


def exchange_for_adamw(replica: Replica) -> None:
    """Put AdamW in the optimizer's place. Moments stay; from SGD it begins without any, at a matched rate."""
    old = replica.optimizer
    groups = [{key: group[key] for key in ("params", *_SETTINGS) if key in group} for group in old.param_groups]
    new = torch.optim.AdamW(groups, fused=old.defaults.get("fused"))
    for parameter, state in old.state.items():
        if "exp_avg" in state and "exp_avg_sq" in state:
            new.state[parameter] = {key: state[key] for key in _MOMENTS if key in state}
    replica.optimizer = new
    if isinstance(old, torch.optim.SGD):
        gain = 1 / (1 - float(old.param_groups[0].get("momentum", 0.0)))
        _Match(new, lambda norm, count: gain * norm / math.sqrt(count), keep=gain)


def exchange_for_sgd(replica: Replica, factor: float | None) -> None:
    """Put SGD with momentum in Adam's place; the momentum goes on from the first moment.

    Args:
        replica: its optimizer is an Adam, or like one.
        factor: of the learning rate; None matches it.
    """
    old = replica.optimizer
    groups = [
        {key: group[key] for key in ("params", "lr", "weight_decay") if key in group} for group in old.param_groups
    ]
    new = torch.optim.SGD(groups, lr=old.param_groups[0]["lr"], momentum=MOMENTUM, fused=old.defaults.get("fused"))
    remembered = _carry_momentum(old, new)
    replica.optimizer = new
    is_decoupled = any(group.get("decoupled_weight_decay", False) for group in old.param_groups)
    keep = 1 - MOMENTUM if is_decoupled else None
    match = _Match(new, lambda norm, count: (1 - MOMENTUM) * math.sqrt(count) / norm, keep)
    if factor is not None:
        match.settle(factor)
    elif remembered > 0:
        match.settle(match.factor(remembered))


def _carry_momentum(old: torch.optim.Optimizer, new: torch.optim.Optimizer) -> float:
    """Give SGD the momentum that Adam's first moment stands for; return the norm of the gradient by the second."""
    total = 0.0
    for group in old.param_groups:
        beta1, beta2 = group["betas"]
        for parameter in group["params"]:
            state = old.state.get(parameter, {})
            step = float(state.get("step", 0))
            if step > 0 and "exp_avg" in state and "exp_avg_sq" in state:
                new.state[parameter]["momentum_buffer"] = state["exp_avg"] / (1 - beta1**step) / (1 - MOMENTUM)
                total += float(state["exp_avg_sq"].double().sum()) / (1 - beta2**step)
    return math.sqrt(total)


class _Match:
    """Multiplies the learning rate of every update by a factor, which the first gradient decides if nothing else does.

    Args:
        optimizer: the new one.
        factor: from the norm of the gradient and the number of weights to the factor.
        keep: weight decay becomes this divided by the factor, times what it was; None leaves it.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, factor: Factor, keep: float | None) -> None:
        self._optimizer, self._factor, self._keep = optimizer, factor, keep
        self._settled: float | None = None
        self._rates: list[float] = []
        optimizer.register_step_pre_hook(lambda *_: self._before())
        optimizer.register_step_post_hook(lambda *_: self._after())

    def factor(self, norm: float) -> float:
        """Return the factor for a gradient of this norm."""
        return self._factor(norm, sum(p.numel() for group in self._optimizer.param_groups for p in group["params"]))

    def settle(self, factor: float) -> None:
        """Take this factor from now on."""
        self._settled = factor
        for group in self._optimizer.param_groups:
            if self._keep is not None:
                group["weight_decay"] *= self._keep / factor

    def _before(self) -> None:
        if self._settled is None:
            gradients = [
                p.grad for group in self._optimizer.param_groups for p in group["params"] if p.grad is not None
            ]
            norm = float(torch.nn.utils.get_total_norm(gradients))
            if norm > 0:
                self.settle(self.factor(norm))
        self._rates = [group["lr"] for group in self._optimizer.param_groups]
        for group in self._optimizer.param_groups:
            group["lr"] *= self._settled or 1.0

    def _after(self) -> None:
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate
