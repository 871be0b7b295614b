"""Where a training step comes from: given in four parts, or taken out of a trainer that holds them.

Trainers are known by what they have, so that neither transformers nor Lightning is imported.
"""

import itertools
import runpy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from newllm.checks.feed import first_of
from newllm.checks.parts import Parts
from newllm.errors import UserError

_GIVE = "give newllm.check(model, optimizer, loss, batch)"


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
        taken = _taken(model, batch)
        if taken is not None:
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


def _taken(given: Any, batch: Any) -> dict[str, Any] | None:
    """Return the parts of a trainer, None where it is none that is known."""
    if all(hasattr(given, name) for name in ("compute_loss", "get_train_dataloader", "create_optimizer")):
        return _of_transformers(given, batch)
    if all(hasattr(given, name) for name in ("training_step", "configure_optimizers")):
        return _of_lightning(given, batch)
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
        **_schedule_of(trainer, optimizer),
    }


def _schedule_of(trainer: Any, optimizer: Any) -> dict[str, Any]:
    """Return a Trainer's schedule and its number of updates, where that is said by its settings."""
    steps = getattr(getattr(trainer, "args", None), "max_steps", 0)
    if not steps or steps < 1 or not hasattr(trainer, "create_scheduler"):
        return {}
    before, trainer.lr_scheduler = trainer.lr_scheduler, None
    rates = [group["lr"] for group in optimizer.param_groups]
    try:
        return {"scheduler": before or trainer.create_scheduler(steps, optimizer), "steps": steps, "every": 1}
    finally:
        trainer.lr_scheduler = before
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate  # that of a warm-up's beginning would move nothing


def _tokenizer_of(trainer: Any) -> Any:
    """Return a Trainer's tokenizer; what it calls its processing class may be one of images or sounds."""
    held = getattr(trainer, "processing_class", None)
    return held if hasattr(held, "get_vocab") else None


def _of_lightning(module: Any, batch: Any) -> dict[str, Any]:
    if not getattr(module, "automatic_optimization", True):
        raise UserError("this LightningModule makes its own updates (automatic_optimization is False): " + _GIVE)
    configured = made = module.configure_optimizers()
    if isinstance(made, dict):
        made = made["optimizer"]
    while isinstance(made, list | tuple) and made:  # optimizers, or optimizers and their schedules
        if isinstance(made[0], torch.optim.Optimizer) and len(made) > 1 and isinstance(made[1], torch.optim.Optimizer):
            raise UserError("this LightningModule has several optimizers: " + _GIVE + " for each")
        made = made[0]
    loader, batch = _fed(module, "train_dataloader", batch)
    module.train()

    def loss(model: Any, given: Any) -> Tensor:
        result = model.training_step(given, 0)
        return result["loss"] if isinstance(result, dict) else result

    step = {"model": module, "optimizer": made, "loss": loss, "batch": batch, "loader": loader}
    return step | _configured(configured)


def _configured(given: Any) -> dict[str, Any]:
    """Return the schedule of what configure_optimizers gave, where it is one that is stepped each so many updates."""
    held = given.get("lr_scheduler") if isinstance(given, dict) else None
    if isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], list) and len(given[1]) == 1:
        held = given[1][0]
    settings = held if isinstance(held, dict) else {"scheduler": held}
    every = settings.get("frequency", 1) if settings.get("interval") == "step" else None
    found = settings.get("scheduler")
    return {} if found is None else {"scheduler": found, "every": every}


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
