"""What a batch is, and what every order of batches can do."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from newllm.data.segments import Segments

IGNORED = -1


@dataclass(frozen=True)
class Batch:
    """Rows of tokens and what follows each of them. B rows of T positions.

    Attributes:
        inputs: ids, int64 [B, T].
        targets: the id that follows each input, int64 [B, T]; IGNORED (-1) where nothing is to be predicted.
        reset: bool [B, T], true where the input starts a document and the context is to be reset before it;
            None unless resets are asked for.
        fresh: bool [B], true where the row does not continue the same row of the batch before; None unless
            the context is carried.
    """

    inputs: np.ndarray
    targets: np.ndarray
    reset: np.ndarray | None = None
    fresh: np.ndarray | None = None

    def digest(self, before: int = 0) -> int:
        """Return a number of 32 bits that inputs and targets have, after those of the batches before."""
        return crc32(np.ascontiguousarray(self.targets).data, crc32(np.ascontiguousarray(self.inputs).data, before))


class Batches(ABC):
    """An endless sequence of training batches; each is a pure function of (seed, index).

    Attributes:
        batches_per_epoch: batches until every row has been seen once, rounded up.
        tokens_per_batch: targets in a batch; the average where batches differ.
    """

    batches_per_epoch: int
    tokens_per_batch: float

    @abstractmethod
    def batch(self, index: int) -> Batch:
        """Return one batch by its number, counted from 0 over all epochs; no other need be had before it.

        The update from step s to s + 1 reads the batches s * accumulate to (s + 1) * accumulate - 1.
        """


def trim(batch: Batch) -> Batch:
    """Return the batch without the positions at its end that predict nothing in any row.

    What a causal model does there reaches no loss. A batch whose context is carried on keeps them.
    """
    if batch.fresh is not None:
        return batch
    predicting = np.flatnonzero((batch.targets != IGNORED).any(axis=0))
    length = int(predicting[-1]) + 1 if len(predicting) else 1
    reset = None if batch.reset is None else batch.reset[:, :length]
    return Batch(batch.inputs[:, :length], batch.targets[:, :length], reset)


def part_of(batch: Batch, part: int, parts: int) -> Batch:
    """Return a part of a batch's rows: the parts in their order are the batch.

    Where a batch has fewer rows than parts, some get its first row with nothing to predict: they compute like the
    others, and add nothing.

    Args:
        batch: B rows, at least 1.
        part: from 0 to parts - 1.
        parts: in how many the rows are cut, as evenly as can be.
    """
    rows = rows_of(len(batch.inputs), part, parts)
    empty = rows.start == rows.stop
    rows = slice(0, 1) if empty else rows
    targets = np.full_like(batch.targets[rows], IGNORED) if empty else batch.targets[rows]
    reset = None if batch.reset is None else batch.reset[rows]
    return Batch(batch.inputs[rows], targets, reset, None if batch.fresh is None else batch.fresh[rows])


def piece_of(batch: Batch, piece: int, pieces: int) -> Batch:
    """Return a piece of every row of a batch: the pieces in their order are the rows.

    Args:
        batch: B rows of T positions, T at least `pieces`.
        piece: from 0 to pieces - 1; those after the first go on from the one before.
        pieces: in how many the positions are cut, as evenly as can be.
    """
    part = rows_of(batch.inputs.shape[1], piece, pieces)
    reset = None if batch.reset is None else batch.reset[:, part]
    fresh = batch.fresh if piece == 0 else np.zeros(len(batch.inputs), dtype=bool)
    return Batch(batch.inputs[:, part], batch.targets[:, part], reset, fresh)


def rows_of(count: int, part: int, parts: int) -> slice:
    """Return which of so many rows are in a part."""
    return slice(part * count // parts, (part + 1) * count // parts)


def cut_rows(segments: Segments, starts_B: np.ndarray, window: int, resets: bool) -> tuple[np.ndarray, ...]:
    """Gather whole windows.

    Args:
        segments: where from.
        starts_B: each window's first token, int64 [B]; window + 1 tokens follow it in its bound.
        window: T.
        resets: mark the document starts.

    Returns:
        inputs [B, T], targets [B, T] and, with `resets`, reset [B, T].
    """
    positions = starts_B[:, None] + np.arange(window + 1)
    rows = np.asarray(segments.tokens)[positions].astype(np.int64)
    if not resets:
        return rows[:, :-1], rows[:, 1:]
    return rows[:, :-1], rows[:, 1:], mark_starts(segments.starts, positions[:, :-1])


def mark_starts(starts: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Return where `positions` (any shape) are among the sorted `starts`, bool of the same shape."""
    if len(starts) == 0:
        return np.zeros(positions.shape, dtype=bool)
    nearest = np.searchsorted(starts, positions).clip(max=len(starts) - 1)
    return starts[nearest] == positions


def pad_rows(
    segments: Segments, bounds: Sequence[tuple[int, int]], window: int, filler: int, resets: bool
) -> tuple[np.ndarray, ...]:
    """Put token ranges of up to window + 1 tokens into rows, filled up on the right.

    Args:
        segments: where from.
        bounds: one half-open token range a row.
        window: T.
        filler: the id that fills the inputs; its targets are IGNORED.
        resets: mark the document starts.

    Returns:
        inputs [B, T], targets [B, T] and, with `resets`, reset [B, T].
    """
    rows = np.full((len(bounds), window + 1), filler, dtype=np.int64)
    real = np.zeros(rows.shape, dtype=bool)
    for row, (start, stop) in enumerate(bounds):
        rows[row, : stop - start] = segments.tokens[start:stop]
        real[row, : stop - start] = True
    inputs, targets = rows[:, :-1], np.where(real, rows, IGNORED)[:, 1:]
    if not resets:
        return inputs, targets
    positions = np.array([start for start, _ in bounds])[:, None] + np.arange(window)
    return inputs, targets, mark_starts(segments.starts, positions) & real[:, :-1]
