"""What a read of matrices found: how much of it every earlier write left there, exactly.

Between a write and a read the matrix decays, and what stands under later keys is replaced. All of this is linear in the
values that were written (`recurrence.matrix_scan.operation`):

    S_t = (I - key_t lookup_t^T) diag(decay_t) S_{t-1} + key_t value_t^T

so a read is a sum of these values, each with a weight, and of what is left of the matrix before the first of them. The
weights come from carrying the query back through the same transitions, from the read to the first write:

    S_t^T query_t = sum_s w_s value_s + S_0^T g_0,  g_t = query_t,  w_s = key_s . g_s,
    g_{s-1} = decay_s (g_s - w_s lookup_s)

As attention's weights they say which positions a read is made of; they may be negative, and sum up to anything.

Shapes: T positions, N heads of all layers, K key width, V value width.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np


class Writes(NamedTuple):
    """What some positions did with the matrices of every head, float32.

    Attributes:
        query: what each read by, `[T, N, K]`.
        key: what it wrote its error under, `[T, N, K]`.
        lookup: what it looked up before it wrote, `[T, N, K]`.
        decay: of each row of a matrix, `[T, N, K]`, or of all of them, `[T, N, 1]`.
        value: what was to be found under `lookup`, `[T, N, V]`.
        read: what it found by its query after it had written, `[T, N, V]`.
        added: length of what the head made of its read and added to its block's output, `[T, N]`.
    """

    query: np.ndarray
    key: np.ndarray
    lookup: np.ndarray
    decay: np.ndarray
    value: np.ndarray
    read: np.ndarray
    added: np.ndarray

    @classmethod
    def joined(cls, pieces: Iterable["Writes"]) -> "Writes":
        """Return pieces of one text, one after another, as one."""
        return cls(*map(np.concatenate, zip(*pieces, strict=True)))


def write_weights(writes: Writes) -> np.ndarray:
    """Return the weight of each position's value in what the last of them read, `[T, N]`, float64."""
    g_NK = writes.query[-1].astype(np.float64)
    weights_TN = np.empty(writes.added.shape)
    for s in range(len(weights_TN) - 1, -1, -1):
        weights_TN[s] = (writes.key[s] * g_NK).sum(axis=-1)
        g_NK = writes.decay[s] * (g_NK - weights_TN[s, :, None] * writes.lookup[s])
    return weights_TN


def write_shares(writes: Writes) -> np.ndarray:
    """Return the share of each position's write in what the last of them read, `[T, N]`; NaN where it read nothing.

    It is that of the weighted value along the read. What is missing to 1 was in the matrices before the first position.
    """
    read_NV = writes.read[-1].astype(np.float64)
    along_TN = np.einsum("tnv,nv->tn", writes.value, read_NV)
    with np.errstate(invalid="ignore", divide="ignore"):
        return write_weights(writes) * along_TN / np.square(read_NV).sum(axis=-1)
