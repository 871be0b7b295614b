"""The training loss by class of what is to be predicted, and how much is right, of the batches that are trained on.

Shapes: B rows, T positions, V vocabulary.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from newllm.data import IGNORED
from newllm.recorder import ClassCount


class TrainingClasses:
    """Splits the loss of one update; the commonest class is what the rare ones leave of the whole.

    So only the logits of the rare targets are read again, and it costs next to nothing.

    Args:
        unknown: id of the token for words outside the vocabulary, None where there is none.
        end: id of the token after a sentence or document, None where there is none.
    """

    def __init__(self, unknown: int | None, end: int | None) -> None:
        self._ids = {name: token for name, token in (("unknown", unknown), ("end", end)) if token is not None}
        self._counts: dict[str, ClassCount] = {}

    @torch.no_grad()
    def add(self, logits_BTV: Tensor, targets_BT: Tensor, nats: Tensor) -> None:
        """Count one batch of the update.

        Args:
            logits_BTV: of each next token.
            targets_BT: what came, int64; -1 where nothing is to be predicted.
            nats: sum of -log p over all targets.
        """
        if not self._ids:
            return
        left = ClassCount(float(nats), int((targets_BT != IGNORED).sum()))
        for name, token in self._ids.items():
            here_BT = targets_BT == token
            own = F.cross_entropy(logits_BTV[here_BT].float(), targets_BT[here_BT], reduction="sum")
            rare = ClassCount(float(own), int(here_BT.sum()))
            self._add(name, rare)
            left.nats, left.tokens = left.nats - rare.nats, left.tokens - rare.tokens
        self._add("seen", left)

    def _add(self, name: str, more: ClassCount) -> None:
        count = self._counts.setdefault(name, ClassCount())
        count.nats, count.tokens = count.nats + more.nats, count.tokens + more.tokens

    def take(self) -> dict[str, float]:
        """Return the signals of the update and begin anew; none where there are not two classes or more."""
        present = {name: count for name, count in self._counts.items() if count.tokens}
        self._counts = {}
        if len(present) < 2:
            return {}
        return {f"loss/{name}": count.nats / count.tokens for name, count in present.items()} | {
            f"count/{name}": count.tokens for name, count in present.items()
        }


class TrainingAccuracy:
    """The share of right predictions of one update, as the model was when it made them, dropout included."""

    def __init__(self) -> None:
        self._right, self._count = 0, 0

    @torch.no_grad()
    def add(self, logits_BTV: Tensor, targets_BT: Tensor) -> None:
        """Count one batch of the update: logits, and int64 targets, -1 where nothing is to be predicted."""
        self._right += int((logits_BTV.argmax(dim=-1) == targets_BT).sum())  # what is ignored is -1, no prediction
        self._count += int((targets_BT != IGNORED).sum())

    def take(self) -> dict[str, float]:
        """Return the signal of the update and begin anew; nothing where no batch was counted."""
        right, count = self._right, self._count
        self._right, self._count = 0, 0
        return {"accuracy": right / count} if count else {}
