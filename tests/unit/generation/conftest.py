from collections.abc import Callable

import pytest

from newllm.data import train_tokenizer
from newllm.generation import Engine
from newllm.model.config import ModelConfig
from newllm.model.language_model import LanguageModel

WORDS = "the cat sat on the mat and the dog lay by the door".encode()


@pytest.fixture(scope="session")
def make_engine() -> Callable[..., Engine]:
    """Build a small untrained model and its engine; keywords are settings of `ModelConfig`."""

    def make(tokenizer: str = "bytes", seed: int = 0, **settings) -> Engine:
        chosen = train_tokenizer(tokenizer, [WORDS * 20], 300)
        shape = {"width": 16, "layers": 2, "hidden": 24, "context": 12, "heads": 2, "window": 8, "dropout": 0.2}
        if settings.get("body") == "founding-transformer":
            shape["positions"] = 700
        config = ModelConfig(**{"vocabulary": chosen.vocab_size, **shape, **settings})
        model = LanguageModel(config, seed)
        model.use_scan("torch")
        return Engine(model, chosen)

    return make
