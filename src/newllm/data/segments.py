"""Token ids with the stretches that a window must stay in, and how blocks of text become them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from newllm.data.split import Piece
from newllm.data.tokenizer import Tokenizer


@dataclass(frozen=True)
class Segments:
    """One part of a corpus, training or validation.

    Attributes:
        tokens: ids, uint16 or uint32 [tokens]; from the cache it is a read-only memory map.
        bounds: half-open token ranges, in order and disjoint; a window never crosses one. A stream has
            one for each contiguous block of text, sentences have one each.
        starts: sorted positions of the begin tokens, int64 [documents].
    """

    tokens: np.ndarray
    bounds: list[tuple[int, int]]
    starts: np.ndarray

    @cached_property
    def targets(self) -> int:
        """Number of tokens that have a token before them in their bound."""
        return sum(stop - start - 1 for start, stop in self.bounds)

    @cached_property
    def longest(self) -> int:
        """Tokens in the longest bound, 0 if there is none."""
        return max((stop - start for start, stop in self.bounds), default=0)


def encode_blocks(blocks: Sequence[Sequence[Piece]], tokenizer: Tokenizer, closed: bool) -> Segments:
    """Tokenise blocks of text.

    Args:
        blocks: each becomes one bound.
        tokenizer: gives the ids.
        closed: put an end token after each block (sentences).

    Returns:
        Segments in memory, with the smallest type that holds every id.
    """
    kind = np.uint16 if tokenizer.vocab_size <= 1 << 16 else np.uint32
    parts: list[np.ndarray] = []
    bounds: list[tuple[int, int]] = []
    starts: list[int] = []
    count = 0
    for block in blocks:
        first = count
        for piece in block:
            if piece.starts_document:
                starts.append(count)
                parts.append(np.array([tokenizer.begin], dtype=kind))
            parts.append(tokenizer.encode(piece.text).astype(kind))
            count += len(parts[-1]) + piece.starts_document
        if closed:
            parts.append(np.array([tokenizer.end], dtype=kind))
            count += 1
        if count > first:  # blanks alone give no word
            bounds.append((first, count))
    tokens = np.concatenate(parts) if parts else np.zeros(0, dtype=kind)
    return Segments(tokens, bounds, np.array(starts, dtype=np.int64))
