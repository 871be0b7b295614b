"""A `transformers.Trainer`'s training as a `newllm.Loop`: `newllm.hf.loop(trainer)`.

Everything is taken from a *twin* of the trainer (twin.py), which prepares itself as `Trainer.train` does. Its own
`training_step` computes the losses; only what it hands to `accelerator.backward` is caught, so that the `Loop` goes
backwards. The user's objects are read and never written.

Limits: one process and one device; no loss scaling; a training that begins, not one that is resumed.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from newllm.chance import stream_seed
from newllm.integrations.loops.batches import Batches
from newllm.integrations.loops.chance import own_chance, seed_all, take_chance
from newllm.integrations.loops.copies import free_copies
from newllm.integrations.loops.loaders import first_batches, loader_batches
from newllm.integrations.loops.notices import copies_of, of_callbacks, of_data, say
from newllm.integrations.transformers.twin import (
    TWIN,
    bare_twin,
    caught_loss,
    check_trainer,
    copied_again,
    copied_parts,
    refuse_what_has_no_step,
    staying_in_mode,
    twin_of,
)
from newllm.messages import Message, message
from newllm.replays.subjects.loop import Loop
from newllm.replays.subjects.schedule import RateTable

CALL = "Trainer.train"
_EVALUATED = 8  # batches of each evaluation data set: a replay evaluates often
_HOOKS = ("on_train_begin", "on_epoch_begin", "on_step_begin", "on_substep_end", "on_pre_optimizer_step",
          "on_optimizer_step", "on_step_end", "on_epoch_end")  # fmt: skip


def loop(trainer: Any, callbacks: Sequence[Any] = ()) -> Loop:
    """Return the training of a Trainer, for `newllm.replay` and `newllm.guard`. The trainer is left as it is.

    It warns once of what a replay takes otherwise than `trainer.train()` does.

    Args:
        trainer: a `transformers.Trainer`, or of a class that inherits it, before its training.
        callbacks: of the Trainer's, those that change the training: copies of them take part in every replay. What they
            do must follow from the step, the model and the optimizer.

    Raises:
        UserError: it is none, or its training cannot be replayed.
    """
    check_trainer(trainer)
    with own_chance():
        training = _TrainerTraining(trainer, callbacks)
        made = training.as_loop()
    say(made.notices, CALL)
    return made


class _TrainerTraining:
    """What a `Loop` is made of.

    Args:
        trainer: the user's.
        callbacks: of it, those that take part.
    """

    def __init__(self, trainer: Any, callbacks: Sequence[Any] = ()) -> None:
        self._trainer = trainer
        self._callbacks = copies_of(callbacks, trainer.callback_handler.callbacks, trainer)
        self._parts = None if trainer.model_init else copied_parts(trainer)
        self._batches: Batches | None = None
        self._evaluated: dict[str, list[Any]] = {}
        self.steps, self.updates_per_epoch = 0, 1

    def as_loop(self) -> Loop:
        twin = self._begun(self._trainer.args.seed)
        drawn = self._try(twin)
        rates = RateTable(twin.optimizer.optimizer, lambda _: twin.lr_scheduler.step(), self.steps)
        args, given = self._trainer.args, self._trainer.eval_dataset
        return Loop(
            build=self.build,
            batch=self.batch,
            loss=self.loss,
            steps=self.steps,
            seed=args.seed,
            clip=max(args.max_grad_norm or 0.0, 0.0),
            rate=rates,
            validate=None if given is None else self.validate,
            before_update=self.before_update,
            notices=tuple(self._notices(drawn)),
        )

    def build(self, seed: int) -> tuple[nn.Module, torch.optim.Optimizer]:
        free_copies(self._trainer.model)
        with own_chance():
            twin = self._begun(seed)
        return twin.model_wrapped, twin.optimizer.optimizer

    def batch(self, step: int) -> list[list[Any]]:
        assert self._batches is not None, "the first build found them"
        return self._batches.update(step)

    def before_update(self, model: nn.Module, optimizer: torch.optim.Optimizer, step: int) -> None:
        """Stand at a step. What callbacks do after an update is done before the next one: it belongs to its state."""
        model.zero_grad()  # as the Trainer does: also what the optimizer does not hold, and the clipping sees
        twin = twin_of(model)
        twin.state.global_step, twin.state.epoch = step, step / self.updates_per_epoch
        after = () if step == 0 else ("on_optimizer_step", "on_step_end")
        ends = step > 0 and step % self.updates_per_epoch == 0
        begins = ("on_train_begin",) if step == 0 else ()
        new = ("on_epoch_begin",) if step % self.updates_per_epoch == 0 else ()
        for name in (*after, *(("on_epoch_end",) if ends else ()), *begins, *new, "on_step_begin"):
            self._call(name, twin, model, optimizer)

    def _call(self, name: str, twin: Any, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        given = {"model": model, "optimizer": optimizer, "lr_scheduler": twin.lr_scheduler}
        for one in twin.callback_handler.callbacks[1:]:  # the first is transformers' own, which plans logs
            getattr(one, name)(twin.args, twin.state, twin.control, **given)

    def loss(self, model: nn.Module, batch: list[list[Any]]) -> Iterator[Tensor]:
        """Yield the loss of each micro-batch, divided as it counts in the update."""
        twin, number = twin_of(model), 0
        for group in batch:
            micro_batches, items = twin.get_batch_samples(iter(group), len(group), twin.args.device)
            twin.current_gradient_accumulation_steps = len(micro_batches)
            for inputs in micro_batches:
                with own_chance(torch_too=False), staying_in_mode(model):
                    seed_all(stream_seed(twin.args.seed, "loss", twin.state.global_step, number), torch_too=False)
                    loss = caught_loss(twin, model, inputs, items)
                yield loss
                del loss
                number += 1
        if torch.is_grad_enabled():
            self._call("on_pre_optimizer_step", twin, model, twin.optimizer.optimizer)

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Return the loss on the first batches of each evaluation data set, weighted by their rows."""
        from transformers.trainer_pt_utils import find_batch_size  # pyrefly: ignore

        twin, given = twin_of(model), self._trainer.eval_dataset
        losses: dict[str, float] = {}
        total, rows = 0.0, 0
        for name in given if isinstance(given, Mapping) else [""]:
            own, count = 0.0, 0
            with own_chance():
                for inputs in self._evaluation_batches(twin, name):
                    loss, _, _ = twin.prediction_step(model, inputs, prediction_loss_only=True)
                    size = find_batch_size(inputs) or 1
                    if loss is not None:
                        own, count = own + float(loss) * size, count + size
            if name and count:
                losses[f"validation/{name}"] = own / count
            total, rows = total + own, rows + count
        return losses | ({"validation": total / rows} if rows else {})

    def _evaluation_batches(self, twin: Any, name: str) -> list[Any]:
        if name not in self._evaluated:
            loader = twin.get_eval_dataloader(name or None)
            self._evaluated[name] = first_batches(loader, _EVALUATED, twin.args.seed)
        return self._evaluated[name]

    def _begun(self, seed: int) -> Any:
        """Return a twin that is where `Trainer.train` is before its first update."""
        import transformers  # pyrefly: ignore

        twin = bare_twin(self._trainer)
        twin.callback_handler.callbacks += copies_of(self._callbacks, self._callbacks, self._trainer)
        twin.args.seed = seed
        if self._parts is not None:
            twin.model, twin.optimizer, twin.lr_scheduler = copied_again(self._parts)
            twin.model_wrapped = twin.model

        def begin(**_: Any) -> None:
            loader = None
            if self._batches is None:
                loader = twin.get_train_dataloader()
                values = twin.set_initial_training_values(twin.args, loader)
                self.updates_per_epoch, self.steps = values[1], values[-1]
                accumulated = twin.args.gradient_accumulation_steps
                self._batches = loader_batches(loader, twin.args.seed, accumulated, joins=True)
            twin.state.max_steps = self.steps
            twin._prepare_for_training(self.steps, loader, None)

        twin._inner_training_loop = begin
        transformers.Trainer.train(twin)
        refuse_what_has_no_step(twin)
        setattr(twin.model_wrapped, TWIN, twin)
        return twin

    def _try(self, twin: Any) -> bool:
        """Compute the loss of the first batch; return whether that drew random numbers."""
        model = twin.model_wrapped
        model.train()
        inputs = self.batch(0)
        before = take_chance()
        next(iter(self.loss(model, inputs)))
        return not before.is_as(take_chance())

    def _notices(self, drawn: bool) -> list[Message]:
        import transformers  # pyrefly: ignore

        trainer, kind = self._trainer, type(self._trainer)
        taken = {type(one) for one in self._callbacks}
        callbacks = [one for one in trainer.callback_handler.callbacks if type(one) not in taken]
        made = of_callbacks(callbacks, ("transformers", "newllm"), transformers.TrainerCallback, _HOOKS)
        if any(isinstance(one, transformers.EarlyStoppingCallback) for one in callbacks):
            made.append(message("notice-loop-stops", name="EarlyStoppingCallback", steps=self.steps))
        if kind.training_step is not transformers.Trainer.training_step:
            made.append(message("notice-loop-step", name=f"{kind.__name__}.training_step"))
        assert self._batches is not None, "the first build found them"
        return made + of_data(self._batches, drawn=drawn, call=CALL)
