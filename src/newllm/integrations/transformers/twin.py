"""A `transformers.Trainer`'s twin: a shallow copy with a model, an optimizer and a schedule of its own.

It shares data and functions with the user's Trainer; it has none of the user's callbacks, and logs nothing.
"""

import contextlib
import copy
from collections.abc import Generator
from typing import Any

import torch
from torch import Tensor, nn

from newllm.errors import UserError
from newllm.integrations.loops.copies import copied

_INSTEAD = "make the Trainer with model_init in the place of model"
TWIN = "_newllm_twin"
"""Attribute of a model: the twin that prepared it."""


def check_trainer(trainer: Any) -> None:
    """Refuse what is no Trainer, or whose training cannot be replayed.

    Raises:
        UserError: says why, and what to do.
    """
    import transformers  # pyrefly: ignore

    if not isinstance(trainer, transformers.Trainer):
        raise UserError(f"newllm.hf.loop was given {type(trainer).__name__}: give a transformers.Trainer")
    args = trainer.args
    if trainer.train_dataset is None:
        raise UserError("the Trainer has no train_dataset: without data there is no training to replay")
    if trainer.state.global_step > 0 and trainer.model_init is None:
        raise UserError(
            f"the Trainer has trained its model already (step {trainer.state.global_step}): call newllm.hf.loop before "
            "trainer.train(), or make the Trainer with model_init in the place of model"
        )
    wrong = {
        "DeepSpeed": trainer.is_deepspeed_enabled,
        "FSDP": trainer.is_fsdp_enabled or trainer.is_fsdp_xla_enabled,
        f"{args.world_size} processes": args.world_size > 1,
        f"{args.n_gpu} GPUs in one process": args.n_gpu > 1,
        "a model that is split over devices": trainer.is_model_parallel,
        "fp16, whose loss is scaled": trainer.accelerator.scaler is not None,
        f"optim='{args.optim}', which updates in the backward pass": any(
            name in str(getattr(args.optim, "value", args.optim)) for name in ("lomo", "layerwise")
        ),
    }
    for what, is_so in wrong.items():
        if is_so:
            raise UserError(f"the Trainer trains with {what}: a replay has one process, one device and no scaling")


def refuse_what_has_no_step(twin: Any) -> None:
    """Refuse a schedule that is no function of the step, and an optimizer with two sets of weights.

    Raises:
        UserError: it has one of them.
    """
    from transformers.trainer import GreedyLR  # pyrefly: ignore

    scheduler, optimizer = twin.lr_scheduler, twin.optimizer.optimizer
    if isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau | GreedyLR):
        raise UserError(
            f"{type(scheduler).__name__} sets the rate by what evaluations show, which is no function of the step: "
            "give another lr_scheduler_type for the replay"
        )
    if callable(getattr(optimizer, "eval", None)):
        raise UserError(f"{type(optimizer).__name__} keeps other weights for evaluations: a replay knows no such modes")


def copied_parts(trainer: Any) -> tuple[Any, Any, Any]:
    """Return copies of model, optimizer and schedule that belong to each other; the last two may be None."""
    optimizer = getattr(trainer.optimizer, "optimizer", trainer.optimizer)
    return copied_again((trainer.model, optimizer, trainer.lr_scheduler))


def copied_again(parts: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
    """Return copies of a model, an optimizer and a schedule, or of copies of them."""
    return copied(parts, parts[0].modules(), type(parts[0]).__name__, _INSTEAD)


def bare_twin(trainer: Any) -> Any:
    """Return a copy of a trainer that shares data and functions with it, and nothing that a training changes."""
    from transformers.trainer_callback import CallbackHandler, DefaultFlowCallback, TrainerControl  # pyrefly: ignore

    twin = copy.copy(trainer)
    for name, value in vars(trainer).items():
        if type(value) in (list, dict, set) and not name.endswith("_dataset"):
            setattr(twin, name, copy.copy(value))
    twin.args, twin.state, twin.control = copy.copy(trainer.args), copy.copy(trainer.state), TrainerControl()
    twin.state.global_step = 0
    twin.accelerator = copy.copy(trainer.accelerator)
    for name, value in vars(trainer.accelerator).items():
        if type(value) is list:
            setattr(twin.accelerator, name, [])
    twin.callback_handler = CallbackHandler([DefaultFlowCallback], None, trainer.processing_class, None, None)
    twin.log = lambda *_, **__: None
    return twin


def twin_of(model: nn.Module) -> Any:
    """Return the twin that prepared a model."""
    return getattr(model, TWIN)


@contextlib.contextmanager
def staying_in_mode(model: nn.Module) -> Generator[None]:
    """Let `training_step` not put a model into training mode while no gradient is wanted."""
    if torch.is_grad_enabled():
        yield
        return
    model.train = lambda mode=True: model  # type: ignore[method-assign]  # noqa: ARG005
    try:
        yield
    finally:
        del model.train


def caught_loss(twin: Any, model: nn.Module, inputs: Any, items: Any) -> Tensor:
    """Return what the trainer's own `training_step` would go backwards from."""
    caught: list[Tensor] = []
    twin.accelerator.backward = lambda loss, **_: caught.append(loss)
    try:
        twin.training_step(model, inputs, items)
    finally:
        del twin.accelerator.backward
    if len(caught) != 1:
        raise UserError(
            f"{type(twin).__name__}.training_step went backwards {len(caught)} times for one batch: a replay needs a "
            "training_step that calls accelerator.backward once"
        )
    return caught[0]
