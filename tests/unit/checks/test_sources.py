"""A training step out of a trainer; and out of a Python file."""

from pathlib import Path

import pytest
import torch
from tests.unit.checks.healthy import classes, mlp, table
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import newllm
from newllm import UserError
from newllm.checks.sources import objects


def test_a_loop_is_checked_as_it_is() -> None:
    def build(seed: int) -> tuple[nn.Module, torch.optim.Optimizer]:  # noqa: ARG001 (torch is seeded from it)
        model = mlp()
        return model, torch.optim.Adam(model.parameters(), 1e-2)

    report = newllm.check(newllm.Loop(build, lambda step: table(), classes, 10), seconds=60)  # noqa: ARG005
    assert report.wrong == []
    assert "loss-form" in {outcome.probe for outcome in report.of("sound")}


class Lit(nn.Module):
    """What a LightningModule has: it calls a part of itself."""

    def __init__(self) -> None:
        super().__init__()
        self.net = mlp()

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> dict[str, Tensor]:  # noqa: ARG002
        return {"loss": classes(self.net, batch)}

    def configure_optimizers(self) -> tuple[list[torch.optim.Optimizer], list[object]]:
        optimizer = torch.optim.Adam(self.parameters(), 1e-2)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 10)]


class Loaded(Lit):
    def train_dataloader(self) -> list[tuple[Tensor, Tensor]]:
        return [table()]


@pytest.mark.filterwarnings("ignore")
def test_a_lightning_module_gives_its_parts() -> None:
    for module, batch in ((Loaded(), None), (Lit(), table())):
        report = newllm.check(module, batch=batch, seconds=60)
        assert report.wrong == []
        assert "loss-form" in {outcome.probe for outcome in report.of("sound")}  # the part that is called is found
    with pytest.raises(UserError, match="give newllm"):
        newllm.check(Lit())


def test_a_module_that_makes_its_own_updates_is_refused_in_a_line() -> None:
    module = Loaded()
    module.automatic_optimization = False  # type: ignore[assignment]
    with pytest.raises(UserError, match=r"automatic_optimization is False\): give newllm.check\(model, optimizer"):
        newllm.check(module)


class Trainer:
    """What a Trainer of transformers has."""

    def __init__(self) -> None:
        self.model = mlp().eval()
        self.optimizer: torch.optim.Optimizer | None = None

    def create_optimizer(self) -> torch.optim.Optimizer:
        made = self.optimizer = torch.optim.Adam(self.model.parameters(), 1e-2)
        return made

    def get_train_dataloader(self) -> list[tuple[Tensor, Tensor]]:
        return [table()]

    def compute_loss(self, model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return classes(model, batch)

    def _prepare_inputs(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        return batch


def test_a_trainer_gives_its_parts() -> None:
    trainer = Trainer()
    report = newllm.check(trainer, seconds=60)
    assert report.wrong == []
    assert "learns" in {outcome.probe for outcome in report.of("sound")}
    assert trainer.optimizer is None


class Empty(Trainer):
    """A Trainer that was given no data."""

    def get_train_dataloader(self) -> list[tuple[Tensor, Tensor]]:
        raise ValueError("Trainer: training requires a train_dataset.")


def test_a_trainer_without_data_needs_a_batch() -> None:
    report = newllm.check(Empty(), batch=table(), seconds=60)
    assert report.wrong == []
    assert "learns" in {outcome.probe for outcome in report.of("sound")}
    with pytest.raises(UserError, match=r"get_train_dataloader\(\) \(ValueError: Trainer: .* batch=batch"):
        newllm.check(Empty())


def test_a_trainers_own_loader_is_left_as_it_was() -> None:
    chance = torch.Generator().manual_seed(5)
    loader = DataLoader(TensorDataset(*table()), 8, shuffle=True, generator=chance)

    class Shuffled(Lit):
        def train_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
            return loader

    class Held(Trainer):
        def get_train_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:  # type: ignore[override]
            return loader

    before = chance.get_state()
    for given in (Shuffled(), Held()):
        newllm.check(given, seconds=60)
        assert torch.equal(chance.get_state(), before)


def test_a_file_gives_what_its_function_returns(tmp_path: Path) -> None:
    file = tmp_path / "train.py"
    file.write_text("held = 3\ndef parts():\n    return 1, 2\ndef broken():\n    return 1 / 0\n")
    assert objects(str(file), "parts") == (1, 2)
    assert objects(str(file), "held") == 3
    for name, says in (("part", "has no 'part': it has parts, broken"), ("broken", "ZeroDivisionError: division by")):
        with pytest.raises(UserError, match=says):
            objects(str(file), name)
    with pytest.raises(UserError, match="cannot read"):
        objects(str(tmp_path / "absent.py"), "parts")
    file.write_text("def (:")
    with pytest.raises(UserError, match="cannot be run: SyntaxError"):
        objects(str(file), "parts")
