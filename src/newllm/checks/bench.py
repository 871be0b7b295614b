"""A training step on the bench: what its model was given, what it answered, and how the loss pulls at the answer."""

import functools
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from newllm.checks.outcome import CannotCheck
from newllm.checks.trees import copied, leaves
from newllm.checks.untouched import untouched

Loss = Callable[[nn.Module, Any], Tensor]


@dataclass(frozen=True)
class Seen:
    """One pass of a batch through the loss, in training mode as it was handed over.

    Attributes:
        module: the model, or the part of it that the loss calls.
        arguments, options: what it was called with.
        output: the tensor that the loss is computed from, detached; None where none was found.
        gradient: of the loss by that output.
        loss: its value.
        calls: how often the loss called the model.
        autocast: the device types for which automatic mixed precision was on while the model was called.
    """

    module: nn.Module
    arguments: tuple[Any, ...]
    options: dict[str, Any]
    output: Tensor | None
    gradient: Tensor | None
    loss: float
    calls: int
    autocast: tuple[str, ...]


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
        with untouched(self.model, self.optimizer):
            return _observed(self)

    def answer(self, arguments: Any, options: Any, *, training: bool, seed: int = 0) -> Tensor:
        """Call the model by itself, without a gradient, and return its output as `seen` has it."""
        module = self.seen.module
        self.model.train(training)
        _seed(seed)
        with torch.no_grad():
            tensor = _output(module(*copied(arguments), **copied(options)))
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

    def inputs(self) -> Iterator[Tensor]:
        """Yield the tensors that the model was given."""
        arguments, options, _ = self.called()
        return (tensor for _, tensor in leaves([arguments, options]))


def names(parameters: list[str]) -> dict[str, Any]:
    """Return the first names of a list and how many more there are, as sentences say them."""
    return {"names": parameters[:3], "more": max(0, len(parameters) - 3), "count": len(parameters)}


def _seed(seed: int) -> None:
    torch.manual_seed(seed)
    random.seed(seed)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(seed)


def _observed(bench: Bench) -> Seen:
    calls: list[tuple[nn.Module, Any, Any]] = []
    outputs: list[Tensor | None] = []
    autocast: set[str] = set()
    within: list[nn.Module] = []

    def before(module: nn.Module, arguments: Any, options: Any) -> None:
        if not within:  # the outermost: the model, or what a LightningModule holds and calls
            calls.append((module, copied(arguments), copied(options)))
            autocast.update(kind for kind in ("cpu", "cuda", "mps", "xpu") if _autocast(kind))
        within.append(module)

    def after(module: nn.Module, arguments: Any, options: Any, made: Any) -> None:  # noqa: ARG001 (a hook's form)
        within.pop()
        if not within:
            tensor = _output(made)
            if tensor is not None and tensor.requires_grad:
                tensor.retain_grad()
            outputs.append(tensor)

    handles = [
        handle
        for module in bench.model.modules()
        for handle in (
            module.register_forward_pre_hook(before, with_kwargs=True),
            module.register_forward_hook(after, with_kwargs=True),
        )
    ]
    try:
        bench.optimizer.zero_grad(set_to_none=True)
        loss = bench.loss()
        if loss.requires_grad:
            loss.backward()
    finally:
        for handle in handles:
            handle.remove()
    output = outputs[0] if outputs else None
    gradient = output.grad if output is not None and output.requires_grad else None
    module, arguments, options = calls[0] if calls else (bench.model, (), {})
    return Seen(
        module=module,
        arguments=arguments,
        options=options,
        output=None if output is None else output.detach().clone(),
        gradient=None if gradient is None else gradient.detach().clone(),
        loss=float(loss.detach()),
        calls=len(calls),
        autocast=tuple(sorted(autocast)),
    )


def _output(made: Any) -> Tensor | None:
    """Return the tensor that holds a model's answer: its logits, or the first of several rows of numbers."""
    if isinstance(made, Tensor):
        return made if made.is_floating_point() else None
    logits = getattr(made, "logits", None)
    if isinstance(logits, Tensor):
        return logits
    return next((tensor for _, tensor in leaves(made) if tensor.is_floating_point() and tensor.ndim > 1), None)


def _autocast(kind: str) -> bool:
    try:
        return torch.is_autocast_enabled(kind)
    except (RuntimeError, TypeError):  # a kind that this torch does not know
        return False
