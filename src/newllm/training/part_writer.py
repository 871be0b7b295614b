"""Writes what this rank holds of a sharded model's states, beside the training: every rank has one.

The training waits for a copy in memory alone. A thread writes the copy and comes to no exchange with the others: two
threads would come to theirs in another order on every rank. That it is done travels with the losses of the next update
(`World.has_written`), so that all ranks know it at the same step.

Limit: the copy takes as many bytes as this rank's weights and moments, from the first snapshot on.
"""

import collections
import threading
from collections.abc import Sequence
from pathlib import Path

from newllm.errors import UserError
from newllm.launcher import of_rank
from newllm.training.held import Held, copied
from newllm.training.shards import write_part
from newllm.training.snapshots import Progress, Tensors
from newllm.training.world import World

Digests = dict[str, str]
"""sha256 by name of file."""


class PartWriter:
    """Writes one lot of states at a time.

    Args:
        world: the processes that each write their part.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._copy: Held | None = None
        self._states: Sequence[tuple[Held, Path]] = ()
        self._thread: threading.Thread | None = None
        self._digests: list[Digests] = []
        self._error: BaseException | None = None

    def copy(self, tensors: Tensors, progress: Progress) -> Held:
        """Return a copy of a state, in memory that is used again for the next one."""
        self._copy = copied(tensors, progress, self._copy)
        return self._copy

    def start(self, states: Sequence[tuple[Held, Path]]) -> None:
        """Begin to write the parts of these states, each into its directory; none may be written still."""
        assert self._thread is None, "the last one was not waited for"
        self._states, self._digests, self._error = states, [], None
        for state, _ in states:
            state.busy = True
        # A rank that ends for an error does not wait for a disk.
        self._thread = threading.Thread(target=self._write, name="newllm-snapshot", daemon=True)
        self._thread.start()

    def _write(self) -> None:
        try:
            for state, place in self._states:
                self._digests.append(write_part(place, state.tensors, state.first_rows, self._world.rank))
        except BaseException as error:
            self._error = error
        self._world.has_written = True

    def finish(self) -> list[Digests]:
        """Wait until it is done, and return the digests of all ranks' files by state; all ranks call it together.

        Raises:
            UserError: some rank could not write; all ranks raise it.
        """
        self.give_up()
        error, self._world.has_written = self._error, False
        if error is not None and not isinstance(error, UserError):
            raise error
        everybody = self._world.collect("snapshot", ("" if error is None else str(error), self._digests))
        for rank, (why, _) in enumerate(everybody):
            if why:
                raise UserError(of_rank(rank, why) if rank else why)
        return [dict(collections.ChainMap(*parts)) for parts in zip(*(own for _, own in everybody), strict=True)]

    def give_up(self) -> None:
        """Wait until this rank's part is done, whatever became of the others'."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        for state, _ in self._states:
            state.busy = False
        self._states = ()
