"""A Lightning training as a loop: to the bit what `Trainer.fit` does, and nothing of the user's is touched."""

import logging
import random
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("lightning", reason="needs newllm[lightning]; .ci/slow runs these in an environment that has it")

import lightning
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

import newllm.lightning
from newllm.errors import UserError
from newllm.integrations.loops.chance import take_chance
from newllm.replays.replica.setup import digest
from newllm.replays.subjects.loop import Loop

loop = newllm.lightning.loop


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning|torch")
        yield
    torch.set_num_threads(before)


def images(count: int, seed: int = 0) -> TensorDataset:
    """Return small images and which quarter of them is the brightest."""
    x = torch.randn(count, 1, 8, 8, generator=torch.Generator().manual_seed(seed))
    quarters = x.unfold(2, 4, 4).unfold(3, 4, 4).sum((-1, -2)).flatten(1)
    return TensorDataset(x, quarters.argmax(1))


class Net(lightning.LightningModule):
    """A CNN as tutorials write it."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Flatten(),
            nn.Dropout(dropout), nn.Linear(288, 4),
        )  # fmt: skip

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:  # noqa: ARG002
        loss = F.cross_entropy(self.net(batch[0]), batch[1])
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
        self.log_dict({"accuracy": 0.5, "val_loss": F.cross_entropy(self.net(batch[0]), batch[1])})

    def configure_optimizers(self) -> Any:
        return torch.optim.Adam(self.parameters(), 3e-3)


class ByEpoch(Net):
    def configure_optimizers(self) -> Any:
        groups = [{"params": self.net[0].parameters(), "lr": 0.02}, {"params": self.net[3:].parameters()}]
        optimizer = torch.optim.SGD(groups, 0.05, momentum=0.9)
        return [optimizer], [torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.7)]


class Cycle(Net):
    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), 0.05, momentum=0.9)
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class EveryThird(Net):
    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.AdamW(self.parameters(), 1e-2)
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step", "frequency": 3}}

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:  # noqa: ARG002
        scheduler.step()


class PartOnly(Net):
    def configure_optimizers(self) -> Any:
        return torch.optim.Adam(self.net[3:].parameters(), 3e-3)


class Hooked(Net):
    """Hooks of its own that change the training, and a loss that reads the step and the epoch."""

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        scale = 1 + self.global_step / 50 + self.current_epoch / 10 + batch_idx / 100
        return super().training_step(batch, batch_idx) * scale

    def on_train_epoch_start(self) -> None:
        for group in self.optimizers().param_groups:
            group["lr"] = 3e-3 / (1 + self.current_epoch)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
        for group in self.optimizers().param_groups:
            group["betas"] = (0.9 if batch_idx % 2 else 0.8, 0.99)

    def on_before_optimizer_step(self, optimizer: Any) -> None:  # noqa: ARG002
        for parameter in self.parameters():
            if parameter.grad is not None:
                parameter.grad.mul_(2.0)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
        if self.global_step == 5:
            with torch.no_grad():
                next(self.net[7].parameters()).mul_(1.5)


class Data(lightning.LightningDataModule):
    ready = False

    def setup(self, stage: str | None = None) -> None:  # noqa: ARG002
        self.ready = True
        self.rows = images(50)

    def train_dataloader(self) -> DataLoader:
        return DataLoader(self.rows, 8, shuffle=True, generator=torch.Generator().manual_seed(9))

    def val_dataloader(self) -> DataLoader:
        return DataLoader(images(20, 3), 8)


class Losses(lightning.Callback):
    """Keeps the loss of each update: the mean of its batches, whose losses Lightning has divided already."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.parts: list[Tensor] = []

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
        self.parts.append(outputs["loss"].detach())
        if trainer.global_step > len(self.losses):
            total = self.parts[0]
            for one in self.parts[1:]:
                total = total + one
            self.losses.append(float(total) * trainer.accumulate_grad_batches / len(self.parts))
            self.parts = []


def trainer(out: Path, **given: Any) -> lightning.Trainer:
    settings = {
        "max_epochs": 3, "accelerator": "cpu", "logger": False, "enable_checkpointing": False,
        "enable_progress_bar": False, "enable_model_summary": False, "default_root_dir": str(out),
    }  # fmt: skip
    return lightning.Trainer(**(settings | given))


def quiet_loop(*given: Any) -> Loop:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return loop(*given)


def followed(made: Loop) -> tuple[list[float], nn.Module]:
    replica = made.start(made.setup(0, 0, 0, 0), None)
    with torch.random.fork_rng():
        losses = [replica.update(step).loss for step in range(made.steps)]
    return losses, replica.model


