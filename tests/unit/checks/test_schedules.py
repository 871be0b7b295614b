"""A schedule that counts updates and is stepped once per epoch, or the reverse; what is meant to be so is sound."""

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tests.unit.checks.asked import asked
from tests.unit.checks.healthy import classes, mlp, table
from torch import Tensor, nn
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, TensorDataset

import newllm
from newllm.checks.bench import Bench
from newllm.checks.outcome import CannotCheck, Outcome
from newllm.checks.probes import PROBES
from newllm.checks.sources import parts_of

BATCHES, EPOCHS = 100, 10
UPDATES = BATCHES * EPOCHS
Make = Callable[[torch.optim.Optimizer], Any]
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # of a schedule that is tried without updates


def _loader() -> DataLoader[tuple[Tensor, ...]]:
    return DataLoader(TensorDataset(torch.randn(2 * BATCHES, 10), torch.randint(0, 3, (2 * BATCHES,))), 2)


class Lit(nn.Module):
    """What a LightningModule has, with its Trainer if it is given one."""

    def __init__(self, make: Make, interval: str, trainer: Any) -> None:
        super().__init__()
        self.net, self.make, self.interval, self._trainer = mlp(), make, interval, trainer

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:  # noqa: ARG002
        return classes(self.net, batch)

    def configure_optimizers(self) -> dict[str, Any]:
        optimizer = torch.optim.SGD(self.parameters(), 0.1)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": self.make(optimizer), "interval": self.interval}}

    def train_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        return _loader()


def _trainer(**more: Any) -> SimpleNamespace:
    settings = {
        "limit_train_batches": 1.0, "overfit_batches": 0.0, "fast_dev_run": False, "world_size": 1, "callbacks": [],
        "accumulate_grad_batches": 1, "max_epochs": EPOCHS, "max_steps": -1,
    }  # fmt: skip
    return SimpleNamespace(**settings | more)


def _asked(given: Any) -> Outcome:
    bench = Bench(parts_of(given, None, None, None), 60)
    try:
        with bench.untouched():
            return PROBES["schedule"](bench)
    except CannotCheck as reason:
        return Outcome("schedule", "unchecked", reason.message)


def _said(make: Make, interval: str, trainer: Any = None) -> str:
    return _asked(Lit(make, interval, trainer or _trainer())).sentence.id.rpartition(".")[2]


def _warmed(optimizer: torch.optim.Optimizer, warm: int, rest: int) -> lr_scheduler.SequentialLR:
    parts: list[lr_scheduler.LRScheduler] = [
        lr_scheduler.LinearLR(optimizer, 0.1, 1, warm),
        lr_scheduler.CosineAnnealingLR(optimizer, rest),
    ]
    return lr_scheduler.SequentialLR(optimizer, parts, [warm])


def _half_cosine(total: int) -> Make:
    """As transformers' own schedules are made."""
    return lambda optimizer: lr_scheduler.LambdaLR(
        optimizer, lambda at: max(0.0, 0.5 + 0.5 * math.cos(math.pi * at / total))
    )


OF_UPDATES: dict[str, Make] = {
    "cosine": lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, UPDATES),
    "one cycle": lambda optimizer: lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=UPDATES),
    "linear": lambda optimizer: lr_scheduler.LinearLR(optimizer, 1.0, 0.0, UPDATES),
    "by hand": lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda at: 1 - at / UPDATES),
    "cosine by hand": _half_cosine(UPDATES),
    "with a warm-up": lambda optimizer: _warmed(optimizer, 50, UPDATES - 50),
    "rounded": lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, round(1.05 * UPDATES)),
}
OF_EPOCHS: dict[str, Make] = {
    "cosine": lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS),
    "linear": lambda optimizer: lr_scheduler.LinearLR(optimizer, 1.0, 0.01, EPOCHS),
    "milestones": lambda optimizer: lr_scheduler.MultiStepLR(optimizer, [6, 8]),
    "with a warm-up": lambda optimizer: _warmed(optimizer, 3, EPOCHS - 3),
}


