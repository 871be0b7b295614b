"""The orders of training batches: shuffled windows, windows in the text's order, shuffled sentences."""

import dataclasses
import math
from typing import final

import numpy as np

from newllm.chance import numpy_stream
from newllm.data.batch import Batch, Batches, cut_rows, pad_rows
from newllm.data.config import DataConfig
from newllm.data.segments import Segments
from newllm.data.tokenizer import Tokenizer


@final
class WindowBatches(Batches):
    """Windows of a stream, in a new order every epoch.

    Within an epoch the windows of a bound lie end to end, shifted by the same random part of a window, so that over
    the epochs every token is met at every place of a window. A bound's last window may be moved back to stay inside.

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


@final
class CarriedBatches(Batches):
    """Windows in the text's order, so that the context can be carried from each to the next.

    Each row walks through the windows of all bounds in order and wraps at the end. The rows start
    spread evenly. Nothing is left to chance, so there is no seed.

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


@final
class SentenceBatches(Batches):
    """Sentences, one a row, in a new order every epoch: the founding document's batches.

    An epoch's last batch is smaller where they do not come out even.

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
