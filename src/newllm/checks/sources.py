"""Where a training step comes from: given in four parts, or taken out of a trainer that holds them.

Trainers are known by what they have, so that neither transformers nor Lightning is imported.
"""

import contextlib
import inspect
import itertools
import math
import runpy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from newllm.checks.feed import first_of, length_of
from newllm.checks.parts import Parts
from newllm.errors import UserError

_GIVE = "give newllm.check(model, optimizer, loss, batch)"
_WHOLE = {"limit_train_batches": 1.0, "overfit_batches": 0.0, "fast_dev_run": False, "world_size": 1}
_CHANGING = {"GradientAccumulationScheduler", "Timer"}  # callbacks of Lightning


def parts_of(model: Any, optimizer: Any, loss: Any, batch: Any, **more: Any) -> Parts:
    """Return the parts of a training, taken out of a trainer where it is given alone.

    Raises:
        UserError: something is missing, or is none of what it should be.
    """
    given = {name: value for name, value in more.items() if value is not None}
    loader = given.get("loader")
    if batch is None and loader is not None:
        batch = _first_of(loader)
    if optimizer is None and loss is None:
        taken = _taken(model, batch, loader)
        if taken is not None:
            if "scheduler" in given:  # of which it is not known when it is stepped
                taken = {name: value for name, value in taken.items() if name not in ("every", "per_epoch")}
            if "evaluate" in given:
                taken = {name: value for name, value in taken.items() if name not in ("is_taken", "validation")}
            given = taken | given
            model, optimizer, loss, batch = (given.pop(name) for name in ("model", "optimizer", "loss", "batch"))
    _demand(model, optimizer, loss, batch, given)
    return Parts(model, optimizer, loss, batch, **given)


def _demand(model: Any, optimizer: Any, loss: Any, batch: Any, given: dict[str, Any]) -> None:
    if not isinstance(model, nn.Module):
        raise UserError(f"model is of type {type(model).__name__}: {_GIVE} with a torch.nn.Module, or a trainer alone")
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise UserError(f"optimizer is of type {type(optimizer).__name__}: {_GIVE} with a torch.optim.Optimizer")
    if not callable(loss):
        raise UserError(
            f"loss is of type {type(loss).__name__}: {_GIVE} with a function from model and batch to the loss"
        )
    if batch is None or isinstance(batch, Iterator):
        raise UserError(
            f"batch is of type {type(batch).__name__}: {_GIVE} with one batch, as next(iter(loader)) gives it"
        )
    if "step" in given and not callable(given["step"]):
        raise UserError(
            f"step is of type {type(given['step']).__name__}: give a function from a batch to one whole step"
        )
    steps = given.get("steps")
    if steps is not None and (not isinstance(steps, int) or steps < 1):
        raise UserError(f"steps is {steps!r}: give the number of updates that the training will make, such as 1000")


def _first_of(loader: Any) -> Any:
    if isinstance(loader, Iterator):
        raise UserError(f"loader is of type {type(loader).__name__}, which ends: {_GIVE[:-1]}, loader=loader)")
    try:
        return first_of(loader)
    except Exception as error:
        raise UserError(
            f"no batch could be had of the loader ({type(error).__name__}: {error}): "
            "give newllm.check(..., loader=loader) with a DataLoader, or batch=batch"
        ) from None


def _taken(given: Any, batch: Any, loader: Any) -> dict[str, Any] | None:
    """Return the parts of a trainer, None where it is none that is known."""
    if all(hasattr(given, name) for name in ("compute_loss", "get_train_dataloader", "create_optimizer")):
        return _of_transformers(given, batch)
    if all(hasattr(given, name) for name in ("training_step", "configure_optimizers")):
        return _of_lightning(given, batch, loader)
    if all(callable(getattr(given, name, None)) for name in ("build", "batch", "loss")):
        model, optimizer = given.build(given.seed)
        first = given.batch(0) if batch is None else batch
        return {"model": model.train(), "optimizer": optimizer, "loss": given.loss, "batch": first}
    return None


