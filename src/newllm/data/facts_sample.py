"""One part of anyone's data, training or validation, as token ids in bounded memory.

What comes is an iterable of documents. A document is a text (its tokens are then words, split on blanks) or a
sequence of token ids or class labels; what data loaders give is taken apart (see `of_loaders`). A part that is too
large is thinned evenly, always in the same way, and says so.
"""

import dataclasses
import functools
from collections.abc import Iterable, Iterator, Mapping
from numbers import Number
from typing import Any

import numpy as np

from newllm.errors import UserError

PIECE = 65_536  # tokens; a longer document is cut, and what crosses a cut is not looked at
MOST_PIECES = 200_000
_TABLE = 16  # a table of so many ids a token is counted far quicker than tokens are sorted


@dataclasses.dataclass(frozen=True, eq=False)
class Part:
    """Training or validation.

    Attributes:
        tokens: ids, int64 [kept], the pieces end to end.
        starts: first token of each piece, int64 [pieces].
        whole: whether the piece is a whole document, bool [pieces].
        documents: how many came.
        total: tokens that came.
    """

    tokens: np.ndarray
    starts: np.ndarray
    whole: np.ndarray
    documents: int
    total: int

    @functools.cached_property
    def counts(self) -> tuple[np.ndarray, np.ndarray]:
        """The distinct tokens, sorted, and how often each stands here, both int64."""
        if len(self.tokens) and self.tokens.min() >= 0 and self.tokens.max() < _TABLE * len(self.tokens):
            counts = np.bincount(self.tokens)
            tokens = np.flatnonzero(counts)
            return tokens, counts[tokens]
        return np.unique(self.tokens, return_counts=True)

    @functools.cached_property
    def stops(self) -> np.ndarray:
        """One past the last token of each piece, int64 [pieces]."""
        return np.append(self.starts, len(self.tokens))[1:]

    @property
    def share(self) -> float:
        """The part of all tokens that was kept."""
        return len(self.tokens) / self.total if self.total else 1.0


def among(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return which values are among sorted known ones, bool (numpy's own `isin` is ten times slower here)."""
    if not len(known):
        return np.zeros(values.shape, bool)
    return known[np.searchsorted(known, values).clip(max=len(known) - 1)] == values


class Reader:
    """Reads parts; words get the same ids in every part that it reads.

    Args:
        most: tokens of a part that are kept.

    Attributes:
        unit: "word" once a text was read, else "id".
    """

    def __init__(self, most: int) -> None:
        self.unit = "id"
        self._most = most
        self._words: dict[str, int] = {}

    def read(self, documents: Iterable[Any]) -> Part:
        """Return what an iterable of documents holds; a flat sequence of numbers is one document.

        Raises:
            UserError: a document is neither a text nor a sequence of whole numbers.
        """
        pieces, kept, every = [], 0, 1
        seen = count = total = 0
        for document in of_loaders(_documents(documents)):
            tokens = self._ids(document)
            count, total = count + 1, total + len(tokens)
            for first in range(0, len(tokens), PIECE):
                if seen % every == 0:
                    piece = tokens[first : first + PIECE].astype(np.int64)  # a memory map is not read as a whole
                    pieces.append((piece, len(piece) == len(tokens)))
                    kept += len(piece)
                seen += 1
                if (kept > self._most or len(pieces) > MOST_PIECES) and len(pieces) > 1:
                    pieces, every = pieces[::2], 2 * every
                    kept = sum(len(piece) for piece, _ in pieces)
        return _part(pieces, count, total)

    def _ids(self, document: Any) -> np.ndarray:
        if isinstance(document, bytes):
            document = document.decode(errors="replace")
        if isinstance(document, str):
            self.unit = "word"
            words = document.split()
            return np.fromiter((self._words.setdefault(word, len(self._words)) for word in words), np.int64, len(words))
        try:
            ids = np.asarray(document).reshape(-1)
        except (TypeError, ValueError, RuntimeError) as error:
            raise _not_a_document(document) from error
        if len(ids) and ids.dtype.kind not in "iub":
            raise _not_a_document(document)
        return ids


def _documents(documents: Iterable[Any]) -> Iterator[Any]:
    """Yield the documents; a text, a flat array or a flat sequence of numbers is one."""
    if isinstance(documents, str | bytes) or getattr(documents, "ndim", 2) <= 1:
        yield documents
        return
    rest = iter(documents) if hasattr(documents, "__iter__") else _by_index(documents)
    for first in rest:
        if isinstance(first, Number) or getattr(first, "ndim", 1) == 0:
            yield [first, *rest]
        else:
            yield first
            yield from rest


def _by_index(documents: Any) -> Iterator[Any]:
    """Yield the items of a data set of torch, whose end is its length, not an error."""
    yield from (documents[place] for place in range(len(documents)))


def of_loaders(items: Iterable[Any]) -> Iterator[Any]:
    """Yield the documents within what data sets and loaders give.

    A mapping stands for its "input_ids"; a pair (x, y) of arrays for its x; a batch of either, which is one where
    the labels are as many as the rows, for its rows. Everything else is a document itself.
    """
    for item in items:
        if isinstance(item, Mapping) and "input_ids" in item:
            ids = item["input_ids"]
            yield from ids if _is_nested(ids) else (ids,)
        elif isinstance(item, list | tuple) and item and getattr(item[0], "ndim", 0) >= 1:
            of = item[0]
            is_batch = len(item) > 1 and of.ndim > 1 and getattr(item[1], "ndim", 0) and len(item[1]) == len(of)
            yield from of if is_batch else (of,)
        else:
            yield item


def _is_nested(ids: Any) -> bool:
    return ids.ndim > 1 if hasattr(ids, "ndim") else bool(ids) and hasattr(ids[0], "__len__")


def _part(pieces: list[tuple[np.ndarray, bool]], documents: int, total: int) -> Part:
    pieces = [(piece, whole) for piece, whole in pieces if len(piece)]
    lengths = np.array([0, *(len(piece) for piece, _ in pieces)], np.int64)
    tokens = np.concatenate([piece for piece, _ in pieces]) if pieces else np.zeros(0, np.int64)
    return Part(tokens, np.cumsum(lengths)[:-1], np.array([whole for _, whole in pieces], bool), documents, total)


def _not_a_document(document: Any) -> UserError:
    shown = f"an array of {document.dtype}" if hasattr(document, "dtype") else repr(document)
    shown = shown if len(shown) <= 60 else shown[:60] + "..."
    return UserError(
        f"{' '.join(shown.split())} is no document: give texts, sequences of whole numbers (token ids or class "
        "labels), pairs (ids, label), or mappings with 'input_ids'"
    )
