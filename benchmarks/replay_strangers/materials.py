"""What the trainings are made of: texts, pictures and models, all of them functions of a seed."""

import math
import os
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def chance(*numbers: int) -> torch.Generator:
    """A generator that depends on nothing but these numbers."""
    state = 1
    for number in numbers:
        state = (state * 1_000_003 + number + 7) % 2**31
    return torch.Generator().manual_seed(state)


# Texts


def zipf_text(words: int = 50_000) -> str:
    """Sentences of made-up words; the frequency of a word falls with its rank."""
    source = chance(11)
    consonants, vowels = "bcdfghjklmnprstvwz", "aeiou"

    def draw(letters: str) -> str:
        return letters[int(torch.randint(len(letters), (1,), generator=source))]

    vocabulary = []
    for _ in range(300):
        syllables = 1 + int(torch.randint(4, (1,), generator=source))
        vocabulary.append("".join(draw(consonants) + draw(vowels) for _ in range(syllables)))
    ranks = torch.arange(1, len(vocabulary) + 1).float()
    picks = torch.multinomial(1 / ranks, words, replacement=True, generator=source).tolist()
    return "".join(vocabulary[pick] + (". " if at % 9 == 8 else " ") for at, pick in enumerate(picks))


@cache
def characters() -> tuple[Tensor, int]:
    """The text as numbers of its characters, and how many characters there are (0 is any rare one)."""
    path = os.environ.get("NEWLLM_TEXT")
    text = Path(path).read_text(encoding="utf-8")[:300_000] if path else zipf_text()
    counts = {letter: text.count(letter) for letter in set(text)}
    kept = sorted(counts, key=lambda letter: (-counts[letter], letter))[:63]
    numbers = {letter: at for at, letter in enumerate(kept, 1)}
    return torch.tensor([numbers.get(letter, 0) for letter in text]), len(kept) + 1


def windows(step: int, rows: int, length: int, salt: int = 0) -> tuple[Tensor, Tensor]:
    """Inputs and targets: pieces of the text from places drawn for this step."""
    ids, _ = characters()
    starts = torch.randint(len(ids) - length - 1, (rows, 1), generator=chance(step, salt))
    piece = ids[starts + torch.arange(length + 1)]
    return piece[:, :-1], piece[:, 1:]


# Pictures

SIDE = 12


@cache
def pictures(rows: int = 4096, noise: float = 1.0) -> tuple[Tensor, Tensor]:
    """Blurred patterns of ten classes, moved about and noisy, with their classes."""
    source = chance(23)
    patterns = F.interpolate(torch.randn(10, 1, 4, 4, generator=source), size=SIDE, mode="bilinear")
    classes = torch.randint(10, (rows,), generator=source)
    moves = torch.randint(-2, 3, (rows, 2), generator=source).tolist()
    moved = [torch.roll(patterns[k], (dy, dx), (1, 2)) for k, (dy, dx) in zip(classes.tolist(), moves, strict=True)]
    return torch.stack(moved) + noise * torch.randn(rows, 1, SIDE, SIDE, generator=source), classes


