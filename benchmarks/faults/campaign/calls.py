"""Every call that changes the file system below one directory, seen before it is made. For a forked child only.

All writes of newllm go through Python's own functions (`io.open`, `os.rename` ...), so that these are what is replaced:
nothing of newllm is. A plan is called with each `Call` and with what makes it; it may make it, make half of it, raise
an error of the system, or kill the process.

Limits: what a library writes by itself (a C library's own `open`) is not seen; newllm has no such writes.
"""

import builtins
import io
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple


class Call(NamedTuple):
    """One call.

    Attributes:
        kind: create, write, truncate, sync, mkdir, rename, unlink, rmdir or chmod.
        path: below the directory that is watched.
        to: of a rename, likewise.
        data: of a write.
        at: where in the file a write begins, or the size that a truncation leaves.
    """

    kind: str
    path: str
    to: str = ""
    data: bytes = b""
    at: int = 0


Plan = Callable[[Call, Callable[[bytes], Any]], Any]


def install(root: Path, plan: Plan) -> None:
    """Let `plan` see every change below `root` from here to the end of this process."""
    watch = _Watch(os.path.realpath(root) + os.sep, plan)
    watch.replace_functions()
    watch.replace_open()


class _Watch:
    """Knows which descriptor is of which path."""

    def __init__(self, root: str, plan: Plan) -> None:
        self.root, self.plan = root, plan
        self.paths: dict[int, str] = {}

    def place(self, path: Any, dir_fd: int | None = None) -> str:
        if isinstance(path, int):
            return self.paths.get(path, "")
        start = Path.cwd() if dir_fd is None else Path(self.paths.get(dir_fd, ""))
        return os.path.normpath(start / os.fsdecode(path))  # links are left alone: a link is what is renamed or removed

    def see(self, kind: str, place: str, make: Callable[[bytes], Any], to: str = "", **more: Any) -> Any:
        if not f"{place}/".startswith(self.root):
            return make(more.get("data", b""))
        size = len(self.root)
        return self.plan(Call(kind, place[size:] or ".", to[size:], **more), make)

    def replace_functions(self) -> None:
        """Replace what `os` has."""
        for kind in ("mkdir", "unlink", "rmdir", "chmod"):
            setattr(os, kind, self._changing(kind, getattr(os, kind)))
        os.remove = os.unlink
        os.rename, os.replace = self._moving(os.rename), self._moving(os.replace)
        opening, syncing = os.open, os.fsync

        def opened(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
            place = self.place(path, dir_fd)

            def make(_: bytes) -> int:
                handle = opening(path, flags, mode, dir_fd=dir_fd)
                self.paths[handle] = place
                return handle

            return self.see("create", place, make) if flags & os.O_CREAT and not os.path.lexists(place) else make(b"")

        def synced(file: Any) -> None:
            number = file if isinstance(file, int) else file.fileno()
            self.see("sync", self.place(number), lambda _: syncing(number))

        os.open, os.fsync = opened, synced  # type: ignore[assignment]

    def _changing(self, kind: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def change(path: Any, *rest: Any, dir_fd: int | None = None, **more: Any) -> Any:
            more |= {} if dir_fd is None else {"dir_fd": dir_fd}
            return self.see(kind, self.place(path, dir_fd), lambda _: real(path, *rest, **more))

        return change

    def _moving(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def move(source: Any, target: Any) -> Any:
            return self.see("rename", self.place(source), lambda _: real(source, target), self.place(target))

        return move

    def replace_open(self) -> None:
        """Replace `open` where it writes."""
        real, watch = io.open, self

        def opened(file: Any, mode: str = "r", buffering: int = -1, *rest: Any, **more: Any) -> Any:
            place = watch.place(file)
            if not set(mode) & set("wax+") or not place.startswith(watch.root):
                made = real(file, mode, buffering, *rest, **more)
                watch.paths[made.fileno()] = place  # a file may be synced through a handle that reads
                return made
            raw = _File(watch, file, place, mode.replace("b", "").replace("t", ""))
            if buffering == 0:
                return raw
            buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
            return buffered if "b" in mode else io.TextIOWrapper(buffered, *rest, **more)

        io.open = builtins.open = opened  # type: ignore[assignment]


class _File(io.FileIO):
    """A file whose writes are seen."""

    def __init__(self, watch: _Watch, file: Any, place: str, mode: str) -> None:
        self.watch, self.place = watch, place
        if isinstance(file, int):
            super().__init__(file, mode)
        else:
            self._open(file, mode)
        watch.paths[self.fileno()] = place

    def _open(self, file: Any, mode: str) -> None:
        start = super().__init__
        try:
            status = Path(file).stat()
        except OSError:
            self.watch.see("create", self.place, lambda _: start(file, mode))
            return
        empties = "w" in mode and stat.S_ISREG(status.st_mode)
        if empties:
            self.watch.see("truncate", self.place, lambda _: start(file, mode))
        else:
            start(file, mode)

    def write(self, data: Any) -> int:
        write, content = super().write, bytes(data)
        at = os.fstat(self.fileno()).st_size if "a" in self.mode else self.tell()
        return self.watch.see("write", self.place, write, data=content, at=at)

    def truncate(self, size: int | None = None) -> int:
        cut, left = super().truncate, self.tell() if size is None else size
        if left == os.fstat(self.fileno()).st_size:  # nothing changes
            return cut(left)
        return self.watch.see("truncate", self.place, lambda _: cut(left), at=left)
