"""`newllm.record`: the signals of anyone's training loop, for next to nothing.

    with newllm.record(model, optimizer, out="runs/mine") as recorder:
        for batch in loader:
            ...
            loss.backward()
            optimizer.step()
            recorder.step(loss)

Or without a block: `recorder = newllm.record(...)`, and `recorder.close()` at the end.

It watches by hooks and changes nothing: the weights come out the same to the bit. Nor does it end a training: a part
that fails is reported once, as a warning and in recording.json, and measures nothing from then on (`isolation`). What
a call is wrongly given is an error until the first step is over, when it costs nothing yet; later it is reported once.
`docs/signals.md` lists what it writes. Nothing is read from the device until a second has gone, and what costs more
than the norm of the gradient is measured on sampled steps only: the first, every `every`-th, and those right after a
leap of the loss (`leaps`).

Limits: parameters added or replaced later are not seen, nor those sharded over processes; a layer inside
what torch.compile made into one function shows its weights and gradients, not its activations.
"""

import atexit
import contextlib
import functools
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, SupportsFloat

import torch
from torch import Tensor, nn

from newllm.checksum import write_checked
from newllm.errors import UserError
from newllm.messages import Message, message
from newllm.recorder.applied_change import AppliedChange
from newllm.recorder.arguments import is_first_process, processes, the_model, the_optimizers
from newllm.recorder.calls import CallWatch
from newllm.recorder.config import config_of
from newllm.recorder.context_signals import ContextSignals
from newllm.recorder.description import Description
from newllm.recorder.directory import directory_of
from newllm.recorder.evaluations import evaluation_signals, number
from newllm.recorder.influence import looks_again
from newllm.recorder.isolation import Isolation
from newllm.recorder.layout import Layout
from newllm.recorder.leaps import Leaps
from newllm.recorder.ledger import Ledger
from newllm.recorder.lyapunov_watch import LyapunovWatch
from newllm.recorder.pending import PendingRows, Row
from newllm.recorder.program import keep_program, keep_rest_of_program
from newllm.recorder.resumption import RECORDING, TRACE, checked_step, open_directory
from newllm.recorder.sampled import SampledForward
from newllm.recorder.several import SeveralProcesses
from newllm.recorder.updates import UpdateWatch
from newllm.trace import TraceWriter
from newllm.trace.samples import SAMPLES, Sample, add_sample

DATA = "data.json"
MOST_WAITING = 10_000  # rows that are kept in memory while there is no room to write them
_RESERVED = frozenset(("step", "loss", "gradient_norm", "gradient_norm_clipped", "learning_rate", "step_seconds"))
_EXPLAINING = {f"remark-{name}" for name in ("hidden-layers", "model-not-called", "recorder-part", "recorder-room")}


P = ParamSpec("P")


