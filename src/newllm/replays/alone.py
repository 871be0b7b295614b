"""One process at a time replays a run: two would share its time and its files."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import filelock

from newllm.errors import UserError
from newllm.files import writing


@contextlib.contextmanager
def alone(directory: Path | None, name: str) -> Iterator[None]:
    """Be the only process that replays a run.

    Args:
        directory: of its replays, made where it is absent; None where nothing is kept on disk.
        name: of the run, as it was given.

    Raises:
        UserError: another process replays it, or the directory cannot be written.
    """
    if directory is None:
        yield
        return
    lock = filelock.FileLock(directory / ".lock", blocking=False)
    try:
        with writing(directory):
            directory.mkdir(parents=True, exist_ok=True)
            lock.acquire()
    except filelock.Timeout as error:
        raise UserError(f"'{name}' is being replayed by another process: wait for it, or stop it") from error
    try:
        yield
    finally:
        lock.release()