class Stream(IterableDataset):
    def __iter__(self) -> Iterator[Any]:
        return iter(images(44))


SHUFFLED: Callable[[], Any] = lambda: DataLoader(images(70), 8, shuffle=True)  # noqa: E731
TRAININGS: dict[str, tuple[Callable[[], Net], Callable[[], Any], dict[str, Any]]] = {
    "shuffled by the process": (Net, SHUFFLED, {}),
    "a generator of its own": (Net, lambda: DataLoader(images(70), 8, shuffle=True, generator=torch.Generator()), {}),
    "accumulation": (Net, SHUFFLED, {"accumulate_grad_batches": 4}),
    "clipped by norm": (Net, SHUFFLED, {"gradient_clip_val": 0.3}),
    "clipped by value": (Net, SHUFFLED, {"gradient_clip_val": 0.01, "gradient_clip_algorithm": "value"}),
    "a schedule by epoch, two groups": (ByEpoch, SHUFFLED, {}),
    "a cycle of rate and momentum": (Cycle, SHUFFLED, {}),
    "a schedule every third batch": (EveryThird, SHUFFLED, {}),
    "hooks of its own": (Hooked, SHUFFLED, {}),
    "validated within an epoch": (Net, SHUFFLED, {"val_check_interval": 0.5}),
    "validated by steps": (Net, SHUFFLED, {"val_check_interval": 5, "check_val_every_n_epoch": None}),
    "validated every second epoch": (Net, SHUFFLED, {"check_val_every_n_epoch": 2}),
    "part of the batches": (Net, SHUFFLED, {"limit_train_batches": 5}),
    "overfitted on two batches": (Net, SHUFFLED, {"overfit_batches": 2}),
    "bf16": (Net, SHUFFLED, {"precision": "bf16-mixed"}),
    "a number of steps": (Net, SHUFFLED, {"max_steps": 13}),
    "data without a length": (
        Net, lambda: DataLoader(Stream(), 8), {"max_steps": 14, "accumulate_grad_batches": 2, "max_epochs": -1}
    ),
    "parameters that are not held": (PartOnly, SHUFFLED, {"gradient_clip_val": 0.1}),
    "a data module": (Net, Data, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", TRAININGS)
def test_a_loop_is_lightnings_training_to_the_bit(name: str, tmp_path: Path) -> None:
    make, data, settings = TRAININGS[name]
    torch.manual_seed(0)
    module, loader, losses = make(), data(), Losses()
    given = (loader,) if isinstance(loader, Data) else (loader, DataLoader(images(40, 5), 16))
    made = trainer(tmp_path, callbacks=[losses], **settings)
    replayed, model = followed(quiet_loop(made, module, *given))
    made.fit(module, *given)
    assert len(losses.losses) == len(replayed) > 5
    every = max(1, settings.get("accumulate_grad_batches", 1) - 1)
    assert replayed == (losses.losses if every == 1 else pytest.approx(losses.losses, rel=1e-6))
    trained = module.state_dict()
    assert all(torch.equal(value, trained[key.removeprefix("module.")]) for key, value in model.state_dict().items())


def test_what_comes_after_an_update_belongs_to_its_state(tmp_path: Path) -> None:
    made = quiet_loop(trainer(tmp_path), Hooked(), SHUFFLED())
    whole = made.start(made.setup(0, 0, 0, 0), None)
    with torch.random.fork_rng():
        for step in range(5):
            whole.update(step)
        state = whole.state()
        expected = [whole.update(step).loss for step in range(5, 10)]
        again = made.start(made.setup(5, 0, 0, 0), state)
        assert [again.update(step).loss for step in range(5, 10)] == expected


def test_nothing_of_the_users_is_touched(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(4)
    loader = DataLoader(images(70), 8, shuffle=True, generator=generator)
    made, module, data = trainer(tmp_path), Net(), Data()

    def whole() -> Any:
        return (
            digest(module.state_dict()), sorted(vars(module)), module._trainer, made.global_step, made.callbacks,
            str(made.state), made.fit_loop._combined_loader, generator.get_state().tolist(), sorted(vars(data)),
            [one.training for one in module.modules()], made.strategy._lightning_module,
        )  # fmt: skip

    random.seed(2)
    before, chance = whole(), take_chance()
    first = quiet_loop(made, module, loader, DataLoader(images(9), 4, shuffle=True, generator=generator))
    second = quiet_loop(made, module, data)
    assert take_chance().is_as(chance)
    numbers, _ = followed(first)
    followed(second)
    assert whole() == before
    made.fit(module, loader)
    assert followed(first)[0] == numbers, "the loop has copies of its own"


def test_what_validate_gives_is_what_lightning_logs(tmp_path: Path) -> None:
    module, loader = Net(), DataLoader(images(40, 5), 16)
    made = trainer(tmp_path)
    replica = (found := quiet_loop(made, module, SHUFFLED(), loader)).start(found.setup(0, 0, 0, 0), None)
    (logged,) = made.validate(module, loader, verbose=False)
    assert replica.evaluate() == {"validation": pytest.approx(logged["val_loss"], rel=1e-6)}
    assert replica.model.training
    assert quiet_loop(trainer(tmp_path), Net(), SHUFFLED()).validate is None


# --- what is said, and what is refused


class Jumps(lightning.Callback):
    """Sets the rate for three updates, and damages a weight."""

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
        for group in trainer.optimizers[0].param_groups:
            group["lr"] = 0.1 if 4 <= trainer.global_step < 7 else 3e-3

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
        if trainer.global_step == 9:
            with torch.no_grad():
                next(iter(pl_module.parameters())).mul_(1.5)


def test_a_callback_takes_part_where_it_is_named(tmp_path: Path) -> None:
    changing, losses, module = Jumps(), Losses(), Net()
    made = trainer(tmp_path, callbacks=[changing, losses])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        replayed, _ = followed(newllm.lightning.loop(made, module, SHUFFLED(), callbacks=[changing]))
    made.fit(module, SHUFFLED())
    assert replayed == losses.losses
    with pytest.raises(UserError, match=r"^callbacks: Jumps is not among the trainer's callbacks: give what it has$"):
        newllm.lightning.loop(trainer(tmp_path), Net(), SHUFFLED(), callbacks=[changing])


class Stops(lightning.Callback):
    def on_train_batch_end(self, *_: Any) -> None:
        pass


class OwnStep(Net):
    def optimizer_step(self, *given: Any, **named: Any) -> None:
        super().optimizer_step(*given, **named)


@pytest.mark.parametrize(
    ("module", "settings", "said"),
    [
        (Net(), {"callbacks": [Stops()]}, r"your own callbacks are not called: Stops \(on_train_batch_end\)"),
        (Net(0.2), {}, "dropout and other random numbers of the model are drawn from the seed and the step"),
        (Net(0.2), {}, "from the second epoch on the order differs"),
        (OwnStep(), {}, r"OwnStep\.optimizer_step is your own, and is left out"),
    ],
)
def test_what_is_not_as_in_the_training_is_said(module: Net, settings: Any, said: str, tmp_path: Path) -> None:
    with pytest.warns(
        UserWarning, match=rf"^a replay of this training differs from Trainer.fit in these points:\n(.*\n)*.*{said}"
    ):
        loop(trainer(tmp_path, **settings), module, SHUFFLED())


class Plateau(Net):
    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), 0.05)
        schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "monitor": "val_loss"}}


