"""A training step on the bench: its four parts, and ways to try them."""

import functools
import random
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from newllm.checks.outcome import CannotCheck
from newllm.checks.seen import Seen, observed, output_of
from newllm.checks.trees import copied
from newllm.checks.untouched import untouched

Loss = Callable[[nn.Module, Any], Tensor]
_T = TypeVar("_T")


class Bench:
    """The parts of one training step, and ways to try them. Each probe runs within `untouched`.

    Args:
        model: in the mode that it trains in.
        optimizer: over its parameters.
        loss: from model and batch to a tensor of one number.
        batch: of one update; every trial is given a copy.
        seconds: that all probes may take.
    """

    def __init__(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, loss: Loss, batch: Any, seconds: float
    ) -> None:
        self.model, self.optimizer, self._loss, self._batch = model, optimizer, loss, batch
        self.ends = time.monotonic() + seconds
        self.is_fresh = not any(optimizer.state.values())
        self._answers: dict[Callable[[Bench], Any], Any] = {}
        self._foreign: tuple[Tensor, ...] = ()

    @property
    def batch(self) -> Any:
        """A copy of the batch."""
        return copied(self._batch)

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.ends - time.monotonic()

    def loss(self, batch: Any = None, seed: int = 0) -> Tensor:
        """Compute the loss with chance that is the same for the same seed."""
        _seed(seed)
        made = self._loss(self.model, self.batch if batch is None else batch)
        if not isinstance(made, Tensor) or made.numel() != 1:
            shape = tuple(made.shape) if isinstance(made, Tensor) else type(made).__name__
            raise CannotCheck("no-scalar", got=str(shape))
        return made.reshape(())

    def step(self, seed: int = 0) -> float:
        """Do one update by the optimizer on the batch; return the loss before it."""
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(seed=seed)
        loss.backward()
        self.optimizer.step()
        return float(loss.detach())

    @functools.cached_property
    def seen(self) -> Seen:
        """One pass of the batch, observed."""
        with self.untouched():
            seen = observed(self.model, self.optimizer, self.loss)
        self._foreign = seen.foreign
        return seen

    def untouched(self) -> AbstractContextManager[None]:
        """Put back, after a `with` block, whatever a trial did to the training."""
        return untouched(self.model, self.optimizer, self._foreign)

    def once(self, question: "Callable[[Bench], _T]") -> "_T":
        """Return what a question of several probes comes to; it is asked once, whether it has an answer or none."""
        if question not in self._answers:
            try:
                self._answers[question] = question(self)
            except CannotCheck as reason:
                self._answers[question] = reason
        found = self._answers[question]
        if isinstance(found, CannotCheck):
            raise found
        return found

    def answer(self, arguments: Any, options: Any, *, training: bool, seed: int = 0) -> Tensor:
        """Call the model by itself, without a gradient, and return its output as `seen` has it."""
        module = self.seen.module
        self.model.train(training)
        _seed(seed)
        with torch.no_grad():
            tensor = output_of(module(*copied(arguments), **copied(options)))
        if tensor is None:
            raise CannotCheck("no-output")
        return tensor.detach().clone()

    def called(self) -> tuple[tuple[Any, ...], dict[str, Any], Tensor]:
        """Return what the model was given and answered.

        Raises:
            CannotCheck: the loss does not call the model once, or no tensor could be made out.
        """
        if self.seen.calls != 1:
            raise CannotCheck("calls", calls=self.seen.calls)
        if self.seen.output is None:
            raise CannotCheck("no-output")
        return self.seen.arguments, self.seen.options, self.seen.output


def names(parameters: list[str]) -> dict[str, Any]:
    """Return the first names of a list and how many more there are, as sentences say them."""
    return {"names": parameters[:3], "more": max(0, len(parameters) - 3), "count": len(parameters)}


def _seed(seed: int) -> None:
    torch.manual_seed(seed)
    random.seed(seed)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(seed)
