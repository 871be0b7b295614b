"""The batches of a DataLoader over data that have a length, by the index of each sample.

The order of an epoch is that of the loader's own sampler, of which a copy is made, so that the user's stays where it
is. Whatever draws random numbers to make an order goes on from the state that the process has now, as if nothing else
drew any. What a data set or a collating function draws itself (augmentation, masking) is seeded by the batch's number.
Index lists are held, never the data.
"""

import copy
import itertools
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from newllm.chance import stream_seed
from newllm.errors import UserError
from newllm.integrations.loops.batches import Batches
from newllm.integrations.loops.chance import own_chance, put_chance, seed_all, take_chance

_INDICES = 4_000_000  # of samples, that are held in orders of epochs


class SampledBatches(Batches):
    """Batches by the indices of their samples.

    Args:
        loader: of data with a length.
        seed: of what data set and collating function draw.
        accumulate: batches of an update; the last one of an epoch has what is left.
        count: batches of an epoch that are read; None reads all.
        drawn_after: from an epoch to how many numbers something else takes after it of the generator that the order
            comes from: each loader of a validation takes one.

    Raises:
        UserError: its sampler cannot be copied.
    """

    def __init__(
        self,
        loader: Any,
        seed: int,
        accumulate: int = 1,
        count: int | None = None,
        drawn_after: Callable[[int], int] = lambda _: 0,
    ) -> None:
        self._seed, self._accumulate, self._drawn_after = seed, accumulate, drawn_after
        self._collate, self._grouped = loader.collate_fn, loader.batch_sampler is not None
        self._count = len(loader) if count is None else min(count, len(loader))
        memo = {id(one): _own(one) for one in (loader.generator,) if one is not None}
        self._shared = loader.dataset
        self._first = _copied(loader.batch_sampler if self._grouped else loader.sampler, self._shared, memo)
        self._generator: torch.Generator | None = memo.get(id(loader.generator))
        self._chance = take_chance()
        self._orders: OrderedDict[int, list[Any]] = OrderedDict()
        self._begin()
        self._dataset = copy.copy(loader.dataset) if hasattr(loader.dataset, "set_epoch") else loader.dataset

    @property
    def updates_per_epoch(self) -> int:
        """Updates of an epoch."""
        return -(-self._count // self._accumulate)

    def epoch(self, step: int) -> int:
        """Return which epoch an update belongs to, counted from 0."""
        return step // self.updates_per_epoch

    def update(self, step: int) -> list[list[Any]]:
        """Return the batches of an update, in one group."""
        epoch, update = divmod(step, self.updates_per_epoch)
        order = self._order(epoch)
        chosen = order[update * self._accumulate : (update + 1) * self._accumulate]
        if not chosen:
            raise UserError(
                f"epoch {epoch} of the data has {len(order)} batches, its loader says {self._count}: "
                "give a batch sampler whose length is right"
            )
        return [[self._read(one, epoch, update * self._accumulate + at) for at, one in enumerate(chosen)]]

    def _read(self, indices: Any, epoch: int, number: int) -> Any:
        with own_chance():
            seed_all(stream_seed(self._seed, "data", epoch, number))
            before = take_chance() if self.draws is None else None
            if hasattr(self._dataset, "set_epoch"):
                self._dataset.set_epoch(epoch)
            indices = indices.tolist() if isinstance(indices, np.ndarray) else indices
            if not self._grouped:
                rows = self._dataset[indices]
            elif hasattr(self._dataset, "__getitems__"):
                rows = self._dataset.__getitems__(indices)
            else:
                rows = [self._dataset[index] for index in indices]
            batch = self._collate(rows)
            if before is not None:
                self.draws = not before.is_as(take_chance())
        return batch

    def _begin(self) -> None:
        """Go back to before the first epoch: to another copy of the sampler and of the loader's generator."""
        memo = {id(one): _own(one) for one in (self._generator,) if one is not None}
        self._sampler = _copied(self._first, self._shared, memo)
        self._drawing: torch.Generator | None = memo.get(id(self._generator))
        self._next, self._then = 0, self._chance

    def _order(self, epoch: int) -> list[Any]:
        """Return the samples of each batch of an epoch."""
        if epoch in self._orders:
            self._orders.move_to_end(epoch)
            return self._orders[epoch]
        if epoch < self._next:
            self._begin()
        order: list[Any] = []
        with own_chance():
            put_chance(self._then)
            while self._next <= epoch:
                order = self._ordered(self._next)
                self._next += 1
            self._then = take_chance()
        self._orders[epoch] = order
        while len(self._orders) > 1 and sum(map(_length, self._orders.values())) > _INDICES:
            self._orders.popitem(last=False)
        return order

    def _ordered(self, epoch: int) -> list[Any]:
        for one in _nested(self._sampler):
            if hasattr(one, "set_epoch"):
                one.set_epoch(epoch)
        _draw(self._drawing)  # as an iterator of a DataLoader does, for its workers
        before = take_chance()
        given = itertools.islice(iter(self._sampler), self._count)
        order = [np.asarray(one, dtype=np.int64) if _are_indices(one) else one for one in given]
        self.from_process = self.from_process or not before.is_as(take_chance())
        for _ in range(self._drawn_after(epoch)):
            _draw(None)
        return order


def _draw(generator: torch.Generator | None) -> None:
    torch.empty((), dtype=torch.int64).random_(generator=generator)


def _own(generator: torch.Generator) -> torch.Generator:
    """Return a generator in the same state."""
    made = torch.Generator(device=generator.device)
    made.set_state(generator.get_state())
    return made


def _copied(sampler: Any, dataset: Any, memo: dict[int, Any]) -> Any:
    """Return a copy of a sampler that shares the data with it, and has generators of its own.

    Args:
        sampler: of samples or of batches.
        dataset: that is not copied.
        memo: what stands for what in the copy, by the id of the original.

    Raises:
        UserError: it cannot be copied.
    """
    memo[id(dataset)] = dataset
    for one in _nested(sampler):
        for name, value in vars(one).items():
            if isinstance(value, torch.Generator):
                memo.setdefault(id(value), _own(value))
            elif name in ("data_source", "dataset"):
                memo[id(value)] = value
    try:
        return copy.deepcopy(sampler, memo)
    except Exception as error:
        raise UserError(
            f"the sampler {type(sampler).__name__} cannot be copied ({error}): a replay needs a copy of it, to go "
            "through the data without moving yours"
        ) from error


def _nested(sampler: Any) -> list[Any]:
    """Return a sampler and those that it draws from."""
    found: list[Any] = []
    while sampler is not None and hasattr(sampler, "__dict__") and sampler not in found:
        found.append(sampler)
        sampler = getattr(sampler, "batch_sampler", None) or getattr(sampler, "sampler", None)
    return found


def _are_indices(given: Any) -> bool:
    return isinstance(given, Sequence) and not isinstance(given, str) and all(isinstance(one, int) for one in given)


def _length(order: list[Any]) -> int:
    return sum(len(one) if hasattr(one, "__len__") else 1 for one in order)
