"""Training sentences, one a row, in a new order every epoch. The founding document's batches."""

import dataclasses
import math
from typing import final

import numpy as np

from newllm.chance import numpy_stream
from newllm.data.batch import Batch, Batches, pad_rows
from newllm.data.config import DataConfig
from newllm.data.segments import Segments
from newllm.data.tokenizer import Tokenizer


@final
class SentenceBatches(Batches):
    """Shuffled sentences; an epoch's last batch is smaller where they do not come out even.

    Args:
        segments: the training part, one bound a sentence, none longer than window + 1 tokens.
        tokenizer: its PAD fills a row, its UNK replaces the words that are dropped.
        config: window, batch, resets and word_dropout are used.
        seed: the run's seed.
    """

    def __init__(self, segments: Segments, tokenizer: Tokenizer, config: DataConfig, seed: int) -> None:
        self._segments, self._tokenizer, self._config, self._seed = segments, tokenizer, config, seed
        self.batches_per_epoch = math.ceil(len(segments.bounds) / config.batch)
        self.tokens_per_batch = segments.targets / self.batches_per_epoch

    def batch(self, index: int) -> Batch:
        """Return the sentences of one batch."""
        epoch, within = divmod(index, self.batches_per_epoch)
        order = numpy_stream(self._seed, "order", epoch).permutation(len(self._segments.bounds))
        rows = self._config.batch
        chosen = order[within * rows : (within + 1) * rows]
        bounds = [self._segments.bounds[sentence] for sentence in chosen]
        segments = self._with_unknown(index) if self._config.word_dropout else self._segments
        filler = self._tokenizer.pad or 0
        return Batch(*pad_rows(segments, bounds, self._config.window, filler, self._config.resets))

    def _with_unknown(self, index: int) -> Segments:
        """Return the sentences with some words unknown: inputs and targets alike, as in validation."""
        tokens = np.array(self._segments.tokens)
        begin, end = self._tokenizer.begin, self._tokenizer.end
        dropped = numpy_stream(self._seed, "word-dropout", index).random(len(tokens)) < self._config.word_dropout
        tokens[dropped & (tokens != begin) & (tokens != end)] = self._tokenizer.unknown
        return dataclasses.replace(self._segments, tokens=tokens)
