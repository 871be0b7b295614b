"""Layers with spectral norm, and models that freeze parts of themselves in train()."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.unit.checks.healthy import classes, table
from torch import Tensor, nn
from torch.nn.utils import parametrizations, spectral_norm

import newllm
from newllm.checks import CheckReport


class Critic(nn.Module):
    """Rows through a layer that stays as it is, or is trained too."""

    def __init__(self, norm: Any, layer: nn.Module, *, warm: int = 0, trains: bool = False) -> None:
        super().__init__()
        self.fixed, self.head = norm(layer).requires_grad_(trains), nn.Linear(10, 3)
        self.trains = trains
        for _ in range(warm):
            self.seen(torch.randn(8, 10))
        self.train()

    def train(self, mode: bool = True) -> "Critic":
        super().train(mode)
        if not self.trains:
            self.fixed.eval()
        return self

    def seen(self, x: Tensor) -> Tensor:
        return self.fixed(x[:, None] if isinstance(self.fixed, nn.ConvTranspose1d) else x)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.seen(x).flatten(1)[:, :10].tanh())


def checked(model: nn.Module) -> CheckReport:
    parameters = [each for each in model.parameters() if each.requires_grad]
    return newllm.check(model, torch.optim.Adam(parameters, 1e-2), classes, table(), seconds=60)


def said(report: CheckReport, probe: str) -> tuple[str, str]:
    outcome = next(each for each in report.outcomes if each.probe == probe)
    return outcome.status, outcome.sentence.id.rpartition(".")[2]


def linear() -> nn.Module:
    return nn.Linear(10, 10)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        pytest.param(lambda: Critic(spectral_norm, linear()), "wrong", id="never measured"),
        pytest.param(
            lambda: Critic(spectral_norm, nn.ConvTranspose1d(1, 16, 9)), "wrong", id="a transposed convolution"
        ),
        pytest.param(lambda: Critic(spectral_norm, linear(), warm=60), "sound", id="measured, then frozen"),
        pytest.param(lambda: Critic(spectral_norm, linear(), trains=True), "sound", id="in training mode"),
        pytest.param(lambda: Critic(parametrizations.spectral_norm, linear()), "sound", id="measured when it was made"),
        pytest.param(lambda: Critic(lambda layer: layer, linear()), "no-spectral-norm", id="no norm"),
    ],
)
def test_a_spectral_norm_that_nothing_measures_is_told(make: Callable[[], nn.Module], expected: str) -> None:
    torch.manual_seed(0)
    report = checked(make())
    assert said(report, "spectral-norm")[1] == expected
    assert [each.probe for each in report.wrong] == (["spectral-norm"] if expected == "wrong" else [])


class FreezesInTrain(nn.Module):
    """Its first layer is frozen by its own train()."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(10, 16), nn.BatchNorm1d(16), nn.Linear(16, 3)

    def train(self, mode: bool = True) -> "FreezesInTrain":
        super().train(mode)
        self.first.requires_grad_(False)
        return self

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.norm(self.first(x)).relu())


def test_a_model_that_its_own_train_would_change_is_no_sound_one() -> None:
    torch.manual_seed(0)
    model = FreezesInTrain()
    report = checked(model)
    assert said(report, "training-mode") == ("unchecked", "train-changes")
    assert "first.weight and first.bias" in str(report)
    assert all(each.requires_grad for each in model.parameters())  # as it was handed over
    assert report.wrong == []
    assert said(checked(model.train()), "training-mode") == ("sound", "sound")
