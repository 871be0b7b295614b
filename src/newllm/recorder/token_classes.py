"""The loss split by what is to be predicted: words unknown to training, ends of sentences, and the rest.

A gap between training and validation loss means nothing before it is split so: on a small vocabulary
most of it is the price of words that training never had. And a rate of correct predictions means nothing
before one sees which tokens were right: a model that always says the commonest token is right now and then.

Shapes: B rows, T positions, V vocabulary.
"""

import dataclasses
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from newllm.data import IGNORED

CLASSES = ("unknown", "end", "seen")


@dataclasses.dataclass
class ClassCount:
    """Sums over the targets of one class.

    Args:
        nats: sum of -log p.
        tokens: number of targets.
        correct: how many of them had the highest logit.
    """

    nats: float = 0.0
    tokens: int = 0
    correct: int = 0

    @property
    def loss(self) -> float | None:
        """Nats per token, None without any."""
        return self.nats / self.tokens if self.tokens else None

    def as_dict(self) -> dict[str, Any]:
        """Return the sums and the loss as plain data."""
        return {**dataclasses.asdict(self), "loss": self.loss}


class Predictions(NamedTuple):
    """What a model predicted of a batch, target by target.

    Attributes:
        targets: what came, int32.
        predicted: the token of the highest logit, int32.
        nats: -log p of what came, float32.
    """

    targets: np.ndarray
    predicted: np.ndarray
    nats: np.ndarray


@torch.no_grad()
def predictions(logits_BTV: Tensor, targets_BT: Tensor) -> Predictions:
    """Return what a batch's logits predict, wherever something is to be predicted."""
    real_BT = targets_BT != IGNORED
    logits_NV, targets_N = logits_BTV[real_BT].float(), targets_BT[real_BT]
    nats_N = F.cross_entropy(logits_NV, targets_N, reduction="none")
    targets, predicted = (one.to(torch.int32).cpu().numpy() for one in (targets_N, logits_NV.argmax(dim=-1)))
    return Predictions(targets, predicted, nats_N.cpu().numpy())


class TokenClasses:
    """Gathers predictions over batches; targets of -1 (`newllm.data.IGNORED`) do not count.

    Args:
        unknown: id of the token that stands for words outside the vocabulary, None where there is none.
        end: id of the token after a sentence or document, None where there is none.

    Attributes:
        classes: the sums of "unknown", "end" and "seen", which is the rest.
        correct_tokens: how often each token id was predicted and right.
        predicted_tokens: how often each token id was predicted at all.
    """

    def __init__(self, unknown: int | None, end: int | None) -> None:
        self._ids = {"unknown": unknown, "end": end}
        self.classes = {name: ClassCount() for name in CLASSES}
        self.correct_tokens: Counter[int] = Counter()
        self.predicted_tokens: Counter[int] = Counter()

    @property
    def all(self) -> ClassCount:
        """The sums over all classes."""
        parts = self.classes.values()
        return ClassCount(sum(p.nats for p in parts), sum(p.tokens for p in parts), sum(p.correct for p in parts))

    def add(self, logits_BTV: Tensor, targets_BT: Tensor) -> None:
        """Count one batch.

        Args:
            logits_BTV: of each next token.
            targets_BT: what came, int64; -1 where nothing is to be predicted.
        """
        self.count(predictions(logits_BTV, targets_BT))

    def count(self, made: Predictions) -> None:
        """Count the predictions of one batch."""
        for target, predicted, nats in zip(*(one.tolist() for one in made), strict=True):
            self._count(target, predicted, nats)

    def _count(self, target: int, predicted: int, nats: float) -> None:
        name = next((name for name, token in self._ids.items() if token == target), "seen")
        count = self.classes[name]
        count.nats += nats
        count.tokens += 1
        self.predicted_tokens[predicted] += 1
        if predicted == target:
            count.correct += 1
            self.correct_tokens[target] += 1

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain data: each class and "all"; token counts by id as text, the commonest first."""
        return {
            **{name: count.as_dict() for name, count in self.classes.items()},
            "all": self.all.as_dict(),
            "correct_tokens": {str(token): n for token, n in self.correct_tokens.most_common()},
            "predicted_tokens": {str(token): n for token, n in self.predicted_tokens.most_common()},
        }