def _forgiving(method: Callable[Concatenate["Recorder", P], None]) -> Callable[Concatenate["Recorder", P], None]:
    """Let a call of the loop fail before the first step is over, and never later: then it is reported."""

    @functools.wraps(method)
    def called(self: "Recorder", *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            method(self, *args, **kwargs)
        except Exception as error:  # whatever it is, the training has begun
            self.refuse(method.__name__, error)

    return called


def record(
    model: nn.Module,
    optimizer: torch.optim.Optimizer | Sequence[torch.optim.Optimizer],
    out: str | PathLike[str],
    *,
    every: int = 10,
    vocabulary: int | None = None,
    kind: str | None = None,
    config: Any = None,
    resumed_at: int | None = None,
) -> "Recorder":
    """Record a training loop into a directory, from now on to the end of a `with`, `close`, or the end of the process.

    Args:
        model: as the loop calls it: bare, compiled or wrapped for several devices.
        optimizer: that the loop steps; a list where several train this model (Muon and AdamW, say).
        out: a directory; it is made if it is absent. Where the environment has NEWLLM_RECORD_TO, the recording is made
            in that directory instead, under the last part of this one (`newllm bisect` runs a program again so).
        every: how many steps lie between sampled ones.
        vocabulary: how many tokens or classes the model chooses from, where it is no embedding's size.
        kind: of training ("reinforcement", "adversarial", "fine-tune", ...): it changes what the doctor calls an
            alarm. None leaves it to a guess by the signals.
        config: settings of the training, which the list of runs can show, sort and filter by: a mapping, or what
            argparse returned. Those of the optimizer are kept without it.
        resumed_at: step of the checkpoint that model and optimizer were loaded from: the recording in `out` goes on
            from there, and what it holds of later steps is set aside (`resumption`). None or 0: the training begins.

    Raises:
        UserError: the model has no parameters, the optimizer trains none of them, `every` is below 1, there is no such
            kind, `config` is no mapping, or `out` holds a recording and the training is not resumed.
    """
    start = checked_step(resumed_at) or None
    about: dict[str, Any] = {"every": every, "vocabulary": vocabulary, "kind": kind, "config": config}
    return Recorder(model, optimizer, Path(out), resumed_at=start, **about).open()


class Recorder:
    """Records from `open` to `close`; made by `record`.

    Where several processes train together only the first of them records. The others write fingerprints of their
    weights and inputs, and numbers that are their own, beside its recording (`several`).

    Attributes:
        part: returns, for the name of a part, what keeps errors of its functions from the training.
        steps: that were recorded, with those before the training was resumed.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer | Sequence[torch.optim.Optimizer],
        out: Path,
        *,
        every: int,
        vocabulary: int | None = None,
        kind: str | None = None,
        config: Any = None,
        resumed_at: int | None = None,
        ledger_share: float | None = None,
    ) -> None:
        if every < 1:
            raise UserError(f"every is {every}: give the number of steps between sampled ones, 1 or more")
        out = directory_of(out)
        self._layout = Layout(the_model(model))
        self._optimizers = the_optimizers(optimizer, self._layout)
        self._out, self._every, self._resumed_at = out, every, resumed_at
        if kind is not None:  # what reads logs is not needed by those who write one, and slow to import
            from newllm.diagnosis.training_kind import parse_kind

            kind = parse_kind(kind)
        about: dict[str, Any] = {"every": every, "vocabulary": vocabulary, "kind": kind, "config": config_of(config)}
        self._about = Description(self._layout, self._optimizers, out, **about)
        isolation = Isolation(self._failed)
        self.part, self._end = isolation.part, isolation.end
        self._updates = UpdateWatch(self._layout, self._optimizers, self.part, is_resumed=resumed_at is not None)
        self._ledger = Ledger(self._layout, self._optimizers, self.part, share=ledger_share)
        self._forward = SampledForward(self._layout, self.part)
        self._contexts = ContextSignals(self._layout, self.part("contexts"))
        self._lyapunov = LyapunovWatch(self._layout)
        self._calls = CallWatch(
            self._layout,
            self._forward,
            self._lyapunov,
            self.part,
            self._end,
            self._about,
            self._describe_again,
            self._updates.passes,
            is_resumed=resumed_at is not None,
        )
        self._leaps = Leaps(every)
        self._pending: PendingRows | None = None
        self._opened_in: int | None = None  # process
        self._is_closed = self._has_begun = self._has_seen_loss = False
        self._row = Row()
        self.steps, self._time, self._sampled = resumed_at or 0, 0.0, False
        self._writes = self._is_first = is_first_process()
        about = {"every": every, "resumed_at": resumed_at, "records": self._is_first, "part": self.part}
        self._several = SeveralProcesses(self._layout, self._optimizers, out, RECORDING, **about)
        self._change = AppliedChange(self._layout, self._optimizers, out, lambda: self.steps + 1)
        self._has_data = False
        self._refused: set[str] = set()

    def open(self) -> Self:
        """Begin to record, for good: a recording is opened once.

        Raises:
            UserError: there is a recording in the directory already, and the training is not resumed.
        """
        if self._opened_in is not None:
            return self
        self.part("change")(self._change.open)(self.part("change"))  # first: others see what it makes of a step
        if self._writes:
            found = open_directory(self._out, self._resumed_at)
            if found is not None:
                self._about.go_on(found)
            elif processes() == 1:  # else they may be shared out
                self.part("start")(self._about.see_start)()
            self._about.write()
            self.part("program")(keep_program)(self._out, self._resumed_at)
            self._pending = PendingRows(TraceWriter(self._out / TRACE))
            self.part("ledger")(self._ledger.open)()
            self.part("updates")(self._updates.open)()
            self.part("optimizers")(self._optimizers.follow)(self.part("optimizers"))
            self.part("contexts")(self._contexts.open)()
            self.part("outputs")(self._calls.open)()
        self._several.begin()
        self._opened_in = os.getpid()
        _OPEN.add(self)
        if self._writes:
            self._time = time.perf_counter()
            self._or_stop(self._begin)
        return self

    def close(self, error: BaseException | None = None) -> None:
        """End the recording; a second call does nothing.

        Args:
            error: that the training ended with.
        """
        if self._is_closed or self._opened_in != os.getpid():  # a forked worker holds the recorder of its parent
            return
        self._is_closed = True
        _OPEN.discard(self)
        self._unhook()
        self._several.close(error)
        if self._pending is not None:
            pending, self._pending = self._pending, None
            self._write(pending.close)
            self._about.ended = True  # whoever watches the run need not wait
            self._describe_again()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, kind: object = None, error: BaseException | None = None, *_: object) -> None:
        self.close(error)

    def _unhook(self) -> None:
        for name, close in (
            ("change", self._change.close),
            ("outputs", self._calls.close),
            ("layers", self._forward.close),
            ("contexts", self._contexts.close),
            ("updates", self._updates.close),
            ("ledger", self._ledger.close),
            ("optimizers", self._optimizers.close),
        ):
            self._end(name, close)

    @_forgiving
    def step(self, loss: SupportsFloat | Tensor) -> None:
        """Record one step; call it after the optimizer's.

        Args:
            loss: of the step, as the loop knows it, not multiplied by a loss scale.

        Raises:
            UserError: of the first step: the loss is not one number, or the recorder is closed. Later both are
                reported once, here and in all other calls, and the training goes on.
        """
        if self._counts(loss):
            self.see_loss(loss)
            self._or_stop(self._end_step, self._open(), self._numbers("step", {"loss": loss}))

    def see_loss(self, loss: object) -> None:
        """Look at how the first loss was made, where `step` is given only its number.

        Args:
            loss: as it is before its backward pass, or behind it. Of what has no graph nothing is seen.
        """
        if self._writes and not self._has_seen_loss and isinstance(loss, Tensor) and loss.grad_fn is not None:
            self._has_seen_loss = True
            self.part("loss")(self._about.see_loss)(loss)

    @_forgiving
    def skip(self) -> None:
        """Record a step that has no loss, as the loop left its batch out, instead of `step`.

        Raises:
            UserError: as `step`.
        """
        if self._counts():
            self._or_stop(self._end_step, self._open(), {"update_skipped": 1.0})

    @contextlib.contextmanager
    def updating(self) -> Iterator[None]:
        """What runs inside belongs to an update: a pass without gradients, as of a reference model, evaluates nothing.

        It is needed only where the model in training mode makes such passes while it trains.
        """
        self._calls.is_updating = True
        try:
            yield
        finally:
            self._calls.is_updating = False

    @_forgiving
    def metrics(self, numbers: Mapping[str, SupportsFloat | Tensor]) -> None:
        """Record what else the loop measures at the latest step (a reward, an accuracy).

        Args:
            numbers: each by the loop's own name; those named like the loss and others of every step are passed over.

        Raises:
            UserError: as `step`, where one is not one number.
        """
        if self._writes:
            pending, row = self._open(), Row()
            own = {name: value for name, value in numbers.items() if name not in _RESERVED}
            for name, value in self._numbers("metrics", own).items():
                row.put(name, value)
            self._write(pending.add, self.steps, row)

    @_forgiving
    def flush(self) -> None:
        """Hand what is recorded to the system. Before a checkpoint is saved: then no kill leaves a gap behind it.

        Raises:
            UserError: as `step`, where the recorder is closed.
        """
        if self._writes:
            self._write(self._open().flush)

    def _numbers(self, call: str, given: Mapping[str, SupportsFloat | Tensor]) -> dict[str, float | Tensor]:
        """Return those of them that are one number; the others are refused."""
        found = {}
        for name, value in given.items():
            try:
                found[name] = number(name, value)
            except UserError as error:
                self.refuse(call, error)
        return found

    def refuse(self, call: str, error: Exception) -> None:
        """Raise an error of a call's arguments until the first step is over, and report one of each call later."""
        if self.steps <= (self._resumed_at or 0):
            raise error
        if call not in self._refused:
            self._refused.add(call)
            self.leave_out(message("remark-recorder-argument", call=call, step=self.steps, error=_in_a_line(error)))

    def _counts(self, loss: SupportsFloat | Tensor | None = None) -> bool:
        """Count a step of a rank that does not record; return whether this one does."""
        self._several.stepped(self.steps + 1)
        if not self._is_first:
            self.steps += 1
            self._several.measured(self.steps, loss, sampled=False)
        return self._writes

    def _end_step(self, pending: PendingRows, said: Mapping[str, float | Tensor]) -> None:
        row, now = self._row, time.perf_counter()
        for name, value in said.items():
            row.put(name, value)
        row.put("step_seconds", now - self._time)
        self._time, self.steps = now, self.steps + 1
        if not self._has_begun:
            self._has_begun = True
            self.part("program")(keep_rest_of_program)(self._out)
            if self._has_seen_loss:
                self._describe_again()
        self.part("updates")(self._updates.put)(row)
        self.part("contexts")(self._contexts.put)(row)
        asked = self._updates
        self._calls.put(said.get("loss"), is_scaled=asked.is_scaled, is_maximized=asked.is_maximized)
        if self._sampled:
            self._look_within_if_hidden()
            self._end("layers", self._forward.close)
            self.part("lyapunov")(self._lyapunov.put)(row)
        self._write(pending.add, self.steps, row)
        self._leaps.see(said.get("loss"))
        self._several.measured(self.steps, said.get("loss"), sampled=self._sampled)
        self._begin()

    @_forgiving
    def validation(
        self,
        loss: SupportsFloat | Tensor | None,
        correct: int | Tensor | None = None,
        count: int | None = None,
        predicted: int | Tensor | Sequence[int] | None = None,
        classes: Mapping[str, tuple[SupportsFloat | Tensor, int]] | None = None,
        accuracy: SupportsFloat | Tensor | None = None,
    ) -> None:
        """Record an evaluation after the latest step.

        Args:
            loss: mean over the targets; None where it was not computed.
            correct: how many predictions were right.
            count: of how many targets.
            predicted: what was predicted, or how many different classes were.
            classes: loss and number of targets by class: `unknown`, `end`, `seen`.
            accuracy: share of right predictions, where `correct` and `count` are not known.

        Raises:
            UserError: as `step`.
        """
        if not self._writes:
            return
        pending, row = self._open(), Row()
        for name, value in evaluation_signals(loss, correct, count, predicted, classes, accuracy).items():
            row.put(name, value)
        if self._calls.trained_while_evaluated:
            row.put("evaluation_in_training_mode", 1.0)
        self._calls.trained_while_evaluated = False
        self._calls.put_evaluation(row)
        self._write(pending.add, self.steps, row)
        self._write(pending.flush)

    @_forgiving
    def note(self, step: int, text: str) -> None:
        """Note what is planned: a curriculum, a restart, other data. The doctor takes what follows it for that.

        Args:
            step: of the recording, counted from 1, that it begins at.
            text: what it is.

        Raises:
            UserError: as `step`, where the step is no whole number from 0 up.
        """
        if not self._writes:
            return
        self._open()
        if isinstance(step, bool) or not isinstance(step, int) or step < 0:
            raise UserError(f"a note at step {step!r}: give the step as a whole number, 0 or more")
        if self._about.note(step, text):
            self._describe_again()

    @_forgiving
    def sample(self, text: str, *, prompt: str = "") -> None:
        """Record what the model wrote after the last step: the page shows it beside what it wrote earlier.

        Args:
            text: what it wrote, without the prompt.
            prompt: what it wrote on from.

        Raises:
            UserError: as `step`.
        """
        if not self._writes:
            return
        self._open()
        self._write(add_sample, self._out / SAMPLES, Sample(self.steps, str(prompt), str(text)))

    @_forgiving
    def data(
        self,
        training: Iterable[Any],
        validation: Iterable[Any],
        *,
        unknown: int | None = None,
        padding: int | None = None,
        shuffled: bool | None = None,
    ) -> None:
        """Write data.json: facts of the data for the doctor's audits.

        Args:
            training: documents in the order in which training reads them, each a text or a sequence of token ids or
                class labels; or what a data set or loader gives: mappings with "input_ids", pairs (ids, label), and
                batches of them. Floats, such as images, are refused.
            validation: likewise.
            unknown: id of the token for what is outside the vocabulary, None where there is none.
            padding: id of the token that fills rows up, None where there is none.
            shuffled: whether training draws its documents in another order each time; None where nobody knows.

        Raises:
            UserError: as `step`, where data.json stands there already (of a resumed training: written by this
                process), a document is none of these, or there is no room.
        """
        from newllm.data.facts import data_facts  # not needed by a loop that records no data

        if not self._writes:
            return
        path = self._out / DATA
        if self._has_data or (self._resumed_at is None and path.exists()):
            raise UserError(f"'{path}' is there already: call recorder.data once, in a directory of its own")
        with torch.random.fork_rng(devices=[]):  # a DataLoader draws from torch's chance when it is gone through
            facts = data_facts(training, validation, unknown=unknown, padding=padding, shuffled=shuffled)
        write_checked(path, {"facts": facts})
        self._has_data = True

    def _begin(self) -> None:
        """Prepare for the next step."""
        step = self.steps + 1
        self._optimizers.begin()
        self._row, self._sampled = Row(), step == 1 or step % self._every == 0 or self._leaps.asks
        self.part("updates")(self._updates.begin)(self._row, sampled=self._sampled)
        self.part("ledger")(self._ledger.begin)(self._row, sampled=self._sampled)
        self._calls.begin(self._row, sampled=self._sampled, looks_again=looks_again(step, self._every))
        self._contexts.sampled = self._sampled
        if self._sampled:
            self.part("layers")(self._forward.open)(self._row)

    def _look_within_if_hidden(self) -> None:
        """Look at the part that a model consists of, where it is not called itself; say once that nothing is seen."""
        layers = self._forward.has_seen_a_layer
        if (layers and self._calls.has_been_called) or not self._updates.has_gone_backward:
            return
        if layers and self._calls.look_within():
            return
        if not any(said.id in _EXPLAINING for said in self._about.remarks):
            self.leave_out(message("remark-model-not-called" if layers else "remark-hidden-layers"))

    def _failed(self, part: str, error: Exception) -> None:
        """A part measures nothing any more."""
        self.leave_out(message("remark-recorder-part", part=part, error=_in_a_line(error)))

    def _write(self, write: Callable[..., None], *arguments: Any) -> None:
        """Write. Without room the rows are kept for a while, and each flush tries again; else recording is over."""
        try:
            write(*arguments)
        except UserError as error:
            if self._pending is not None and self._pending.waiting >= MOST_WAITING:
                self._stop(error)
            elif not any(said.id == "remark-recorder-room" for said in self._about.remarks):
                self.leave_out(message("remark-recorder-room", error=str(error)))
        except Exception as error:  # a device that is lost, say
            self._stop(error)

    def _or_stop(self, go: Callable[..., None], *arguments: Any) -> None:
        """Begin or end a step. What fails there is no part alone, and no argument of a call: recording is over."""
        try:
            go(*arguments)
        except Exception as error:  # whatever it is, it is none of the training's
            self._stop(error)

    def _stop(self, error: Exception) -> None:
        """Record nothing more."""
        self._unhook()
        self._writes = False
        self._failed("all signals", error)

    def framework(self, said: Mapping[str, Any]) -> None:
        """Write what the framework that trains says of itself: how it chooses the best model.

        Args:
            said: {"selections": [...]}, each with the attributes of `newllm.diagnosis.facts.Selection` by name.
        """
        self._about.framework |= said
        self._describe_again()

    def leave_out(self, said: Message) -> None:
        """Say what is not recorded, or is a guess, as a warning and in recording.json."""
        if not self._about.remark(said):
            return
        self._describe_again()
        with contextlib.suppress(Warning):  # where warnings are errors, this one is still no reason to end a training
            warnings.warn(str(said), stacklevel=4)

    def _describe_again(self) -> None:
        if not self._is_first:
            return

        def describe() -> None:
            with contextlib.suppress(UserError):  # no room: the rows say so, and the end of the block tries again
                self._about.write()

        self.part("recording.json")(describe)()

    def _open(self) -> PendingRows:
        if self._pending is None:
            raise UserError("the recorder is closed: call it before close(), or inside `with newllm.record(...)`")
        return self._pending


_OPEN: set[Recorder] = set()


@atexit.register
def _close_all() -> None:
    """Close recordings that nobody closed, with the error that the process ends with, where it is one."""
    for recorder in list(_OPEN):
        recorder.close(getattr(sys, "last_value", None))


def _in_a_line(error: Exception) -> str:
    said = " ".join(str(error).split())
    return said if isinstance(error, UserError) else f"{type(error).__name__}: {said}"
