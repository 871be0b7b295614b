"""The snapshots of a sharded model, as its leader has them written: beside the training, whole or not at all.

Every rank copies its part, and the training goes on. Once the losses of an update say that all ranks have written
theirs (`part_writer`), the leader collects the digests, and a thread gives the directory its name. Until then it has a
temporary one, so that a kill at any moment leaves the snapshot before. The next snapshot, the end of the training and
whoever looks which snapshots there are wait for it: what they find does not depend on the speed of a disk.
"""

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from newllm.files import make_directory, new_directory
from newllm.training.held import Held
from newllm.training.part_writer import Digests, PartWriter
from newllm.training.snapshots import Progress, Tensors, snapshot_name, write_state
from newllm.training.world import World


class _GivenUpError(Exception):
    """A snapshot stays incomplete, and is removed."""


def _raised(error: Exception) -> NoReturn:
    raise error


@dataclasses.dataclass
class _State:
    """A snapshot that is being written.

    Attributes:
        progress: of its step.
        place: its temporary directory.
        naming: gives the directory its name when it is closed, or removes it with an error.
    """

    progress: Progress
    place: Path
    naming: contextlib.ExitStack


@dataclasses.dataclass
class _Job:
    """Snapshots that are being written.

    Attributes:
        states: in the order in which they are written: what is worth most comes first.
        pin: content of their pin.json, or None.
        then: is called by a thread once they are whole.
        failed: is given what went wrong, on the main thread.
    """

    states: list[_State]
    pin: dict[str, Any] | None = None
    then: Callable[[], None] = lambda: None
    failed: Callable[[Exception], None] = _raised

    def give_up(self, written: int = 0) -> None:
        """Remove what was written, but for the first few states."""
        for state in self.states[written:]:
            with contextlib.suppress(_GivenUpError), state.naming:
                raise _GivenUpError

    def complete(self, digests: Sequence[Digests]) -> None:
        """Make those whole whose digests are known."""
        for state, own in zip(self.states, digests, strict=False):
            with state.naming:
                write_state(state.place, own, state.progress, self.pin)
        self.then()


class SnapshotWriter:
    """Has snapshots written, one lot at a time.

    Args:
        world: the processes that each write their part; this one leads.
        directory: RUN/snapshots.
    """

    def __init__(self, world: World, directory: Path) -> None:
        self._world, self._directory, self._parts = world, directory, PartWriter(world)
        self._job: _Job | None = None  # of which the ranks write their parts
        self._naming: threading.Thread | None = None
        self._failure: tuple[_Job, Exception] | None = None

    def save(self, tensors: Tensors, progress: Progress, then: Callable[[], None]) -> None:
        """Write a snapshot of the present state, whose tensors may change when this returns.

        Args:
            tensors: as `training_tensors` gives them.
            progress: of the same step.
            then: is called by a thread once the snapshot is whole.

        Raises:
            UserError: the place may not be written, or the snapshot before could not be.
        """
        job = self._opened([progress])
        job.then = then
        self._parts.start([(self._parts.copy(tensors, progress), job.states[0].place)])

    def save_held(self, states: Sequence[Held], pin: dict[str, Any], failed: Callable[[Exception], None]) -> None:
        """Write snapshots of states in memory, of which every rank holds its part.

        Args:
            states: not written over until they are written; where there is no room for all, the first ones are kept.
            pin: content of their pin.json.
            failed: is given the error where a rank could not write its part.
        """
        job = self._opened([state.progress for state in states])
        job.pin, job.failed = pin, failed
        self._parts.start([(held, state.place) for held, state in zip(states, job.states, strict=True)])

    def _opened(self, steps: Sequence[Progress]) -> _Job:
        """Make the directories, and have the others begin."""
        self.wait()
        make_directory(self._directory)
        with contextlib.ExitStack() as all_of_them:
            states = []
            for progress in steps:
                naming = all_of_them.enter_context(contextlib.ExitStack())
                place = naming.enter_context(new_directory(self._directory / snapshot_name(progress.step)))
                states.append(_State(dataclasses.replace(progress), place, naming))  # the training moves it on
            self._world.writes([(state.progress.step, state.place.absolute()) for state in states])
            all_of_them.pop_all()
        self._job = _Job(states)
        return self._job

    def passed(self) -> None:
        """Complete what all ranks have written by now, or give up what one could not; called after each update.

        Raises:
            UserError: a rank could not write its part.
        """
        if self._job is not None and self._world.writing_is_over:
            self._collect(self._job)
        if self._job is None and (self._naming is None or not self._naming.is_alive()):
            self._settle()

    def wait(self) -> None:
        """Wait until nothing is being written.

        Raises:
            UserError: a rank could not write its part.
        """
        if self._job is not None:
            self._collect(self._job)
        self._settle()

    def _settle(self) -> None:
        """Wait for the names, and tell what went wrong."""
        if self._naming is not None:
            self._naming.join()
            self._naming = None
        if self._failure is not None:
            (job, error), self._failure = self._failure, None
            job.failed(error)

    def close(self) -> None:
        """Remove what is not whole yet, without the other ranks: one may be gone."""
        job, self._job = self._job, None
        if job is not None:
            self._parts.abandon()
            job.give_up()
        if self._naming is not None:
            self._naming.join()

    def _collect(self, job: _Job) -> None:
        """Hear from all ranks how they wrote their parts, and have a thread make the snapshots whole."""
        self._world.written()
        digests, error = self._parts.finish()
        if error is not None:
            self._failure = job, error
            job.give_up(len(digests))  # first: the others may need its room
        self._job = None
        if digests:
            self._naming = threading.Thread(target=self._complete, args=(job, digests), name="newllm-snapshot-name")
            self._naming.start()

    def _complete(self, job: _Job, digests: Sequence[Digests]) -> None:
        try:
            job.complete(digests)
        except Exception as error:
            self._failure = self._failure or (job, error)
