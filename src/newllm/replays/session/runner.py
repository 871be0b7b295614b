"""Runs replays until they are done or the time is up: here, or in workers with one thread each, wherever those are.

A replay is compared with the run and with its null, bit by bit. A worker on another kind of processor ends the command.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import torch

from newllm.engines import Done, Engine, Failed, Pool
from newllm.errors import UserError
from newllm.replays.replica.trajectory import Trajectory
from newllm.replays.session.store import Store
from newllm.replays.session.task import Replayer, Task
from newllm.time_limit import OutOfTime, TimeLimit
from newllm.training.environment import DECIDES_BITS, describe_place, kind_of

Heard = Callable[[Task, Trajectory], None]
_GLANCE = 0.5  # seconds between two looks at the time while workers are at it


def _use_a_single_thread() -> None:
    torch.set_num_threads(1)


def _replayed(replayer: Replayer, kind: tuple[str, ...], engine: str, task: Task) -> dict[str, Any]:
    """Return where a worker is, and what came of a task if it is of the right kind of processor."""
    place = describe_place(engine)
    return {"place": place, "made": replayer(task) if kind_of(place) == kind else None}


class Runner:
    """Runs tasks; what has been run before is taken from the store.

    Args:
        replayer: runs one task.
        store: keeps what it gave.
        engine: where they run; None is this process, as anyone's functions must.
        heard: called with each replay as it comes.
        time: that all of it may take. When it is up, what runs is ended: a worker at once, a replay here before its
            next update.

    Attributes:
        store: of what has been replayed.
        failed: by the name of an intervention, why it could not be replayed.
        workers: how many run at a time, at most.
        known: what came of every task that was run, now or by an earlier command.
        heard_of: those of them that `heard` was called with: each once, when it is first asked for.
    """

    def __init__(self, replayer: Replayer, store: Store, engine: Engine | None, heard: Heard, time: TimeLimit) -> None:
        self._replayer, self.store, self._heard, self._time = replayer, store, heard, time
        self._pool: Pool[Task, dict[str, Any]] | None = None
        if engine is not None:
            self._pool = _pool(replayer, store, engine)
        self.workers = 1 if self._pool is None else self._pool.workers
        self.failed: dict[str, str] = {}
        self.known: dict[Task, Trajectory] = {}
        self.heard_of: set[Task] = set()

    def __enter__(self) -> Self:
        if self._pool is not None:
            self._pool.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.close()

    def run(self, tasks: Sequence[Task], by: float, enough: Callable[[], bool] = lambda: False) -> None:
        """Run tasks in their order; those that have not begun by then are left out.

        Args:
            tasks: what is run; afterwards `get` tells what came of each.
            by: seconds of the time that may be spent before a replay begins.
            enough: asked before each begins, whether those that were run tell enough.
        """
        waiting = self.missing(tasks)
        for task in tasks:
            if task in self.known and task not in self.heard_of:
                self._hear(task)
        if self._pool is None:
            self._run_here(waiting, by, enough)
        else:
            self._run_in(self._pool, waiting, by, enough)

    def missing(self, tasks: Sequence[Task]) -> list[Task]:
        """Return those tasks that have not been run. What the store has of the others is taken, unheard."""
        return [task for task in tasks if not self._recall(task)]

    def get(self, task: Task) -> Trajectory | None:
        """Return what came of a task, None if it was not run."""
        return self.known.get(task)

    def _recall(self, task: Task) -> bool:
        if task not in self.known and (data := self.store.get(task)) is not None:
            self.known[task] = Trajectory.from_dict(data)
        return task in self.known or task.name in self.failed

    def _finish(self, task: Task, data: dict[str, Any], place: Mapping[str, str] | None = None) -> None:
        self.store.put(task, data, place)
        self.known[task] = Trajectory.from_dict(data)
        self._hear(task)

    def _hear(self, task: Task) -> None:
        self.heard_of.add(task)
        self._heard(task, self.known[task])

    def _run_here(self, waiting: Sequence[Task], by: float, enough: Callable[[], bool]) -> None:
        for task in waiting:
            if self._time.spent >= by or enough():
                return
            if task.name in self.failed:
                continue
            try:
                data = self._replayer(task, self._time.check)
            except OutOfTime:
                return
            except Exception as error:  # one change that cannot be made must not end the others
                self._fail(task, str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}")
                continue
            self._finish(task, data)

    def _run_in(
        self, pool: Pool[Task, dict[str, Any]], waiting: Sequence[Task], by: float, enough: Callable[[], bool]
    ) -> None:
        left = list(waiting)
        while left or pool.unfinished:
            while left and pool.unfinished < self.workers:
                if self._time.spent >= by or enough():
                    left.clear()
                    break
                task = left.pop(0)
                if task.name not in self.failed:
                    pool.submit(task)
            if self._time.left <= 0:
                pool.close()  # what runs is lost; nothing begins any more
                return
            ended = pool.next(min(_GLANCE, self._time.left))
            if isinstance(ended, Done):
                if ended.result["made"] is None:
                    raise _of_another_kind(ended.result["place"])
                self._finish(ended.task, ended.result["made"], ended.result["place"])
            elif isinstance(ended, Failed):
                self._fail(ended.task, ended.why)

    def _fail(self, task: Task, why: str) -> None:
        if not task.name:
            raise UserError(f"the run cannot be replayed from step {task.start}: {why}")
        self.failed[task.name] = why


def _pool(replayer: Replayer, store: Store, engine: Engine) -> Pool[Task, dict[str, Any]]:
    work = functools.partial(_replayed, replayer, kind_of(None), engine.label)
    directory = Path.cwd() if store.directory is None else store.directory.parent
    return engine.pool(work, _use_a_single_thread, directory)


def _of_another_kind(place: Mapping[str, str]) -> UserError:
    theirs = ", ".join(f"{name} {value}" for name, value in zip(DECIDES_BITS, kind_of(place), strict=True))
    ours = ", ".join(f"{name} {value}" for name, value in zip(DECIDES_BITS, kind_of(None), strict=True))
    return UserError(
        f"the machine '{place['host']}' ({theirs}) computes other bits than this one ({ours}): let replays run on "
        "machines of one kind"
    )
