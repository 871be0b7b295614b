"""The answer as a second text: found where the model reads it in its order; teacher forcing and copies are sound."""

from typing import Any

import pytest
import torch
from tests.unit.checks.asked import Loss, answer, asked
from tests.unit.checks.healthy import VOCABULARY, Reader, Transformer, mlp
from tests.unit.checks.test_two_texts import OfLabels, Translator, _of_labels, _pairs, _texts, _translation
from torch import Tensor, nn
from torch.nn import functional as F


class Beside(nn.Module):
    """A language model that is given a second text: position by position, after a recurrence, or as a whole."""

    def __init__(self, reads: str, inner: nn.Module | None = None) -> None:
        super().__init__()
        self.inner, self.reads = Reader() if inner is None else inner, reads
        self.other, self.head = nn.Embedding(VOCABULARY, 32), nn.Linear(32, VOCABULARY)
        self.lstm = nn.LSTM(32, 32, batch_first=True)

    def forward(self, tokens: Tensor, side: Tensor) -> Tensor:
        made, x = self.inner(tokens), self.other(side)
        if self.reads == "margin":  # a target has to be ahead of the others by so much
            return made - 0.3 * F.one_hot(side, VOCABULARY)
        if self.reads == "in order":
            x = self.lstm(x)[0]
        if self.reads == "before":
            x = F.pad(x, (0, 0, 1, 0))[:, :-1]
        if self.reads == "whole":
            x = x.mean(1, keepdim=True).expand_as(x)
        if self.reads == "rounded":
            step = torch.cat([made, self.head(x)]).detach().abs().mean() / 4
            return made + ((made / step).round() * step - made).detach()
        return made if self.reads == "nothing" else made + self.head(x)


def _given_targets(model: nn.Module, held: Tensor) -> Tensor:
    """As nanoGPT is called: the targets are an argument, for the loss that the model computes."""
    return F.cross_entropy(model(held[:, :-1], held[:, 1:]).flatten(0, 1), held[:, 1:].flatten())


@pytest.mark.parametrize("reads", ["here", "in order"])
def test_targets_that_a_language_model_reads_are_found(reads: str) -> None:
    torch.manual_seed(0)
    held = torch.randint(2, VOCABULARY, (8, 21))
    found = asked("answers", Beside(reads), _given_targets, held)
    assert found.sentence.id == "check-answers.text", found
    assert found.evidence["name"] == "[0][1]"
    assert answer("answers", Beside(reads, Transformer(dropout=0.0)), _given_targets, held) == "wrong"


EXPECTED = {
    "nothing": "sound", "before": "sound", "rounded": "rounded", "margin": "answers-own", "whole": "answers-whole",
}  # fmt: skip


@pytest.mark.parametrize(("reads", "expected"), EXPECTED.items())
def test_targets_that_are_given_and_not_read_ahead_are_sound(reads: str, expected: str) -> None:
    torch.manual_seed(0)
    held = torch.randint(2, VOCABULARY, (8, 21))
    assert answer("answers", Beside(reads), _given_targets, held) == expected


def test_another_text_beside_is_sound() -> None:
    torch.manual_seed(0)
    held = torch.randint(2, VOCABULARY, (8, 21))

    def loss(model: nn.Module, held: Tensor) -> Tensor:
        places = torch.arange(20).expand(8, -1)
        return F.cross_entropy(model(held[:, :-1], places).flatten(0, 1), held[:, 1:].flatten())

    def twice(model: nn.Module, held: Tensor) -> Tensor:
        return F.cross_entropy(model(held[:, :-1], held[:, :-1]).flatten(0, 1), held[:, 1:].flatten())

    def both_sides(model: nn.Module, held: Tensor) -> Tensor:  # the tokens before and behind that which is to be found
        return F.cross_entropy(model(held[:, :-2], held[:, 2:]).flatten(0, 1), held[:, 1:-1].flatten())

    for sound in (loss, twice, both_sides):
        assert answer("answers", Beside("here"), sound, held) in ("sound", "no-single-targets"), sound
    corrected = torch.where(torch.rand(8, 21) < 0.02, 1, held)

    def corrects(model: nn.Module, held: Tensor) -> Tensor:  # as of a text with errors, of the same length
        return F.cross_entropy(model(held[:, :-1], corrected[:, 1:]).flatten(0, 1), held[:, 1:].flatten())

    assert answer("answers", Beside("here"), corrects, held) == "sound"


TASKS = {
    "translation": lambda: _pairs(_texts(), _texts()),
    "copy": lambda: _pairs(*[_texts()] * 2),
    "reversal": lambda: _pairs(text := _texts(), text.flip(1)),
}


@pytest.mark.parametrize(
    ("task", "expected"), [("translation", "sound"), ("copy", "answers-whole"), ("reversal", "sound")]
)
def test_teacher_forcing_is_sound(task: str, expected: str) -> None:
    torch.manual_seed(0)
    assert answer("answers", Translator(), _translation, TASKS[task]()) == expected
    assert answer("answers", OfLabels(), _of_labels, TASKS[task]()) == "no-single-targets"


def test_a_decoder_that_is_given_its_targets_beside_a_shifted_source_is_found() -> None:
    torch.manual_seed(0)
    text = _texts()
    batch = _pairs(F.pad(text, (1, 0), value=1)[:, :-1], text)
    assert answer("answers", Translator(), _translation, batch) == "no-single-targets"
    batch["given"] = batch["target"]
    assert answer("answers", Translator(), _translation, batch) == "wrong"


def test_hidden_tokens_and_texts_that_are_coded_have_no_second_text() -> None:
    torch.manual_seed(0)
    held = torch.randint(2, VOCABULARY, (8, 20))

    def coded(model: nn.Module, held: Tensor) -> Tensor:
        return F.cross_entropy(model(held, held).flatten(0, 1), held.flatten())

    assert answer("answers", Beside("here"), coded, held) == "no-single-targets"


class Margin(nn.Module):
    """A classifier whose own class has to be ahead by a margin (ArcFace), or that reads the class."""

    def __init__(self, *, reads: bool) -> None:
        super().__init__()
        self.layers, self.classes = mlp(5), nn.Embedding(5, 5) if reads else None

    def forward(self, x: Tensor, classes: Tensor) -> Tensor:
        made = self.layers(x)
        return made - 0.5 * F.one_hot(classes, 5) if self.classes is None else made + self.classes(classes)


def test_a_margin_of_a_class_is_no_answer() -> None:
    torch.manual_seed(0)
    batch: Any = torch.randn(64, 10), torch.randint(0, 5, (64,))
    loss: Loss = lambda model, batch: F.cross_entropy(model(*batch), batch[1])  # noqa: E731
    assert answer("answers", Margin(reads=True), loss, batch) == "wrong"
    assert answer("answers", Margin(reads=False), loss, batch) == "answers-own"
