from collections.abc import Callable
from typing import Any

import pytest
import torch

from newllm.model.config import ModelConfig
from newllm.model.language_model import LanguageModel


@pytest.fixture(autouse=True)
def always_the_same_chance(same_chance: None) -> None:
    """Every test here has it."""


@pytest.fixture(params=["torch", "numba"])
def backend(request: pytest.FixtureRequest) -> str:
    """Each backend of the scan that is not the reference."""
    if request.param == "numba":
        pytest.importorskip("numba")
    return request.param


@pytest.fixture(scope="session")
def small_model() -> Callable[..., LanguageModel]:
    """Build a tiny float64 model in evaluation mode, every parameter (zeros and ones too) put at random."""

    def make(scan_backend: str = "torch", **shape: Any) -> LanguageModel:
        small: dict[str, Any] = {
            "vocabulary": 11,
            "width": 8,
            "layers": 2,
            "hidden": 12,
            "context": 6,
            "heads": 2,
            "window": 5,
            "dropout": 0.1,
        }
        model = LanguageModel(ModelConfig(**(small | shape))).double().eval()
        model.use_scan(scan_backend)
        chance = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.4 * torch.randn(parameter.shape, generator=chance, dtype=parameter.dtype))
        return model

    return make
