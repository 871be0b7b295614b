"""A training step on the bench: its four parts, and ways to try them."""

import functools
import inspect
import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any, TypeVar

import torch
from torch import Tensor

from newllm.checks.kept import Kept
from newllm.checks.outcome import CannotCheck
from newllm.checks.parts import Parts
from newllm.checks.reached import beyond
from newllm.checks.seen import Seen, observed, output_of
from newllm.checks.sharded import is_sharded
from newllm.checks.trees import copied, leaves, same
from newllm.checks.untouched import generator_restorer, untouched

_T = TypeVar("_T")
_LABELS = re.compile(r"\['(label|target)")  # names that hold no inputs


class Bench:
    """The parts of one training step, and ways to try them. Each probe runs within `untouched`.

    Args:
        parts: of the training; every trial is given a copy of its batch.
        seconds: that all probes may take.

    Attributes:
        is_fresh: whether the optimizer holds no moments yet.
        is_sharded: whether this process holds only a part of the model, or of another that the loss calls.
    """

    def __init__(self, parts: Parts, seconds: float) -> None:
        self.parts, self.model, self.optimizer = parts, parts.model, parts.optimizer
        self.ends = time.monotonic() + seconds
        self.is_fresh = not any(self.optimizer.state.values())
        self.is_sharded = is_sharded(self.model)
        roots = [] if self.is_sharded else [parts.loss, *beyond(self.model)]
        self._kept = Kept(roots, besides=(self.model, self.optimizer))
        self.is_sharded |= any(map(is_sharded, self._kept.modules))
        self._within = 0  # blocks of `untouched`
        self._way: Callable[[], AbstractContextManager[Any]] = nullcontext  # around each call of the model by itself
        self._answers: dict[Callable[[Bench], Any], Any] = {}
        self._foreign: tuple[Tensor, ...] = ()
        self._changed: tuple[str, ...] = ()

    @property
    def batch(self) -> Any:
        """A copy of the batch."""
        return copied(self.parts.batch)

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.ends - time.monotonic()

    def loss(self, batch: Any = None, seed: int = 0, *, goes_on: bool = False) -> Tensor:
        """Compute the loss with chance that is the same for the same seed.

        Args:
            batch: a copy of the batch if it is left out.
            seed: of the global generators; others than 0 seed the loss's own, too, which else draw as they would next.
            goes_on: whether the loss finds what it keeps (a counter, a running centre) as its last call left it, and
                not as it was before the check.
        """
        self._begin(seed, goes_on=goes_on)
        made = self.parts.loss(self.model, self.batch if batch is None else batch)
        if not isinstance(made, Tensor) or made.numel() != 1:
            shape = tuple(made.shape) if isinstance(made, Tensor) else type(made).__name__
            raise CannotCheck("no-scalar", got=str(shape))
        return made.reshape(())

    def _begin(self, seed: int, *, goes_on: bool = False) -> None:
        """Give what a pass reads, besides model and batch, the state that it had, and seed all generators."""
        if goes_on:
            self._kept.rewind_chance()
        else:
            self._kept.rewind()
        if seed:
            self._kept.seed(seed)
        set_seed(seed)

    def step(self, seed: int = 0) -> float:
        """Do one update by the optimizer on the batch; return the loss before it.

        What the loss keeps goes on from one update to the next, as in training, but for its generators.

        Raises:
            CannotCheck: the optimizer computes the loss itself, several times in an update.
        """
        closure = inspect.signature(self.optimizer.step).parameters.get("closure")
        if closure is not None and closure.default is closure.empty:
            raise CannotCheck("closure")
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(seed=seed, goes_on=True)
        loss.backward()
        self.optimizer.step()
        return float(loss.detach())

    @functools.cached_property
    def seen(self) -> Seen:
        """One pass of the batch, observed."""
        batch = self.batch
        with self.untouched():
            seen = observed(self.model, self.optimizer, lambda: self.loss(batch))
        self._foreign = seen.foreign
        before = dict(leaves(self.parts.batch))
        dense = [(path, each) for path, each in leaves(batch) if path in before and each.layout == torch.strided]
        self._changed = tuple(path for path, each in dense if not same(each, before[path]))
        return seen

    @property
    def changed(self) -> tuple[str, ...]:
        """The tensors of the batch, by where they stand, that the loss left changed."""
        assert self.seen
        return self._changed

    def inputs(self) -> Iterator[tuple[str, Tensor]]:
        """Yield the tensors that the model is given, but for labels, with where they stand."""
        arguments, options, _ = self.called()
        found = leaves([list(arguments), options])
        return ((path, tensor) for path, tensor in found if not _LABELS.search(path))

    @contextmanager
    def untouched(self) -> Iterator[None]:
        """Put back, after a `with` block, whatever a trial did to the training, and to what the loss holds."""
        with ExitStack() as undo:
            if self.is_sharded:  # no pass is made of it, and to write to what FSDP holds is to change it
                undo.callback(generator_restorer())
            else:
                self._within += 1
                undo.callback(self._leave)
                undo.enter_context(untouched(self.model, self.optimizer, self._foreign))
            yield

    def _leave(self) -> None:
        self._within -= 1
        if self._within:  # what is known to change is enough until the outermost block is left
            self._kept.rewind()
        else:
            self._kept.restore()

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

    @contextmanager
    def otherwise(self, way: Callable[[], AbstractContextManager[Any]]) -> Iterator[None]:
        """Call the model, in a `with` block, within what `way` gives: what it answered before does not count there."""
        answers, before = self._answers, self._way
        self._answers, self._way = {}, way
        try:
            yield
        finally:
            self._answers, self._way = answers, before

    def answer(self, arguments: Any, options: Any, *, training: bool, seed: int = 0) -> Tensor:
        """Call the model by itself, without a gradient, and return its output as `seen` has it."""
        module = self.seen.module
        self.model.train(training)
        self._begin(seed)
        with torch.no_grad(), self._way():
            tensor = output_of(module(*copied(arguments), **copied(options)))
        if tensor is None:
            raise CannotCheck("no-output")
        return tensor.detach().clone()

    def called(self) -> tuple[tuple[Any, ...], dict[str, Any], Tensor]:
        """Return what the model was given and answered.

        Raises:
            CannotCheck: the loss does not call the model once, or no tensor could be made out.
        """
        if not self.seen.calls and any(isinstance(each, torch.jit.ScriptModule) for each in self.model.modules()):
            raise CannotCheck("scripted")
        if self.seen.calls != 1:
            raise CannotCheck("calls", calls=self.seen.calls)
        if self.seen.output is None:
            raise CannotCheck("no-output")
        return self.seen.arguments, self.seen.options, self.seen.output


def names(parameters: list[str]) -> dict[str, Any]:
    """Return the first names of a list and how many more there are, as sentences say them."""
    return {"names": parameters[:3], "more": max(0, len(parameters) - 3), "count": len(parameters)}


def set_seed(seed: int) -> None:
    """Seed the global generators of torch, numpy and Python."""
    torch.manual_seed(seed)
    random.seed(seed)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(seed)
