"""A layer that reads along the first axis: of positions it may, of rows it may not, and which it is has evidence."""

from typing import Any

import pytest
import torch
from tests.unit.checks.asked import answer, asked
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.utils.data import DataLoader, TensorDataset

WORDS, TAGS = 30, 4


class Tagger(nn.Module):
    """A tag for each word; along `axis` of the words it reads in both directions."""

    def __init__(self, axis: int, numbers: int = 0) -> None:
        super().__init__()
        self.embed = nn.Linear(numbers, 16) if numbers else nn.Embedding(WORDS, 16)
        self.rnn = nn.GRU(16, 16, batch_first=axis == 1, bidirectional=True)
        self.head = nn.Linear(32, TAGS)

    def forward(self, words: Tensor, lengths: Tensor | None = None) -> Tensor:  # noqa: ARG002 (it may be given them)
        return self.head(self.rnn(self.embed(words))[0])


def tags(model: nn.Module, batch: Any) -> Tensor:
    return F.cross_entropy(model(*batch[:-1]).flatten(0, 1), batch[-1].flatten())


def words(lengths: list[int] | None = None, long: int = 11) -> tuple[Tensor, Tensor]:
    """Return words and tags `[8, T]`, filled up with 0."""
    held, found = torch.randint(1, WORDS, (8, long)), torch.randint(TAGS, (8, long))
    real = torch.arange(long) < torch.tensor(lengths or [long] * 8)[:, None]
    return held * real, found.masked_fill(~real, -100)


RAGGED = [5, 11, 8, 3, 9, 4, 11, 7]


def test_where_ends_are_filled_up_tells_which_axis_holds_the_rows() -> None:
    torch.manual_seed(0)
    batch = words(RAGGED)
    turned = tuple(each.T.contiguous() for each in batch)
    assert answer("rows", Tagger(1), tags, batch) == answer("rows", Tagger(1), tags, turned) == "sound"
    found = asked("rows", Tagger(0), tags, batch)
    assert found.status == "wrong"
    assert answer("rows", Tagger(0), tags, turned) == "along-first"


def test_a_batch_sorted_by_length_may_be_either() -> None:
    torch.manual_seed(0)
    batch = words(sorted(RAGGED, reverse=True))
    turned = tuple(each.T.contiguous() for each in batch)
    assert answer("rows", Tagger(0), tags, batch) == answer("rows", Tagger(0), tags, turned) == "along-first"


def test_lengths_tell_it() -> None:
    torch.manual_seed(0)
    lengths = sorted(RAGGED, reverse=True)
    held, found = words(lengths)
    counted = torch.tensor(lengths)
    assert answer("rows", Tagger(0), tags, (held, counted, found)) == "wrong"
    turned = held.T.contiguous(), counted, found.T.contiguous()
    assert answer("rows", Tagger(0), tags, turned) == "along-first"


def test_numbers_with_frames_of_zeros_behind_them() -> None:
    torch.manual_seed(0)
    real = torch.arange(11) < torch.tensor(RAGGED)[:, None]
    held = torch.randn(8, 11, 5) * real[..., None]
    batch = held, torch.randint(TAGS, (8, 11)).masked_fill(~real, -100)
    turned = tuple(each.transpose(0, 1).contiguous() for each in batch)
    assert answer("rows", Tagger(0, 5), tags, batch) == "wrong"
    assert answer("rows", Tagger(0, 5), tags, turned) == "along-first"


def test_the_loader_puts_its_rows_on_the_first_axis() -> None:
    torch.manual_seed(0)
    batch = words()
    held = TensorDataset(*batch)
    assert answer("rows", Tagger(0), tags, batch) == "along-first"
    assert answer("rows", Tagger(0), tags, batch, loader=DataLoader(held, 8)) == "wrong"

    def behind(rows: list[Any]) -> list[Tensor]:
        return [torch.stack(each, 1) for each in zip(*rows, strict=True)]

    turned = tuple(each.T.contiguous() for each in batch)
    loader = DataLoader(held, 8, collate_fn=behind)
    assert answer("rows", Tagger(0), tags, turned, loader=loader) == "along-first"


def test_the_reason_names_the_layer() -> None:
    torch.manual_seed(0)
    said = str(asked("rows", Tagger(0), tags, words()).sentence)
    assert said.startswith("rnn reads along the first axis (8): right if the positions are on it")


def test_a_single_series_without_an_axis_of_rows() -> None:
    class Single(Tagger):
        def forward(self, words: Tensor, lengths: Tensor | None = None) -> Tensor:  # noqa: ARG002 (the parent's)
            return self.head(self.rnn(words)[0])

    torch.manual_seed(0)
    loss = lambda model, batch: F.cross_entropy(model(batch[0]), batch[1])  # noqa: E731
    assert answer("rows", Single(1), loss, (torch.randn(12, 16), torch.randint(TAGS, (12,)))) == "along-first"


def test_rows_that_see_each_other_beside_a_layer_that_is_given_its_axis_right() -> None:
    class Turned(Tagger):
        def forward(self, words: Tensor, lengths: Tensor | None = None) -> Tensor:  # noqa: ARG002 (the parent's)
            made = self.rnn(self.embed(words).transpose(0, 1))[0].transpose(0, 1)
            return self.head(made - made.mean(0))

    torch.manual_seed(0)
    assert answer("rows", Turned(0), tags, words()) == "wrong"


def test_texts_packed_time_first() -> None:
    class Packs(Tagger):
        def forward(self, words: Tensor, lengths: Tensor | None = None) -> Tensor:
            assert lengths is not None
            packed = pack_padded_sequence(self.embed(words), lengths, enforce_sorted=False)
            return self.head(pad_packed_sequence(self.rnn(packed)[0])[0])

    torch.manual_seed(0)
    held, found = (each.T.contiguous() for each in words(RAGGED))
    assert answer("rows", Packs(0), tags, (held, torch.tensor(RAGGED), found)) == "along-first"


@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.parametrize("convolves", [True, False])
def test_a_single_series_that_is_given_an_axis_of_rows_within_the_model(convolves: bool, flat: bool) -> None:
    class Within(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv1d(5, 16, 3, padding=1)
            self.rnn = nn.GRU(5, 8, batch_first=True, bidirectional=True)
            self.head = nn.Linear(16, 1 if flat else TAGS)

        def forward(self, x: Tensor) -> Tensor:
            made = self.conv(x.T[None])[0].T if convolves else self.rnn(x[None])[0][0]
            return self.head(made).squeeze(-1) if flat else self.head(made)

    torch.manual_seed(0)
    loss: Any = lambda model, batch: (F.mse_loss if flat else F.cross_entropy)(model(batch[0]), batch[1])  # noqa: E731
    target = torch.randn(40) if flat else torch.randint(TAGS, (40,))
    assert answer("rows", Within(), loss, (torch.randn(40, 5), target)) == "along-first"


def test_images_as_wide_as_there_are_rows_are_still_looked_at() -> None:
    class Images(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.head = nn.Conv2d(1, 4, 3, padding=1), nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            made = self.conv(x).mean((2, 3))
            return self.head(made - made.mean(0))

    torch.manual_seed(0)
    loss = lambda model, batch: F.cross_entropy(model(batch[0]), batch[1])  # noqa: E731
    assert answer("rows", Images(), loss, (torch.randn(8, 1, 8, 8), torch.randint(3, (8,)))) == "wrong"
