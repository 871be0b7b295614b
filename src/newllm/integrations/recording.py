"""What the callbacks of several frameworks share: one recorder, driven from a loop that somebody else wrote.

A callback is told of micro-batches, updates and evaluations. The loss of an update is what its micro-batches come to.
Nothing that fails in here ends a training: it is a warning and a remark in recording.json. Only a directory that may
not be recorded into is an error, before the first step.
"""

import contextlib
import os
import sys
import warnings
import weakref
from collections.abc import Callable, Mapping
from numbers import Real
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from newllm.diagnosis.training_kind import parse_kind
from newllm.errors import UserError
from newllm.messages import Message
from newllm.recorder.recorder import Recorder


class CallbackRecording:
    """A recording of one optimizer's updates.

    Args:
        out: a directory; it is made if it is absent.
        every: how many steps lie between sampled ones.
        vocabulary: how many tokens or classes the model chooses from, where it is no embedding's size.
        kind: of training, as for `newllm.record`.

    Attributes:
        recorder: while a training is recorded; None before, after, and where that is not possible.

    Raises:
        UserError: `every` is below 1, or there is no such kind.
    """

    def __init__(self, out: str | os.PathLike[str], every: int, vocabulary: int | None, kind: str | None) -> None:
        if every < 1:
            raise UserError(f"every is {every}: give the number of steps between sampled ones, 1 or more")
        self.out, self._every, self._vocabulary = Path(out), every, vocabulary
        self._kind = None if kind is None else parse_kind(kind)
        self._said: set[str] = set()
        self._loss: float | Tensor | None = None
        self._closing: Callable[[], object] | None = None
        self.recorder: Recorder | None = None

    def open(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        *,
        resumed_at: int | None,
        kind: str | None = None,
        config: Mapping[str, Any] | None = None,
        out: Path | None = None,
    ) -> None:
        """Begin, or go on.

        Args:
            model: as the loop calls it.
            optimizer: that the loop steps.
            resumed_at: step of the checkpoint that was loaded; None where the training begins.
            kind: of training, where the user said none.
            config: settings of the training.
            out: a directory in place of the user's.

        Raises:
            UserError: the directory may not be recorded into.
        """
        self.close()
        self._said.clear()  # each recording says for itself what it is
        about: dict[str, Any] = {"every": self._every, "vocabulary": self._vocabulary}
        about |= {"kind": self._kind or kind, "config": config}
        try:
            recorder = Recorder(model, optimizer, out or self.out, resumed_at=resumed_at, **about)
        except Exception as error:  # an optimizer of another kind, say: a recorder is no reason to end a training
            warn(f"{error}; nothing is recorded, the training goes on")
            return
        self.recorder, self._loss = recorder.open(), None
        # A training that an exception ended may tell nobody: then the process does, at its end.
        self._closing = weakref.finalize(self, _end, recorder)

    def close(self) -> None:
        """End the recording; a second call does nothing."""
        self.recorder = None
        if self._closing is not None:
            self._closing()

    def updating(self) -> contextlib.AbstractContextManager[None]:
        """What runs inside belongs to an update."""
        return contextlib.nullcontext() if self.recorder is None else self.recorder.updating()

    def see_loss(self, loss: Any) -> None:
        """Look at how a loss was made, before its backward pass."""
        recorder = self.recorder
        if recorder is not None:
            self._guarded("loss", lambda: recorder.see_loss(loss))

    def add_loss(self, loss: Any) -> None:
        """Add the loss of a micro-batch, as it was scaled for its backward pass."""

        def add() -> None:
            more = loss.detach() if isinstance(loss, Tensor) else float(loss)
            self._loss = more if self._loss is None else self._loss + more

        self._guarded("loss", add)

    def end_step(self, scale: float = 1.0) -> None:
        """Record the update that was made; one whose micro-batches had no loss was left out.

        Args:
            scale: of the loss of all micro-batches.
        """
        loss, self._loss = self._loss, None
        recorder = self.recorder
        if recorder is not None:
            self._guarded("steps", lambda: recorder.skip() if loss is None else recorder.step(scale * loss))

    def evaluated(self, loss: Any, accuracy: Any = None) -> None:
        """Record an evaluation; None for what was not computed."""
        recorder = self.recorder
        if recorder is not None:
            self._guarded("evaluations", lambda: recorder.validation(loss, accuracy=accuracy))

    def metrics(self, numbers: Mapping[str, Any]) -> None:
        """Record what of these are single numbers, by their own names."""
        recorder = self.recorder
        if recorder is not None:
            found = {name: value for name, value in numbers.items() if _is_number(value)}
            if found:
                self._guarded("metrics", lambda: recorder.metrics(found))

    def framework(self, said: Mapping[str, Any]) -> None:
        """Write what the framework says of itself."""
        recorder = self.recorder
        if recorder is not None:
            self._guarded("framework", lambda: recorder.framework(said))

    def remark_once(self, said: Message) -> None:
        """Say what is a guess, is not recorded, or explains what the doctor will see."""
        if self.recorder is not None and said.id not in self._said:
            self._said.add(said.id)
            self.recorder.leave_out(said)

    def flush(self) -> None:
        """Hand what is recorded to the system, as before a checkpoint is saved."""
        if self.recorder is not None:
            self._guarded("rows", self.recorder.flush)

    def _guarded(self, part: str, function: Callable[[], None]) -> None:
        if self.recorder is not None:
            self.recorder.part(part)(function)()


def _end(recorder: Recorder) -> None:
    """End a recording, with the error that the process ends with, where it is one: then a hang is no end of its own."""
    recorder.close(getattr(sys, "last_value", None))


def warn(text: str) -> None:
    """Warn, of what is no reason to end a training where warnings are errors."""
    with contextlib.suppress(Warning):
        warnings.warn(text, stacklevel=3)


def _is_number(value: Any) -> bool:
    if isinstance(value, Tensor):
        return value.numel() == 1 and not value.is_complex()
    return isinstance(value, Real) and not isinstance(value, bool)
