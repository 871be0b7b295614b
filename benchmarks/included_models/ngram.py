"""Interpolated Witten-Bell n-grams over bytes: what counting alone reaches.

    p_n(w | h) = (count(h w) + types(h) * p_{n-1}(w | shorter h)) / (count(h) + types(h))

with the uniform distribution over 256 bytes at the bottom (Witten and Bell 1991). Counting is vectorised:
a context of up to 4 bytes and its successor are one 64-bit number.
"""

import math

import numpy as np


def witten_bell_bits(train: list[np.ndarray], validation: list[np.ndarray], order: int) -> float:
    """Return the bits per byte of an n-gram of this order.

    Args:
        train: pieces of text, uint8; no n-gram crosses their ends.
        validation: pieces to predict, likewise; contexts at their starts are as short as they must be.
        order: 2 for a bigram, 5 for a 5-gram.
    """
    probabilities = [np.full(len(piece), 1 / 256) for piece in validation]
    for size in range(1, order + 1):
        grams, counts = np.unique(np.concatenate([_grams(piece, size) for piece in train]), return_counts=True)
        contexts, first, types = np.unique(grams >> 8, return_index=True, return_counts=True)
        totals = np.add.reduceat(counts, first)
        for piece, lower in zip(validation, probabilities, strict=True):
            asked = _grams(piece, size)
            count = _look_up(grams, counts, asked)
            total, kinds = _look_up(contexts, totals, asked >> 8), _look_up(contexts, types, asked >> 8)
            seen = total > 0
            better = (count + kinds * lower[size - 1 :]) / np.maximum(total + kinds, 1)
            lower[size - 1 :] = np.where(seen, better, lower[size - 1 :])
    nats = -sum(float(np.log(piece).sum()) for piece in probabilities)
    return nats / math.log(2) / sum(len(piece) for piece in validation)


def _grams(piece: np.ndarray, size: int) -> np.ndarray:
    """Return every run of `size` bytes as one number, the last byte lowest."""
    wide = piece.astype(np.int64)
    length = max(0, len(wide) - size + 1)
    result = np.zeros(length, dtype=np.int64)
    for offset in range(size):
        result = (result << 8) | wide[offset : offset + length]
    return result


def _look_up(keys: np.ndarray, values: np.ndarray, asked: np.ndarray) -> np.ndarray:
    place = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
    return np.where(keys[place] == asked, values[place], 0)
