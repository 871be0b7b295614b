from collections.abc import Callable, Iterator

import pytest
import torch

from newllm.model.config import ModelConfig
from newllm.model.language_model import LanguageModel


@pytest.fixture(autouse=True)
def same_chance() -> Iterator[None]:
    """Give every test the same random numbers, and torch's settings back as they were."""
    threads = torch.get_num_threads()
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(params=["torch", "numba"])
def backend(request: pytest.FixtureRequest) -> str:
    """Each backend of the scan that is not the reference."""
    if request.param == "numba":
        pytest.importorskip("numba")
    return request.param


@pytest.fixture
def small_model() -> Callable[..., LanguageModel]:
    """Build a tiny float64 model in evaluation mode, every parameter (zeros and ones too) put at random."""

    def make(scan_backend: str = "torch", **shape) -> LanguageModel:
        small = {
            "vocabulary": 11,
            "width": 8,
            "layers": 2,
            "hidden": 12,
            "context": 6,
            "heads": 2,
            "window": 5,
            "dropout": 0.1,
        }
        model = LanguageModel(ModelConfig(**{**small, **shape})).double().eval()
        model.use_scan(scan_backend)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.4 * torch.randn_like(parameter))
        return model

    return make
