"""Directories that can be made again: how large they are, who uses them, and which go when they come to too much.

A process that uses one holds a shared lock on a file beside it, which the system lets go of when the process ends,
however it ends; what is held is not removed. Where the system has no such locks (Windows) an open file stays anyway.
"""

import contextlib
import functools
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from newllm.errors import UserError
from newllm.files import remove_directory

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


@dataclass(frozen=True)
class Stored:
    """One such directory.

    Attributes:
        directory: the directory.
        bytes: of all files in it.
        used: seconds since 1970, when it was used last.
    """

    directory: Path
    bytes: int
    used: float


def hold(directory: Path) -> Callable[[], None]:
    """Use a directory, which need not be there yet: nobody removes it before the returned function is called.

    It waits while another process removes it. Where nothing may be written it holds nothing.

    Args:
        directory: the directory; the one above it must exist.
    """
    if fcntl is None:
        return lambda: None
    try:
        handle = os.open(_lock(directory), os.O_RDWR | os.O_CREAT, 0o644)
    except OSError:
        return lambda: None
    with contextlib.suppress(OSError):
        fcntl.flock(handle, fcntl.LOCK_SH)
        os.utime(handle)
    return functools.partial(os.close, handle)


def measured(directories: Iterable[Path]) -> list[Stored]:
    """Return those of some directories that are there, the most recently used first."""
    found = []
    for directory in directories:
        with contextlib.suppress(OSError):  # another process removes it now
            sizes = [file.stat().st_size for file in _files(directory)]
            if sizes:
                used = _lock(directory) if _lock(directory).exists() else directory
                found.append(Stored(directory, sum(sizes), used.stat().st_mtime))
    return sorted(found, key=lambda one: (-one.used, str(one.directory)))


def trim(stored: Iterable[Stored], limit: int) -> list[Stored]:
    """Remove the least recently used until what is left takes at most so many bytes; what is in use stays.

    Returns:
        What was removed.
    """
    stored, removed = list(stored), []
    size = sum(one.bytes for one in stored)
    for one in sorted(stored, key=lambda one: one.used):
        if size <= limit:
            break
        if _remove(one.directory):
            removed.append(one)
            size -= one.bytes
    return removed


def _remove(directory: Path) -> bool:
    """Remove a directory unless someone uses it or it may not be removed."""
    with contextlib.ExitStack() as stack:
        try:
            if fcntl is not None:
                handle = os.open(_lock(directory), os.O_RDWR | os.O_CREAT, 0o644)
                stack.callback(os.close, handle)
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_directory(directory)
        except (OSError, UserError):  # in use, gone already, or not ours
            return False
    return True


def _lock(directory: Path) -> Path:
    return directory.with_name(f".{directory.name}.in-use")


def _files(directory: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return [file for file in directory.rglob("*") if file.is_file()]
    return []
