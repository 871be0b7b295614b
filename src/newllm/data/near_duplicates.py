"""Documents of validation that stand in training, word for word or nearly.

Nearly: the sets of their shingles (runs of a few tokens) have a Jaccard similarity of at least `SIMILAR`. For each
document the shingles that it shares with each of the others are counted, through a list of who has which. Of at most
`_MOST` documents a side that is exact, and no slower than MinHash with locality-sensitive hashing (the library
datasketch, which brings scipy along: 150 MB).
"""

import dataclasses

import numpy as np

from newllm.data.facts_sample import Part, among
from newllm.data.facts_windows import mixed, rolling_hash, window_hashes

SIMILAR = 0.8
SHINGLE = 3  # tokens
SHORTEST = 5  # tokens; shorter documents are alike by chance
_MOST = 3000  # validation documents that are looked at, and training documents that resemble any
_LONGEST = 512  # tokens; longer documents that are alike share whole windows, which `facts_windows` finds


@dataclasses.dataclass(frozen=True)
class Duplicates:
    """How many validation documents training has already.

    Attributes:
        compared: validation documents of at least `SHORTEST` tokens.
        exact: of these, the ones that training has token for token.
        near_compared: how many of the rest were looked at for near duplicates.
        near: of these, the ones that are similar to one of training.
        inside_training: training documents that occur before in training.
        training: training documents of at least `SHORTEST` tokens.
    """

    compared: int
    exact: int
    near_compared: int
    near: int
    inside_training: int
    training: int


def duplicates(training: Part, validation: Part) -> Duplicates:
    """Compare all whole documents of two parts, each with each."""
    ours, theirs = _documents(training), _documents(validation)
    known = [training.tokens[cut].tobytes() for cut in ours]
    distinct = set(known)
    rest = [cut for cut in theirs if validation.tokens[cut].tobytes() not in distinct]
    some = _evenly([validation.tokens[cut] for cut in rest if _is_short(cut)])
    near = 0
    if some and any(map(_is_short, ours)):
        alike = _documents(training, _resembling(training, validation))
        near = _similar(some, _evenly([training.tokens[cut] for cut in alike]))
    return Duplicates(
        compared=len(theirs),
        exact=len(theirs) - len(rest),
        near_compared=len(some),
        near=near,
        inside_training=len(known) - len(distinct),
        training=len(ours),
    )


def _documents(part: Part, only: np.ndarray | None = None) -> list[slice]:
    """Return where the whole documents are; with `only`, bool `[pieces]`, short ones of those."""
    kept = part.whole & (part.stops - part.starts >= SHORTEST)
    if only is not None:
        kept &= only & (part.stops - part.starts <= _LONGEST)
    return [slice(*cut) for cut in zip(part.starts[kept].tolist(), part.stops[kept].tolist(), strict=True)]


def _is_short(cut: slice) -> bool:
    return cut.stop - cut.start <= _LONGEST


def _evenly(documents: list[np.ndarray]) -> list[np.ndarray]:
    return documents[:: -(-len(documents) // _MOST)] if documents else []


def _resembling(training: Part, validation: Part) -> np.ndarray:
    """Return which pieces of training have nearly all their shingles from validation, bool `[pieces]`.

    No other can be similar to a validation document, so that all of training is looked through at little cost.
    """
    wanted = np.unique(window_hashes(validation, SHINGLE)[0])
    hashes, places = window_hashes(training, SHINGLE)
    piece = np.searchsorted(training.starts, places, side="right") - 1
    count = np.bincount(piece, minlength=len(training.starts))
    there = np.bincount(piece[among(hashes, wanted)], minlength=len(training.starts))
    return there >= SIMILAR * np.maximum(count, 1)


def _similar(some: list[np.ndarray], others: list[np.ndarray]) -> int:
    """Return how many of `some` are similar to one of `others`."""
    if not some or not others:
        return 0
    documents = [_shingles(document) for document in others]
    sizes = np.array(list(map(len, documents)))
    shingles, number = np.concatenate(documents), np.repeat(np.arange(len(documents), dtype=np.int32), sizes)
    order = np.argsort(shingles, kind="stable")
    shingles, having = shingles[order], number[order]  # for each shingle, one after another, the documents that have it
    count = 0
    for document in map(_shingles, some):
        first, last = np.searchsorted(shingles, document, "left"), np.searchsorted(shingles, document, "right")
        there = [having[cut] for cut in map(slice, first.tolist(), last.tolist())]
        common = np.bincount(np.concatenate(there), minlength=len(documents))
        count += bool(np.any(common >= SIMILAR * (sizes + len(document) - common)))
    return count


def _shingles(document: np.ndarray) -> np.ndarray:
    """Return the different shingles of a document, as hashes `[shingles]`."""
    return np.unique(rolling_hash(mixed(document), SHINGLE) >> np.uint64(32))
