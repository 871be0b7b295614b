from collections.abc import Callable
from pathlib import Path

import pytest

import newllm
from newllm.training.budget import Budget


@pytest.fixture(scope="session")
def trained(
    tmp_path_factory: pytest.TempPathFactory, text: Path, tiny_settings: tuple[str, ...]
) -> Callable[..., Path]:
    """Train a tiny run of a body and a tokenizer, once; nobody changes it but by its saved contexts."""
    made: dict[tuple[str, str], Path] = {}

    def make(body: str = "stack", tokenizer: str = "bytes") -> Path:
        if (body, tokenizer) not in made:
            out = tmp_path_factory.mktemp("played") / f"{body}-{tokenizer}"
            settings = (*tiny_settings, f"model.body={body}", f"data.tokenizer={tokenizer}", "data.vocabulary=300")
            newllm.train(str(text), preset="tiny", out=out, budget=Budget(steps=3), settings=settings)
            made[body, tokenizer] = out
        return made[body, tokenizer]

    return make
