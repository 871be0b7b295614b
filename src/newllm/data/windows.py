"""Training windows in a new order every epoch.

Within an epoch the windows of a bound lie end to end, shifted by the same random part of a window, so that
over the epochs every token is met at every place of a window. A bound's last window may be moved back to
stay inside.
"""

import math
from typing import final

import numpy as np

from newllm.chance import numpy_stream
from newllm.data.batch import Batch, Batches, cut_rows
from newllm.data.segments import Segments


@final
class WindowBatches(Batches):
    """Shuffled windows of a stream.

    Args:
        segments: the training part; at least one bound holds window + 1 tokens.
        window: targets in a row.
        rows: rows in a batch.
        resets: mark the document starts.
        seed: the run's seed.
    """

    def __init__(self, segments: Segments, window: int, rows: int, resets: bool, seed: int) -> None:
        self._segments = segments
        self._window = window
        self._rows = rows
        self._resets = resets
        self._seed = seed
        self._earliest, self._latest = _window_limits(segments, window)
        self._epochs: dict[int, np.ndarray] = {}
        self.batches_per_epoch = math.ceil(len(self._earliest) / rows)
        self.tokens_per_batch = rows * window

    def batch(self, index: int) -> Batch:
        """Return the rows index * B to index * B + B - 1 of all epochs joined; a batch may lie in several."""
        count = len(self._earliest)
        first = index * self._rows
        epochs = range(first // count, (first + self._rows - 1) // count + 1)
        # Only to be quick: what is kept is what the last batch needed.
        self._epochs = {epoch: self._epoch_starts(epoch) for epoch in epochs}
        several = [self._epochs[epoch] for epoch in epochs]
        starts = several[0] if len(several) == 1 else np.concatenate(several)
        offset = first - epochs[0] * count
        return Batch(*cut_rows(self._segments, starts[offset : offset + self._rows], self._window, self._resets))

    def _epoch_starts(self, epoch: int) -> np.ndarray:
        """Return the first token of every window in the epoch's order, int64 [windows]."""
        if epoch in self._epochs:
            return self._epochs[epoch]
        chance = numpy_stream(self._seed, "order", epoch)
        shift = chance.integers(self._window)
        starts = np.minimum(self._earliest + shift, self._latest)
        return starts[chance.permutation(len(starts))]


def _window_limits(segments: Segments, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Return each window's first token before the shift, and the last place it may be shifted to."""
    earliest, latest = [], []
    for start, stop in segments.bounds:
        last = stop - 1 - window
        if last >= start:
            places = start + np.arange((stop - start - 1) // window) * window
            earliest.append(places)
            latest.append(np.full(len(places), last))
    return np.concatenate(earliest), np.concatenate(latest)
