"""Padding in models with an output for each position, which lengths, padding_idx or the targets show."""

from typing import Any

import pytest
import torch
from tests.unit.checks.asked import asked
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

WORDS, TAGS, ROWS, LONG = 30, 4, 12, 11
RAGGED = torch.tensor([5, 11, 8, 3, 9, 4, 11, 7, 6, 10, 2, 5])
REAL = torch.arange(LONG) < RAGGED[:, None]


class Tagger(nn.Module):
    """It reads in both directions, and packs its texts or reads all that it is given."""

    def __init__(self, *, packs: bool, padding_idx: int | None = 0, bidirectional: bool = True) -> None:
        super().__init__()
        self.embed, self.packs = nn.Embedding(WORDS, 16, padding_idx=padding_idx), packs
        self.rnn = nn.GRU(16, 16, batch_first=True, bidirectional=bidirectional)
        self.head = nn.Linear(32 if bidirectional else 16, TAGS)

    def forward(self, words: Tensor, lengths: Tensor | None = None) -> Tensor:
        x = self.embed(words)
        if not self.packs:
            return self.head(self.rnn(x)[0])
        counted = (words != 0).sum(1) if lengths is None else lengths
        packed = pack_padded_sequence(x, counted, batch_first=True, enforce_sorted=False)
        return self.head(pad_packed_sequence(self.rnn(packed)[0], batch_first=True)[0])


class Convolves(nn.Module):
    """It reads its neighbours, and behind a text what stands there."""

    def __init__(self, padding_idx: int | None = 0) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(WORDS, 16, padding_idx=padding_idx), nn.Conv1d(16, TAGS, 3, padding=1)

    def forward(self, words: Tensor, lengths: Tensor | None = None) -> Tensor:  # noqa: ARG002 (it may be given them)
        return self.head(self.embed(words).transpose(1, 2)).transpose(1, 2)


def said(model: nn.Module, *, lengths: bool, fill: int = -100) -> Any:
    words = torch.randint(1, WORDS, (ROWS, LONG)) * REAL
    tags = torch.randint(TAGS, (ROWS, LONG)).masked_fill(~REAL, fill)
    given = (words, RAGGED) if lengths else (words,)

    def loss(model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        return F.cross_entropy(model(*batch[:-1]).flatten(0, 1), batch[-1].flatten())

    torch.manual_seed(0)
    found = asked("padding", model, loss, (*given, tags))
    return found.sentence.id.removeprefix("check-").removeprefix("padding."), found.sentence.parameters.get("by")


@pytest.mark.parametrize("padding_idx", [0, None])
def test_a_tagger_that_is_given_lengths_and_reads_padding_is_found(padding_idx: int | None) -> None:
    torch.manual_seed(0)
    assert said(Tagger(packs=False, padding_idx=padding_idx), lengths=True)[0] == "told-read"
    assert said(Tagger(packs=True, padding_idx=padding_idx), lengths=True)[0] == "left"
    assert said(Convolves(None), lengths=True)[0] == "told-read"


def test_zeros_behind_a_text_are_what_a_convolution_reads_there_anyway() -> None:
    torch.manual_seed(0)
    assert said(Convolves(), lengths=True)[0] == said(Convolves(), lengths=False)[0] == "left"


@pytest.mark.parametrize(("padding_idx", "by"), [(0, "padding_idx"), (None, "targets")])
def test_without_lengths_it_hangs_on_how_rows_are_filled_up(padding_idx: int | None, by: str) -> None:
    torch.manual_seed(0)
    assert said(Tagger(packs=False, padding_idx=padding_idx), lengths=False) == ("reason.padding-untold", by)
    assert said(Tagger(packs=False, padding_idx=padding_idx, bidirectional=False), lengths=False)[0] == "left"
    assert said(Tagger(packs=True, padding_idx=padding_idx), lengths=False)[0] == "left"
    assert said(Tagger(packs=False, padding_idx=None), lengths=False, fill=0) == ("reason.padding-untold", "ends")


def test_tags_of_padding_that_count_are_found_where_the_model_is_told_of_it() -> None:
    torch.manual_seed(0)
    assert said(Tagger(packs=True), lengths=True, fill=0)[0] == "counted"
    assert said(Tagger(packs=False, bidirectional=False), lengths=True, fill=0)[0] == "counted"
    assert said(Tagger(packs=False, bidirectional=False), lengths=False, fill=0)[0] == "reason.padding-targets"


def test_a_classifier_that_is_given_lengths() -> None:
    class Last(Tagger):
        def forward(self, words: Tensor, lengths: Tensor | None = None) -> Tensor:
            made = super().forward(words, lengths)
            return made[:, -1] if lengths is None or not self.packs else made[torch.arange(ROWS), lengths - 1]

    def of_rows(packs: bool) -> str:
        words = torch.randint(1, WORDS, (ROWS, LONG)) * REAL
        loss = lambda model, batch: F.cross_entropy(model(*batch[:2]), batch[2])  # noqa: E731
        model = Last(packs=packs, bidirectional=packs)
        return asked("padding", model, loss, (words, RAGGED, torch.arange(ROWS) % TAGS)).sentence.id

    torch.manual_seed(0)
    assert of_rows(packs=True) == "check-padding.row"
    assert of_rows(packs=False) == "check-padding.told-read"


def test_the_lengths_of_a_language_model_may_leave_out_the_token_that_ends_it() -> None:
    """Texts are filled up by the token that ends them, whose first counts, and lengths are those of the words."""
    torch.manual_seed(0)
    words = torch.randint(1, WORDS, (ROWS, LONG)) * REAL
    counts = torch.arange(LONG) <= RAGGED[:, None]

    class Text(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.rnn = nn.Embedding(WORDS, 16), nn.GRU(16, 16, batch_first=True)
            self.head = nn.Linear(16, WORDS)

        def forward(self, words: Tensor, lengths: Tensor) -> Tensor:  # noqa: ARG002 (it may be given them)
            return self.head(self.rnn(self.embed(words))[0])

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor], ends: Tensor = counts) -> Tensor:
        targets = batch[0].masked_fill(~ends, -100)[:, 1:]
        return F.cross_entropy(model(*batch)[:, :-1].flatten(0, 1), targets.flatten())

    found = asked("padding", Text(), loss, (words, RAGGED))
    assert found.status == "sound", str(found.sentence)
    learnt = asked("padding", Text(), lambda m, b: loss(m, b, torch.ones_like(counts)), (words, RAGGED))
    assert learnt.sentence.id == "check-padding.counted"
