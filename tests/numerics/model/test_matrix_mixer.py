"""Blocks whose context is a matrix: their configuration, and a gradient that goes back over one update only."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from newllm.errors import UserError
from newllm.model.bodies.matrix_mixer import MatrixMixer
from newllm.model.bodies.stack import ContextMixer
from newllm.model.config import ModelConfig
from newllm.model.language_model import LanguageModel

SMALL: dict[str, Any] = {
    "vocabulary": 11,
    "width": 8,
    "hidden": 7,
    "layers": 4,
    "context": 6,
    "heads": 2,
    "head_width": 3,
}


def test_rules_are_repeated_over_the_blocks() -> None:
    model = LanguageModel(ModelConfig(rule="gated,delta", **SMALL))
    kinds = [type(block.mixer) for block in model.body.blocks]  # type: ignore[operator, union-attr]
    assert kinds == [ContextMixer, MatrixMixer, ContextMixer, MatrixMixer]


def test_the_state_has_the_size_that_the_configuration_says_and_never_grows() -> None:
    model = LanguageModel(ModelConfig(rule="delta", **SMALL))
    state = model.initial_state(2)
    assert state["3.context"].shape == (2, 2, 3, 3)
    _, after = model(torch.randint(11, (2, 50)), state)
    assert {name: value.shape for name, value in after.items()} == {name: v.shape for name, v in state.items()}


def test_a_matrix_has_the_length_that_its_rule_gives_it_at_the_start() -> None:
    model = LanguageModel(ModelConfig(rule="delta", window=64, **SMALL))
    mixer = model.body.blocks[0].mixer  # type: ignore[index, union-attr]
    kept = torch.sigmoid(-mixer.rule.forget.bias)
    torch.testing.assert_close(1 / (1 - kept), torch.tensor([8.0, 64.0]), rtol=1e-3, atol=0)


def test_convolutions_of_queries_keys_and_values_start_at_random_by_their_own_stream() -> None:
    one, same, other = (LanguageModel(ModelConfig(rule="delta", **SMALL), seed=seed) for seed in (1, 1, 2))
    first, again, third = (m.body.blocks[0].mixer.convolution.weight for m in (one, same, other))  # type: ignore[index, union-attr]
    assert torch.equal(first, again)
    assert not torch.equal(first, third)
    assert first.abs().max() <= 0.5
    assert first.abs().mean() > 0.1


def test_a_cut_gradient_changes_no_value(small_model: Callable[..., LanguageModel]) -> None:
    model = small_model(rule="delta")
    tokens = torch.randint(11, (2, 9))
    whole = model(tokens)[0]
    for module in model.modules():
        if isinstance(module, MatrixMixer):
            module.through_time = False
    torch.testing.assert_close(model(tokens)[0], whole, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"rule": "gated,delat"}, "unknown rule 'delat'"),
        ({"rule": "gated,"}, "unknown rule ''"),
        ({"rule": "gated,delta,gated"}, "names 3 blocks and model.layers is 4"),
        ({"rule": "delta", "head_width": 4}, "model.context 6 does not divide into matrices of width 4"),
        ({"rule": "delta", "head_width": 0}, "model.head_width is 0"),
        ({"rule": "delta", "body": "cell"}, "body 'cell' has no blocks for rule 'delta'"),
        ({"rule": "gated,ema", "body": "cell"}, "body 'cell' has no blocks for rule 'gated,ema'"),
        ({"rule": "delta", "norm": "read"}, "model.norm 'read' is of contexts that are vectors"),
        ({"rule": "delta", "learn_decay": True}, "model.learn_decay is of contexts that are vectors"),
    ],
)
def test_a_configuration_that_cannot_be_is_told_in_one_line(change: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        ModelConfig(**{**SMALL, **change}).check()
