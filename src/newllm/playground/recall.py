"""Which writes a read found, of the last tokens of a branch.

Shapes: T tokens, N heads of all layers.
"""

import dataclasses
from typing import Any

import numpy as np

from newllm.errors import UserError
from newllm.recorder import Writes, write_shares

KEPT = 1024
"""So many of a branch's last tokens, or a chunk more, are known by what they wrote; of all before only the sum."""

_PIECE = 64  # tokens: those that come one by one are put together, as to join a thousand takes longer than to read them


@dataclasses.dataclass(frozen=True)
class Written:
    """What the last tokens of a branch wrote into its matrices. It is never changed in place.

    Attributes:
        end: the place after the last of them; the begin token stands at -1.
        pieces: what they wrote, in the parts in which they were read.
    """

    end: int = 0
    pieces: tuple[Writes, ...] = ()

    def after(self, first: int, writes: Writes) -> "Written":
        """Return this and what some more tokens wrote, whose first stands at place `first`."""
        pieces = self.pieces if first == self.end else ()
        if pieces and _length(pieces[-1]) < _PIECE:
            pieces = (*pieces[:-1], Writes.joined((pieces[-1], writes)))
        else:
            pieces = (*pieces, writes)
        spare = sum(map(_length, pieces)) - KEPT
        while spare >= _length(pieces[0]):
            spare -= _length(pieces[0])
            pieces = pieces[1:]
        return Written(first + _length(writes), pieces)

    def recall(self, place: int, head: int) -> dict[str, Any]:
        """Return `place`, `head`, `first`, and the `shares` of what the token at `place` read, by who wrote them.

        Shares are of the tokens from place `first` on, up to the one that read; what is missing to 1 was written
        before. They are null where nothing was read.

        Args:
            place: of the token that read.
            head: 0 for all heads together, each by what it added to the output of its block; else one, from 1.

        Raises:
            UserError: what this token read is not known.
        """
        first = self.end - sum(map(_length, self.pieces))
        if not first <= place < self.end:
            known = f"tokens {first} to {self.end - 1} are known" if self.pieces else "no token is known"
            raise UserError(f"'place' is {place}: of this branch {known} by what they wrote")
        writes = Writes(*(array[: place - first + 1] for array in Writes.joined(self.pieces)))
        shares_TN = write_shares(writes)
        shares_T = shares_TN[:, head - 1] if head else _together(shares_TN, writes.added[-1])
        return {"place": place, "head": head, "first": first, "shares": np.round(shares_T, 4).tolist()}


def _together(shares_TN: np.ndarray, added_N: np.ndarray) -> np.ndarray:
    """Return the shares of all heads; one that read nothing adds nothing."""
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(shares_TN) @ (added_N / added_N.sum())


def _length(writes: Writes) -> int:
    return len(writes.added)
