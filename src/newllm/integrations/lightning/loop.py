"""A Lightning training as a `newllm.Loop`: `newllm.lightning.loop(trainer, module, train_dataloaders, ...)`.

The losses are those of the module's own `training_step`, computed by a twin of the Trainer (twin.py). The module's
hooks around a batch, an epoch and the optimizer's step take part; callbacks, loggers and checkpoints do not. What comes
after an update (`on_train_batch_end`) is called before the next one, so that it belongs to a state.

Limits: automatic optimization with one optimizer, one device, no loss scaling; hooks in the place of the backward pass,
the optimizer's step and the clearing of gradients are left out, and that is said.
"""

import copy
import os
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from newllm.chance import stream_seed
from newllm.errors import UserError
from newllm.integrations.lightning.twin import (
    TrainingStep,
    clip_values,
    make_twin,
    moved,
    part,
    root_of,
    stand_at,
)
from newllm.integrations.lightning.validation import Validation
from newllm.integrations.loops.batches import Batches
from newllm.integrations.loops.chance import own_chance, seed_all, take_chance
from newllm.integrations.loops.copies import copied, free_copies
from newllm.integrations.loops.loaders import first_batches, loader_batches
from newllm.integrations.loops.notices import copies_of, of_callbacks, of_data, say
from newllm.messages import Message, message
from newllm.replays.subjects.loop import Loop
from newllm.replays.subjects.schedule import RateTable

CALL = "Trainer.fit"
_EVALUATED = 8  # batches of each validation loader: a replay evaluates often
_HOOKS = ("on_train_start", "on_train_epoch_start", "on_train_batch_start", "on_before_backward", "on_after_backward",
          "on_before_optimizer_step", "on_before_zero_grad", "on_train_batch_end", "on_train_epoch_end")  # fmt: skip
_LEFT_OUT = ("optimizer_step", "optimizer_zero_grad", "backward", "configure_gradient_clipping")


def loop(
    trainer: Any,
    module: Any,
    train_dataloaders: Any = None,
    val_dataloaders: Any = None,
    datamodule: Any = None,
    callbacks: Sequence[Any] = (),
) -> Loop:
    """Return the training that `trainer.fit` with these arguments would do, for `newllm.replay` and `newllm.guard`.

    Trainer, module and loaders are left as they are. It warns once of what a replay takes otherwise than `fit` does.

    Args:
        trainer: a `lightning.Trainer`.
        module: the LightningModule.
        train_dataloaders: as `fit` takes them; or a LightningDataModule.
        val_dataloaders: likewise.
        datamodule: likewise.
        callbacks: of the Trainer's, those that change the training: copies of them take part in every replay. What they
            do must follow from the step, the model and the optimizer.

    Raises:
        UserError: the training cannot be replayed.
    """
    _check(trainer, module)
    if isinstance(train_dataloaders, part(root_of(trainer), "core.datamodule").LightningDataModule):
        train_dataloaders, datamodule = None, train_dataloaders
    with own_chance():
        data = {"train_dataloaders": train_dataloaders, "val_dataloaders": val_dataloaders}
        training = _LightningTraining(trainer, module, {**data, "datamodule": copy.copy(datamodule)}, callbacks)
        made = training.as_loop()
    say(made.notices, CALL)
    return made


