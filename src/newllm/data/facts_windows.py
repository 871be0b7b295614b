"""Windows of tokens that occur more than once: inside training, and of validation in training.

Each window of n tokens gets a 64-bit hash (a polynomial in mixed token values, built by doubling), so that
millions of windows are compared by one sort. Two different windows share a hash by chance about once in 10^19.
Windows never cross the end of a piece.
"""

import dataclasses

import numpy as np

from newllm.data.facts_sample import Part, among

_BASE = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1


@dataclasses.dataclass(frozen=True)
class Repetition:
    """How much of a part stands in windows that were seen elsewhere.

    Attributes:
        share: of the part's tokens.
        longest: tokens in the longest unbroken stretch of them.
    """

    share: float
    longest: int


def repeated_windows(part: Part, window: int) -> Repetition:
    """Return how much of a part stands in windows of n tokens that occurred before in it."""
    hashes, places = window_hashes(part, window)
    order = np.argsort(hashes, kind="stable")
    again = np.flatnonzero(hashes[order][1:] == hashes[order][:-1]) + 1
    return _covered(part, places[order[again]], window)


def overlapping_windows(validation: Part, training: Part, window: int) -> Repetition:
    """Return how much of validation stands in windows of n tokens that occur in training."""
    hashes, places = window_hashes(validation, window)
    known, _ = window_hashes(training, window)
    return _covered(validation, places[among(hashes, np.sort(known))], window)


def window_hashes(part: Part, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the hash of every window, uint64, and its first token's place, both `[windows]`."""
    hashes = rolling_hash(mixed(part.tokens), window)
    stops = np.repeat(part.stops, part.stops - part.starts)
    places = np.flatnonzero(np.arange(len(hashes)) + window <= stops[: len(hashes)])
    return hashes[places], places


def rolling_hash(values: np.ndarray, window: int) -> np.ndarray:
    """Return the polynomial hash of every `window` neighbours, uint64 `[max(0, n - window + 1)]`."""
    if len(values) < window:
        return np.zeros(0, np.uint64)
    power, size = values, 1  # hashes of `size` neighbours, a power of two
    whole, length = np.zeros(len(values) + 1, np.uint64), 0
    while size <= window:
        if window & size:
            left = len(values) - length - size + 1
            whole = whole[:left] * _factor(size) + power[length : length + left]
            length += size
        if 2 * size <= window:
            power = power[:-size] * _factor(size) + power[size:]
        size *= 2
    return whole


def mixed(tokens: np.ndarray) -> np.ndarray:
    """Return token ids scattered over 64 bits (splitmix64), so that neighbouring ids have nothing in common."""
    value = tokens.astype(np.uint64) + np.uint64(_BASE)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def _factor(size: int) -> np.uint64:
    return np.uint64(pow(_BASE, size, 1 << 64) & _MASK)


def _covered(part: Part, places: np.ndarray, window: int) -> Repetition:
    """Return what the windows that begin at these places cover."""
    if not len(places):
        return Repetition(0.0, 0)
    edges = np.zeros(len(part.tokens) + 1, np.int64)
    np.add.at(edges, places, 1)
    np.add.at(edges, places + window, -1)
    inside = np.cumsum(edges[:-1]) > 0
    changes = np.flatnonzero(np.diff(np.concatenate([[False], inside, [False]]).astype(np.int8)))
    return Repetition(float(inside.mean()), int((changes[1::2] - changes[::2]).max()))
