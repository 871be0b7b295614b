from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from newllm.model.config import ModelConfig
from newllm.model.language_model import LanguageModel
from newllm.recorder.recorder import TRACE
from newllm.trace import read_trace

SHAPE: dict[str, Any] = {"vocabulary": 11, "width": 8, "layers": 2, "hidden": 10, "context": 8, "heads": 2, "window": 9}


@pytest.fixture(autouse=True)
def always_the_same_chance(same_chance: None) -> None:
    """Every test here has it."""


@pytest.fixture(scope="session")
def build() -> Callable[..., LanguageModel]:
    """Build a small float64 language model with large random weights, biases too."""

    def make(**shape: Any) -> LanguageModel:
        model = LanguageModel(ModelConfig(**(SHAPE | shape))).double()
        chance = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.5 * torch.randn(parameter.shape, generator=chance, dtype=parameter.dtype))
        return model

    return make


def _sequential() -> tuple[nn.Module, Callable[[nn.Module], Tensor]]:
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.LayerNorm(4), nn.Linear(4, 1)).double()
    x = torch.randn(5, 3, dtype=torch.float64)
    return model, lambda model: model(x).square().sum()


def _lstm() -> tuple[nn.Module, Callable[[nn.Module], Tensor]]:
    x = torch.randn(2, 5, 3, dtype=torch.float64)
    return nn.LSTM(3, 4, batch_first=True).double(), lambda model: model(x)[0].square().sum()


@pytest.fixture(params=["sequential", "lstm", "cell", "stack", "attention"])
def any_model(
    request: pytest.FixtureRequest, build: Callable[..., LanguageModel]
) -> tuple[nn.Module, Callable[[nn.Module], Tensor]]:
    """A model and its loss."""
    if request.param == "sequential":
        return _sequential()
    if request.param == "lstm":
        return _lstm()
    tokens = torch.randint(11, (3, 7))
    return build(body=request.param), lambda model: model(tokens)[0].square().mean()


@pytest.fixture
def signals(tmp_path: Path) -> Callable[[], dict[str, dict[int, float]]]:
    """Read what was recorded into `tmp_path / "run"`: value by step by signal."""

    def read() -> dict[str, dict[int, float]]:
        found = read_trace(tmp_path / "run" / TRACE).signals
        return {name: dict(zip(s.step.tolist(), s.value.tolist(), strict=True)) for name, s in found.items()}

    return read


@pytest.fixture
def model() -> nn.Module:
    """A classifier of 4 classes from 6 numbers."""
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 4))


@pytest.fixture
def loss_of() -> Callable[[nn.Module], Tensor]:
    """A loss on fresh numbers."""
    return lambda model: model(torch.randn(5, 6)).square().mean()
