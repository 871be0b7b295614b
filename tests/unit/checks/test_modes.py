"""Layers that are kept in evaluation mode on purpose, beside those that were left there."""

from collections.abc import Callable

import pytest
import torch
from tests.unit.checks.asked import answer, asked
from tests.unit.checks.healthy import classes
from torch import Tensor, nn


class Convolutions(nn.Module):
    """Batch norms and dropout; train() may keep some of them in evaluation mode."""

    def __init__(self, kept: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.first, self.norm, self.again = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.BatchNorm2d(8)
        self.drop, self.head, self.kept = nn.Dropout(0.1), nn.Linear(8, 5), kept

    def forward(self, x: Tensor) -> Tensor:
        x = self.again(torch.relu(self.norm(self.first(x))))
        return self.head(self.drop(x.mean((2, 3))))

    def train(self, mode: bool = True) -> "Convolutions":
        super().train(mode)
        for name in self.kept:
            self.get_submodule(name).eval()
        return self


def _batch() -> tuple[Tensor, Tensor]:
    return torch.randn(16, 3, 8, 8), torch.randint(0, 5, (16,))


def _measured(model: nn.Module) -> nn.Module:
    with torch.no_grad():
        model.train()(_batch()[0])
    return model


def _by_hand(model: nn.Module, *names: str) -> nn.Module:
    for name in names:
        model.get_submodule(name).eval()
    return model


def _frozen(model: nn.Module) -> nn.Module:
    model.norm.requires_grad_(False)
    return model


MODELS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "all in training mode": (Convolutions, "sound"),
    "norms kept by train()": (lambda: Convolutions(("norm", "again")).train(), "sound"),
    "one norm kept by train()": (lambda: Convolutions(("norm",)).train(), "sound"),
    "all kept by train()": (lambda: Convolutions(("norm", "again", "drop")).train(), "sound"),
    "measured norms kept by hand": (lambda: _by_hand(_measured(Convolutions()), "norm", "again"), "norms-kept"),
    "a frozen norm": (lambda: _by_hand(_frozen(Convolutions()), "norm"), "sound"),
    "dropout left": (lambda: _by_hand(_measured(Convolutions()), "drop"), "wrong"),
    "dropout left beside norms that train() keeps": (
        lambda: _by_hand(Convolutions(("norm",)).train(), "drop"),
        "wrong",
    ),
    "a norm left that never saw a batch": (lambda: _by_hand(Convolutions(), "norm"), "wrong"),
    "everything left": (lambda: _measured(Convolutions()).eval(), "all-in-evaluation"),
}


@pytest.mark.parametrize("name", MODELS)
def test_what_is_kept_is_told_from_what_was_left(name: str) -> None:
    torch.manual_seed(0)
    make, expected = MODELS[name]
    model = make()
    modes = [each.training for each in model.modules()]
    assert answer("training-mode", model, classes, _batch()) == expected
    assert [each.training for each in model.modules()] == modes


def test_layers_that_train_keeps_are_counted() -> None:
    torch.manual_seed(0)
    outcome = asked("training-mode", Convolutions(("norm", "again")).train(), classes, _batch())
    assert (outcome.evidence["of"], outcome.evidence["meant"]) == (3, 2)
    assert str(outcome.sentence).endswith("3, of which the model's own train() keeps 2 in evaluation mode")
