"""How a subject is optimized, known before it is replayed: what tells whether an intervention fits."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from newllm.messages import Message, message
from newllm.replays.loop import Loop
from newllm.replays.own_run import OwnRun
from newllm.replays.subject import Subject
from newllm.training.optimizer import build_optimizer
from newllm.training.schedule import Schedule


@dataclass(frozen=True)
class Planned:
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


@functools.lru_cache(maxsize=8)
def planned(subject: Subject) -> Planned:
    """Return how a subject is optimized. Anyone's model is built once for it, and forgotten."""
    if isinstance(subject, OwnRun):
        config = subject.config
        optimizer = build_optimizer(nn.Linear(1, 1), config.optimizer)
        return _planned(optimizer, config.optimizer.clip, Schedule(config).rate)
    assert isinstance(subject, Loop), "a subject is a run of ours or anyone's loop"
    with torch.random.fork_rng():
        _, optimizer = subject.build(subject.seed)
    return _planned(optimizer, subject.clip, subject.rate)


def no_second_moment(subject: Subject) -> Message | None:
    """Return why nothing can be done to the second moment of a subject's optimizer, None where it can."""
    plan = planned(subject)
    return None if plan.has_second_moment else message("misfit-no_second_moment", optimizer=plan.name)


def _planned(optimizer: torch.optim.Optimizer, clip: float, rate: Callable[[int], float] | None) -> Planned:
    groups = tuple({key: value for key, value in one.items() if key != "params"} for one in optimizer.param_groups)
    first = optimizer.param_groups[0]["params"][0]
    first.grad = torch.zeros_like(first)
    optimizer.step()  # only then it has its state
    return Planned(type(optimizer), groups, "exp_avg_sq" in optimizer.state[first], clip, rate)
