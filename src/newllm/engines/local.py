"""The engine `local`: worker processes of this machine, which stay alive over many tasks.

Another worker is started for one that dies. Ctrl-C is the parent's, workers ignore it. They end with `close`, and when
the parent dies however it dies.

A worker starts afresh (it is spawned, not forked) and imports nothing but what `work` needs: a script that starts
workers is not run again in each of them, so its top level needs no guard. In return `work` and the tasks must
be of importable modules, not of that script. Tasks and results travel as pickles between our own processes.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any

from newllm.engines.pool import GRACE, Job, Pool, Result, Task, answer


class Workers(Pool[Task, Result]):
    """Processes of this machine that run `work(task)` for every task that is submitted.

        with Workers(work, 2, prepare) as workers:
            workers.submit(task)
            while (ended := workers.next()) is not None:
                ...  # and submit what should come after it

    Args:
        work: called in a worker with a task. What it raises makes that task `Failed`.
        number: of processes at most; each is started when there is a task for it.
        prepare: called once in a worker before its first task, to set its number of threads say.

    Raises:
        ValueError: no workers.
    """

    def __init__(self, work: Callable[[Task], Result], number: int, prepare: Callable[[], object]) -> None:
        super().__init__(number)
        self._work, self._prepare = work, prepare
        self._workers: list[_Worker] = []

    def _start(self, job: Job) -> None:
        """Give a task to an idle worker, or to a new one."""
        idle = next((worker for worker in self._workers if worker.job is None), None)
        if idle is None:
            idle = _Worker(self._work, self._prepare)
            self._workers.append(idle)
        idle.give(job)

    def _listen(self, seconds: float | None) -> None:
        busy = [worker for worker in self._workers if worker.job is not None]
        ready = wait([worker.connection for worker in busy], seconds)
        for worker in [worker for worker in busy if worker.connection in ready]:
            self._hear(worker)

    def _hear(self, worker: "_Worker") -> None:
        job = worker.job
        assert job is not None
        try:
            told = worker.connection.recv_bytes()
        except (EOFError, OSError):
            worker.process.join(GRACE)
            self._workers.remove(worker)
            _end([worker])
            self._died(job, worker.process.exitcode)
        else:
            worker.job = None
            self._answered(job, told)

    def _end(self) -> None:
        _end(self._workers)
        self._workers = []


class _Worker:
    """One process and the task that it has in hand."""

    def __init__(self, work: Callable[[Any], object], prepare: Callable[[], object]) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(work, prepare, theirs), daemon=True)
        with _script_left_out():
            self.process.start()
        theirs.close()
        self.job: Job | None = None

    def give(self, job: Job) -> None:
        self.job = job
        with contextlib.suppress(OSError):  # it is dead already: that is heard when its answer is waited for
            self.connection.send_bytes(job.pickled)


def _end(workers: list[_Worker]) -> None:
    """Ask all to end, and kill those that don't."""
    for worker in workers:
        worker.connection.close()
        worker.process.terminate()
    deadline = time.monotonic() + GRACE
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
            connection.send_bytes(answer(work, connection.recv_bytes()))


def _end_with_parent() -> None:
    """End this process as soon as its parent is gone, in the middle of a task too."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
