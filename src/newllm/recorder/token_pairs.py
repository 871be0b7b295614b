"""How far the texts of an update, or of an evaluation, are from those of the first updates.

Another vocabulary, or another kind of text.

Held against each other are pairs of neighbouring tokens. How often single tokens occur does not tell: a vocabulary is
mostly in order of that, and one that is built anew of other texts is too.

Shapes: B texts, T places, P places of a table in which pairs are counted, by a hash.
"""

import torch
from torch import Tensor

from newllm.recorder.pending import Row

_FIRST = 20  # updates
_PLACES = 1024
_MIX = 40503  # an odd multiplier (Knuth)


class TokenPairs:
    """Holds the pairs of each update against those of the first ones."""

    def __init__(self) -> None:
        self._first: Tensor | None = None
        self._updates = 0

    @torch.no_grad()
    def put(self, counts: list[Tensor], row: Row) -> None:
        """Record the share of the pairs that is other than at first, from 0 to 1: half the sum of all differences.

        Args:
            counts: of the pairs of each call of an update `[P]`, as `count_pairs` returns them.
            row: where it is put.
        """
        if not counts:
            return
        counts_P = torch.stack(counts).sum(0)
        self._updates += 1
        if self._first is None:
            self._first = counts_P
        elif self._updates <= _FIRST:
            self._first = self._first + counts_P
        else:
            row.put("token_pairs_apart", self._apart(self._first, counts_P))

    @torch.no_grad()
    def put_evaluation(self, counts: list[Tensor], row: Row) -> None:
        """Record the same share of an evaluation's pairs, held against the first updates."""
        if counts and self._first is not None:
            row.put("validation_token_pairs_apart", self._apart(self._first, torch.stack(counts).sum(0)))

    def _apart(self, first_P: Tensor, counts_P: Tensor) -> Tensor:
        return (counts_P / counts_P.sum() - first_P / first_P.sum()).abs().sum() / 2


def count_pairs(tokens_BT: Tensor) -> Tensor:
    """Return how often each pair of neighbours occurs `[P]`; no number is read from the device."""
    pairs = (tokens_BT[:, :-1].long() * _MIX + tokens_BT[:, 1:].long()).flatten() * _MIX
    places = (pairs >> 8) % _PLACES
    return torch.zeros(_PLACES, device=places.device).scatter_add_(0, places, torch.ones_like(places).float())
