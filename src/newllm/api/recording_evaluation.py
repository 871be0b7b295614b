"""What an evaluation shows beside its loss: right predictions, classes of targets, and how contexts grow.

Shapes: B rows, T positions, V vocabulary, C channels.
"""

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from newllm.data import IGNORED
from newllm.recorder import ContextRecorder, Predictions, TokenClasses, norm_by_position, predictions


class EvaluationSignals:
    """Gathers the signals of one evaluation after another.

    Args:
        unknown: id of the token for words outside the vocabulary, None where there is none.
        end: id of the token after a sentence or document.
    """

    def __init__(self, unknown: int | None, end: int | None) -> None:
        self._ids = unknown, end
        self._classes = TokenClasses(*self._ids)
        self._recorder: ContextRecorder | None = None
        self._contexts: dict[str, float] = {}

    @contextlib.contextmanager
    def watching(self, model: nn.Module) -> Iterator[None]:
        """Begin anew, and see the contexts of the first batch."""
        self._classes, self._contexts = TokenClasses(*self._ids), {}
        with ContextRecorder(model) as self._recorder:
            yield
        self._recorder = None

    def look(self, logits_BTV: Tensor, targets_BT: Tensor) -> Predictions:
        """Return what was predicted in one batch: logits, and int64 targets, -1 where nothing was to be predicted."""
        if self._recorder is not None and not self._contexts:
            self._contexts = context_signals(list(self._recorder.contexts.values()), targets_BT != IGNORED)
        return predictions(logits_BTV, targets_BT)

    def add(self, made: Predictions) -> None:
        """Take in what was predicted in one batch, batch after batch in their order."""
        self._classes.count(made)

    def signals(self) -> dict[str, float]:
        """Return the numbers by signal name; classes only where there are two or more."""
        whole = self._classes.all
        numbers: dict[str, float] = {
            "validation_correct": whole.correct,
            "validation_count": whole.tokens,
            "validation_accuracy": whole.correct / whole.tokens,
            "validation_classes": len(self._classes.predicted_tokens),
        }
        present = {name: part for name, part in self._classes.classes.items() if part.tokens}
        if len(present) > 1:
            for name, part in present.items():
                numbers[f"validation_loss/{name}"] = part.nats / part.tokens
                numbers[f"validation_count/{name}"] = part.tokens
        return numbers | self._contexts

    def correct_by_class(self) -> dict[str, float]:
        """Return how many predictions were right of each class that is there."""
        parts = self._classes.classes.items()
        return {f"validation_correct/{name}": part.correct for name, part in parts if part.tokens}


@torch.no_grad()
def context_signals(contexts: list[Tensor], real_BT: Tensor) -> dict[str, float]:
    """Return the context's norm after 1, 2, 4 ... positions, the mean over layers, and the loop gain of all together.

    Nothing without a context.

    Args:
        contexts: `[B, T, C]` of each layer that has one.
        real_BT: False where a row has ended.
    """
    if not contexts:
        return {}
    signals = {}
    layers = [norm_by_position(contexts_BTC, real_BT) for contexts_BTC in contexts]
    for position, norms in enumerate(zip(*layers, strict=True), start=1):
        there = [norm for norm in norms if norm is not None]
        if there and position.bit_count() == 1:
            signals[f"context_norm/position-{position}"] = sum(there) / len(there)
    gain = loop_gain(torch.cat(contexts, dim=-1), real_BT)
    return signals if gain is None else {**signals, "loop_gain": gain}


@torch.no_grad()
def loop_gain(contexts_BTC: Tensor, real_BT: Tensor) -> float | None:
    """Return the factor by which the context's change grows from one position to the next, None without any.

    The geometric mean of `|c_t+1 - c_t| / |c_t - c_t-1|` over all real positions from the second on, the context
    before the first being zero. A context that only adds up what it reads has a gain of 1, however long it
    gets, and one that forgets a gain below 1; above 1 it feeds itself.
    """
    before_BTC = torch.nn.functional.pad(contexts_BTC.float(), (0, 0, 1, 0))
    change_BT = torch.linalg.vector_norm(before_BTC.diff(dim=1), dim=-1)
    there_BT = real_BT[:, 1:] & (change_BT[:, 1:] > 0) & (change_BT[:, :-1] > 0)
    if not bool(there_BT.any()):
        return None
    log_BT = change_BT.log().diff(dim=1)
    return float(log_BT[there_BT].mean().exp())
