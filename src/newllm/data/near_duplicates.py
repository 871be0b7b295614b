"""Documents of validation that stand in training, word for word or nearly.

Nearly: the sets of their shingles (runs of a few tokens) have a Jaccard similarity of at least `SIMILAR`. Who
may be that similar is found by MinHash and locality-sensitive hashing (Broder 1997; the library `datasketch`);
those are compared exactly.
"""

import dataclasses
from collections.abc import Hashable

import numpy as np

from newllm.data.facts_sample import Part, among
from newllm.data.facts_windows import mixed, rolling_hash, window_hashes

SIMILAR = 0.8
SHINGLE = 3  # tokens
SHORTEST = 5  # tokens; shorter documents are alike by chance
_PERMUTATIONS = 128
_CANDIDATE = 0.5  # similarity at which hashing finds about half; at `SIMILAR` it misses one in thousands
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
    from datasketch import MinHash, MinHashLSH  # half a second, and only where there are documents to compare

    empty = MinHash(num_perm=_PERMUTATIONS, hashfunc=int)

    def sketch(shingles: set[int]) -> MinHash:
        made = empty.copy()  # far quicker than to draw the permutations again
        made.update_batch(shingles)
        return made

    index = MinHashLSH(threshold=_CANDIDATE, num_perm=_PERMUTATIONS)
    known: dict[Hashable, set[int]] = {number: _shingles(document) for number, document in enumerate(others)}
    for number, shingles in known.items():
        index.insert(number, sketch(shingles))
    count = 0
    for shingles in map(_shingles, some):
        candidates = (known[number] for number in index.query(sketch(shingles)))
        count += any(len(shingles & other) >= SIMILAR * len(shingles | other) for other in candidates)
    return count


def _shingles(document: np.ndarray) -> set[int]:
    return set((rolling_hash(mixed(document), SHINGLE) >> np.uint64(32)).tolist())
