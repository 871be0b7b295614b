"""Training sentences, one a row, in a new order every epoch. The founding document's batches."""

import math
from typing import final

from newllm.chance import numpy_stream
from newllm.data.batch import Batch, Batches, pad_rows
from newllm.data.segments import Segments


@final
class SentenceBatches(Batches):
    """Shuffled sentences; an epoch's last batch is smaller where they do not come out even.

    Args:
        segments: the training part, one bound a sentence, none longer than window + 1 tokens.
        window: positions in a row.
        rows: sentences in a batch.
        filler: the id that fills a row.
        resets: mark the sentence starts.
        seed: the run's seed.
    """

    def __init__(self, segments: Segments, window: int, rows: int, filler: int, resets: bool, seed: int) -> None:
        self._segments = segments
        self._window = window
        self._rows = rows
        self._filler = filler
        self._resets = resets
        self._seed = seed
        self.steps_per_epoch = math.ceil(len(segments.bounds) / rows)
        self.tokens_per_batch = segments.targets / self.steps_per_epoch

    def batch(self, step: int) -> Batch:
        """Return the sentences of one step."""
        epoch, index = divmod(step, self.steps_per_epoch)
        order = numpy_stream(self._seed, "order", epoch).permutation(len(self._segments.bounds))
        chosen = order[index * self._rows : (index + 1) * self._rows]
        bounds = [self._segments.bounds[sentence] for sentence in chosen]
        return Batch(*pad_rows(self._segments, bounds, self._window, self._filler, self._resets))
