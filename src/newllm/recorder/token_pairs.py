"""How far the texts of an update, or of an evaluation, are from those before: another vocabulary, or kind of text.

Held against each other are pairs of neighbouring tokens. How often single tokens occur does not tell: a vocabulary is
mostly in order of that, and one that is built anew of other texts is too. The most frequent pairs may be alike as well
("of the"), and tell nothing then: so of the first evaluations it is also recorded how many of their pairs no update
had, beside how many pairs of each update no update before it had.

Shapes: B texts, T places, N pairs, P places of a table in which pairs are counted, by a hash.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from newllm.recorder.pending import Row

_FIRST = 20  # updates
_PLACES = 1024
_MIX = 40503  # an odd multiplier (Knuth)
_KNOWN = 1 << 21  # places, a byte each, for the pairs that came at all
MOST_PAIRS = 1 << 20  # of an evaluation or update, that are looked up
_EVALUATIONS = 3


class Pairs(NamedTuple):
    """The pairs of neighbours of one call.

    Attributes:
        counts: how often each occurs, by a coarse hash: [P].
        places: of each in a large table, by a fine one: [N].
        differ: whether both tokens differ; where texts are filled up they do not.
    """

    counts: Tensor
    places: Tensor
    differ: Tensor


class TokenPairs:
    """Holds the pairs of each update against those of the first ones, and those before it."""

    def __init__(self) -> None:
        self._first: Tensor | None = None
        self._known: Tensor | None = None
        self._updates = self._evaluations = 0

    @torch.no_grad()
    def put(self, calls: list[Pairs], row: Row) -> None:
        """Record which share of the pairs is other than at first, and which share no update before had.

        The first, from 0 to 1, is half the sum of all differences.

        Args:
            calls: of an update, as `find_pairs` returns them.
            row: where it is put.
        """
        if not calls:
            return
        counts_P = torch.stack([one.counts for one in calls]).sum(0)
        self._updates += 1
        if self._first is None:
            self._first = counts_P
        elif self._updates <= _FIRST:
            self._first = self._first + counts_P
        else:
            row.put("token_pairs_apart", self._apart(self._first, counts_P))
        if self._evaluations < _EVALUATIONS:
            if self._known is None:
                self._known = torch.zeros(_KNOWN, dtype=torch.bool, device=calls[0].places.device)
            row.put("token_pairs_new", self._new(self._known, calls))
            for one in calls:
                self._known[one.places] = True

    @torch.no_grad()
    def put_evaluation(self, calls: list[Pairs], row: Row) -> None:
        """Record the same shares of an evaluation's pairs, held against the updates."""
        if not calls or self._first is None:
            return
        counts_P = torch.stack([one.counts for one in calls]).sum(0)
        row.put("validation_token_pairs_apart", self._apart(self._first, counts_P))
        if self._known is not None:
            row.put("validation_token_pairs_new", self._new(self._known, calls))
            self._evaluations += 1
            if self._evaluations == _EVALUATIONS:
                self._known = None

    def _apart(self, first_P: Tensor, counts_P: Tensor) -> Tensor:
        return (counts_P / counts_P.sum() - first_P / first_P.sum()).abs().sum() / 2

    def _new(self, known: Tensor, calls: list[Pairs]) -> Tensor:
        differ = torch.cat([one.differ for one in calls])
        is_new = ~known[torch.cat([one.places for one in calls])] & differ
        return is_new.sum() / differ.sum().clamp(min=1)


def find_pairs(tokens_BT: Tensor, most: int = MOST_PAIRS) -> Pairs:
    """Return the pairs of neighbours, and of at most so many where they are; no number is read from the device."""
    left, right = tokens_BT[:, :-1].flatten(), tokens_BT[:, 1:].flatten()
    pairs = (left.long() * _MIX + right.long()) * _MIX
    places = (pairs >> 8) % _PLACES
    counts_P = torch.zeros(_PLACES, device=places.device).scatter_add_(0, places, torch.ones_like(places).float())
    return Pairs(counts_P, (pairs[:most] >> 8) % _KNOWN, (left != right)[:most])
