"""Data of all tasks: texts of this repository, scikit-learn's digits, and what a few lines of code make up."""

import lzma
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor

_BUNDLED = Path(__file__).parents[3] / "src" / "newllm" / "data" / "bundled"
Batch = tuple[Tensor, ...]


@lru_cache(maxsize=1)
def moby() -> str:
    """Return Moby Dick, which newllm bundles."""
    return lzma.decompress((_BUNDLED / "moby-dick.txt.xz").read_bytes()).decode()


def sentences() -> str:
    """Return short, simple English sentences, also bundled."""
    return "".join(path.read_text() for path in sorted(_BUNDLED.glob("sentences*.txt")))


class Alphabet:
    """Characters as ids; one that is unknown becomes 0."""

    def __init__(self, text: str):
        self.signs = sorted(set(text))
        self._ids = {sign: number for number, sign in enumerate(self.signs)}

    def __len__(self) -> int:
        return len(self.signs)

    def encode(self, text: str) -> Tensor:
        """Return the ids of a text."""
        return torch.tensor([self._ids.get(sign, 0) for sign in text])


def windows(ids: Tensor, length: int, batch: int, seed: int) -> Callable[[int], Batch]:
    """Draw rows of a text at random places, as nanoGPT does: input, and target one further."""

    def draw(step: int) -> Batch:
        chance = torch.Generator().manual_seed(seed * 1_000_003 + step)
        starts = torch.randint(len(ids) - length - 1, (batch,), generator=chance)
        rows = torch.stack([ids[start : start + length + 1] for start in starts])
        return rows[:, :-1], rows[:, 1:]

    return draw


class Loader:
    """Batches of a data set by step, shuffled anew each epoch.

    Attributes:
        order: "shuffled"; "sorted" by the last tensor; "same", the first batch for ever; "shard", the first eighth of
            the data in every epoch; "given", as the data lie.
    """

    def __init__(self, *data: Tensor, batch: int, seed: int, order: str = "shuffled"):
        self.data, self.size, self.seed, self.order = data, batch, seed, order
        self.epoch = max(1, len(data[0]) // batch)

    def __call__(self, step: int) -> Batch:
        """Return the batch of a step."""
        places = self._places(step // self.epoch)
        first = 0 if self.order == "same" else step % self.epoch * self.size
        chosen = places[first : first + self.size]
        return tuple(part[chosen] for part in self.data)

    def _places(self, epoch: int) -> Tensor:
        count = len(self.data[0])
        shuffled = torch.randperm(count, generator=torch.Generator().manual_seed(self.seed + 7919 * epoch))
        if self.order == "sorted":
            return shuffled[torch.argsort(self.data[-1][shuffled], stable=True)]
        if self.order == "shard":
            return (shuffled % (count // 8)).sort().values
        return shuffled if self.order == "shuffled" else torch.arange(count)


def digits(train: int = 1400) -> tuple[Batch, Batch]:
    """Return images (1, 8, 8) in 0..1 with their classes, for training and validation."""
    bunch = load_digits()
    images = torch.tensor(bunch.images, dtype=torch.float32).unsqueeze(1) / 16
    labels = torch.tensor(bunch.target)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    images, labels = images[order], labels[order]
    return (images[:train], labels[:train]), (images[1400:], labels[1400:])


def friedman(count: int, seed: int, noise: float = 0.3) -> Batch:
    """Return a regression in ten variables, five of which count."""
    chance = torch.Generator().manual_seed(seed)
    x = torch.rand(count, 10, generator=chance)
    y = 10 * torch.sin(torch.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    return x, (y - 14.4) / 4.9 + noise * torch.randn(count, generator=chance)


def ring(count: int, seed: int) -> Tensor:
    """Return points of eight heaps on a circle."""
    chance = torch.Generator().manual_seed(seed)
    angle = torch.randint(8, (count,), generator=chance) * torch.pi / 4
    heaps = torch.stack([angle.cos(), angle.sin()], 1)
    return heaps + 0.08 * torch.randn(count, 2, generator=chance)


def reversals(count: int, length: int, seed: int, signs: int = 10) -> Batch:
    """Return rows of signs and the same rows from behind."""
    rows = torch.randint(1, signs + 1, (count, length), generator=torch.Generator().manual_seed(seed))
    return rows, rows.flip(1)


def majority(count: int, length: int, seed: int, share: float = 0.5) -> Batch:
    """Return rows of tokens and whether words of the first half prevail; `share` of the rows are such."""
    chance = np.random.default_rng(seed)
    labels = (chance.random(count) < share).astype(np.int64)
    chosen = chance.random((count, length)) < np.where(labels == 1, 0.68, 0.32)[:, None]
    rows = np.where(chosen, chance.integers(3, 33, (count, length)), chance.integers(33, 63, (count, length)))
    return torch.tensor(rows), torch.tensor(labels)
