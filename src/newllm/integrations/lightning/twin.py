"""A Lightning Trainer's twin: another Trainer of the same settings that stands where `fit` begins its first epoch.

It has a copy of the module, no callbacks and a logger that writes nothing. Its own loops compute the losses and step
the schedules; which step they are at is set from outside (`stand_at`).
"""

import contextlib
import importlib
import inspect
import logging
import warnings
from collections import OrderedDict
from collections.abc import Generator, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from newllm.errors import UserError

_ROOTS = ("lightning.pytorch", "pytorch_lightning")
_SETTINGS = (
    "limit_train_batches", "limit_val_batches", "overfit_batches", "val_check_interval", "check_val_every_n_epoch",
    "accumulate_grad_batches", "gradient_clip_val", "gradient_clip_algorithm", "max_steps", "precision",
    "default_root_dir",
)  # fmt: skip


class _ReadyError(Exception):
    """The twin stands where the first epoch begins."""


class TrainingStep(nn.Module):
    """A LightningModule whose call is its training step; parameters and buffers are the module's, under "module.".

    Args:
        module: a copy of the user's.
        twin: the Trainer that it is attached to.

    Attributes:
        callbacks: that take part.
    """

    def __init__(self, module: Any, twin: Any) -> None:
        super().__init__()
        self.module: Any = module
        self.twin: Any = twin
        self.callbacks: list[Any] = []

    def forward(self, batch: Any, index: int) -> Tensor:
        """Return the loss of a batch, divided as it counts in an update."""
        epoch_loop = self.twin.fit_loop.epoch_loop
        found = epoch_loop.automatic_optimization._training_step(epoch_loop._build_kwargs(OrderedDict(), batch, index))
        if found.closure_loss is None:
            raise UserError(
                f"{type(self.module).__name__}.training_step gave None at batch {index}: a replay needs a loss of each "
                "batch"
            )
        return found.closure_loss


def root_of(trainer: Any) -> str:
    """Return the package that a Trainer is of: "lightning.pytorch" or "pytorch_lightning".

    Raises:
        UserError: it is no Trainer of Lightning.
    """
    for kind in type(trainer).__mro__:
        for root in _ROOTS:
            if kind.__module__.startswith(f"{root}.") and kind.__name__ == "Trainer":
                return root
    raise UserError(f"newllm.lightning.loop was given {type(trainer).__name__}: give a lightning.Trainer")


def part(root: str, name: str) -> Any:
    """Return a module of Lightning by its name behind the root."""
    return importlib.import_module(f"{root}.{name}")


def make_twin(trainer: Any, module: Any, data: Mapping[str, Any]) -> TrainingStep:
    """Return the training step of a module that is attached to a twin of a trainer, ready for its first epoch.

    Args:
        trainer: the user's; it is read only.
        module: a copy that the twin may train.
        data: `train_dataloaders`, `val_dataloaders`, `datamodule`, as `fit` takes them.

    Raises:
        UserError: there are no training data.
    """
    root = root_of(trainer)
    settings = {name: getattr(trainer, name) for name in _SETTINGS}
    device = trainer.strategy.root_device
    with _quiet():
        kind = part(root, "trainer.trainer").Trainer
        if "enable_autolog_hparams" in inspect.signature(kind.__init__).parameters:  # from 2.6 on
            settings["enable_autolog_hparams"] = False
        twin = kind(
            accelerator=device.type if device.type != "cuda" else "gpu",
            devices=1 if device.index is None else [device.index],
            max_epochs=trainer.fit_loop.max_epochs,
            logger=part(root, "loggers.logger").DummyLogger(),
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
            num_sanity_val_steps=0,
            **settings,
        )
        _prepare(twin, root, module, data)
    step = TrainingStep(module, twin)
    for one in module.modules():
        if isinstance(one, part(root, "core.module").LightningModule):
            one.log = one.log_dict = one.print = lambda *_, **__: None
    return step


def stand_at(twin: Any, step: int, epoch: int, batch: int, *, is_last: bool) -> None:
    """Let a twin say, to whoever asks it, that so many updates and epochs are done, and which batch comes."""
    loop = twin.fit_loop.epoch_loop
    loop.automatic_optimization.optim_progress.optimizer.step.total.completed = step
    progress = twin.fit_loop.epoch_progress.current
    progress.ready = progress.started = epoch + 1
    progress.processed = progress.completed = epoch
    loop.batch_progress.current.ready = batch + 1
    loop.batch_progress.is_last_batch = is_last


def moved(twin: Any, batch: Any) -> Any:
    """Return a batch as the training step gets it: converted, on the device, and after the module's own hooks."""
    call = part(root_of(twin), "trainer.call")
    batch = twin.precision_plugin.convert_input(batch)
    batch = twin.lightning_module._on_before_batch_transfer(batch, dataloader_idx=0)
    return call._call_strategy_hook(twin, "batch_to_device", batch, dataloader_idx=0)


def _prepare(twin: Any, root: str, module: Any, data: Mapping[str, Any]) -> None:
    """Do what `fit` does before its first epoch."""
    states = part(root, "trainer.states")
    fit_loop = part(root, "loops.fit_loop")

    def stop() -> None:
        twin.fit_loop.setup_data()
        if twin.enable_validation:
            twin.fit_loop.epoch_loop.val_loop.setup_data()
        raise _ReadyError

    twin._run_stage, twin._teardown = stop, lambda: None
    twin.strategy._lightning_module = module
    twin.state.fn, twin.state.status = states.TrainerFn.FITTING, states.TrainerStatus.RUNNING
    twin.training, chosen = True, fit_loop._select_data_fetcher
    modes = part(root, "utilities.combined_loader")._SUPPORTED_MODES
    fit_loop._select_data_fetcher = lambda *_: _Untouched(modes)
    try:
        twin._fit_impl(module, **data)
    except _ReadyError:
        pass
    except part(root, "utilities.exceptions").MisconfigurationException as error:
        raise UserError(f"Lightning says: {' '.join(str(error).split())}") from error
    finally:
        fit_loop._select_data_fetcher = chosen
        twin._signal_connector.teardown()
    twin.training = True


class _Untouched:
    """In the place of what fetches data: it begins no iterator, which would draw from the user's generators."""

    def __init__(self, modes: Mapping[str, Any]) -> None:
        self._modes = modes

    def setup(self, loader: Any) -> None:
        """Let a combined loader know its length, as it does once it is gone through."""
        loader._iterator = self._modes[loader._mode]["iterator"](loader.flattened, loader._limits)

    def __iter__(self) -> Iterator[Any]:
        return iter(())


@contextlib.contextmanager
def _quiet() -> Generator[None]:
    """Let Lightning not tell which devices there are, nor warn of what is on purpose here."""
    loggers = [logging.getLogger(name) for name in (*_ROOTS, *(f"{root}.utilities.rank_zero" for root in _ROOTS))]
    levels = [one.level for one in loggers]
    try:
        for one in loggers:
            one.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)


def clip_values(module: nn.Module, largest: float) -> None:
    """Clip each element of the gradients, as `gradient_clip_algorithm="value"` does."""
    torch.nn.utils.clip_grad_value_(module.parameters(), largest)
