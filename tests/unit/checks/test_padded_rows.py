"""Padding that the output of a whole row hangs on, under masks of any name; what only looks so is not called wrong."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.unit.checks.asked import asked
from tests.unit.checks.healthy import Transformer
from torch import Tensor, nn
from torch.nn import functional as F

from newllm.checks.outcome import Outcome

WORDS, LENGTH, ROWS = 40, 12, 16
Pool = Callable[[Tensor, Tensor, Tensor], Tensor]


def first(x: Tensor, real: Tensor, ids: Tensor) -> Tensor:  # noqa: ARG001 (a pool's form)
    return x[:, 0]


def last_text(x: Tensor, real: Tensor, ids: Tensor) -> Tensor:  # noqa: ARG001 (a pool's form)
    return x[torch.arange(len(x)), (real * torch.arange(real.shape[1])).argmax(1)]


def last_by_ids(x: Tensor, real: Tensor, ids: Tensor) -> Tensor:  # noqa: ARG001 (a pool's form)
    """As GPT-2's classifier of transformers does: it looks for the last token that is none of padding."""
    return last_text(x, ids != 0, ids)


def mean_of_text(x: Tensor, real: Tensor, ids: Tensor) -> Tensor:  # noqa: ARG001 (a pool's form)
    return (x * real[..., None]).sum(1) / real.sum(1, keepdim=True)


def mean_of_all(x: Tensor, real: Tensor, ids: Tensor) -> Tensor:  # noqa: ARG001 (a pool's form)
    return x.mean(1)


def last(x: Tensor, real: Tensor, ids: Tensor) -> Tensor:  # noqa: ARG001 (a pool's form)
    return x[:, -1]


def largest(x: Tensor, real: Tensor, ids: Tensor) -> Tensor:  # noqa: ARG001 (a pool's form)
    return x.amax(1)


class Reads(nn.Module):
    """A classifier of texts that may leave padding out of attention, and pools its positions."""

    def __init__(self, pool: Pool, *, masks: bool = True, name: str = "attention_mask", places: bool = False) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(WORDS, 16), nn.Linear(16, 3)
        self.block = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
        self.places = nn.Parameter(torch.randn(LENGTH, 16)) if places else None
        self.pool, self.masks, self.name = pool, masks, name

    def forward(self, ids: Tensor, **options: Tensor) -> Tensor:
        x = self.embedding(ids)
        x = x if self.places is None else x + self.places
        mask = options.get(self.name, torch.ones_like(ids))
        real = mask.bool() if self.name in ("attention_mask", "is_text") else ~mask.bool()
        return self.head(self.pool(self.block(x, src_key_padding_mask=~real if self.masks else None), real, ids))