def _fed(given: Any, name: str, batch: Any) -> tuple[Any, Any]:
    """Return the loader that a method of a trainer gives, None where it gives none, and the batch or else its first."""
    try:
        loader = getattr(given, name)()
        return loader, first_of(loader) if batch is None else batch
    except Exception as error:  # it may be without one, or with one that needs a running trainer
        if batch is None:
            raise UserError(
                f"no batch could be had of {name}() ({type(error).__name__}: {error}): "
                "give newllm.check(..., batch=batch)"
            ) from None
        return None, batch


def _of_transformers(trainer: Any, batch: Any) -> dict[str, Any]:
    before = trainer.optimizer
    optimizer = trainer.create_optimizer()
    trainer.optimizer = before
    trainer.model.train()
    loader, batch = _fed(trainer, "get_train_dataloader", batch)

    def loss(model: nn.Module, given: Any) -> Tensor:
        return trainer.compute_loss(model, trainer._prepare_inputs(given))

    return {
        "model": trainer.model,
        "optimizer": getattr(optimizer, "optimizer", optimizer),
        "loss": loss,
        "batch": batch,
        "loader": loader,
        "tokenizer": _tokenizer_of(trainer),
        **_schedule_of(trainer, optimizer, loader),
        **_evaluation_of(trainer),
    }


def _evaluation_of(trainer: Any) -> dict[str, Any]:
    """Return a Trainer's step of an evaluation and its first batch, where it has data to evaluate on."""
    if getattr(trainer, "eval_dataset", None) is None or not hasattr(trainer, "prediction_step"):
        return {}

    def evaluate(model: nn.Module, given: Any) -> Any:
        model.eval()
        trainer._get_num_items_in_batch = lambda *_: None  # the mean of the model, as the loss above takes it
        try:
            return trainer.prediction_step(model, given, prediction_loss_only=True)[0]
        finally:
            del trainer._get_num_items_in_batch
            model.train()

    return {"evaluate": evaluate, "is_taken": True, "validation": _validation(trainer, "get_eval_dataloader")}


def _validation(given: Any, name: str) -> Any:
    """Return the first batch of the loader that a method of a trainer gives, None where it is not one loader."""
    try:
        loader = getattr(given, name)()
        return first_of(loader) if isinstance(loader, DataLoader) else None
    except Exception:  # it may need a running trainer
        return None


