"""Counts of what was answered after the last tokens: what is possible with a glance back and no memory.

Shapes: B rows, T positions, N asked positions in all rows, L last tokens, V vocabulary.
"""

from collections import Counter, defaultdict
from types import SimpleNamespace

import torch
from torch import Tensor, nn

from newllm.model.bodies import State

LAST = 3  # tokens, the present one among them


class NGrams(nn.Module):
    """Answers what most often was the answer after the same last tokens, or after fewer where these never came.

    It is read and asked as a `LanguageModel` is, and has no parameters.

    Args:
        vocabulary: V.
    """

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.config = SimpleNamespace(layers=1)
        self.counts = [defaultdict[tuple[int, ...], Counter[int]](Counter) for _ in range(LAST + 1)]
        """By how many tokens, then by these, how often each answer was right."""

    def read(self, tokens_BT: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return the last tokens of each position `[B, T, L]`, V before the first one, and those after the row."""
        rows, length = tokens_BT.shape
        before = tokens_BT.new_full((rows, LAST - 1), self.vocabulary) if state is None else state["last"]
        all_of_them = torch.cat([before, tokens_BT], dim=1)
        last_BTL = torch.stack([all_of_them[:, ago : ago + length] for ago in range(LAST)], dim=-1)
        return last_BTL, {"last": all_of_them[:, length:]}

    def head(self, last_NL: Tensor) -> Tensor:
        """Return the counts `[N, V]` after the longest last tokens that were counted at all."""
        counts_NV = torch.zeros(len(last_NL), self.vocabulary)
        for counts_V, last in zip(counts_NV, map(tuple, last_NL.tolist()), strict=True):
            found = next((known[last[-size:]] for size, known in self._longest_first() if last[-size:] in known), None)
            found = self.counts[0][()] if found is None else found
            if found:
                counts_V[torch.tensor(list(found))] = torch.tensor(list(found.values()), dtype=torch.float32)
        return counts_NV

    def count(self, tokens_BT: Tensor, targets_BT: Tensor, asked_BT: Tensor) -> None:
        """Count the answers of rows, where an answer is asked."""
        last_BTL, _ = self.read(tokens_BT)
        for last, answer in zip(last_BTL[asked_BT].tolist(), targets_BT[asked_BT].tolist(), strict=True):
            for size, known in enumerate(self.counts):
                known[tuple(last[LAST - size :])][answer] += 1

    def _longest_first(self) -> list[tuple[int, dict[tuple[int, ...], Counter[int]]]]:
        return [(size, self.counts[size]) for size in range(LAST, 0, -1)]
