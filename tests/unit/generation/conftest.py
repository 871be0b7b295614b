from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from newllm.data import train_tokenizer
from newllm.generation import Engine
from newllm.model.config import ModelConfig
from newllm.model.language_model import LanguageModel

WORDS = b"the cat sat on the mat and the dog lay by the door"


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """A second thread makes steps this small slower, on a busy machine twenty times."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def disturb(model: LanguageModel, seed: int) -> None:
    """Make every part count: convolutions begin at zero, so that their tails would not be seen."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=generator)


@pytest.fixture(scope="session")
def make_engine() -> Callable[..., Engine]:
    """Build a small untrained model and its engine; keywords beside those named are settings of `ModelConfig`."""

    def make(
        tokenizer: str = "bytes",
        seed: int = 0,
        weights: str = "fp32",
        dtype: torch.dtype = torch.float32,
        **settings: Any,
    ) -> Engine:
        chosen = train_tokenizer(tokenizer, [WORDS * 20], 300)
        shape: dict[str, Any] = {"width": 16, "hidden": 24, "context": 12, "layers": 2, "heads": 2, "window": 8}
        if settings.get("body") == "founding-transformer":
            shape["positions"] = 700
        chosen_shape: dict[str, Any] = {"vocabulary": chosen.vocab_size, "dropout": 0.2} | shape | settings
        model = LanguageModel(ModelConfig(**chosen_shape), seed)
        disturb(model, seed)
        model.use_scan("torch")
        return Engine(model.to(dtype), chosen, weights)

    return make