@pytest.mark.parametrize("name", OF_UPDATES)
def test_a_schedule_of_updates_is_stepped_once_per_epoch(name: str) -> None:
    torch.manual_seed(0)
    found = _asked(Lit(OF_UPDATES[name], "epoch", _trainer()))
    assert (found.status, found.sentence.id) == ("wrong", "check-schedule.barely"), str(found.sentence)
    assert "takes 10 of its" in str(found.sentence)
    assert _said(OF_UPDATES[name], "step") == "sound"


@pytest.mark.parametrize("name", OF_EPOCHS)
def test_a_schedule_of_epochs_is_stepped_at_each_update(name: str) -> None:
    torch.manual_seed(0)
    found = _asked(Lit(OF_EPOCHS[name], "step", _trainer()))
    assert (found.status, found.sentence.id) == ("wrong", "check-schedule.over"), str(found.sentence)
    assert f"of {UPDATES:,} of them" in str(found.sentence)
    assert _said(OF_EPOCHS[name], "epoch") == "sound"


def test_a_schedule_may_count_batches_where_updates_take_several() -> None:
    trainer = _trainer(accumulate_grad_batches=4)
    assert _said(OF_UPDATES["cosine"], "epoch", trainer) == "barely"
    by_updates = lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, UPDATES // 4)  # noqa: E731
    assert _said(by_updates, "epoch", trainer) == "barely"
    assert _said(by_updates, "step", trainer) == "sound"


SOUND: dict[str, tuple[Make, str]] = {
    "restarts in epochs": (lambda optimizer: lr_scheduler.CosineAnnealingWarmRestarts(optimizer, EPOCHS), "step"),
    "restarts in updates": (lambda optimizer: lr_scheduler.CosineAnnealingWarmRestarts(optimizer, UPDATES), "epoch"),
    "cycles": (lambda optimizer: lr_scheduler.CyclicLR(optimizer, 0.01, 0.1, UPDATES // 2), "epoch"),
    "a warm-up of as many updates as epochs": (lambda optimizer: lr_scheduler.LinearLR(optimizer, 0.1, 1, 10), "step"),
    "decay at each epoch": (lambda optimizer: lr_scheduler.ExponentialLR(optimizer, 0.95), "epoch"),
    "decay by hand": (lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda at: 0.5**at), "epoch"),
    "decay in steps": (lambda optimizer: lr_scheduler.StepLR(optimizer, 3), "epoch"),
    "a constant rate": (lambda optimizer: lr_scheduler.ConstantLR(optimizer, 0.5, UPDATES), "epoch"),
    "a short fall in updates": (lambda optimizer: lr_scheduler.LinearLR(optimizer, 1.0, 0.2, 30), "step"),
}


@pytest.mark.parametrize("name", SOUND)
def test_what_is_meant_to_be_so_is_sound(name: str) -> None:
    make, interval = SOUND[name]
    assert _said(make, interval) == "sound"


def test_a_fall_that_takes_a_fifth_of_the_training_is_sound() -> None:
    falls = lambda optimizer: lr_scheduler.LinearLR(optimizer, 1.0, 0.2, EPOCHS)  # noqa: E731
    assert _said(falls, "step", _trainer(accumulate_grad_batches=BATCHES // 5)) == "sound"
    assert _said(falls, "step") == "over"


def test_decay_that_underflows_ends_nowhere() -> None:
    """It is zero by rounding after as many epochs as the training has updates."""
    trainer = _trainer(max_epochs=11)
    assert _said(lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda at: 0.5**at), "epoch", trainer) == "sound"


def test_what_is_not_known_of_the_training_is_not_judged() -> None:
    long = lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, 300)  # noqa: E731
    assert _said(long, "epoch") == "schedule-short"  # the first ten epochs of 300, or of 300 updates
    for trainer in (
        SimpleNamespace(),  # none yet
        _trainer(limit_train_batches=20), _trainer(fast_dev_run=True), _trainer(world_size=2),
        _trainer(callbacks=[type("GradientAccumulationScheduler", (), {})()]),
    ):  # fmt: skip
        assert _said(OF_UPDATES["cosine"], "epoch", trainer) == "epoch-unknown"
        assert _said(OF_EPOCHS["cosine"], "step", trainer) == "no-steps"
    assert _said(OF_UPDATES["cosine"], "epoch", _trainer(max_epochs=-1)) == "no-steps"
    assert _said(OF_UPDATES["cosine"], "epoch", _trainer(max_epochs=-1, max_steps=UPDATES)) == "barely"
    plateau = lambda optimizer: lr_scheduler.ReduceLROnPlateau(optimizer)  # noqa: E731
    assert _said(plateau, "epoch") == "measured-schedule"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("interval", "says"), [("epoch", "barely"), ("step", "sound")])
