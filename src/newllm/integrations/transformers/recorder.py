"""`newllm.hf.Recorder`: the signals of a Trainer's training, by one added line.

    trainer.add_callback(newllm.hf.Recorder(out="runs/mine"))
    trainer.train()

Callbacks are not told the loss of an update, and what the Trainer logs is a mean of many from which NaN was taken out
(`logging_nan_inf_filter`). So the trainer itself is looked up on the call stack when a training begins, and for as long
as it lasts its `training_step` is watched: that returns each micro-batch's loss as it went backward, whoever computed
it. A loss of several processes is that of the first.

Limits: a trainer with a loop of its own that never calls `training_step` is not recorded, and says so. What is
evaluated after the training is not recorded, as `load_best_model_at_end` may have put other weights in.
"""

import functools
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from newllm.integrations.recording import CallbackRecording, warn
from newllm.messages import message
from newllm.recorder.callers import find_caller

_DEEPEST_CALL = 16
_NO_LOSS = "this trainer calls no training_step: record its loop with newllm.record; the training goes on"
# Of what a Trainer logs: what the recorder knows better, and what says nothing of the training.
_KNOWN = {"loss", "grad_norm", "learning_rate", "epoch", "total_flos", "step"}
_OF_SPEED = ("_runtime", "_per_second", "_preparation_time", "_compilation_time", "num_input_tokens_seen")
# Of the arguments: what people compare trainings by. The optimizer's own numbers are recorded anyway.
_SETTINGS = (
    "per_device_train_batch_size", "gradient_accumulation_steps", "num_train_epochs", "max_steps", "lr_scheduler_type",
    "warmup_steps", "warmup_ratio", "max_grad_norm", "label_smoothing_factor", "seed", "data_seed", "bf16", "fp16",
    "gradient_checkpointing", "run_name",
)  # fmt: skip
_KINDS = {
    "reinforcement": ("GRPOTrainer", "RLOOTrainer", "PPOTrainer"),
    "preference": ("DPOTrainer", "KTOTrainer", "CPOTrainer", "ORPOTrainer", "RewardTrainer"),
}


