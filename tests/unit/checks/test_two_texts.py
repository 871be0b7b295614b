"""Models that read a text as a whole, and decoders beside them: only what is to be predicted must not be read ahead."""

from typing import Any

import pytest
import torch
from tests.unit.checks.asked import answer, asked
from tests.unit.checks.healthy import VOCABULARY, Reader, Transformer
from torch import Tensor, nn
from torch.nn import functional as F


class Translator(nn.Module):
    """An encoder and a decoder of one layer each, whose decoder may read ahead."""

    def __init__(self, *, causal: bool = True) -> None:
        super().__init__()
        self.embedding, self.place = nn.Embedding(VOCABULARY, 32), nn.Embedding(40, 32)
        self.layers = nn.Transformer(32, 2, 1, 1, 64, 0.0, batch_first=True)
        self.head, self.causal = nn.Linear(32, VOCABULARY), causal

    def forward(self, source: Tensor, given: Tensor) -> Tensor:
        x, y = (self.embedding(each) + self.place(torch.arange(each.shape[1])) for each in (source, given))
        length = given.shape[1]
        mask = torch.ones(length, length, dtype=torch.bool).triu(1) if self.causal else None
        return self.head(self.layers(x, y, tgt_mask=mask))


class OfLabels(Translator):
    """As T5 is: it makes the decoder's tokens of the labels itself, shifted or not."""

    def __init__(self, shift: int = 1) -> None:
        super().__init__()
        self.shift = shift

    def forward(self, source: Tensor, labels: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(source, F.pad(labels, (self.shift, 0), value=1)[:, : labels.shape[1]])


def _pairs(source: Tensor, target: Tensor) -> dict[str, Tensor]:
    return {"source": source, "given": F.pad(target, (1, 0), value=1)[:, :-1], "target": target}


def _translation(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    logits = model(batch["source"], batch["given"])
    return F.cross_entropy(logits.flatten(0, 1), batch["target"].flatten())


def _of_labels(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    logits = model(batch["source"], labels=batch["target"])
    return F.cross_entropy(logits.flatten(0, 1), batch["target"].flatten())


def _texts() -> Tensor:
    return torch.randint(2, VOCABULARY, (8, 12))


TASKS = {
    "translation": lambda: _pairs(_texts(), _texts()),
    "copy": lambda: _pairs(*[_texts()] * 2),
    "copy of a source that begins with a token of its own": lambda: _pairs(
        F.pad(text := _texts(), (1, 0), value=1)[:, :-1], text
    ),
    "reversal": lambda: _pairs(text := _texts(), text.flip(1)),
}


@pytest.mark.parametrize("task", TASKS)
def test_a_source_as_long_as_the_decoders_input_may_be_read_as_a_whole(task: str) -> None:
    torch.manual_seed(0)
    batch = TASKS[task]()
    assert answer("causality", Translator(), _translation, batch) == "sound"
    assert answer("shift", Translator(), _translation, batch) == "sound"
    assert answer("causality", Translator(causal=False), _translation, batch) == "wrong"


@pytest.mark.parametrize("task", TASKS)
def test_a_decoder_that_is_given_its_targets_is_found(task: str) -> None:
    torch.manual_seed(0)
    batch = TASKS[task]()
    batch["given"] = batch["target"]
    if "own" in task:  # then the source alone holds the targets one position on, as a text of its own does
        assert answer("shift", Translator(), _translation, batch) == "sound"
    else:
        assert asked("shift", Translator(), _translation, batch).sentence.id == "check-shift.same"


@pytest.mark.parametrize("task", TASKS)
def test_labels_that_the_model_shifts_itself_are_not_read_ahead(task: str) -> None:
    torch.manual_seed(0)
    batch = TASKS[task]()
    assert answer("causality", OfLabels(), _of_labels, batch) == "sound"
    assert answer("causality", OfLabels(shift=0), _of_labels, batch) == "wrong"
    assert answer("shift", OfLabels(), _of_labels, batch) != "wrong"


class Coded(Reader):
    """An autoencoder of texts: a row goes through one vector."""

    def forward(self, tokens: Tensor) -> Tensor:
        _, (code, _) = self.lstm(self.embedding(tokens))
        return self.head(self.lstm(code[0][:, None].expand(-1, tokens.shape[1], -1))[0])


def _same(model: nn.Module, tokens: Tensor, share: float = 0.0) -> Tensor:
    noise = torch.rand(tokens.shape) < share
    given = torch.where(noise, torch.randint(0, VOCABULARY, tokens.shape), tokens)
    return F.cross_entropy(model(given).flatten(0, 1), tokens.flatten())


def _hidden(model: nn.Module, tokens: Tensor, *, hides: bool) -> Tensor:
    chosen = torch.rand(tokens.shape) < 0.2
    given = tokens.masked_fill(chosen, 0) if hides else tokens
    return F.cross_entropy(model(given).flatten(0, 1), tokens.masked_fill(~chosen, -100).flatten())


def test_what_is_read_as_a_whole_may_be_copied_corrected_or_coded() -> None:
    torch.manual_seed(0)
    tokens = _texts()
    assert answer("shift", Coded(), _same, tokens) == "read-whole"
    assert answer("shift", Transformer(causal=False), lambda m, b: _same(m, b, 0.02), tokens) == "read-whole"
    assert asked("shift", Transformer(), _same, tokens).sentence.id == "check-shift.same"
    assert asked("shift", Reader(), _same, tokens).sentence.id == "check-shift.same"


def test_hidden_tokens_that_were_not_hidden_are_found() -> None:
    torch.manual_seed(0)
    tokens = torch.randint(2, VOCABULARY, (8, 30))
    model = Transformer(causal=False)
    assert answer("shift", model, lambda m, b: _hidden(m, b, hides=True), tokens) == "not-next-token"
    assert asked("shift", model, lambda m, b: _hidden(m, b, hides=False), tokens).sentence.id == "check-shift.shown"


class Tagger(nn.Module):
    """A class for each token of a text; attention leaves padding out. A source beside it has a mask of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(VOCABULARY, 32), nn.Linear(32, 5)
        self.attention = nn.MultiheadAttention(32, 2, batch_first=True)

    def forward(self, tokens: Tensor, attention_mask: Tensor) -> Tensor:
        x = self.embedding(tokens)
        return self.head(x + self.attention(x, x, x, key_padding_mask=attention_mask == 0)[0])


def _lengths() -> Tensor:
    return (torch.arange(12) < torch.tensor([12, 4, 6, 8, 10, 11, 5, 7])[:, None]).long()


def _tags(model: nn.Module, batch: dict[str, Any]) -> Tensor:
    logits = model(batch["tokens"], attention_mask=batch["attention_mask"])
    return F.cross_entropy(logits.flatten(0, 1), batch["tags"].flatten())


@pytest.mark.parametrize(("filler", "expected"), [(-100, "sound"), (0, "wrong"), (None, "padding-targets")])
def test_padding_that_a_tagger_counts_is_found(filler: int | None, expected: str) -> None:
    torch.manual_seed(0)
    mask, tags = _lengths(), torch.randint(0, 5, (8, 12))
    batch = {"tokens": _texts() * mask, "attention_mask": mask, "tags": tags}
    if filler is not None:
        batch["tags"] = tags.masked_fill(mask == 0, filler)
    assert answer("padding", Tagger(), _tags, batch) == expected


class Masked(Translator):
    """A translator whose source is padded."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(32, 2, 64, 0.0, batch_first=True)
        self.layers.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)

    def forward(self, source: Tensor, given: Tensor, attention_mask: Tensor) -> Tensor:  # type: ignore[override]
        padding = attention_mask == 0
        length = given.shape[1]
        mask = torch.ones(length, length, dtype=torch.bool).triu(1)
        made = self.layers(
            self.embedding(source), self.embedding(given), tgt_mask=mask,
            src_key_padding_mask=padding, memory_key_padding_mask=padding,
        )  # fmt: skip
        return self.head(made)


@pytest.mark.parametrize("in_front", [False, True])
def test_targets_of_another_text_are_not_the_padding_of_the_source(in_front: bool) -> None:
    def loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        logits = model(batch["source"], batch["given"], attention_mask=batch["attention_mask"])
        return F.cross_entropy(logits.flatten(0, 1), batch["target"].flatten())

    torch.manual_seed(0)
    mask = _lengths().flip(1) if in_front else _lengths()
    batch = _pairs(_texts() * mask, _texts()) | {"attention_mask": mask}
    assert answer("padding", Masked(), loss, batch) == "padding-targets"
