"""Embedding and head that a configuration says to be one weight."""

from types import SimpleNamespace

import pytest
import torch
from tests.unit.checks.healthy import VOCABULARY, next_token, tokens
from torch import Tensor, nn

import newllm


class Adapted(nn.Linear):
    """A head that an adapter has taken the place of."""


class Model(nn.Module):
    """As transformers has it: a configuration, and functions that give both layers."""

    def __init__(self, head: type[nn.Linear] = nn.Linear, *, says: bool = True, ties: bool = False) -> None:
        super().__init__()
        self.config = SimpleNamespace(tie_word_embeddings=says)
        self.embedding, self.head = nn.Embedding(VOCABULARY, 16), head(16, VOCABULARY, bias=False)
        nn.init.normal_(self.embedding.weight, std=0.1)
        if ties:
            self.head.weight = self.embedding.weight

    def get_input_embeddings(self) -> nn.Module:
        return self.embedding

    def get_output_embeddings(self) -> nn.Module:
        return self.head

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.embedding(x))


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        pytest.param(Model(), "wrong", id="said, and not so"),
        pytest.param(Model(ties=True), "sound", id="said and so"),
        pytest.param(Model(says=False), "unchecked", id="not said"),
        pytest.param(Model(Adapted), "unchecked", id="an adapter"),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_what_is_said_to_be_tied_is(model: nn.Module, wrapped: bool, expected: str) -> None:
    torch.manual_seed(0)
    whole = nn.Sequential(model) if wrapped else model
    report = newllm.check(whole, torch.optim.AdamW(whole.parameters(), 1e-2), next_token, tokens(), seconds=60)
    found = next(each for each in report.outcomes if each.probe == "tied")
    assert found.status == expected
    assert [each.probe for each in report.wrong] == (["tied"] if expected == "wrong" else [])
    if expected != "unchecked":
        assert found.evidence["head"] == ("0.head" if wrapped else "head")