class Sums(nn.Module):
    """The sum of a row's embeddings, of which that of padding is zero."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(WORDS, 16, padding_idx=0), nn.Linear(16, 3)

    def forward(self, ids: Tensor, attention_mask: Tensor) -> Tensor:
        return self.head(self.embedding(ids).sum(1)) + 0 * attention_mask.sum()


def _ids(in_front: bool = False) -> Tensor:
    lengths = torch.randint(4, LENGTH + 1, (ROWS, 1))
    at = torch.arange(LENGTH).flip(0) if in_front else torch.arange(LENGTH)
    return torch.randint(1, WORDS, (ROWS, LENGTH)) * (at < lengths)


def _said(model: nn.Module, name: str = "attention_mask", *, in_front: bool = False, gives: bool = True) -> Outcome:
    ids = _ids(in_front)
    mask = {
        "attention_mask": (ids != 0).long(), "pad_mask": ids == 0, "src_key_padding_mask": ids == 0,
        "is_text": (ids != 0).float(), "padding": (ids == 0).long(),
    }[name]  # fmt: skip
    batch = {"ids": ids, name: mask, "labels": torch.arange(ROWS) % 3}

    def loss(model: nn.Module, batch: dict[str, Any]) -> Tensor:
        return F.cross_entropy(model(batch["ids"], **({name: batch[name]} if gives else {})), batch["labels"])

    return asked("padding", model, loss, batch)


NAMES = ["attention_mask", "pad_mask", "src_key_padding_mask", "is_text", "padding"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("pool", [first, mean_of_all, last, largest], ids=lambda one: one.__name__)
def test_padding_that_is_read_is_found(pool: Pool, name: str) -> None:
    torch.manual_seed(0)
    found = _said(Reads(pool, masks=pool is not first, name=name), name)
    assert found.sentence.id == "check-padding.row-read", found
    found = _said(Reads(pool, masks=False, name=name, places=True), name)
    assert found.sentence.id == "check-padding.row-embedding", found


@pytest.mark.parametrize("in_front", [True, False])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("places", [True, False])
def test_padding_that_is_left_out_is_sound(name: str, in_front: bool, places: bool) -> None:
    torch.manual_seed(0)
    pools = [mean_of_text, last_text, last_by_ids, *([last] if in_front else [first])]
    for pool in pools:
        found = _said(Reads(pool, name=name, places=places), name, in_front=in_front)
        assert found.status == "sound", (pool, str(found.sentence))


def test_a_model_that_adds_up_zeros_for_padding_is_sound() -> None:
    torch.manual_seed(0)
    found = _said(Sums())
    assert (found.status, found.sentence.parameters["how"]) == ("sound", "row-read")


@pytest.mark.parametrize("places", [True, False])
def test_a_mask_that_the_model_is_not_given_may_not_be_needed(places: bool) -> None:
    torch.manual_seed(0)
    assert _said(Reads(first, places=places), gives=False).sentence.id == "check-reason.mask-not-given"
    pads = Reads(mean_of_all, places=True)
    pads.embedding = nn.Embedding(WORDS, 16, padding_idx=0)
    assert _said(pads).sentence.id == "check-reason.padding-fixed"


class Marked(Reads):
    """It answers at the token that a mask marks, as of a class at the end."""

    def forward(self, ids: Tensor, **options: Tensor) -> Tensor:
        return self.head(self.block(self.embedding(ids))[options["marks"]])


def test_a_mask_of_a_token_at_the_end_is_none_of_padding() -> None:
    torch.manual_seed(0)
    ids = torch.randint(2, WORDS, (ROWS, LENGTH))
    ids[:, -1] = 1
    batch = {"ids": ids, "marks": ids == 1, "labels": torch.arange(ROWS) % 3}
    loss: Any = lambda m, b: F.cross_entropy(m(b["ids"], marks=b["marks"]), b["labels"])  # noqa: E731
    assert asked("padding", Marked(first), loss, batch).status == "unchecked"


class Infills(Transformer):
    """It finds tokens that are hidden at the ends of rows, and is told where they are."""

    def forward(self, tokens: Tensor, hidden: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(tokens) + 0 * hidden.sum()


def test_a_mask_of_hidden_tokens_is_none_of_padding() -> None:
    torch.manual_seed(0)
    ids = torch.randint(1, WORDS, (ROWS, LENGTH))
    hidden = torch.arange(LENGTH) >= torch.randint(4, LENGTH + 1, (ROWS, 1))
    batch = {"ids": ids, "hidden": hidden}

    def loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        made = model(batch["ids"].masked_fill(batch["hidden"], 0), hidden=batch["hidden"])
        return F.cross_entropy(made.flatten(0, 1), batch["ids"].masked_fill(~batch["hidden"], -100).flatten())

    assert asked("padding", Infills(causal=False), loss, batch).status == "unchecked"


def test_the_source_of_a_decoder_that_reads_padding_is_found() -> None:
    class Translates(nn.Module):
        def __init__(self, masks: bool) -> None:
            super().__init__()
            self.embedding, self.head, self.masks = nn.Embedding(WORDS, 16), nn.Linear(16, WORDS), masks
            self.attention = nn.MultiheadAttention(16, 2, batch_first=True)

        def forward(self, source: Tensor, given: Tensor, source_mask: Tensor) -> Tensor:
            x, y = self.embedding(source), self.embedding(given)
            return self.head(y + self.attention(y, x, x, key_padding_mask=source_mask if self.masks else None)[0])

    def loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        made = model(batch["source"], batch["given"], batch["source_mask"])
        return F.cross_entropy(made.flatten(0, 1), batch["target"].flatten())

    torch.manual_seed(0)
    source, target = _ids(), torch.randint(1, WORDS, (ROWS, 7))
    batch = {"source": source, "given": F.pad(target, (1, 0))[:, :-1], "target": target, "source_mask": source == 0}
    assert asked("padding", Translates(True), loss, batch).sentence.id == "check-padding.row"
    assert asked("padding", Translates(False), loss, batch).sentence.id == "check-padding.row-read"
