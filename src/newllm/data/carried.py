"""Training windows in the text's order, so that the context can be carried from each to the next."""

import math
from typing import final

import numpy as np

from newllm.data.batch import Batch, Batches, cut_rows
from newllm.data.segments import Segments


@final
class CarriedBatches(Batches):
    """Each row walks through the windows of all bounds in order and wraps at the end.

    The rows start spread evenly. Nothing is left to chance, so there is no seed.

    Args:
        segments: the training part; at least one bound holds window + 1 tokens.
        window: targets in a row.
        rows: rows in a batch.
        resets: mark the document starts.
    """

    def __init__(self, segments: Segments, window: int, rows: int, resets: bool) -> None:
        self._segments = segments
        self._window = window
        self._rows = rows
        self._resets = resets
        counts = [(stop - start - 1) // window for start, stop in segments.bounds]
        walked = [(start, count) for (start, _), count in zip(segments.bounds, counts, strict=True) if count > 0]
        self._starts = np.concatenate([start + np.arange(count) * window for start, count in walked])
        self._opens_bound = np.concatenate([np.arange(count) == 0 for _, count in walked])
        self.batches_per_epoch = math.ceil(len(self._starts) / rows)
        self.tokens_per_batch = rows * window

    def batch(self, index: int) -> Batch:
        """Return a batch; `fresh` is true in the first, where a bound opens, and after a wrap."""
        count = len(self._starts)
        windows = (np.arange(self._rows) * count // self._rows + index) % count
        inputs, targets, *reset = cut_rows(self._segments, self._starts[windows], self._window, self._resets)
        # The window after a wrap opens the first bound, so that it needs no case of its own.
        fresh = self._opens_bound[windows] | (index == 0)
        return Batch(inputs, targets, reset[0] if reset else None, fresh)