def shuffled_rows(step: int, size: int, total: int) -> Tensor:
    """Which rows are in the batch of this step, in an order that is drawn anew for each epoch."""
    epoch, at = divmod(step, total // size)
    return torch.randperm(total, generator=chance(epoch, 31))[at * size : (at + 1) * size]


def some_pictures(step: int, size: int = 64) -> tuple[Tensor, Tensor]:
    """The pictures and classes of this step."""
    images, classes = pictures()
    rows = shuffled_rows(step, size, len(images))
    return images[rows], classes[rows]


# Models


class CharRecurrent(nn.Module):
    """Characters through a GRU, an LSTM or a plain RNN."""

    def __init__(self, kind: Callable[..., Any], vocabulary: int, width: int = 96, dropout: float = 0.0, **options):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, 32)
        self.cell = kind(32, width, batch_first=True, **options)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, vocabulary)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of the next character at each place."""
        states, _ = self.cell(self.embedding(tokens))
        return self.head(self.dropout(states))


class LibraryDecoder(nn.Module):
    """A decoder from torch's own encoder layers and a causal mask."""

    def __init__(self, vocabulary: int, width: int = 64, layers: int = 2, length: int = 64, dropout: float = 0.1):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.places = nn.Parameter(torch.randn(length, width) * 0.02)
        layer = nn.TransformerEncoderLayer(width, 4, 4 * width, dropout, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(width, vocabulary)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of the next token at each place."""
        length = tokens.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(length)
        return self.head(self.blocks(self.embedding(tokens) + self.places[:length], mask=mask, is_causal=True))


class OwnBlock(nn.Module):
    """Attention and two linear layers; the norms stand behind the sums, or before what is added."""

    def __init__(self, width: int, heads: int, norm_first: bool):
        super().__init__()
        self.heads, self.norm_first = heads, norm_first
        self.mix, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def attend(self, x: Tensor) -> Tensor:
        """Causal self-attention."""
        rows, length, width = x.shape
        q, k, v = self.mix(x).view(rows, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        future = torch.ones(length, length, dtype=torch.bool).triu(1)
        read = scores.masked_fill(future, -math.inf).softmax(-1) @ v
        return self.out(read.transpose(1, 2).reshape(rows, length, width))

    def forward(self, x: Tensor) -> Tensor:
        """One block."""
        if self.norm_first:
            x = x + self.attend(self.norm_1(x))
            return x + self.narrow(F.gelu(self.wide(self.norm_2(x))))
        x = self.norm_1(x + self.attend(x))
        return self.norm_2(x + self.narrow(F.gelu(self.wide(x))))


class OwnDecoder(nn.Module):
    """A decoder written by hand."""

    def __init__(self, vocabulary: int, width: int = 64, layers: int = 2, length: int = 64, norm_first: bool = True):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.places = nn.Embedding(length, width)
        self.blocks = nn.Sequential(*[OwnBlock(width, 4, norm_first) for _ in range(layers)])
        self.head = nn.Linear(width, vocabulary)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of the next token at each place."""
        return self.head(self.blocks(self.embedding(tokens) + self.places(torch.arange(tokens.shape[1]))))


class Smoothing(nn.Module):
    """A recurrence of its own: state = gain * state + input, with a learnt gain below one, or without a gain."""

    def __init__(self, vocabulary: int, width: int = 128, forgets: bool = True):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.gain = nn.Parameter(torch.linspace(0.3, 0.97, width).logit()) if forgets else None
        self.mix, self.read = nn.Linear(width, width), nn.Linear(2 * width, width)
        self.head = nn.Linear(width, vocabulary)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of the next character at each place."""
        now = self.embedding(tokens)
        inputs = F.relu(self.mix(now))
        state = torch.zeros_like(inputs[:, 0])
        states = []
        for at in range(inputs.shape[1]):
            state = (state if self.gain is None else self.gain.sigmoid() * state) + inputs[:, at]
            states.append(state)
        return self.head(F.relu(self.read(torch.cat([torch.stack(states, 1), now], -1))))


class SmallCNN(nn.Module):
    """Two convolutions with batch norm, and a linear layer."""

    def __init__(self, channels: int = 12, norm: bool = True):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, channels, 3, padding=1),
            nn.BatchNorm2d(channels) if norm else nn.Identity(),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(channels, 2 * channels, 3, padding=1),
            nn.BatchNorm2d(2 * channels) if norm else nn.Identity(),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
        )
        self.head = nn.Linear(2 * channels * 9, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of the ten classes."""
        return self.head(self.layers(images))


def dense(widths: list[int], activation: type[nn.Module] = nn.ReLU, norm: bool = False, dropout: float = 0.0):
    """Linear layers with what is asked for between them."""
    layers: list[nn.Module] = []
    for at, (before, after) in enumerate(pairwise(widths)):
        layers.append(nn.Linear(before, after))
        if at < len(widths) - 2:
            layers += [nn.LayerNorm(after)] if norm else []
            layers += [activation()]
            layers += [nn.Dropout(dropout)] if dropout else []
    return nn.Sequential(*layers)


class PictureVAE(nn.Module):
    """A variational autoencoder of small pictures; `kl_weight` is set by the schedule."""

    def __init__(self, hidden: int = 128, code: int = 8):
        super().__init__()
        self.encoder = dense([SIDE * SIDE, hidden, 2 * code])
        self.decoder = dense([code, hidden, SIDE * SIDE])
        self.kl_weight = 1.0

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The squared error and the divergence, both per picture."""
        flat = images.flatten(1)
        mean, log_variance = self.encoder(flat).chunk(2, -1)
        code = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        error = (self.decoder(code) - flat).square().sum(-1).mean()
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1).mean()
        return error, divergence


class Reverser(nn.Module):
    """A GRU reads the symbols, another one writes them backwards."""

    def __init__(self, symbols: int, width: int = 96):
        super().__init__()
        self.embedding = nn.Embedding(symbols + 1, 32)
        self.reader = nn.GRU(32, width, batch_first=True)
        self.writer = nn.GRU(32, width, batch_first=True)
        self.head = nn.Linear(width, symbols)

    def forward(self, source: Tensor, shifted: Tensor) -> Tensor:
        """Logits of each symbol of the answer, given those before it."""
        _, state = self.reader(self.embedding(source))
        states, _ = self.writer(self.embedding(shifted), state)
        return self.head(states)


def next_token_loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Cross entropy of the next token."""
    tokens, targets = batch
    return F.cross_entropy(model(tokens).flatten(0, 1), targets.flatten())


def class_loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Cross entropy of the classes."""
    inputs, classes = batch
    return F.cross_entropy(model(inputs), classes)
