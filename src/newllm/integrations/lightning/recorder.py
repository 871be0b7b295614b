"""`newllm.lightning.Recorder`: the signals of a Lightning training, by one added callback.

    trainer = lightning.Trainer(callbacks=[newllm.lightning.Recorder(out="runs/mine")])

Under automatic optimization an update is recorded when its batch ends; its loss is the mean over the batches that it
accumulates. Under manual optimization an update is a step of an optimizer; its loss is the sum of what
`manual_backward` was given since the step before, or the same again where nothing was. Each of several optimizers has a
recording of its own, in `optimizer-0`, `optimizer-1`, ... of the directory.

Limits: losses of several processes are those of the first. Under manual optimization in 16-bit floats an update that
the scaler leaves out is no step of the optimizer, and not recorded.
"""

import contextlib
from collections.abc import Callable, Mapping
from os import PathLike
from typing import Any

from torch import Tensor, nn

from newllm.integrations.lightning.framework import Callback
from newllm.integrations.lightning.metrics import Evaluation, evaluation_of, split_metrics
from newllm.integrations.recording import CallbackRecording
from newllm.messages import message

_STATE = "steps"


class Recorder(Callback):
    """Records a Lightning training into a directory that `newllm doctor` and `newllm report` open.

    Several processes: the first records, the others write fingerprints. `trainer.fit(ckpt_path=...)` with the same
    directory goes on with the recording from that step. The sanity check is no evaluation.

    Args:
        out: a directory; it is made if it is absent.
        every: how many steps lie between sampled ones.
        vocabulary: how many tokens or classes the model chooses from, where it is no embedding's size.
        kind: of training ("reinforcement", "adversarial", ...): it changes what the doctor calls an alarm. None
            leaves it to a guess by the signals.

    Raises:
        UserError: `every` is below 1, or there is no such kind. `trainer.fit` raises it before the first step where
            `out` may not be written or holds a recording that is not resumed.
    """

    def __init__(
        self,
        out: str | PathLike[str],
        every: int = 10,
        vocabulary: int | None = None,
        kind: str | None = None,
    ) -> None:
        self._first = CallbackRecording(out, every, vocabulary, kind)
        self._arguments, self._every = (every, vocabulary, kind), every
        self._recordings: list[CallbackRecording] = []
        self._within = contextlib.ExitStack()
        self._hooks: list[Any] = []
        self._resumed: list[int] = []  # steps of each recording: of the checkpoint, or of the fit before this one
        self._updates, self._batches = 0, 0
        self._losses: Tensor | None = None  # of manual optimization, since the last step
        self._last: Tensor | None = None  # of the last step
        self._judged: Evaluation | None = None

    @property
    def state_key(self) -> str:
        """Name of this callback in a checkpoint."""
        return "newllm.lightning.Recorder"

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint holds: how many steps were recorded."""
        return {_STATE: [one.recorder.steps if one.recorder else 0 for one in self._recordings]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take what a checkpoint holds."""
        self._resumed = list(state_dict.get(_STATE, ()))

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin, or go on."""
        self._close()
        optimizers = trainer.optimizers
        count = max(1, len(optimizers))
        several = [CallbackRecording(self._first.out / f"optimizer-{i}", *self._arguments) for i in range(count)]
        self._recordings = [self._first] if count == 1 else several
        went_on = [trainer.global_step // count] * count
        steps = self._resumed if len(self._resumed) == count and any(self._resumed) else went_on
        for recording, optimizer, step in zip(self._recordings, optimizers, steps, strict=False):
            resumed_at = step if trainer.global_step else None
            model, settings = _called_model(trainer, pl_module), _settings_of(pl_module)
            recording.open(model, optimizer, resumed_at=resumed_at or None, config=settings)
            if recording.recorder is not None and not pl_module.automatic_optimization:
                self._hooks.append(optimizer.register_step_post_hook(self._stepping(recording)))
        self._updates, self._batches, self._judged = trainer.global_step, 0, None
        self._losses = self._last = None

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """What follows belongs to an update: a pass without gradients is no evaluation."""
        self._within.close()
        for recording in self._recordings:
            self._within.enter_context(recording.updating())

    def on_before_backward(self, trainer: Any, pl_module: Any, loss: Tensor) -> None:
        """Look at how the loss was made; take that of manual optimization."""
        for recording in self._recordings:
            recording.see_loss(loss)
        if self._recordings and not pl_module.automatic_optimization:
            scaler = getattr(trainer.precision_plugin, "scaler", None)
            more = loss.detach() / (scaler.get_scale() if scaler is not None else 1.0)
            self._losses = more if self._losses is None else self._losses + more

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Record the update that automatic optimization made of this batch and those before it."""
        self._within.close()
        if not self._recordings:
            return
        updated, self._updates = trainer.global_step > self._updates, trainer.global_step
        if pl_module.automatic_optimization:
            self._automatic(trainer, outputs, updated=updated)
        if updated and self._updates % self._every == 0:
            self._put_metrics(split_metrics(trainer.callback_metrics)[0])

    def _automatic(self, trainer: Any, outputs: Any, *, updated: bool) -> None:
        recording = self._recordings[0]
        loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
        if loss is not None:  # None: `training_step` left the batch out
            self._batches += 1
            recording.add_loss(loss)
        if updated:
            meant = trainer.accumulate_grad_batches
            if 0 < self._batches < meant:  # the last of an epoch: Lightning divides by what it meant to accumulate
                recording.remark_once(message("remark-fewer-batches", fewer=self._batches, batches=meant))
            recording.end_step(meant / max(1, self._batches))
            self._batches = 0

    def _stepping(self, recording: CallbackRecording) -> Callable[..., None]:
        def stepped(*_: Any) -> None:
            self._manual(recording)

        return stepped

    def _manual(self, recording: CallbackRecording) -> None:
        """An optimizer has stepped under manual optimization."""
        if self._losses is not None:
            self._last, self._losses = self._losses, None
        if self._last is not None:
            recording.add_loss(self._last)
        recording.end_step()

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Record an evaluation."""
        if trainer.sanity_checking or not self._recordings:
            return
        _, numbers = split_metrics(trainer.callback_metrics)
        if not numbers:
            return
        found = evaluation_of(numbers, [getattr(one, "monitor", None) for one in trainer.callbacks])
        if found != self._judged:
            self._judged = found
            self._say(found, list(numbers))
            selections = [one for one in _selections_of(trainer, found) if one["metric"] in numbers]
            for recording in self._recordings:
                recording.framework({"selections": selections})
        loss, accuracy = numbers.pop(found.loss, None), numbers.pop(found.accuracy, None)
        self._put_metrics(numbers)  # first: of one step the later value holds, and a name may be that of what is judged
        for recording in self._recordings:
            recording.evaluated(loss, accuracy)

    def _say(self, found: Evaluation, names: list[str]) -> None:
        """Say which loss is judged, where that is a guess or there is none."""
        for recording in self._recordings:
            if found.is_guess:
                recording.remark_once(message("remark-judged-evaluation", name=found.loss, names=list(found.losses)))
            elif not found.loss:
                recording.remark_once(message("remark-no-validation-loss", names=names))

    def on_save_checkpoint(self, trainer: Any, pl_module: Any, checkpoint: Any) -> None:
        """Have on the disk what belongs to a checkpoint."""
        for recording in self._recordings:
            recording.flush()

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """End."""
        self._close()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """End."""
        self._close()

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """End."""
        self._close()

    def _put_metrics(self, numbers: Mapping[str, Any]) -> None:
        for recording in self._recordings:
            recording.metrics(numbers)

    def _close(self) -> None:
        self._within.close()
        while self._hooks:
            self._hooks.pop().remove()
        if self._recordings:
            self._resumed = self.state_dict()[_STATE]
        while self._recordings:
            self._recordings.pop().close()


def _selections_of(trainer: Any, judged: Evaluation) -> list[dict[str, Any]]:
    """Return how callbacks and schedules choose what is best: the checkpoint, the end, a lower learning rate."""
    plateaus = [(one.monitor, one.scheduler) for one in trainer.lr_scheduler_configs if one.reduce_on_plateau]
    choosing = [*((getattr(one, "monitor", None), one) for one in trainer.callbacks), *plateaus]
    signals = {judged.loss: "validation_loss", judged.accuracy: "validation_accuracy"}
    return [
        {"by": type(one).__name__, "metric": name, "signal": signals.get(name, name), "higher": one.mode == "max"}
        for name, one in choosing
        if isinstance(name, str) and getattr(one, "mode", None) in ("min", "max")
    ]


def _settings_of(module: Any) -> dict[str, Any]:
    """Return what a module saved by `save_hyperparameters`, none where it did not."""
    try:
        saved = dict(module.hparams)
    except Exception:  # whatever a user put in its place: it is no reason to end a training
        return {}
    return {str(name): value for name, value in saved.items()}


def _called_model(trainer: Any, pl_module: Any) -> nn.Module:
    """Return what a training calls: a wrapper for several devices, else the module that holds all parameters.

    Most LightningModules hold one model and never call themselves; what they call is seen at work.
    """
    wrapped = trainer.strategy.model
    if isinstance(wrapped, nn.Module) and wrapped is not pl_module:
        return wrapped
    own = [child for child in pl_module.children() if next(child.parameters(), None) is not None]
    if len(own) != 1 or list(pl_module.parameters(recurse=False)) or isinstance(own[0], nn.ModuleList | nn.ModuleDict):
        return pl_module
    return own[0]