def _schedule_of(trainer: Any, optimizer: Any, loader: Any) -> dict[str, Any]:
    """Return a Trainer's schedule and its numbers of updates, where its settings and its loader say them."""
    settings, batches = getattr(trainer, "args", None), length_of(loader)
    if settings is None or not hasattr(trainer, "create_scheduler"):
        return {}
    epoch = -(-batches // settings.gradient_accumulation_steps) if batches else None
    steps = settings.max_steps if settings.max_steps > 0 else math.ceil(settings.num_train_epochs * (epoch or 0))
    if not steps:
        return {}
    before, trainer.lr_scheduler = trainer.lr_scheduler, None
    rates = [group["lr"] for group in optimizer.param_groups]
    try:
        made = before or trainer.create_scheduler(steps, optimizer)
        return {"scheduler": made, "steps": steps, "every": 1, "epoch": epoch}
    finally:
        trainer.lr_scheduler = before
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate  # that of a warm-up's beginning would move nothing


def _tokenizer_of(trainer: Any) -> Any:
    """Return a Trainer's tokenizer; what it calls its processing class may be one of images or sounds."""
    held = getattr(trainer, "processing_class", None)
    return held if hasattr(held, "get_vocab") else None


def _of_lightning(module: Any, batch: Any, loader: Any) -> dict[str, Any]:
    if not getattr(module, "automatic_optimization", True):
        raise UserError("this LightningModule makes its own updates (automatic_optimization is False): " + _GIVE)
    configured = made = module.configure_optimizers()
    if isinstance(made, dict):
        made = made["optimizer"]
    while isinstance(made, list | tuple) and made:  # optimizers, or optimizers and their schedules
        if isinstance(made[0], torch.optim.Optimizer) and len(made) > 1 and isinstance(made[1], torch.optim.Optimizer):
            raise UserError("this LightningModule has several optimizers: " + _GIVE + " for each")
        made = made[0]
    own, batch = _fed(module, "train_dataloader", batch)
    loader = own if loader is None else loader
    module.train()

    def loss(model: Any, given: Any) -> Tensor:
        with _logging(model):
            result = model.training_step(given, 0)
        return result["loss"] if isinstance(result, dict) else result

    step = {"model": module, "optimizer": made, "loss": loss, "batch": batch, "loader": loader}
    planned = _planned(getattr(module, "_trainer", None), loader)
    return step | _configured(configured) | planned | _validation_step_of(module)


def _validation_step_of(module: Any) -> dict[str, Any]:
    """Return a LightningModule's validation, where it has one of its own."""
    own = getattr(type(module), "validation_step", None)
    if own is None or own.__qualname__.startswith("LightningModule."):
        return {}
    wanted = max(1, min(3, len(inspect.signature(module.validation_step).parameters)))

    def evaluate(model: Any, given: Any) -> Any:
        model.eval()
        with torch.no_grad(), _logging(model) as heard:
            made = model.validation_step(*(given, 0, 0)[:wanted])
        model.train()
        held = heard | (made if isinstance(made, dict) else {"loss": made})
        return next((value for name, value in held.items() if "loss" in str(name).lower()), None)

    return {"evaluate": evaluate, "is_taken": True, "validation": _validation(module, "val_dataloader")}


@contextlib.contextmanager
def _logging(module: Any) -> Iterator[dict[str, Any]]:
    """Hear what a LightningModule logs, which its Trainer takes in its own loop alone."""
    heard: dict[str, Any] = {}
    module.log = lambda name, value, *_, **__: heard.update({name: value})
    module.log_dict = lambda values, *_, **__: heard.update(values)
    try:
        yield heard
    finally:
        del module.log, module.log_dict


def _configured(given: Any) -> dict[str, Any]:
    """Return the schedule of what configure_optimizers gave, and when it is stepped."""
    held = given.get("lr_scheduler") if isinstance(given, dict) else None
    if isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], list) and len(given[1]) == 1:
        held = given[1][0]
    settings = held if isinstance(held, dict) else {"scheduler": held}
    found, per_epoch = settings.get("scheduler"), settings.get("interval", "epoch") == "epoch"
    return {} if found is None else {"scheduler": found, "every": settings.get("frequency", 1), "per_epoch": per_epoch}


def _planned(trainer: Any, loader: Any) -> dict[str, Any]:
    """Return how many updates Lightning's Trainer plans, and those of an epoch, where its settings and loader say it.

    They do not in a trial of a few batches, where processes share the rows, or where the number of passes that an
    update takes changes.
    """
    read = {name: getattr(trainer, name, None) for name in _WHOLE}
    others = {type(each).__name__ for each in getattr(trainer, "callbacks", ())}
    batches = length_of(loader) if isinstance(loader, DataLoader) else None  # a list would be of several loaders
    if read != _WHOLE or others & _CHANGING or not batches:
        return {}
    epoch = -(-batches // trainer.accumulate_grad_batches)
    by_epochs = epoch * trainer.max_epochs if (trainer.max_epochs or 0) > 0 else None
    totals = [total for total in (by_epochs, trainer.max_steps) if total and total > 0]
    return {"epoch": epoch, "steps": min(totals)} if totals else {"epoch": epoch}


def objects(path: str, name: str) -> Any:
    """Run a Python file and return what its function `name` gives: the parts of a step, or a trainer.

    Raises:
        UserError: the file cannot be run, or has no such function.
    """
    try:
        held = runpy.run_path(path, run_name="newllm_check")
    except OSError as error:
        raise UserError(f"cannot read '{path}' ({error.strerror}): name a Python file") from error
    except Exception as error:
        raise UserError(f"'{path}' cannot be run: {type(error).__name__}: {error}") from error
    if name not in held:
        known = [key for key, value in held.items() if callable(value) and not key.startswith("_")]
        raise UserError(f"'{path}' has no '{name}': it has {', '.join(itertools.islice(known, 8)) or 'no function'}")
    found = held[name]
    if isinstance(found, nn.Module) or not callable(found):
        return found
    try:
        return found()
    except Exception as error:
        raise UserError(f"{name}() of '{path}' cannot be run: {type(error).__name__}: {error}") from error
