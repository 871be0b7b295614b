"""From a loader to its batches by update: by index where that is possible, else from its beginning."""

import itertools
from collections.abc import Callable, Iterable
from typing import Any

from torch.utils.data import DataLoader, IterableDataset

from newllm.integrations.loops.batches import Batches
from newllm.integrations.loops.chance import own_chance
from newllm.integrations.loops.read_batches import ReadBatches
from newllm.integrations.loops.sampled_batches import SampledBatches


def loader_batches(
    loader: Any,
    seed: int,
    accumulate: int = 1,
    count: int | None = None,
    drawn_after: Callable[[int], int] = lambda _: 0,
    *,
    joins: bool = False,
) -> Batches:
    """Return the batches of a loader, by index where that is possible.

    Args:
        loader: a DataLoader or anything that can be gone through several times.
        seed: see `SampledBatches`.
        accumulate: likewise.
        count: likewise.
        drawn_after: likewise; where data are read from their beginning nothing is drawn for an order.
        joins: see `ReadBatches`; where data have a length what an epoch leaves over is an update.
    """
    is_indexed = (
        isinstance(loader, DataLoader)
        and not isinstance(loader.dataset, IterableDataset)
        and hasattr(loader.dataset, "__getitem__")
    )
    if is_indexed:
        return SampledBatches(loader, seed, accumulate, count, drawn_after)

    def begin(epoch: int) -> Iterable[Any]:
        for one in (loader, getattr(loader, "dataset", None)):
            if hasattr(one, "set_epoch"):
                one.set_epoch(epoch)
        if isinstance(loader, DataLoader):  # read here, in one process
            plain: DataLoader = DataLoader(
                loader.dataset, batch_size=loader.batch_size, collate_fn=loader.collate_fn, drop_last=loader.drop_last
            )
            return itertools.islice(plain, count)
        return itertools.islice(loader, count)

    return ReadBatches(begin, seed, accumulate, joins=joins)


def first_batches(loader: Any, count: int, seed: int) -> list[Any]:
    """Return the first batches of a loader, so many at most, without moving any generator."""
    batches = loader_batches(loader, seed)
    if isinstance(batches, SampledBatches):
        return [batches.update(step)[0][0] for step in range(min(count, batches.updates_per_epoch))]
    with own_chance():
        return list(itertools.islice(loader, count))
