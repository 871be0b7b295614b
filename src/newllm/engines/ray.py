"""The engine `ray`: each task is a Ray core task of one CPU.

It joins the cluster that RAY_ADDRESS names, or that runs on this machine already (`ray start`, a Ray job), as Ray does
everywhere; without one it starts Ray on this machine alone, for as long as the pool lives. Ray itself repeats nothing:
how often a task is begun is decided by the pool, as with every engine.
"""

import contextlib
import os
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path
from typing import Any

from newllm.engines import node
from newllm.engines.pool import GRACE, Job, Result, Task
from newllm.engines.ray_liveness import Liveness
from newllm.engines.remote import RemotePool
from newllm.errors import UserError

_PATIENCE = 10.0  # seconds for a cluster to answer
_LOOK = 2.0  # seconds between two looks whether Ray is still there
_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nobody is told of it
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # else a warning; a task without a GPU may see those that there are
}


class RayPool(RemotePool[Task, Result]):
    """Tasks on a Ray cluster.

    Args:
        work, prepare, directory: as for every `RemotePool`.
        number: of tasks that run at a time, at most; None takes one a CPU of the cluster.
        gpus: that each task needs.

    Raises:
        UserError: the cluster cannot be joined, or Ray not be started.
    """

    def __init__(
        self,
        work: Callable[[Task], Result],
        number: int | None,
        prepare: Callable[[], object],
        directory: Path,
        gpus: int = 0,
    ) -> None:
        self._is_own = _joined()
        try:
            self._liveness, self._looked = Liveness.joined(), time.monotonic()
            super().__init__("ray", work, number or _cpus(), prepare, directory)
        except BaseException:
            self._let_go()
            raise
        import ray

        self._run = ray.remote(node.run).options(num_cpus=1, num_gpus=gpus, max_retries=0)
        self._jobs: dict[Future[tuple[str, bytes]], tuple[Any, Job]] = {}

    def _start(self, job: Job) -> None:
        reference = self._run.remote(self._driver, job.pickled)
        self._jobs[reference.future()] = reference, job

    def _listen(self, seconds: float | None) -> None:
        until = None if seconds is None else time.monotonic() + seconds
        while not self._heard(_LOOK if until is None else min(_LOOK, max(0.0, until - time.monotonic()))):
            if time.monotonic() - self._looked >= _LOOK:
                self._liveness.check()
                self._looked = time.monotonic()
            if until is not None and time.monotonic() >= until:
                return

    def _heard(self, seconds: float) -> bool:
        """Wait so long at most; take in what has ended, and return whether anything has."""
        import ray

        # Not `ray.wait`: a signal's own exception, as that of SIGTERM, comes out of it as KeyboardInterrupt.
        done = wait(self._jobs, seconds, FIRST_COMPLETED).done
        for future in done:
            _, job = self._jobs.pop(future)
            try:
                outcome = future.result()
            except ray.exceptions.RayTaskError as error:  # of what is before and after the task: the installation
                raise UserError(
                    f"Ray cannot run newllm ({_last_line(error)}): install the same on every node"
                ) from None
            except ray.exceptions.RayError:  # the process or its machine has gone
                self._liveness.check()
                self._died(job, None)
            else:
                self._came_back(job, outcome)
        return bool(done)

    def _end_all(self) -> None:
        import ray

        try:
            for future in wait(self._jobs, GRACE).not_done:
                ray.cancel(self._jobs[future][0], force=True)
            wait(self._jobs, GRACE)
        finally:
            self._jobs = {}
            self._let_go()

    def _let_go(self) -> None:
        import ray

        if self._is_own:
            ray.shutdown()


def _joined() -> bool:
    """Join or start Ray; return whether it was not there before, in this process.

    Raises:
        UserError: it cannot be.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    import ray

    if ray.is_initialized():
        return False
    address = os.environ.get("RAY_ADDRESS", "")
    _check_reached(address)
    with _own_sigterm(), _silence():
        try:
            ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        except Exception as error:  # it raises many kinds: of connections, versions, ports, resources
            where = f"join the Ray cluster '{address}' (RAY_ADDRESS)" if address else "start or join Ray"
            raise UserError(f"--engine ray: cannot {where}: {_last_line(error)}") from error
    _print_nothing()
    return True


def _check_reached(address: str) -> None:
    """Look whether anybody listens at an address: Ray itself tries for several minutes.

    Raises:
        UserError: nobody does.
    """
    host, colon, port = address.rpartition(":")
    if not (colon and port.isdecimal() and "/" not in address):
        return
    try:
        socket.create_connection((host, int(port)), _PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise UserError(
            f"--engine ray: no Ray cluster answers at RAY_ADDRESS='{address}' ({error}): start it, or unset RAY_ADDRESS"
        ) from error


def _print_nothing() -> None:
    """Keep Ray from writing to standard output what became of each worker: `log_to_driver` does not cover that."""
    from ray._private import worker

    worker.print_to_stdstream = lambda *_, **__: None


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep what Ray says while it starts from standard error, which its compiled part writes to past Python."""
    with warnings.catch_warnings(), Path(os.devnull).open("wb") as nowhere:
        warnings.simplefilter("ignore")
        sys.stderr.flush()
        before = os.dup(2)
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(before, 2)
            os.close(before)


@contextlib.contextmanager
def _own_sigterm() -> Iterator[None]:
    """Keep what this process does on SIGTERM: Ray puts an exit of its own in its place."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _cpus() -> int:
    import ray

    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
