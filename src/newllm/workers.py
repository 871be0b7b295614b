"""Worker processes that stay alive over many tasks: what a study's cells and a run's replays are computed in.

Tasks are handed out one by one, the first submitted first. A worker that dies takes its task with it: another
worker is started and the task is run again, twice at most. Ctrl-C is the parent's, workers ignore it. They end
with `close`, and when the parent dies however it dies.

A worker starts afresh (it is spawned, not forked) and imports nothing but what `work` needs: a script that starts
workers is not run again in each of them, so its top level needs no guard. In return `work` and the tasks must
be of importable modules, not of that script. Tasks and results travel as pickles between our own processes.
"""

import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import types
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

from newllm.errors import UserError

Task = TypeVar("Task")
Result = TypeVar("Result")

_ATTEMPTS = 3
_GRACE = 5.0  # seconds for a worker to end before it is killed


@dataclass(frozen=True)
class Done(Generic[Task, Result]):
    """A task has its result."""

    task: Task
    result: Result


@dataclass(frozen=True)
class Failed(Generic[Task]):
    """A task cannot be run, and is not run again; `why` is its error in words."""

    task: Task
    why: str


@dataclass(frozen=True)
class Died(Generic[Task]):
    """The worker of a task died. The task is run again; after the third death a `Failed` of it comes next.

    Attributes:
        task: that the worker had in hand.
        exit_code: of the worker; -9 if it was killed by signal 9.
    """

    task: Task
    exit_code: int | None


Ended = Done[Task, Result] | Failed[Task] | Died[Task]


class Workers(Generic[Task, Result]):
    """Processes that run `work(task)` for every task that is submitted.

        with Workers(work, 2, prepare) as workers:
            workers.submit(task)
            while (ended := workers.next()) is not None:
                ...  # and submit what should come after it

    Leaving the block ends the workers, whatever they are at.

    Args:
        work: called in a worker with a task. What it raises makes that task `Failed`.
        number: of processes at most; each is started when there is a task for it.
        prepare: called once in a worker before its first task, to set its number of threads say.

    Raises:
        ValueError: no workers.
    """

    def __init__(self, work: Callable[[Task], Result], number: int, prepare: Callable[[], object]) -> None:
        if number < 1:
            raise ValueError(f"{number} workers: give 1 or more")
        self._work, self._number, self._prepare = work, number, prepare
        self._workers: list[_Worker] = []
        self._waiting: deque[_Job] = deque()
        self._ended: deque[Ended[Task, Result]] = deque()
        self._unfinished = 0
        self._closed = False

    @property
    def unfinished(self) -> int:
        """How many tasks have been submitted whose `Done` or `Failed` has not been heard yet."""
        return self._unfinished

    def submit(self, task: Task) -> None:
        """Give a task to a worker, or let it wait for one. It should be small: a description, not the data.

        Raises:
            ValueError: the workers are closed.
            Exception: whatever pickle raises of a task that cannot be sent.
        """
        if self._closed:
            raise ValueError("the workers are closed: submit inside the `with` block")
        self._waiting.append(_Job(task, pickle.dumps(task)))
        self._unfinished += 1
        self._hand_out()

    def next(self, timeout: float | None = None) -> Ended[Task, Result] | None:
        """Return what comes next, in the order in which it happens.

        Workers get new tasks only in here and in `submit`: call it again soon.

        Args:
            timeout: seconds to wait at most; None waits as long as it takes, 0 or less not at all.

        Returns:
            None where nothing came in time, and at once where nothing is `unfinished`.
        """
        if not self._ended:
            busy = [worker for worker in self._workers if worker.job is not None]
            seconds = None if timeout is None else max(timeout, 0.0)
            ready = wait([worker.connection for worker in busy], seconds) if busy else []
            for worker in [worker for worker in busy if worker.connection in ready]:
                self._hear(worker)
        if not self._ended:
            return None
        ended = self._ended.popleft()
        self._unfinished -= not isinstance(ended, Died)
        return ended

    def close(self) -> None:
        """End all workers now; what they have not finished is lost."""
        self._closed = True
        _end(self._workers)
        self._workers, self._unfinished = [], 0
        self._waiting.clear()
        self._ended.clear()

    def __enter__(self) -> "Workers[Task, Result]":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _hand_out(self) -> None:
        """Give waiting tasks to idle workers, and start workers as long as there are fewer than there may be."""
        while self._waiting:
            idle = next((worker for worker in self._workers if worker.job is None), None)
            if idle is None:
                if len(self._workers) == self._number:
                    return
                idle = _Worker(self._work, self._prepare)
                self._workers.append(idle)
            idle.give(self._waiting.popleft())

    def _hear(self, worker: "_Worker") -> None:
        job = worker.job
        assert job is not None
        try:
            answer = worker.connection.recv_bytes()
        except (EOFError, OSError):
            self._bury(worker, job)
        else:
            done, value = pickle.loads(answer)
            self._ended.append(Done(job.task, value) if done else Failed(job.task, value))
            worker.job = None
        self._hand_out()

    def _bury(self, worker: "_Worker", job: "_Job") -> None:
        """Tell a worker's death and let its task be the next that is handed out."""
        worker.process.join(_GRACE)
        self._workers.remove(worker)
        _end([worker])
        self._ended.append(Died(job.task, worker.process.exitcode))
        job.deaths += 1
        if job.deaths < _ATTEMPTS:
            self._waiting.appendleft(job)
        else:
            self._ended.append(Failed(job.task, f"its worker died {_ATTEMPTS} times"))


@dataclass
class _Job:
    """A task, as it is and as it is sent, and how many workers died of it."""

    task: Any
    pickled: bytes
    deaths: int = 0


class _Worker:
    """One process and the task that it has in hand."""

    def __init__(self, work: Callable[[Any], object], prepare: Callable[[], object]) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(work, prepare, theirs), daemon=True)
        with _script_left_out():
            self.process.start()
        theirs.close()
        self.job: _Job | None = None

    def give(self, job: _Job) -> None:
        self.job = job
        with contextlib.suppress(OSError):  # it is dead already: that is heard when its answer is waited for
            self.connection.send_bytes(job.pickled)


def _end(workers: list[_Worker]) -> None:
    """Ask all to end, and kill those that don't."""
    for worker in workers:
        worker.connection.close()
        worker.process.terminate()
    deadline = time.monotonic() + _GRACE
    for worker in workers:
        worker.process.join(max(0.0, deadline - time.monotonic()))
        if worker.process.exitcode is None:
            worker.process.kill()
            worker.process.join()


@contextlib.contextmanager
def _script_left_out() -> Iterator[None]:
    """Hide the running script from `multiprocessing`, which would run its top level again in the worker."""
    script = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


def _serve(work: Callable[[Any], object], prepare: Callable[[], object], connection: Connection) -> None:
    """Run tasks until the connection closes: the life of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which ends us
    threading.Thread(target=_end_with_parent, daemon=True).start()
    prepare()
    with contextlib.suppress(EOFError, OSError):
        while True:
            connection.send_bytes(_answer(work, connection.recv_bytes()))


def _end_with_parent() -> None:
    """End this process as soon as its parent is gone, in the middle of a task too."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _answer(work: Callable[[Any], object], task: bytes) -> bytes:
    """Return (True, the result) or (False, why there is none), pickled."""
    try:
        return pickle.dumps((True, work(pickle.loads(task))))
    except UserError as error:
        why = str(error)
    except Exception as error:  # one task's failure must not end the others; it is told
        why = f"{type(error).__name__}: {error}"
    return pickle.dumps((False, why))
