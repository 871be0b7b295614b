"""The evaluation of a trainer or LightningModule, and the scale of what it gives the model."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tests.unit.checks.asked import asked
from tests.unit.checks.healthy import classes, convolutions
from torch import Tensor, nn
from torch.utils.data import DataLoader

from newllm.checks.bench import Bench
from newllm.checks.outcome import CannotCheck, Outcome
from newllm.checks.probes import PROBES
from newllm.checks.sources import parts_of

Batch = tuple[Tensor, Tensor]


def _asked(given: Any) -> Outcome:
    bench = Bench(parts_of(given, None, None, None), 60)
    try:
        with bench.untouched():
            return PROBES["evaluation"](bench)
    except CannotCheck as reason:
        return Outcome("evaluation", "unchecked", reason.message)


def _images(rows: int = 16, seed: int = 0) -> Batch:
    """Images of whole numbers up to 255, as they are read."""
    chance = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (rows, 1, 8, 8), generator=chance).float()
    return images, torch.randint(0, 10, (rows,), generator=chance)


def _normal(batch: Batch) -> Batch:
    return (batch[0] / 255 - 0.5) / 0.29, batch[1]


def _loader(batch: Batch) -> DataLoader[Any]:
    rows = [(image, label) for image, label in zip(*batch, strict=True)]
    return DataLoader(rows, len(rows))  # type: ignore[arg-type]


class Lit(nn.Module):
    """What a LightningModule has; each of its validations is another."""

    def __init__(self, train: Batch | None = None, validation: Batch | None = None) -> None:
        super().__init__()
        self.net = convolutions()
        self.train_data = _normal(_images()) if train is None else train
        self.validation_data = _normal(_images(64, 1)) if validation is None else validation
        self.logged: list[float] = []

    def prepared(self, x: Tensor) -> Tensor:
        return x

    def training_step(self, batch: Batch, index: int) -> Tensor:  # noqa: ARG002
        return classes(self.net, (self.prepared(batch[0]), batch[1]))

    def validation_step(self, batch: Batch, index: int) -> Any:  # noqa: ARG002
        assert not torch.is_grad_enabled()
        assert len(batch[0]) <= 16  # no more than in training, which may be all that there is memory for
        loss = classes(self.net, (self.for_validation(batch[0]), batch[1]))
        self.logged.append(float(loss))
        self.log("val/loss", loss, prog_bar=True)

    def for_validation(self, x: Tensor) -> Tensor:
        return self.prepared(x)

    def log(self, *_: Any, **__: Any) -> None:
        raise RuntimeError("outside of the trainer's loop")

    log_dict = log

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), 1e-3)

    def train_dataloader(self) -> DataLoader[Any]:
        return _loader(self.train_data)

    def val_dataloader(self) -> DataLoader[Any]:
        return _loader(self.validation_data)


class NormalisesInTrainingAlone(Lit):
    def prepared(self, x: Tensor) -> Tensor:
        return (x / 255 - 0.5) / 0.29

    def for_validation(self, x: Tensor) -> Tensor:
        return x / 255


class NormalisesBoth(Lit):
    def prepared(self, x: Tensor) -> Tensor:
        return (x / 255 - 0.5) / 0.29


class Augments(Lit):
    """Brightness and contrast are drawn, for the whole batch at once."""

    def prepared(self, x: Tensor) -> Tensor:
        return x * (1 + torch.rand(1)) + torch.randn(1)

    def for_validation(self, x: Tensor) -> Tensor:
        return x


class Crops(Lit):
    """The same part each time, with a border of zeros."""

    def prepared(self, x: Tensor) -> Tensor:
        return nn.functional.pad(x[..., 2:-2, 2:-2], (2, 2, 2, 2))

    def for_validation(self, x: Tensor) -> Tensor:
        return x


class Draws(Lit):
    """Dropout that is meant to act in evaluation."""

    def for_validation(self, x: Tensor) -> Tensor:
        for each in self.net.modules():
            if isinstance(each, nn.Dropout):
                each.train()
        return x


class Counts(Lit):
    """A metric that is kept in a buffer, and set back when a validation begins."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))

    def for_validation(self, x: Tensor) -> Tensor:
        self.seen += len(x)  # type: ignore[operator]
        return x


class Measures(Lit):
    def validation_step(self, batch: Batch, index: int) -> None:  # noqa: ARG002
        self.log("accuracy", 0.5)


class Adapts(Lit):
    """Its batch norm goes on with the validation's statistics."""

    def for_validation(self, x: Tensor) -> Tensor:
        self.net.get_buffer("1.running_mean").add_(1.0)
        return x


class Returns(Lit):
    def validation_step(self, batch: Batch, index: int, loader: int = 0) -> Any:  # noqa: ARG002
        return {"val_loss": classes(self.net, batch), "outputs": batch[0]}


class Without(Lit):
    validation_step = None  # type: ignore[assignment]


