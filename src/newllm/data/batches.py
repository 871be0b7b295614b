"""The batches of a corpus: endless and by number for training, once through for validation."""

from collections.abc import Iterator

import numpy as np

from newllm.data.batch import Batch, Batches, pad_rows, trim
from newllm.data.config import DataConfig
from newllm.data.corpus import Corpus
from newllm.data.fit import check_sentences
from newllm.data.orders import CarriedBatches, SentenceBatches, WindowBatches
from newllm.data.segments import Segments
from newllm.errors import UserError


def training_batches(corpus: Corpus, config: DataConfig, seed: int) -> Batches:
    """Return the training batches, each a pure function of (seed, index).

    Args:
        corpus: from `prepare`.
        config: format, window, batch, resets and carry are used.
        seed: the run's seed; its stream "order" decides the order.

    Raises:
        UserError: the window does not fit the corpus.
    """
    if config.format == "sentences":
        check_sentences(corpus.train, corpus.validation, corpus.tokenizer, config.window)
        return SentenceBatches(corpus.train, corpus.tokenizer, config, seed)
    if corpus.train.longest < config.window + 1:
        raise UserError(
            f"data.window={config.window} does not fit a training part of {corpus.train.longest} tokens "
            f"in one stretch: --set data.window={max(1, corpus.train.longest - 1)}, or more text"
        )
    if config.carry:
        return CarriedBatches(corpus.train, config.window, config.batch, config.resets)
    return WindowBatches(corpus.train, config.window, config.batch, config.resets, seed)


def validation_batches(corpus: Corpus, config: DataConfig, limit: int | None = None) -> Iterator[Batch]:
    """Yield the validation part, every target at most once, always in the same way.

    A bound gives its whole windows, end to end; what is left at its end is left out. A bound that is
    shorter than one window gives one row, filled up on the right. A sentence gives one row.

    Args:
        corpus: from `prepare`.
        config: window, batch, resets and carry are used.
        limit: at most so many targets, from windows spread evenly (but at least one window); None for all.

    Yields:
        Batches of at most `config.batch` rows. With `carry`, every row is fresh.
    """
    rows = _spread(_whole_rows(corpus.validation, config.window), limit)
    filler = corpus.tokenizer.pad or 0
    for first in range(0, len(rows), config.batch):
        bounds = rows[first : first + config.batch]
        inputs, targets, *reset = pad_rows(corpus.validation, bounds, config.window, filler, config.resets)
        fresh = np.ones(len(bounds), dtype=bool) if config.carry else None
        yield Batch(inputs, targets, reset[0] if reset else None, fresh)


def probe_batch(corpus: Corpus, config: DataConfig) -> Batch:
    """Return the first rows of the training part in the text's order: one fixed batch, the same for every run of it."""
    rows = _whole_rows(corpus.train, config.window)[: config.batch]
    return trim(Batch(*pad_rows(corpus.train, rows, config.window, corpus.tokenizer.pad or 0, resets=False)))


def _whole_rows(segments: Segments, window: int) -> list[tuple[int, int]]:
    """Return the token range of each row, its last token being a target only."""
    rows = []
    for start, stop in segments.bounds:
        count = (stop - start - 1) // window
        rows += [(start + index * window, start + (index + 1) * window + 1) for index in range(count)]
        if count == 0 and stop - start >= 2:
            rows.append((start, stop))
    return rows


def _spread(rows: list[tuple[int, int]], limit: int | None) -> list[tuple[int, int]]:
    """Take evenly spaced rows that hold at most `limit` targets, at least one row."""
    targets = [stop - start - 1 for start, stop in rows]
    if limit is None or sum(targets) <= limit:
        return rows
    count = min(len(rows), max(1, limit // max(targets)))
    return [rows[index * len(rows) // count] for index in range(count)]
