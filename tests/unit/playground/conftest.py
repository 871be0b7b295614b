from collections.abc import Callable
from pathlib import Path

import pytest

import newllm
from newllm.training.budget import Budget


@pytest.fixture(scope="session")
def trained(
    tmp_path_factory: pytest.TempPathFactory, text: Path, tiny_settings: tuple[str, ...]
) -> Callable[..., Path]:
    """Train a tiny run of a body, a tokenizer and a rule, once; nobody changes it but by its saved contexts."""
    made: dict[tuple[str, str, str], Path] = {}

    def make(body: str = "stack", tokenizer: str = "bytes", rule: str = "gated") -> Path:
        of = body, tokenizer, rule
        if of not in made:
            out = tmp_path_factory.mktemp("played") / "-".join(of)
            model = (
                f"model.body={body}",
                f"model.rule={rule}",
                f"model.layers={1 + rule.count(',')}",
                "model.head_width=8",
            )
            settings = (*tiny_settings, *model, f"data.tokenizer={tokenizer}", "data.vocabulary=300")
            newllm.train(str(text), preset="tiny", out=out, budget=Budget(steps=3), settings=settings)
            made[of] = out
        return made[of]

    return make