STEPS: dict[Callable[[], Lit], str] = {
    Lit: "sound", Returns: "sound", Counts: "sound", Augments: "evaluation-other", Crops: "evaluation-other",
    lambda: NormalisesBoth(_images(), _images(64, 1)): "sound", Measures: "evaluation-none", Without: "no-evaluate",
    lambda: NormalisesInTrainingAlone(_images(), _images(64, 1)): "rescaled", Draws: "evaluation-acts",
    Adapts: "changes",
}  # fmt: skip


@pytest.mark.parametrize("make", STEPS)
def test_the_validation_of_a_module_is_seen_through(make: Callable[[], Lit]) -> None:
    torch.manual_seed(0)
    module = make()
    found = _asked(module)
    assert found.sentence.id.rpartition(".")[2] == STEPS[make], str(found.sentence)
    assert module.training
    assert module.logged == []
    assert "log" not in vars(module)


LOADERS: dict[str, tuple[Batch, Batch, str]] = {
    "whole numbers in the validation": (_normal(_images()), _images(64, 1), "bytes"),
    "whole numbers in training": (_images(), _normal(_images(64, 1)), "bytes"),
    "a part of the scale": (_normal(_images()), (_images(64, 1)[0] / 255, _images(64, 1)[1]), "evaluation-scale"),
    "resized": (_normal(_images()), (0.9 * _images(64, 1)[0] + 0.3, _images(64, 1)[1]), "evaluation-scale"),
    "whole numbers, and nearly blank": (
        _images(),
        (1e-3 * torch.rand(64, 1, 8, 8), _images(64, 1)[1]),
        "evaluation-scale",
    ),
    "dark, which the data may be": (_normal(_images()), (_images(64, 1)[0] // 60, _images(64, 1)[1]), "sound"),
    "blank": (_normal(_images()), (torch.zeros(64, 1, 8, 8), _images(64, 1)[1]), "sound"),
    "whole numbers in both": (_images(), _images(64, 1), "sound"),
    "half as bright": (_normal(_images()), (_normal(_images(64, 1))[0] / 2, _images(64, 1)[1]), "sound"),
}


@pytest.mark.parametrize("name", LOADERS)
def test_the_scale_of_both_loaders_is_compared(name: str) -> None:
    torch.manual_seed(0)
    train, validation, says = LOADERS[name]
    found = _asked(Lit(train, validation))
    assert found.sentence.id.rpartition(".")[2] == says, str(found.sentence)


def test_an_evaluation_that_is_given_is_held_against_the_scale_of_training_too() -> None:
    torch.manual_seed(0)
    model = convolutions()

    def evaluate(model: nn.Module, batch: Batch) -> float:
        with torch.no_grad():
            return classes(model.eval(), _normal(batch)).item()

    found = asked("evaluation", model, classes, _images(), evaluate=evaluate)
    assert (found.status, found.sentence.id) == ("wrong", "check-evaluation.rescaled")
    assert "a spread of 71 in training" in str(found.sentence)


class Trainer:
    """What a Trainer of transformers has."""

    def __init__(self, *, evaluates: bool = True, shifts: bool = False) -> None:
        self.model, self.optimizer, self.shifts = convolutions(), None, shifts
        self.eval_dataset = object() if evaluates else None

    def create_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.model.parameters(), 1e-3)

    def get_train_dataloader(self) -> DataLoader[Any]:
        return _loader(_normal(_images()))

    def get_eval_dataloader(self) -> DataLoader[Any]:
        return _loader(_normal(_images(64, 1)))

    def compute_loss(self, model: nn.Module, batch: list[Tensor]) -> Tensor:
        return classes(model, (batch[0], batch[1]))

    def _get_num_items_in_batch(self, *_: Any) -> int:
        raise AssertionError("other than in the loss")

    def prediction_step(self, model: nn.Module, batch: list[Tensor], *, prediction_loss_only: bool) -> Any:
        assert prediction_loss_only
        assert self._get_num_items_in_batch() is None
        with torch.no_grad():
            return self.compute_loss(model, [batch[0], batch[1].roll(1) if self.shifts else batch[1]]), None, None

    def _prepare_inputs(self, batch: list[Tensor]) -> list[Tensor]:
        return batch


@pytest.mark.parametrize(
    ("trainer", "says"),
    [
        (SimpleNamespace(evaluates=True, shifts=False), "sound"),
        (SimpleNamespace(evaluates=True, shifts=True), "rows"),
        (SimpleNamespace(evaluates=False, shifts=False), "no-evaluate"),
    ],
)
def test_the_evaluation_of_a_trainer_is_seen_through(trainer: SimpleNamespace, says: str) -> None:
    torch.manual_seed(0)
    given = Trainer(**vars(trainer))
    found = _asked(given)
    assert found.sentence.id.rpartition(".")[2] == says, str(found.sentence)
    assert "_get_num_items_in_batch" not in vars(given)