class Recorder(TrainerCallback):
    """Records a Trainer's training into a directory that `newllm doctor` and `newllm report` open.

    Several processes: all of them add it with the same directory; the first records, the others write fingerprints.
    `trainer.train(resume_from_checkpoint=...)` with the same directory goes on with the recording from that step.

    Args:
        out: a directory; it is made if it is absent. Each trial of a search for hyperparameters has its own in it.
        every: how many steps lie between sampled ones.
        vocabulary: how many tokens or classes the model chooses from, where it is no embedding's size.
        kind: of training ("reinforcement", "fine-tune", ...): it changes what the doctor calls an alarm. None takes
            what the trainer's class and its model say, else leaves it to a guess by the signals.

    Raises:
        UserError: `every` is below 1, or there is no such kind. `trainer.train()` raises it before the first step
            where `out` may not be written or holds a recording that is not resumed.
    """

    def __init__(
        self,
        out: str | PathLike[str],
        every: int = 10,
        vocabulary: int | None = None,
        kind: str | None = None,
    ) -> None:
        self._recording = CallbackRecording(out, every, vocabulary, kind)
        self._watched: list[tuple[Any, str, Any]] = []
        self._trainer: Any = None
        self._begin = _Last(self._open)
        self._was_broken_off = False
        self._trials = 0
        self._judged = ""  # the evaluation's loss that counts
        self._has_loss = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Look the trainer up, and begin when all callbacks have: an error in one of them leaves nothing behind."""
        self._end()
        trainer = _trainer_with(self)
        if trainer is None:
            warn("no Trainer called this callback: nothing is recorded, the training goes on")
            return
        self._begin.join(trainer)

    def _open(self, trainer: Any, args: Any, state: Any) -> None:
        resumed_at: int | None = state.global_step or None
        if self._was_broken_off and args.auto_find_batch_size:
            resumed_at = state.global_step  # the same training with smaller batches: what it did before is set aside
        self._was_broken_off = self._has_loss = False
        self._recording.open(
            trainer.model_wrapped,
            trainer.optimizer,
            resumed_at=resumed_at,
            kind=_kind_of(trainer),
            config=_settings_of(args),
            out=self._place(state),
        )
        if self._recording.recorder is None:
            return
        self._trainer = trainer
        self._watch(trainer, "training_step", self._training_step)
        self._watch(trainer, "compute_loss", self._computed)
        for name in ("_evaluate", "_run_epoch", "_finalize_training"):
            self._watch(trainer, name, self._ending)
        self._watch(trainer.callback_handler, "call_event", self._ending)
        self._choose_evaluation(args, trainer.eval_dataset)
        self._recording.framework({"selections": _selections_of(trainer, args, self._judged)})

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Record an update."""
        if self._recording.recorder is None:
            return
        if not self._has_loss:
            self._recording.remark_once(message("remark-recorder-part", part="all signals", error=_NO_LOSS))
            self._end()
            return
        self._recording.end_step()
        if control.should_save:
            self._recording.flush()

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **_: Any) -> None:
        """Record what else the trainer measures: rewards, margins, the metrics of an evaluation."""
        accuracy = _accuracy_beside(self._judged)
        self._recording.metrics(
            {
                name: value
                for name, value in (logs or {}).items()
                if name not in (*_KNOWN, self._judged, accuracy) and not name.startswith("train_")
                if not name.endswith(_OF_SPEED)
            }
        )

    def on_evaluate(
        self,
        args: Any,
        state: Any,
        control: Any,
        metrics: Mapping[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Record an evaluation: the loss of the set that counts; `on_log` has the others, by their names."""
        found = metrics or {}
        loss, accuracy = found.get(self._judged), found.get(_accuracy_beside(self._judged))
        if loss is not None or accuracy is not None:
            self._recording.evaluated(loss, accuracy)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Have on the disk what belongs to a checkpoint."""
        self._recording.flush()

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """End."""
        self._end()

    def _place(self, state: Any) -> Path | None:
        """Return the directory of a trial of a search, None where the user's own is it."""
        if not state.is_hyper_param_search:
            return None
        self._trials += 1
        return self._recording.out / f"trial-{self._trials}"

    def _choose_evaluation(self, args: Any, evaluated: Any) -> None:
        """Decide which of several evaluations is the one whose loss is judged, and say so."""
        self._judged = "eval_loss"
        if isinstance(evaluated, Mapping) and evaluated:
            losses = [f"eval_{name}_loss" for name in evaluated]
            best = str(args.metric_for_best_model or "")
            best = best if best.startswith("eval_") else f"eval_{best}"
            self._judged = best if best in losses else losses[0]
            if len(losses) > 1:
                self._recording.remark_once(message("remark-judged-evaluation", name=self._judged, names=losses))

    def _watch(self, owner: Any, name: str, within: Callable[..., Any]) -> None:
        """Put a function around a method of the trainer's; a version without that method goes without."""
        original = getattr(owner, name, None)
        if original is None:
            return
        self._watched.append((owner, name, vars(owner).get(name)))  # a user may have replaced it already

        @functools.wraps(original)
        def watched(*args: Any, **kwargs: Any) -> Any:
            return within(original, *args, **kwargs)

        setattr(owner, name, watched)

    def _training_step(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        with self._recording.updating():
            loss = original(*args, **kwargs)
        self._has_loss = True
        self._recording.add_loss(loss)
        return loss

    def _computed(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        found = original(*args, **kwargs)
        self._recording.see_loss(found[0] if isinstance(found, tuple) and found else found)
        return found

    def _ending(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        try:
            return original(*args, **kwargs)
        except BaseException:  # there is no event for it, and what waits is to be written
            self._was_broken_off = True
            self._end()
            raise

    def _end(self) -> None:
        self._trainer = None
        self._begin.leave()
        while self._watched:
            owner, name, before = self._watched.pop()
            if before is None:
                delattr(owner, name)
            else:
                setattr(owner, name, before)
        self._recording.close()


class _Last(TrainerCallback):
    """Stands behind all callbacks of a trainer, and begins when all of them know that a training does."""

    def __init__(self, begin: Callable[[Any, Any, Any], None]) -> None:
        self._begin = begin
        self._trainer: Any = None

    def join(self, trainer: Any) -> None:
        """Be the last of its callbacks."""
        self._trainer = trainer
        trainer.callback_handler.callbacks.append(self)

    def leave(self) -> None:
        """Be none of them."""
        if self._trainer is not None:
            callbacks = self._trainer.callback_handler.callbacks
            callbacks[:] = [one for one in callbacks if one is not self]
        self._trainer = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Begin."""
        self._begin(self._trainer, args, state)


def _trainer_with(callback: TrainerCallback) -> Any:
    """Return the trainer on the call stack that has this callback, None without one."""
    from transformers import Trainer  # seconds, for those who come for a model

    def has_it(caller: Any) -> bool:
        return isinstance(caller, Trainer) and any(one is callback for one in caller.callback_handler.callbacks)

    return find_caller(has_it, _DEEPEST_CALL)


def _accuracy_beside(loss: str) -> str:
    return loss.removesuffix("loss") + "accuracy"


def _selections_of(trainer: Any, args: Any, judged: str) -> list[dict[str, Any]]:
    """Return how the best model is chosen, where anything depends on it; `judged` is recorded as validation's loss."""
    named = str(args.metric_for_best_model or "")
    keeps = args.load_best_model_at_end or getattr(args.save_strategy, "value", args.save_strategy) == "best"
    if not named or not (keeps or _stopping(trainer)):
        return []
    name = named if named.startswith("eval_") else f"eval_{named}"
    signals = {judged: "validation_loss", _accuracy_beside(judged): "validation_accuracy"}
    higher = bool(args.greater_is_better)
    return [{"by": "Trainer", "metric": name, "signal": signals.get(name, name), "higher": higher}]


def _stopping(trainer: Any) -> list[Any]:
    """Return the callbacks that end a training whose metric gets no better."""
    from transformers import EarlyStoppingCallback

    return [one for one in trainer.callback_handler.callbacks if isinstance(one, EarlyStoppingCallback)]


def _settings_of(args: Any) -> dict[str, Any]:
    """Return what a Trainer's arguments set, by their own names; enumerations by their values."""
    found = {name: getattr(args, name, None) for name in _SETTINGS}
    plain = {name: getattr(value, "value", value) for name, value in found.items()}
    return {name: value for name, value in plain.items() if isinstance(value, str | int | float)}


def _kind_of(trainer: Any) -> str | None:
    """Return the kind of training that a trainer's class or its model says, None where neither does."""
    classes = {one.__name__ for one in type(trainer).__mro__}
    for kind, names in _KINDS.items():
        if classes.intersection(names):
            return kind
    # A model's name is no sign: one that is made from the configuration of another has the name of that.
    is_loaded = any(getattr(one, "_is_hf_initialized", False) for one in trainer.model.parameters())
    return "fine-tune" if is_loaded or hasattr(trainer.model, "peft_config") else None
