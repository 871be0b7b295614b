"""What can be said of anyone's training and validation data before a model sees it: plain numbers.

The audits (`newllm.diagnosis.audits`) judge them; here nothing is judged. Numpy only, and bounded: a part of
more than `MOST` tokens is thinned evenly, and the result says what was kept. What is found in a thinned part
is the least that is there.
"""

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np

from newllm.data.facts_order import order_drift, part_drift
from newllm.data.facts_sample import Part, Reader, among
from newllm.data.facts_windows import overlapping_windows, repeated_windows
from newllm.data.near_duplicates import SIMILAR, duplicates

SCHEMA = 1
MOST = 2_000_000  # tokens of a part
_SMALL_ALPHABET = 512  # distinct tokens; bytes and characters, whose short windows repeat by themselves
_WINDOW, _WINDOW_SMALL = 16, 50


def data_facts(
    training: Iterable[Any],
    validation: Iterable[Any],
    *,
    unknown: int | None = None,
    padding: int | None = None,
    shuffled: bool | None = None,
    most: int = MOST,
) -> dict[str, Any]:
    """Measure a training and a validation part.

    Args:
        training: documents in the order in which training reads them: texts (their tokens are then words, split
            on blanks), or sequences of token ids or class labels; a flat sequence of ids or labels is one document.
        validation: the same of validation.
        unknown: the id that stands for what the vocabulary lacks.
        padding: the id that fills rows up.
        shuffled: whether training reads the documents in a shuffled order; None if that is not known.
        most: tokens of a part that are looked at.

    Returns:
        Plain JSON, with None where there is nothing to tell. Shares are of tokens unless their name says
        otherwise; `nats`, `entropy` and their like are in nats per token.

        - unit, window, shuffled, training and validation: what was looked at, and how much of it
        - unknown, never_trained, padding: of validation (padding: of both parts)
        - documents: exact and near duplicates of training in validation
        - overlap, repeated: windows of `window` tokens of validation in training; of training in training
        - labels: the commonest token of training, unigram entropies
        - order, shift: how much neighbouring blocks of training, and the two parts, differ

    Raises:
        UserError: a document is neither a text nor a sequence of whole numbers.
    """
    reader = Reader(most)
    train, held_out = reader.read(training), reader.read(validation)
    window = _WINDOW_SMALL if len(train.counts[0]) <= _SMALL_ALPHABET and reader.unit == "id" else _WINDOW
    return {
        "schema": SCHEMA,
        "unit": reader.unit,
        "window": window,
        "shuffled": shuffled,
        "training": _size(train),
        "validation": _size(held_out),
        "unknown": _unknown(train, held_out, unknown),
        "never_trained": _never_trained(train, held_out, unknown),
        "padding": _padding(train, held_out, padding),
        "documents": {**dataclasses.asdict(duplicates(train, held_out)), "similar": SIMILAR},
        "overlap": dataclasses.asdict(overlapping_windows(held_out, train, window)),
        "repeated": dataclasses.asdict(repeated_windows(train, window)),
        "labels": _labels(train, held_out),
        "order": _plain(order_drift(train)),
        "shift": _plain(part_drift(train, held_out)),
    }


def _size(part: Part) -> dict[str, Any]:
    return {
        "documents": part.documents,
        "tokens": part.total,
        "distinct": len(part.counts[0]),
        "looked_at": part.share,
    }


def _unknown(training: Part, validation: Part, unknown: int | None) -> dict[str, Any] | None:
    if unknown is None:
        return None
    return {
        "id": unknown,
        "tokens": int((validation.tokens == unknown).sum()),
        "share": _share(validation.tokens == unknown),
        "share_in_training": _share(training.tokens == unknown),
    }


def _never_trained(training: Part, validation: Part, unknown: int | None) -> dict[str, Any]:
    """Count validation tokens that training has not, the unknown token apart.

    `expected` is the share of training tokens that occur once there: what Good and Turing expect to be new in
    a text of the same kind.
    """
    new = ~among(validation.tokens, training.counts[0])
    if unknown is not None:
        new &= validation.tokens != unknown
    _, counts = training.counts
    return {
        "tokens": int(new.sum()),
        "distinct": len(set(validation.tokens[new].tolist())),
        "share": _share(new),
        "expected": int((counts == 1).sum()) / max(1, len(training.tokens)),
    }


def _padding(training: Part, validation: Part, padding: int | None) -> dict[str, Any]:
    """Count padding; where its id is not known, it is taken for the token that fills the ends of documents."""
    filler, trailing = _filler(training)
    used = filler if padding is None else padding
    return {
        "id": used,
        "inferred": padding is None and filler is not None,
        "share": _share(training.tokens == used) if used is not None else 0.0,
        "validation_share": _share(validation.tokens == used) if used is not None else 0.0,
        "trailing": trailing,
    }


def _filler(part: Part) -> tuple[int | None, float]:
    """Return the token that most often stands twice or more at a document's end, and the share of such documents."""
    stops = part.stops[part.whole & (part.stops - part.starts >= 2)]
    if len(stops) < 2:
        return None, 0.0
    last = part.tokens[stops - 1]
    twice = last[last == part.tokens[stops - 2]]
    if not len(twice):
        return None, 0.0
    tokens, counts = np.unique(twice, return_counts=True)
    share = float(counts.max() / len(stops))
    return (int(tokens[counts.argmax()]), share) if share >= 0.5 else (None, share)


def _labels(training: Part, validation: Part) -> dict[str, Any] | None:
    if not len(training.tokens) or not len(validation.tokens):
        return None
    tokens, counts = training.counts
    theirs, their_counts = validation.counts
    commonest = int(tokens[counts.argmax()])
    return {
        "commonest": commonest,
        "share": float(counts.max() / counts.sum()),
        "share_in_validation": _share(validation.tokens == commonest),
        "commonest_of_validation": int(theirs[their_counts.argmax()]),
        "largest_in_validation": float(their_counts.max() / their_counts.sum()),
        "entropy": _entropy(counts),
        "entropy_of_validation": _entropy(their_counts),
    }


def _entropy(counts: np.ndarray) -> float:
    shares = counts / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def _share(which: np.ndarray) -> float:
    return float(which.mean()) if len(which) else 0.0


def _plain(value: Any) -> dict[str, Any] | None:
    return None if value is None else dataclasses.asdict(value)
