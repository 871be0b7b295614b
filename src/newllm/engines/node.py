"""What runs a task where an engine put it: another process, on another machine as a rule.

The driver (the command that was called) keeps a file in a directory that all machines share. A task looks for it
before it begins: where it is not there, the machine does not see that directory. While the task runs it looks every
second: a file that has gone, or that is of another driver, ends it. So a closed or killed driver's tasks never go on
beside those of the next.
"""

import functools
import os
import pickle
import platform
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from newllm.engines.pool import GRACE, answer
from newllm.errors import StoppedError

_LOOK = 1.0  # seconds between two looks at the driver's file
_SHARED = 20.0  # seconds until another machine sees a file that was just written


@dataclass(frozen=True)
class Driver:
    """What a task is told of the driver.

    Attributes:
        file: of the driver, in a directory that all machines share.
        token: what stands in it.
        directory: that the driver runs in.
        path: its `sys.path`.
        work: what runs a task, and what prepares a worker for it, pickled.
    """

    file: Path
    token: str
    directory: str
    path: tuple[str, ...]
    work: bytes


def run(driver: Driver, task: bytes) -> tuple[str, bytes]:
    """Run a task.

    Returns:
        ("answer", what `newllm.engines.pool.answer` returns); or ("unshared" or "unusable", why), where no task can be
        run on this machine.
    """
    if not _is_seen(driver):
        return "unshared", platform.node().encode()
    try:
        os.chdir(driver.directory)  # relative names mean the same as there
        work = _prepared(driver)
    except Exception as error:  # whatever is not as it is on the driver's machine
        return "unusable", f"{platform.node()} ({type(error).__name__}: {error})".encode()
    with _ending_without(driver):
        return "answer", answer(functools.partial(_to_its_end, work), task)


def _is_seen(driver: Driver) -> bool:
    """Whether this machine sees the driver's file, waiting for it as long as a shared disk may take."""
    until = time.monotonic() + _SHARED
    while not (driver.file.exists() and _is_ours(driver)):
        if time.monotonic() >= until:
            return False
        time.sleep(_LOOK / 4)
    return True


def _to_its_end(work: Callable[[Any], object], task: Any) -> object:
    """Run a task. What a cluster stops by a signal, to make room for others say, dies with its process: it is rerun."""
    try:
        return work(task)
    except StoppedError:
        os._exit(1)


_known: dict[str, Callable[[Any], object]] = {}


def _prepared(driver: Driver) -> Callable[[Any], object]:
    """Return what runs tasks; a process that runs several is prepared once."""
    if driver.token not in _known:
        sys.path.extend(place for place in driver.path if place not in sys.path)
        work, prepare = pickle.loads(driver.work)
        prepare()
        _known[driver.token] = work
    return _known[driver.token]


@contextmanager
def _ending_without(driver: Driver) -> Iterator[None]:
    """Within this, end the process soon after the driver has gone or is another one."""
    finished = threading.Event()
    threading.Thread(target=_watch, args=(driver, finished), daemon=True).start()
    try:
        yield
    finally:
        finished.set()


def _watch(driver: Driver, finished: threading.Event) -> None:
    while not finished.wait(_LOOK):
        if _is_ours(driver):
            continue
        os.kill(os.getpid(), signal.SIGTERM)  # a training takes that as its end, and leaves a snapshot
        if not finished.wait(GRACE):
            os._exit(1)


def _is_ours(driver: Driver) -> bool:
    """Whether the file is as the driver wrote it; a disk that cannot be read for a while says nothing."""
    try:
        return driver.file.read_text(encoding="utf-8") == driver.token
    except FileNotFoundError:
        return False
    except OSError:
        return True