def test_lightnings_own_trainer_is_known_when_fit_begins(interval: str, says: str) -> None:
    lightning = pytest.importorskip("lightning.pytorch")
    found: list[Outcome] = []
    torch.manual_seed(0)

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = mlp()

        def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:  # noqa: ARG002
            loss = classes(self.net, batch)
            self.log("loss", loss)  # which raises outside of the training
            return loss

        def configure_optimizers(self) -> dict[str, Any]:
            optimizer = torch.optim.SGD(self.parameters(), 0.1)
            made = lr_scheduler.CosineAnnealingLR(optimizer, self.trainer.estimated_stepping_batches)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": made, "interval": interval}}

        def train_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
            return _loader()

        def on_fit_start(self) -> None:
            found.extend(newllm.check(self, seconds=60).outcomes)
            self.trainer.should_stop = True

    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    lightning.Trainer(max_epochs=EPOCHS, min_epochs=0, accelerator="cpu", **quiet).fit(Module())
    said = {one.probe: one.sentence.id for one in found}
    assert said["schedule"] == f"check-schedule.{says}"
    assert [one.probe for one in found if one.status == "wrong"] == (["schedule"] if says == "barely" else [])
    assert said["loss-form"] == "check-loss-form.sound"


@pytest.mark.parametrize("with_loader", [True, False])
def test_a_loop_of_ones_own_shows_how_often_its_schedule_is_stepped(with_loader: bool) -> None:
    torch.manual_seed(0)
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    scheduler = OF_EPOCHS["milestones"](optimizer)

    def step(batch: Any) -> None:
        optimizer.zero_grad()
        classes(model, batch).backward()
        optimizer.step()
        scheduler.step()

    loader = _loader() if with_loader else None
    found = asked("schedule", model, classes, table(), optimizer=optimizer, step=step, steps=UPDATES, loader=loader)
    assert found.sentence.id == ("check-schedule.over" if with_loader else "check-schedule.sound")


class Trainer:
    """What a Trainer of transformers has."""

    def __init__(self, make: Make | None, **more: Any) -> None:
        settings = {"max_steps": -1, "num_train_epochs": float(EPOCHS), "gradient_accumulation_steps": 1}
        self.model, self.args = mlp(), SimpleNamespace(**settings | more)
        self.optimizer = torch.optim.SGD(self.model.parameters(), 0.1)
        self.lr_scheduler = None if make is None else make(self.optimizer)

    def create_optimizer(self) -> torch.optim.Optimizer:
        return self.optimizer

    def create_scheduler(self, steps: int, optimizer: torch.optim.Optimizer) -> Any:
        return _half_cosine(steps)(optimizer)

    def get_train_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        return _loader()

    def compute_loss(self, model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return classes(model, batch)

    def _prepare_inputs(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        return batch


def test_a_trainer_steps_its_schedule_at_each_update() -> None:
    torch.manual_seed(0)
    own = _asked(Trainer(None, gradient_accumulation_steps=3))
    assert (own.status, own.evidence["planned"]) == ("sound", EPOCHS * math.ceil(BATCHES / 3))
    assert _asked(Trainer(OF_EPOCHS["cosine"])).sentence.id == "check-schedule.over"
    assert _asked(Trainer(OF_UPDATES["cosine"])).status == "sound"
