"""Tables of the last two and last three tokens, and of the last two alone, held against the formula token by token.

Shapes: B rows, T positions, D width.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from newllm.errors import UserError
from newllm.model.config import BODY_NAMES, ModelConfig
from newllm.model.language_model import LanguageModel, count_parameters
from newllm.model.ngram_embedding import NGramEmbedding, fold, last_three

ROWS = 7
SHAPE = ModelConfig(vocabulary=11, width=8, hidden=8, context=6, heads=2, layers=2, positions=16, ngram_rows=ROWS)
TOKENS_BT = torch.randint(11, (3, 10), generator=torch.Generator().manual_seed(0))
RESET_BT = torch.zeros(3, 10, dtype=torch.bool)
RESET_BT[0, 4] = RESET_BT[1, 0] = RESET_BT[2, 8] = RESET_BT[2, 9] = True


def built(**changes: Any) -> LanguageModel:
    return LanguageModel(dataclasses.replace(SHAPE, **changes)).double()


def tables(longest: int = 3) -> NGramEmbedding:
    """Return tables with numbers in them, in float64."""
    made = NGramEmbedding(ROWS, 8, longest).double()
    for seed, table in enumerate(made.parameters(), 1):
        torch.nn.init.normal_(table, generator=torch.Generator().manual_seed(seed))
    return made


def row_of(last: Sequence[int | None]) -> int:
    """The naive twin of the hash, in whole numbers of any size: of tokens and None, the last one last."""
    hashed, *others = (0 if token is None else token + 1 for token in last)
    for number in others:
        hashed = pow(hashed * 1_103_515_245 + number, 2, 2**31 - 1)
    return hashed % ROWS


def expected(made: NGramEmbedding, tokens: Sequence[int], reset: Sequence[bool]) -> Tensor:
    """The naive twin of one row."""
    sums, document = list[Tensor](), list[int | None]([None, None])
    for token, begins in zip(tokens, reset, strict=True):
        document = [None, None, token] if begins else [*document, token]
        sums.append(made.pairs.weight[row_of(document[-2:])])
        if made.triples is not None:
            sums[-1] = sums[-1] + made.triples.weight[row_of(document[-3:])]
    return torch.stack(sums)


@pytest.mark.parametrize("longest", [2, 3])
@pytest.mark.parametrize("cut", [1, 2, 3, 9, 10])
def test_each_token_gets_the_rows_of_its_document(cut: int, longest: int) -> None:
    """Also where a text is read in pieces: the last two tokens are carried, and forgotten at a document's start."""
    model = built(ngram_longest=longest)
    model.ngrams = made = tables(longest)
    wanted_BTD = torch.stack([expected(made, *row) for row in zip(TOKENS_BT.tolist(), RESET_BT.tolist(), strict=True)])
    parts, state = [], model.initial_state(3)
    for first in range(0, 10, cut):
        piece = TOKENS_BT[:, first : first + cut]
        found_BTD, position_BT, after = model.embed(piece, state, RESET_BT[:, first : first + cut])
        assert model.positions is not None
        parts.append(found_BTD - model.positions(position_BT) - model.embedding(piece))
        state = {**state, **after}
    torch.testing.assert_close(torch.cat(parts, 1), wanted_BTD, rtol=0, atol=1e-12)
    last_B2 = TOKENS_BT[:, 8:] + 1
    last_B2[2, 0] = 0  # its last token begins a document
    assert torch.equal(state["previous"], last_B2)


@pytest.mark.parametrize("longest", [2, 3])
def test_the_gradient_goes_to_the_rows_that_were_read(longest: int) -> None:
    made = tables(longest)
    position_BT = torch.arange(10).expand(3, 10)
    last_BT3 = last_three(TOKENS_BT, torch.zeros(3, 2, dtype=torch.long), position_BT)
    weight_BTD = torch.randn(3, 10, 8, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    (made(last_BT3) * weight_BTD).sum().backward()
    found = [table.grad for table in made.parameters()]
    made.zero_grad()
    naive_BTD = torch.stack([expected(made, row, [False] * 10) for row in TOKENS_BT.tolist()])
    (naive_BTD * weight_BTD).sum().backward()
    assert len(found) == longest - 1
    for one, table in zip(found, made.parameters(), strict=True):
        assert one is not None
        torch.testing.assert_close(one, table.grad, rtol=0, atol=1e-12)


@pytest.mark.parametrize("longest", [2, 3])
@pytest.mark.parametrize("body", BODY_NAMES)
def test_before_its_first_update_it_is_the_model_without_them(body: str, longest: int) -> None:
    model, without = built(body=body, ngram_longest=longest), built(body=body, ngram_rows=0)
    assert torch.equal(model(TOKENS_BT)[0], without(TOKENS_BT)[0])
    more = count_parameters(model.config) - count_parameters(without.config)
    assert more == sum(one.numel() for one in model.parameters()) - sum(one.numel() for one in without.parameters())
    assert more == (longest - 1) * ROWS * 8
    model.ngrams = tables(longest)
    assert not torch.allclose(model(TOKENS_BT)[0], without(TOKENS_BT)[0])


def test_pairs_and_triples_are_spread_over_the_rows() -> None:
    """Of 8,192 rows and 257 tokens: as even as chance would, also where one token of the n-gram stays."""
    one, zero = torch.meshgrid(torch.arange(257), torch.arange(257), indexing="ij")
    for hashed in (fold(one, zero), fold(fold(one, zero), torch.tensor(5)), fold(fold(torch.tensor(5), one), zero)):
        counts = torch.bincount((hashed % 8192).flatten(), minlength=8192).double()
        assert counts.var() < 1.3 * counts.mean()  # chance gives 1
    for hashed in (fold(one, zero), fold(zero, one)):
        rows = (hashed % 8192).sort(dim=1).values
        assert (rows[:, 1:] == rows[:, :-1]).double().mean() < 0.02  # chance gives 0.016


def test_pairs_alone_are_decided_by_the_last_two_tokens() -> None:
    """Of three tokens the first changes the row of a triple, not that of a pair."""
    position_BT = torch.tensor([[5]])
    for longest in (2, 3):
        made = tables(longest)
        one, other = (made(last_three(torch.tensor([[3]]), torch.tensor([[at, 4]]), position_BT)) for at in (1, 2))
        assert torch.equal(one, other) == (longest == 2)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ngram_longest": 1}, r"model\.ngram_longest is 1: it must be 2 \(pairs of tokens\) or 3 \(triples too\)"),
        ({"ngram_longest": 4}, r"model\.ngram_longest is 4: it must be 2"),
        ({"ngram_longest": 0, "ngram_rows": 0}, r"model\.ngram_longest is 0: it must be 2"),
        (
            {"ngram_longest": 2, "ngram_rows": 0},
            r"model\.ngram_longest is 2 and the model has no tables of n-grams: --set model\.ngram_rows=N, or drop it",
        ),
    ],
)
def test_a_longest_n_gram_that_there_is_no_table_for_is_refused(changes: dict[str, int], said: str) -> None:
    with pytest.raises(UserError, match=f"^{said}"):
        built(**changes)


def test_embeddings_in_place_of_tokens_are_refused() -> None:
    model = built()
    with pytest.raises(UserError, match=r"model\.ngram_rows\): give token ids"):
        model.read(model.embedding(TOKENS_BT))
    without = built(ngram_rows=0)
    assert torch.equal(without.read(without.embedding(TOKENS_BT))[0], without.read(TOKENS_BT)[0])
