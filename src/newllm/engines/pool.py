"""What studies and replays give their tasks to: a pool of workers, wherever those are, and what comes back from it."""

import pickle
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

from newllm.errors import UserError

Task = TypeVar("Task")
Result = TypeVar("Result")

_ATTEMPTS = 3

GRACE = 5.0
"""Seconds for a worker to end before it is killed."""


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
        exit_code: of the worker; -9 if it was killed by signal 9, None where the engine does not say.
    """

    task: Task
    exit_code: int | None


Ended = Done[Task, Result] | Failed[Task] | Died[Task]


@dataclass(eq=False)
class Job:
    """A task, as it is and as it is sent, and how many workers died of it."""

    task: Any
    pickled: bytes
    deaths: int = 0


class Pool(ABC, Generic[Task, Result]):
    """Workers that run `work(task)` for every task that is submitted: what every engine has in common.

        with pool:
            pool.submit(task)
            while (ended := pool.next()) is not None:
                ...  # and submit what should come after it

    Tasks are handed out one by one, the first submitted first. A worker that dies takes its task with it: the task is
    run again before all that wait, twice at most. Leaving the block ends the workers, whatever they are at.

    Args:
        number: of tasks that run at a time, at most.

    Attributes:
        workers: that number.
        closed: whether the workers have been ended.

    Raises:
        ValueError: no workers.
    """

    def __init__(self, number: int) -> None:
        if number < 1:
            raise ValueError(f"{number} workers: give 1 or more")
        self.workers, self.closed = number, False
        self._waiting: deque[Job] = deque()
        self._ended: deque[Ended[Task, Result]] = deque()
        self._running = self._unfinished = 0

    @property
    def unfinished(self) -> int:
        """How many tasks have been submitted whose `Done` or `Failed` has not been heard yet."""
        return self._unfinished

    def submit(self, task: Task) -> None:
        """Give a task to a worker, or let it wait for one. It should be small: a description, not the data.

        Raises:
            ValueError: the pool is closed.
            UserError: no worker can run any task.
            Exception: whatever pickle raises of a task that cannot be sent.
        """
        if self.closed:
            raise ValueError("the workers are closed: submit inside the `with` block")
        self._waiting.append(Job(task, pickle.dumps(task)))
        self._unfinished += 1
        self._hand_out()

    def next(self, timeout: float | None = None) -> Ended[Task, Result] | None:
        """Return what comes next, in the order in which it happens.

        Workers get new tasks only in here and in `submit`: call it again soon.

        Args:
            timeout: seconds to wait at most; None waits as long as it takes, 0 or less not at all.

        Returns:
            None where nothing came in time, and at once where nothing is `unfinished`.

        Raises:
            UserError: no worker can run any task.
        """
        if not self._ended and self._running:
            self._listen(None if timeout is None else max(timeout, 0.0))
        if not self._ended:
            return None
        ended = self._ended.popleft()
        self._unfinished -= not isinstance(ended, Died)
        return ended

    def close(self) -> None:
        """End all workers now; what they have not finished is lost."""
        self.closed = True
        self._running = self._unfinished = 0
        self._waiting.clear()
        self._ended.clear()
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def _start(self, job: Job) -> None:
        """Let a worker begin a task; fewer than `workers` are running."""

    @abstractmethod
    def _listen(self, seconds: float | None) -> None:
        """Wait so long at most until a task has ended, and call `_answered` or `_died` with all that have."""

    @abstractmethod
    def _end(self) -> None:
        """End the workers; called again, do nothing."""

    def _answered(self, job: Job, answer: bytes) -> None:
        """Take in what `answer` gave for a task."""
        done, value = pickle.loads(answer)
        self._ended.append(Done(job.task, value) if done else Failed(job.task, value))
        self._running -= 1
        self._hand_out()

    def _died(self, job: Job, exit_code: int | None) -> None:
        """Tell a worker's death and let its task be the next that is handed out."""
        self._ended.append(Died(job.task, exit_code))
        job.deaths += 1
        if job.deaths < _ATTEMPTS:
            self._waiting.appendleft(job)
        else:
            self._ended.append(Failed(job.task, f"its worker died {_ATTEMPTS} times"))
        self._running -= 1
        self._hand_out()

    def _hand_out(self) -> None:
        while self._waiting and self._running < self.workers:
            self._running += 1
            self._start(self._waiting.popleft())


def answer(work: Callable[[Any], object], task: bytes) -> bytes:
    """Return (True, the result) or (False, why there is none), pickled."""
    try:
        return pickle.dumps((True, work(pickle.loads(task))))
    except UserError as error:
        why = str(error)
    except Exception as error:  # one task's failure must not end the others; it is told
        why = f"{type(error).__name__}: {error}"
    return pickle.dumps((False, why))
