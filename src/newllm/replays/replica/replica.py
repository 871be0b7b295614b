"""A training that runs again: the same for a run of ours and for anyone's loop.

Interventions reach into it by its attributes; `follow` (trajectory.py) drives it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor, nn

from newllm.training.optimizer import optimizer_tensors, restore_optimizer
from newllm.training.step import Clip

Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class State:
    """All that an update depends on, beside the step. Every stream of chance is a function of the seed and the step.

    Attributes:
        model: by the name of the parameter or buffer.
        optimizer: by `PARAMETER/KEY`.
        carried: the context that goes on from window to window, where one does.
    """

    model: Tensors
    optimizer: Tensors
    carried: Tensors


@dataclass(frozen=True)
class Update:
    """What one update was like.

    Attributes:
        loss: of the batch before the update, nats, without any term that an intervention adds.
        gradient_norm: before clipping.
        finite: whether both are; if not, no weight was changed.
        context_norm: of a run of ours with a context, else None.
    """

    loss: float
    gradient_norm: float
    finite: bool
    context_norm: float | None = None


class Replica(ABC):
    """A training at one step.

    Attributes:
        model: trained in place.
        optimizer: an intervention may put another in its place.
        rate: from the step to the learning rate of the update that leads on from it. None leaves the optimizer's.
        clip: what is done to gradients before an update.
        seen: a number for the content of each batch that was read, in order.
        at_step: what is attached at the beginning of a step.
        draws: whether its loss draws random numbers, as dropout does; None where that is not known.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    rate: Callable[[int], float] | None
    clip: Clip
    seen: list[int]
    at_step: Mapping[int, Sequence[Callable[["Replica"], None]]] = MappingProxyType({})
    draws: bool | None = None

    def arrive(self, step: int) -> None:
        """Attach what the original was given at this step; every update begins with it."""
        for attach in self.at_step.get(step, ()):
            attach(self)

    def prepare(self, step: int) -> None:  # noqa: B027 (a training that does nothing there is one too)
        """Do what the training's own code does before the update of a step."""

    @abstractmethod
    def update(self, step: int) -> Update:
        """Do the update that leads from `step` to `step + 1`."""

    @abstractmethod
    def probe(self) -> float:
        """Return the loss on one fixed batch, in evaluation mode, without any term of an intervention."""

    def evaluate(self) -> Mapping[str, float]:
        """Return the losses of an evaluation by name ("validation", "validation/unknown" ...); here none."""
        return {}

    def state(self) -> State:
        """Return a copy of all that an update depends on."""
        return State(_copied(self.model.state_dict()), _copied(optimizer_tensors(self.model, self.optimizer)), {})

    def restore(self, state: State) -> None:
        """Put a state back.

        Raises:
            UserError: it belongs to another model or optimizer.
        """
        self.model.load_state_dict(state.model)
        restore_optimizer(self.model, self.optimizer, state.optimizer)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device


def _copied(tensors: Mapping[str, Tensor]) -> Tensors:
    return {name: value.detach().clone() for name, value in tensors.items()}
