"""The batches of what can only be read from its beginning, again and again: a stream, or a loader of another kind.

What reading draws comes from generators of each epoch's own. A few batches are held, never the data.
"""

import itertools
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from newllm.chance import stream_seed
from newllm.errors import UserError
from newllm.integrations.loops.batches import Batches
from newllm.integrations.loops.chance import own_chance, put_chance, seed_all, take_chance
from newllm.replays.replica.setup import digest

_UPDATES = 64  # that are held


class ReadBatches(Batches):
    """Batches of what can only be read from its beginning, again and again.

    Args:
        begin: from the number of an epoch to what is gone through in it.
        seed: of what it draws.
        accumulate: batches of an update.
        joins: whether what an epoch leaves over is joined with the first update of the next, as a group of its own;
            else it is an update.

    Raises:
        UserError: it gives nothing, or other batches when it is read again.
    """

    def __init__(
        self, begin: Callable[[int], Iterable[Any]], seed: int, accumulate: int = 1, *, joins: bool = False
    ) -> None:
        self._open, self._seed, self._accumulate, self._joins = begin, seed, accumulate, joins
        self._held: OrderedDict[int, list[list[Any]]] = OrderedDict()
        self._seen: dict[int, int] = {}
        self._reader: Iterator[Any] = iter(())
        self._step, self._epoch = 0, -1
        self._starts: list[int] = []  # steps with which epochs begin

    @property
    def updates_per_epoch(self) -> int | None:
        """Updates of the first epoch; None before its end was reached."""
        return self._starts[1] if len(self._starts) > 1 else None

    def epoch(self, step: int) -> int:
        """Return which epoch an update belongs to, as far as was read."""
        return max(0, sum(start <= step for start in self._starts) - 1)

    def update(self, step: int) -> list[list[Any]]:
        """Return the batches of an update, in groups."""
        while step not in self._held:
            if step < self._step:
                self._step, self._epoch, self._reader = 0, -1, iter(())
            self._read()
        self._held.move_to_end(step)
        return self._held[step]

    def _read(self) -> None:
        """Read the next update."""
        groups = [self._next_group()]
        is_short = len(groups[0]) < self._accumulate
        if not groups[0] or (is_short and self._joins):
            self._epoch += 1
            if self._epoch == len(self._starts):
                self._starts.append(self._step)
            self._reader = self._go_through(self._epoch)
            groups = [group for group in (*groups, self._next_group()) if group]
            if not groups:
                raise UserError(self._other("nothing", self._step))
        content = digest(groups)
        if self._seen.setdefault(self._step, content) != content:
            raise UserError(self._other("other batches", self._step))
        self._held[self._step] = groups
        self._step += 1
        while len(self._held) > _UPDATES:
            self._held.popitem(last=False)

    def _next_group(self) -> list[Any]:
        return list(itertools.islice(self._reader, self._accumulate))

    def _go_through(self, epoch: int) -> Iterator[Any]:
        """Yield the batches of an epoch; what reading draws comes from a generator of the epoch's own."""
        with own_chance():
            seed_all(stream_seed(self._seed, "data", epoch))
            state = take_chance()
        with own_chance():
            put_chance(state)
            reader = iter(self._open(epoch))
            state = take_chance()
        while True:
            with own_chance():
                put_chance(state)
                batch = next(reader, None)
                now = take_chance()
            if self.draws is None:
                self.draws = not state.is_as(now)
            state = now
            if batch is None:
                return
            yield batch

    def _other(self, what: str, step: int) -> str:
        return (
            f"read from its beginning once more, the training data give {what} at step {step}: a replay reads them "
            "several times, so give data that can be read again and are the same each time"
        )
