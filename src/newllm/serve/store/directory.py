"""Responses in a directory, which servers on several machines may share: one file each, and a cache in memory.

    DIRECTORY/OWNER/resp_ID.safetensors

There is no index and no lock: the directory is what is true. A file is written beside its place and renamed, so a
reader finds all of it or nothing; an entry in memory is used only if its file is still the one that was read. A file's
date says when it was stored, its date of access when it was used last. Other files are never touched.
"""

import contextlib
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from newllm.errors import UserError
from newllm.files import NO_ROOM, make_directory, sync_directory, write_bytes
from newllm.serve.store.cache import Cache
from newllm.serve.store.content import packed, unpacked
from newllm.serve.store.eviction import Backlog, Entry, surplus
from newllm.serve.store.housekeeping import Housekeeping
from newllm.serve.store.listing import ENDING, look
from newllm.serve.store.store import Limits, Stats, StoredResponse, StoreError, StoreFull, entry_name, new_entry_name

_USED_EVERY = 60.0  # seconds for which a use need not be noted again
_TIDY_EVERY = 600.0  # seconds
_FLAGS = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC", "O_BINARY"))
_ABSENT = (FileNotFoundError, NotADirectoryError)


class DirectoryStore:
    """A `Store` in a directory. On a network file system a deletion is seen once that shows it to those who open files.

    Args:
        directory: made if it is absent. The files in it can be read by the user alone who runs the server.
        limits: how much is kept. A server alone never has more than a sixteenth beyond it; several know of each other
            only from look to look, before which each may add an eighth.
        clock: seconds since 1970.

    Raises:
        UserError: nothing may be written there.
    """

    def __init__(self, directory: Path, limits: Limits, clock: Callable[[], float] = time.time) -> None:
        self._directory, self._limits, self._clock = directory, limits, clock
        make_directory(directory)
        if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
            raise UserError(f"may not write in store '{directory}': choose a directory that you own")
        self._cache = Cache(limits.memory_bytes)
        self._backlog = Backlog(limits, limits.bytes)
        self._counts, self._tidying = threading.Lock(), threading.Lock()
        self._entries = self._bytes = self._evicted = 0
        self._housekeeping = Housekeeping(self.tidy, min(_TIDY_EVERY, limits.seconds))

    def put(self, response: str, record: Mapping[str, Any], blob: bytes, owner: str = "") -> None:
        """As `Store.put`: on the disk before this returns."""
        name = new_entry_name(response, owner)
        content = packed(name, record, blob)
        self._backlog.check(len(content))
        path = self._path(name)
        with self._failing("write"):
            self._write(path, content)
            with contextlib.suppress(*_ABSENT), _opened(path) as (handle, _):  # absent: another server has evicted it
                now = _nanoseconds(self._clock())
                _date(path, now, now)
                self._hold(name, content, handle)
        self._count(1, len(content))
        if self._backlog.add(name, len(content)):
            self._housekeeping.ask()
            if self._backlog.is_overdue(name):
                with contextlib.suppress(OSError):  # it is stored: the next put or get says what is wrong
                    self._tidy(lambda: self._backlog.is_overdue(name))

    def get(self, response: str, owner: str = "") -> StoredResponse | None:
        """As `Store.get`: from memory if the file is still the one in memory, else from the disk."""
        name = entry_name(response, owner)
        if name is None:
            return None
        with self._failing("read"):
            content = self._content(name)
        return None if content is None else unpacked(name, content)

    def delete(self, response: str, owner: str = "") -> bool:
        """As `Store.delete`: the file is gone before this returns, after a power cut too."""
        name = entry_name(response, owner)
        if name is None:
            return False
        path = self._path(name)
        with self._failing("write"):
            try:
                size = path.lstat().st_size
                path.unlink()
            except _ABSENT:
                self._check_there()
                return False
            finally:
                self._cache.drop(name)
            sync_directory(path.parent)
        self._count(-1, -size)
        return True

    def stats(self) -> Stats:
        """As `Store.stats`: entries and bytes as the last tidying found them, and what this server did since."""
        with self._counts:
            return Stats(self._entries, self._bytes, len(self._cache), self._cache.bytes, self._evicted)

    def close(self) -> None:
        """As `Store.close`."""
        self._housekeeping.close()

    def tidy(self) -> None:
        """Look at the whole directory: evict what is too much, remove what killed servers have left half written.

        Raises:
            OSError: the directory cannot be looked at.
        """
        self._tidy(lambda: True)

    def _tidy(self, is_wanted: Callable[[], bool]) -> None:
        """Tidy, if it is still wanted once nobody else does: two at once would count an eviction twice, or not yet."""
        with self._tidying:
            if is_wanted():
                counted = self._backlog.counted()
                try:
                    self._evict_surplus()
                finally:
                    self._backlog.forget(counted)

    def _evict_surplus(self) -> None:
        before = {name for name, _ in self._cache.entries()}
        entries = list(look(self._directory))
        for name in before - {entry.name for entry in entries}:  # another server has deleted it
            self._cache.drop(name)
        going = surplus(entries, self._limits, self._limits.bytes, self._clock())
        gone = [entry for entry in going if self._evict(entry)]
        with self._counts:
            self._entries = len(entries) - len(gone)
            self._bytes = sum(entry.size for entry in entries) - sum(entry.size for entry in gone)
            self._evicted += len(gone)

    def _path(self, name: str) -> Path:
        return self._directory / f"{name}{ENDING}"

    def _write(self, path: Path, content: bytes) -> None:
        try:
            write_bytes(path, content)
        except FileNotFoundError:  # the first response of an owner
            self._check_there()
            with contextlib.suppress(FileExistsError):
                path.parent.mkdir(mode=0o700)
            sync_directory(self._directory)
            write_bytes(path, content)

    def _content(self, name: str) -> bytes | None:
        held, path = self._cache.get(name), self._path(name)
        try:
            with _opened(path) as (handle, found):
                now = self._clock()
                if now - found.st_mtime >= self._limits.seconds:
                    self._cache.drop(name)
                    return None
                if now - found.st_atime >= _USED_EVERY:
                    _date(path, _nanoseconds(now), found.st_mtime_ns)
                if held is not None and held.mark == _mark(found):
                    return held.content
                content = _read(handle, found.st_size)
                self._hold(name, content, handle)
                return content
        except _ABSENT:
            self._cache.drop(name)
            self._check_there()
            return None

    def _hold(self, name: str, content: bytes, handle: int) -> None:
        """Keep in memory what the open file says, unless it is deleted by now: who deletes forgets last."""
        self._cache.put(name, content, _mark(os.fstat(handle)))
        if os.fstat(handle).st_nlink == 0:
            self._cache.drop(name)

    def _evict(self, entry: Entry) -> bool:
        try:
            self._path(entry.name).unlink()
        except OSError:  # another server was faster, or it is another's
            return False
        finally:
            self._cache.drop(entry.name)
        return True

    def _count(self, entries: int, size: int) -> None:
        with self._counts:
            self._entries += entries
            self._bytes += size

    def _check_there(self) -> None:
        if not self._directory.is_dir():
            raise StoreError(f"store '{self._directory}' is not there any more: bring the directory back")

    @contextlib.contextmanager
    def _failing(self, what: str) -> Iterator[None]:
        """Turn what the system says into one line."""
        try:
            yield
        except StoreError:
            raise
        except UserError as error:  # of newllm.files: one line already
            full = isinstance(error.__cause__, OSError) and error.__cause__.errno in NO_ROOM
            raise (StoreFull if full else StoreError)(str(error)) from error
        except OSError as error:
            line = f"cannot {what} in store '{self._directory}' ({error.strerror}): "
            if error.errno in NO_ROOM:
                raise StoreFull(f"{line}free some space") from error
            raise StoreError(f"{line}look at its rights and its disk") from error


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[int, os.stat_result]]:
    """Open a regular file. Unlike a look at its name, this asks a file server for what is true now."""
    handle = os.open(path, _FLAGS)
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise FileNotFoundError(path)
        yield handle, found
    finally:
        os.close(handle)


def _read(handle: int, size: int) -> bytes:
    """Read a file of this size; one that another server is cutting is shorter, and damaged then."""
    with os.fdopen(os.dup(handle), "rb") as file:
        return file.read(size + 1)


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)


def _date(path: Path, used: int, stored: int) -> None:
    """Note when a file was used and stored. Where that may not be written, the system's own dates stand."""
    with contextlib.suppress(OSError):
        os.utime(path, ns=(used, stored))


def _mark(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_ino, found.st_mtime_ns, found.st_size
