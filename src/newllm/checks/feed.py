"""A data loader looked at: the order in which it reads its rows, and single rows and workers of it."""

import itertools
import time
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, IterableDataset

from newllm.checks.bench import Bench
from newllm.checks.kept import put_back
from newllm.checks.outcome import CannotCheck
from newllm.checks.trees import leaves, same

_MOST = 1_000_000  # indices
_LONGEST = 1.0  # seconds for the order of an epoch
_PATIENCE = 20.0  # seconds for a worker


def loader_of(bench: Bench) -> DataLoader[Any]:
    """Return the data loader that was given.

    Raises:
        CannotCheck: none was, or it is none of torch.
    """
    if bench.parts.loader is None:
        raise CannotCheck("no-loader")
    if not isinstance(bench.parts.loader, DataLoader):
        raise CannotCheck("other-loader", kind=type(bench.parts.loader).__name__)
    return bench.parts.loader


def rows_of_epoch(loader: DataLoader[Any]) -> list[int]:
    """Return the rows that the next epoch reads, in its order; nothing is read.

    Raises:
        CannotCheck: there is no order of numbered rows.
    """
    if isinstance(loader.dataset, IterableDataset):
        raise CannotCheck("stream")
    return rows_of_sampler(loader.sampler if loader.batch_sampler is None else loader.batch_sampler)


def rows_of_sampler(sampler: Iterable[Any]) -> list[int]:
    """Return the rows that a sampler, of rows or of batches, gives.

    Raises:
        CannotCheck: they are no numbers, or too many.
    """
    ends, found = time.monotonic() + _LONGEST, []
    for given in sampler:
        found += given if isinstance(given, list | tuple) else [given]
        if len(found) > _MOST or time.monotonic() > ends:
            raise CannotCheck("long-epoch", count=len(found))
    if not all(isinstance(each, int) for each in found):
        raise CannotCheck("no-indices")
    return found


def read(loader: DataLoader[Any], batches: list[list[int]], *, workers: int = 0) -> list[Any]:
    """Return batches of these rows as the loader reads and collates them, in this process or in workers of it."""
    return list(reading(loader, batches, workers))


def read_stream(loader: DataLoader[Any], count: int, *, workers: int) -> list[Any]:
    """Return the first batches of a loader of rows without numbers."""
    return list(itertools.islice(reading(loader, None, workers), count))


def same_batch(first: Any, second: Any) -> bool:
    """Say whether two batches hold the same bits.

    Raises:
        CannotCheck: they hold no tensors.
    """
    pairs = list(zip(leaves(first), leaves(second), strict=False))
    if not pairs:
        raise CannotCheck("no-tensors")
    return all(same(one, other) for (_, one), (_, other) in pairs)


def reading(loader: DataLoader[Any], batches: list[list[int]] | None, workers: int = 0) -> Iterator[Any]:
    """Yield what a loader like the given one reads: chosen batches of rows, or all; in this process or in workers."""
    chosen: dict[str, Any] = {"batch_sampler": batches}
    if loader.batch_sampler is None:  # the data set gives whole batches
        chosen = {"batch_size": None, "sampler": None if batches is None else [each[0] for each in batches]}
    elif batches is None:
        chosen = {"batch_size": loader.batch_size, "drop_last": loader.drop_last}
    other: DataLoader[Any] = DataLoader(
        loader.dataset,
        collate_fn=loader.collate_fn,
        worker_init_fn=loader.worker_init_fn if workers else None,
        generator=loader.generator,
        num_workers=workers,
        multiprocessing_context=loader.multiprocessing_context if workers else None,
        timeout=_PATIENCE if workers else 0,
        **chosen,
    )
    threads = torch.get_num_threads()
    try:
        yield from other
    finally:
        torch.set_num_threads(threads)


def first_of(loader: Any) -> Any:
    """Return the first batch of a loader, which is left as it was; one of torch reads it without its workers."""
    is_plain = isinstance(loader, DataLoader) and type(loader).__iter__ is DataLoader.__iter__
    with put_back(loader):
        if not is_plain or isinstance(loader.dataset, IterableDataset):
            return next(iter(loader))
        if loader.batch_sampler is None:  # what its sampler gives, be it one row or several, is one batch
            return read(loader, [[next(iter(loader.sampler))]])[0]
        return read(loader, [next(iter(loader.batch_sampler))])[0]


def length_of(loader: Any) -> int | None:
    """Return how many batches a loader has, where it knows."""
    try:
        return len(loader) or None
    except TypeError:
        return None


def is_distributed() -> bool:
    """Say whether this process trains together with others."""
    return torch.distributed.is_available() and torch.distributed.is_initialized()
