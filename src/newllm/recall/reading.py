"""Reads rows and answers where an answer is asked, at once or in chunks with the state carried from one to the next.

Only asked positions go through the head: with 8192 tokens it would take most of the time of the others.

Shapes: B rows, T positions, D width, V vocabulary, N asked positions in all rows, first row first.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from newllm.chance import numpy_stream
from newllm.model.bodies import State
from newllm.model.language_model import LanguageModel
from newllm.recall.ngrams import NGrams
from newllm.recall.tasks import IGNORED, Size, Task

CHUNK = 256
_AT_ONCE = 1 << 14  # tokens of rows that are read side by side


def asked_logits(
    model: LanguageModel | NGrams, tokens_BT: Tensor, asked_BT: Tensor, state: State | None = None
) -> tuple[Tensor, State]:
    """Read rows, or the next part of them.

    Args:
        model: the reader.
        tokens_BT: what is read.
        asked_BT: True where an answer is asked.
        state: after what came before; None at the start of a row.

    Returns:
        Logits `[N, V]` of the answers, as `model(tokens_BT, state)` has them there, and the state after the last token.
    """
    features_BTD, state = model.read(tokens_BT, state)
    return model.head(features_BTD[asked_BT]), state


@dataclass(frozen=True)
class Score:
    """How a model did on the rows of one size.

    Attributes:
        answers: how many were asked.
        accuracy: share of answers that were right.
        whole_rows: share of rows all of whose answers were right.
        state_floats_per_layer: how many numbers a layer carries after such a row.
    """

    answers: int
    accuracy: float
    whole_rows: float
    state_floats_per_layer: float


@torch.no_grad()
def score(model: LanguageModel | NGrams, task: Task, size: Size, rows: int) -> Score:
    """Ask a model about rows that are the same for all models and seeds.

    Args:
        model: the model.
        task: what is asked.
        size: of each row.
        rows: how many.
    """
    was_training = model.training
    model.eval()
    at_once = min(rows, _AT_ONCE // min(size.length, 4 * CHUNK))
    wrong, answers, state = [], 0, {}
    for first in range(0, rows, at_once):
        chance = numpy_stream(0, "recall-evaluated", task.name, str(size), first)
        tokens_BT, targets_BT = task.draw(chance, min(at_once, rows - first), size)
        wrong_B, state = _wrong(model, tokens_BT, targets_BT)
        wrong.append(wrong_B)
        answers += int((targets_BT != IGNORED).sum())
    model.train(was_training)
    wrong_B = torch.cat(wrong)
    whole = float((wrong_B == 0).double().mean())
    return Score(answers, 1 - int(wrong_B.sum()) / answers, whole, state_floats(state) / model.config.layers)


def _wrong(model: LanguageModel | NGrams, tokens_BT: Tensor, targets_BT: Tensor) -> tuple[Tensor, State]:
    """Return how many answers of each row are wrong `[B]`, read in chunks, and the last state."""
    wrong_B, state = torch.zeros(len(tokens_BT), dtype=torch.int64), None
    parts = zip(tokens_BT.split(CHUNK, dim=1), targets_BT.split(CHUNK, dim=1), strict=True)
    for part_BT, answers_BT in parts:
        asked_BT = answers_BT != IGNORED
        logits_NV, state = asked_logits(model, part_BT, asked_BT, state)
        wrong_N = logits_NV.argmax(dim=1) != answers_BT[asked_BT]
        wrong_B.index_add_(0, asked_BT.nonzero()[:, 0], wrong_N.long())
    assert state is not None  # a row has a token
    return wrong_B, state


def state_floats(state: State) -> int:
    """Return how many numbers a row carries from one token to the next, without the count of its tokens."""
    return sum(value[0].numel() for name, value in state.items() if name != "position")
