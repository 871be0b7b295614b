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
        place: the directory.
        bytes: of all files in it.
        used: seconds since 1970, when it was used last.
    """

    place: Path
    bytes: int
    used: float


def hold(place: Path) -> Callable[[], None]:
    """Use a directory, which need not be there yet: nobody removes it before the returned function is called.

    It waits while another process removes it. Where nothing may be written it holds nothing.

    Args:
        place: the directory; the one above it must exist.
    """
    if fcntl is None:
        return lambda: None
    try:
        handle = os.open(_lock(place), os.O_RDWR | os.O_CREAT, 0o644)
    except OSError:
        return lambda: None
    with contextlib.suppress(OSError):
        fcntl.flock(handle, fcntl.LOCK_SH)
        os.utime(handle)
    return functools.partial(os.close, handle)


def measured(places: Iterable[Path]) -> list[Stored]:
    """Return those of some directories that are there, the most recently used first."""
    found = []
    for place in places:
        with contextlib.suppress(OSError):  # another process removes it now
            sizes = [file.stat().st_size for file in _files(place)]
            if sizes:
                used = _lock(place) if _lock(place).exists() else place
                found.append(Stored(place, sum(sizes), used.stat().st_mtime))
    return sorted(found, key=lambda one: (-one.used, str(one.place)))


def trim(kept: Iterable[Stored], limit: int) -> list[Stored]:
    """Remove the least recently used until what is left takes at most so many bytes; what is in use stays.

    Returns:
        What was removed.
    """
    kept, removed = list(kept), []
    size = sum(one.bytes for one in kept)
    for one in sorted(kept, key=lambda one: one.used):
        if size <= limit:
            break
        if _remove(one.place):
            removed.append(one)
            size -= one.bytes
    return removed


def _remove(place: Path) -> bool:
    """Remove a directory unless someone uses it or it may not be removed."""
    with contextlib.ExitStack() as stack:
        try:
            if fcntl is not None:
                handle = os.open(_lock(place), os.O_RDWR | os.O_CREAT, 0o644)
                stack.callback(os.close, handle)
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_directory(place)
        except (OSError, UserError):  # in use, gone already, or not ours
            return False
    return True


def _lock(place: Path) -> Path:
    return place.with_name(f".{place.name}.in-use")


def _files(place: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return [file for file in place.rglob("*") if file.is_file()]
    return []
