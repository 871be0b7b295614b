"""Writes what this rank holds of a sharded model's states, beside the training: every rank has one.

The training waits for a copy in memory alone. A thread writes the copy and comes to no exchange with the others: two
threads would come to theirs in another order on every rank. That it is done travels with the losses of the next update
(`World.has_written`), so that all ranks know it at the same step.

Limit: the copy takes as many bytes as this rank's weights and moments, from the first snapshot on.
"""

import collections
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from newllm.errors import UserError
from newllm.launcher import hang_seconds, of_rank
from newllm.training.held import Held, copied
from newllm.training.shards import write_part
from newllm.training.snapshots import Progress, Tensors
from newllm.training.world import World

Digests = dict[str, str]
"""sha256 by name of file."""

_SOONEST, _SOON = 0.002, 0.2  # seconds, growing, after which ranks that wait for a disk ask each other again
_AT_END = 2.0  # seconds until a thread that is to stop has, where the disk answers


class _StoppedError(Exception):
    """What is being written will not be whole."""


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
        self._wanted = 0  # states; those behind them cannot be whole
        self._since = 0.0  # of the last piece that was written

    def copy(self, tensors: Tensors, progress: Progress) -> Held:
        """Return a copy of a state, in memory that is used again for the next one."""
        self._copy = copied(tensors, progress, self._copy)
        return self._copy

    def start(self, states: Sequence[tuple[Held, Path]]) -> None:
        """Begin to write the parts of these states, each into its directory; none may be written still."""
        assert self._thread is None, "the last one was not waited for"
        self._states, self._digests, self._error = states, [], None
        self._wanted, self._since = len(states), time.monotonic()
        for state, _ in states:
            state.busy = True
        # A rank that ends for an error does not wait for a disk.
        self._thread = threading.Thread(target=self._write, name="newllm-snapshot", daemon=True)
        self._thread.start()

    def _write(self) -> None:
        try:
            for state, place in self._states:
                self._digests.append(write_part(place, state.tensors, state.first_rows, self._world.rank, self._go_on))
        except _StoppedError:
            pass  # whoever could not write says why
        except BaseException as error:
            self._error, self._world.cannot_write = error, True
        self._world.has_written = True

    def _go_on(self) -> None:
        if len(self._digests) >= self._wanted:
            raise _StoppedError
        self._since = time.monotonic()

    def finish(self) -> tuple[list[Digests], UserError | None]:
        """Wait until all ranks are done; all call it together.

        They ask each other again and again meanwhile: one that is gone, or has no room, is known at once, however long
        the disk of another takes.

        Returns:
            The digests of all ranks' files, of each of the first states that all wrote; and why some could not be.
        """
        pause = _SOONEST
        while True:
            everybody = self._world.collect("snapshot", self._come_to())
            self._wanted = min([self._wanted, *(len(own) for _, why, own in everybody if why)])
            if all(is_done for is_done, _, _ in everybody):
                break
            self._wait(pause)
            pause = min(2 * pause, _SOON)
        self._free()
        why = next((of_rank(rank, why) if rank else why for rank, (_, why, _) in enumerate(everybody) if why), None)
        states = zip(*(own for _, _, own in everybody), strict=False)
        return [dict(collections.ChainMap(*parts)) for parts in states], None if why is None else UserError(why)

    def _come_to(self) -> tuple[bool, str, list[Digests]]:
        """Return whether this rank is done, why it could not write, and the digests of its files by state."""
        if self._thread is not None and self._thread.is_alive():
            return False, "", []
        if self._error is not None and not isinstance(self._error, UserError):
            raise self._error
        return True, "" if self._error is None else str(self._error), self._digests

    def _wait(self, seconds: float) -> None:
        """Wait a little; for good where the disk does not answer: then the others find that this rank hangs."""
        if self._thread is None or not self._thread.is_alive():
            time.sleep(seconds)
        else:
            hangs = time.monotonic() - self._since > hang_seconds()
            self._thread.join(None if hangs else seconds)

    def _free(self) -> None:
        self._thread = None
        self._world.has_written = self._world.cannot_write = False
        for state, _ in self._states:
            state.busy = False
        self._states = ()

    def abandon(self) -> None:
        """Stop writing, whatever became of the others: the process ends, and waits for no disk that does not answer."""
        self._wanted = 0
        if self._thread is not None:
            self._thread.join(_AT_END)
