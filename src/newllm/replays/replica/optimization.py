"""How a subject is optimized, known before it is replayed: what tells whether an intervention fits."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Optimization:
    """How a subject is optimized.

    Attributes:
        kind: class of the optimizer.
        groups: settings of its parameter groups.
        has_second_moment: whether it is an Adam, or keeps what Adam keeps.
        clip: largest norm of the gradient; 0 clips nothing.
        rate: from the step to the learning rate; None where the optimizer's own stays.
    """

    kind: type[torch.optim.Optimizer]
    groups: tuple[dict[str, Any], ...]
    has_second_moment: bool
    clip: float
    rate: Callable[[int], float] | None

    @property
    def name(self) -> str:
        """The optimizer's name."""
        return self.kind.__name__

    @property
    def is_sgd(self) -> bool:
        """Whether it is torch's SGD."""
        return issubclass(self.kind, torch.optim.SGD)

    @property
    def has_decay(self) -> bool:
        """Whether weights decay."""
        return any(group.get("weight_decay", 0.0) > 0 for group in self.groups)


def describe_optimization(
    optimizer: torch.optim.Optimizer, clip: float, rate: Callable[[int], float] | None
) -> Optimization:
    """Return how an optimizer, which is not used for anything else, updates its parameters.

    Args:
        optimizer: fresh.
        clip: largest norm of the gradient; 0 clips nothing.
        rate: from the step to the learning rate; None where the optimizer's own stays.
    """
    groups = tuple({key: value for key, value in one.items() if key != "params"} for one in optimizer.param_groups)
    first = next(parameter for group in optimizer.param_groups for parameter in group["params"])
    first.grad = torch.zeros_like(first)
    optimizer.step()  # only then it has its state
    return Optimization(type(optimizer), groups, "exp_avg_sq" in optimizer.state[first], clip, rate)
