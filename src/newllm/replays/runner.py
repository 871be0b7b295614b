"""Runs replays until they are done or the time is up: here, or in worker processes with one thread each."""

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

import torch

from newllm.errors import UserError
from newllm.replays.store import Store
from newllm.replays.task import Replayer, Task
from newllm.replays.trajectory import Trajectory
from newllm.workers import Done, Failed, Workers

Heard = Callable[[Task, Trajectory], None]


def _one_thread() -> None:
    torch.set_num_threads(1)


class Runner:
    """Runs tasks; what has been run before is taken from the store.

    Args:
        replayer: runs one task.
        store: keeps what it gave.
        workers: processes; 0 runs in this one, as anyone's functions must.
        heard: told of each replay as it comes.

    Attributes:
        failed: by the name of an intervention, why it could not be replayed.
        known: what came of every task that was run.
    """

    def __init__(self, replayer: Replayer, store: Store, workers: int, heard: Heard) -> None:
        self._replayer, self._store, self._heard = replayer, store, heard
        self._pool: Workers[Task, dict[str, Any]] | None = None
        if workers:
            self._pool = Workers(replayer, workers, _one_thread)
        self.workers = max(1, workers)
        self.failed: dict[str, str] = {}
        self.known: dict[Task, Trajectory] = {}

    def __enter__(self) -> Self:
        if self._pool is not None:
            self._pool.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.__exit__(kind, error, trace)

    def run(self, tasks: Sequence[Task], deadline: float) -> None:
        """Run tasks in their order; those that have not begun at the deadline are left out.

        Args:
            tasks: what is run; afterwards `get` tells what came of each.
            deadline: on `time.monotonic`'s clock. The first task is run whatever it says.
        """
        waiting = [task for task in tasks if not self._recall(task)]
        if self._pool is None:
            self._run_here(waiting, deadline)
        else:
            self._run_in(self._pool, waiting, deadline)

    def get(self, task: Task) -> Trajectory | None:
        """Return what came of a task, None if it was not run."""
        return self.known.get(task)

    def _recall(self, task: Task) -> bool:
        if task not in self.known and (data := self._store.get(task)) is not None:
            self._hear(task, data)
        return task in self.known or task.name in self.failed

    def _hear(self, task: Task, data: dict[str, Any]) -> None:
        self.known[task] = Trajectory.from_dict(data)
        self._heard(task, self.known[task])

    def _run_here(self, waiting: Sequence[Task], deadline: float) -> None:
        for number, task in enumerate(waiting):
            if number and time.monotonic() > deadline:
                return
            if task.name in self.failed:
                continue
            try:
                data = self._replayer(task)
            except Exception as error:  # one change that cannot be made must not end the others
                self._fail(task, str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}")
                continue
            self._store.put(task, data)
            self._hear(task, data)

    def _run_in(self, pool: Workers[Task, dict[str, Any]], waiting: Sequence[Task], deadline: float) -> None:
        left = list(waiting)
        while left or pool.unfinished:
            while left and pool.unfinished < self.workers:
                if time.monotonic() > deadline and len(left) < len(waiting):
                    left.clear()
                    break
                task = left.pop(0)
                if task.name not in self.failed:
                    pool.submit(task)
            outcome = pool.next()
            if isinstance(outcome, Done):
                self._store.put(outcome.task, outcome.result)
                self._hear(outcome.task, outcome.result)
            elif isinstance(outcome, Failed):
                self._fail(outcome.task, outcome.why)

    def _fail(self, task: Task, why: str) -> None:
        if not task.name:
            raise UserError(f"the run cannot be replayed from step {task.start}: {why}")
        self.failed[task.name] = why