class Manual(Net):
    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False


class Silent(Net):
    def training_step(self, batch: Any, batch_idx: int) -> Any:  # noqa: ARG002
        return None


@pytest.mark.parametrize(
    ("module", "settings", "said"),
    [
        (Plateau(), {}, "^ReduceLROnPlateau sets the rate by what evaluations show"),
        (Manual(), {}, "^Manual optimizes by itself, or with several optimizers"),
        (Silent(), {}, r"^Silent\.training_step gave None at batch 0"),
        (nn.Linear(1, 1), {}, r"^the module is Linear: give a LightningModule of lightning\.pytorch$"),
        (Net(), {"max_epochs": -1}, "^max_steps is -1, max_epochs -1: give a number of steps that can be known$"),
    ],
)
def test_what_cannot_be_replayed_is_one_clear_line(module: Any, settings: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said) as caught:
        quiet_loop(trainer(tmp_path, **settings), module, SHUFFLED())
    assert "\n" not in str(caught.value)


def test_what_is_no_trainer_or_has_trained_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^newllm\.lightning\.loop was given Net: give a lightning\.Trainer$"):
        loop(Net(), Net())
    made, module = trainer(tmp_path, max_steps=2), Net()
    made.fit(module, SHUFFLED())
    with pytest.raises(UserError, match=r"^this Trainer has trained already \(step 2\)"):
        loop(made, module, SHUFFLED())
    with pytest.raises(UserError, match=r"^Lightning says: "):
        quiet_loop(trainer(tmp_path), Net())