class _LightningTraining:
    """What a `Loop` is made of."""

    def __init__(self, trainer: Any, module: Any, data: dict[str, Any], callbacks: Sequence[Any]) -> None:
        self._trainer, self._module, self._data = trainer, _copied(module), data
        self._callbacks = copies_of(callbacks, trainer.callbacks, trainer)
        self._call = part(root_of(trainer), "trainer.call")
        self._seed = int(os.environ.get("PL_GLOBAL_SEED", torch.initial_seed() % 2**31))
        self._accumulate = trainer.accumulate_grad_batches
        self._batches: Batches | None = None
        self._validation: Validation | None = None
        self._count, self.steps = 0, 0
        base = part(root_of(trainer), "core.module").LightningModule
        self._own = {
            name for name in (*_HOOKS, *_LEFT_OUT) if getattr(type(module), name) is not getattr(base, name, None)
        }

    def as_loop(self) -> Loop:
        model = self._begun()
        self._find_data(model.twin)
        drawn = self._try(model)
        (optimizer,) = model.twin.optimizers
        rates: RateTable | None = None
        if model.twin.lr_scheduler_configs:
            rates = RateTable(optimizer, lambda done: self._step_schedules(model.twin, done), self.steps)
        trainer = self._trainer
        by_norm = trainer.gradient_clip_algorithm is None or str(trainer.gradient_clip_algorithm.value) == "norm"
        return Loop(
            build=self.build,
            batch=self.batch,
            loss=self.loss,
            steps=self.steps,
            seed=self._seed,
            clip=float(trainer.gradient_clip_val or 0.0) if by_norm else 0.0,
            rate=rates,
            validate=self._validation,
            before_update=self.before_update,
            notices=tuple(self._notices(drawn)),
        )

    def build(self, seed: int) -> tuple[nn.Module, torch.optim.Optimizer]:  # noqa: ARG002 (weights are the module's)
        free_copies(self._module)
        with own_chance():
            model = self._begun()
        return model, model.twin.optimizers[0]

    def batch(self, step: int) -> list[list[Any]]:
        assert self._batches is not None, "the first build found them"
        return self._batches.update(step)

    def before_update(self, model: Any, _: torch.optim.Optimizer, step: int) -> None:
        epoch, first = self._place(step)
        if step > 0:
            before = self._place(step - 1)
            if "on_train_batch_end" in self._own or self._callbacks:
                last = self.batch(step - 1)[-1]
                stand_at(model.twin, step, before[0], before[1] + len(last) - 1, is_last=epoch > before[0])
                self._hook(
                    model, "on_train_batch_end", {"loss": torch.tensor(0.0)}, last[-1], before[1] + len(last) - 1
                )
            if epoch > before[0]:
                self._hook(model, "on_train_epoch_end")
        stand_at(model.twin, step, epoch, first, is_last=False)
        if step == 0:
            self._hook(model, "on_train_start")
        if first == 0:
            self._hook(model, "on_train_epoch_start")

    def loss(self, model: Any, batch: list[list[Any]]) -> Iterator[Tensor]:
        """Yield the loss of each batch of an update, divided as it counts; then do what comes before the step."""
        twin, trains = model.twin, torch.is_grad_enabled()
        step, epoch = twin.global_step, twin.current_epoch
        first, batches = self._place(step)[1], [one for group in batch for one in group]
        for at, given in enumerate(batches):
            stand_at(twin, step, epoch, first + at, is_last=first + at == self._count - 1)
            with own_chance(torch_too=False):
                seed_all(stream_seed(self._seed, "loss", step, at), torch_too=False)
                inputs = moved(twin, given)
                if trains:
                    self._hook(model, "on_train_batch_start", inputs, first + at)
                loss = model(inputs, first + at)
                if trains:
                    self._hook(model, "on_before_backward", loss)
            # An update of fewer batches is divided as the others are: less gradient; its loss is still the mean.
            left_out = self._accumulate / len(batches) - 1
            yield loss + loss.detach() * left_out if left_out else loss
            del loss
            if trains:
                self._hook(model, "on_after_backward")
        if trains:
            self._hook(model, "on_before_optimizer_step", twin.optimizers[0])
            held = {id(one) for group in twin.optimizers[0].param_groups for one in group["params"]}
            for parameter in model.parameters():
                if id(parameter) not in held:  # Lightning clips what the optimizer holds
                    parameter.grad = None
            clip = self._trainer.gradient_clip_val
            if clip and str(getattr(self._trainer.gradient_clip_algorithm, "value", "norm")) == "value":
                clip_values(model, clip)

    def _begun(self) -> TrainingStep:
        model = make_twin(self._trainer, _copied(self._module), self._data)
        model.callbacks = copies_of(self._callbacks, self._callbacks, self._trainer)
        if not model.module.automatic_optimization or len(model.twin.optimizers) != 1:
            raise UserError(
                f"{type(self._module).__name__} optimizes by itself, or with several optimizers: a replay needs "
                "automatic_optimization with one optimizer"
            )
        if self._data["datamodule"] is not None:  # it is set up now: not once more for each replay
            for name in ("prepare_data", "setup"):
                setattr(self._data["datamodule"], name, lambda *_, **__: None)
        return model

    def _find_data(self, twin: Any) -> None:
        fit, validation = twin.fit_loop, twin.fit_loop.epoch_loop.val_loop
        loaders = fit._combined_loader.flattened
        if len(loaders) != 1:
            raise UserError(f"there are {len(loaders)} training loaders: a replay reads one")
        self._count = fit.max_batches
        evaluated = [] if validation._combined_loader is None else validation._combined_loader.flattened
        drawing = sum(getattr(one, "generator", None) is None and hasattr(one, "dataset") for one in evaluated)
        count = None if self._count == float("inf") else int(self._count)
        self._batches = loader_batches(
            loaders[0], self._seed, self._accumulate, count, lambda epoch: drawing * self._validations(twin, epoch)
        )
        self.steps = self._all_steps(twin)
        limits = [min(_EVALUATED, limit) for limit in validation._max_batches] if evaluated else []
        if evaluated:
            read = [first_batches(one, int(limit), self._seed) for one, limit in zip(evaluated, limits, strict=True)]
            self._validation = Validation(read)

    def _all_steps(self, twin: Any) -> int:
        by_steps, by_epochs = twin.max_steps, twin.fit_loop.max_epochs
        planned = [by_steps] if by_steps >= 0 else []
        if by_epochs >= 0 and self._count != float("inf"):
            planned.append(by_epochs * -(-int(self._count) // self._accumulate))
        if not planned or min(planned) < 1:
            raise UserError(
                f"max_steps is {by_steps}, max_epochs {by_epochs}: give a number of steps that can be known"
            )
        return min(planned)

    def _validations(self, twin: Any, epoch: int) -> int:
        """Return how often an epoch validates."""
        every = twin.check_val_every_n_epoch
        if not twin.enable_validation or (every is not None and (epoch + 1) % every):
            return 0
        between, count = twin.val_check_batch, int(self._count)
        if between is None or between == float("inf"):
            return 1
        if every is None:
            return ((epoch + 1) * count) // between - (epoch * count) // between
        return max(1, count // int(between))

    def _place(self, step: int) -> tuple[int, int]:
        """Return the epoch of an update, and the number of its first batch there."""
        if self._count == float("inf"):
            return 0, step * self._accumulate
        epoch, update = divmod(step, -(-int(self._count) // self._accumulate))
        return epoch, update * self._accumulate

    def _step_schedules(self, twin: Any, done: int) -> None:
        """Step the schedules that are due after so many updates, as the epoch loop does."""
        (epoch, first), following = self._place(done - 1), self._place(done)
        ends = following[0] > epoch
        batches = int(self._count) if ends else first + self._accumulate
        stand_at(twin, done, epoch, batches - 1, is_last=ends)
        for interval, count in (("step", batches), *((("epoch", epoch + 1),) if ends else ())):
            for one in twin.lr_scheduler_configs:
                if one.reduce_on_plateau:
                    raise UserError(
                        f"{type(one.scheduler).__name__} sets the rate by what evaluations show, which is no function "
                        "of the step: give another schedule for the replay"
                    )
                if one.interval == interval and count % one.frequency == 0:
                    self._call._call_lightning_module_hook(twin, "lr_scheduler_step", one.scheduler, None)

    def _try(self, model: TrainingStep) -> bool:
        """Compute the loss of the first batch; return whether that drew random numbers."""
        model.train()
        stand_at(model.twin, 0, 0, 0, is_last=False)
        inputs = self.batch(0)
        before = take_chance()
        next(iter(self.loss(model, inputs)))
        return not before.is_as(take_chance())

    def _hook(self, model: Any, name: str, *given: Any) -> None:
        for one in model.callbacks:
            getattr(one, name)(model.twin, model.module, *given)
        if name in self._own:
            self._call._call_lightning_module_hook(model.twin, name, *given)

    def _notices(self, drawn: bool) -> list[Message]:
        root, kind = root_of(self._trainer), type(self._module).__name__
        base = part(root, "callbacks.callback").Callback
        taken = {type(one) for one in self._callbacks}
        callbacks = [one for one in self._trainer.callbacks if type(one) not in taken]
        made = of_callbacks(callbacks, ("lightning", "pytorch_lightning", "newllm"), base, _HOOKS)
        for one in callbacks:
            if type(one).__name__ in ("EarlyStopping", "StochasticWeightAveraging", "GradientAccumulationScheduler"):
                made.append(message("notice-loop-stops", name=type(one).__name__, steps=self.steps))
        made += [message("notice-loop-hook", name=f"{kind}.{name}") for name in _LEFT_OUT if name in self._own]
        assert self._batches is not None, "the first build found them"
        return made + of_data(self._batches, drawn=drawn, call=CALL)


def _copied(module: Any) -> Any:
    return copied(module, module.modules(), type(module).__name__, "a replay trains copies of it")


def _check(trainer: Any, module: Any) -> None:
    root = root_of(trainer)
    if not isinstance(module, part(root, "core.module").LightningModule):
        raise UserError(f"the module is {type(module).__name__}: give a LightningModule of {root}")
    if trainer.fit_loop.epoch_loop.global_step > 0:
        raise UserError(
            f"this Trainer has trained already (step {trainer.global_step}): call newllm.lightning.loop before "
            "trainer.fit, with the module as it begins"
        )
    if trainer.world_size > 1 or type(trainer.strategy).__name__ != "SingleDeviceStrategy":
        raise UserError(
            f"the Trainer trains with {type(trainer.strategy).__name__} on {trainer.world_size} devices: a replay has "
            "one process and one device"
        )
    if getattr(trainer.precision_plugin, "scaler", None) is not None:
        raise UserError(f"precision '{trainer.precision}' scales the loss: a replay needs precision 32 or bf16-mixed")
