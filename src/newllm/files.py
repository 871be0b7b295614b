"""Files that are complete or absent: after a kill, a crash or a full disk there is no third state.

What is read here is a regular file of bounded size, whatever somebody put in its place.

A file is written beside its place under a temporary name, synced, then renamed over it; a directory
likewise. What a failed write leaves behind is removed, and what stood there before stays. After a power cut a name is
there only if the directory that it stands in was synced too: so is every directory that is made or written to.
`benchmarks/faults/faults.py` tries all of this.
"""

import contextlib
import errno
import json
import math
import os
import re
import secrets
import shutil
import stat
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from newllm.errors import UserError

LARGEST = 64 << 20
"""Bytes of a file of settings or results."""

_ENDLESS = re.compile("0x[0-9A-Fa-f_]{1000}|0o[0-7_]{1000}|0b[01_]{1000}")
_NO_PLACE = {errno.EROFS, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY, errno.ELOOP}
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""What a system says where there is none."""

_BROKEN = {errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE}
_CHECKS: dict[Path, Callable[[], None]] = {}


@contextlib.contextmanager
def checking(directory: Path, check: Callable[[], None]) -> Iterator[None]:
    """Within this, call `check` before anything below a directory is written, and right before it takes its place.

    Args:
        directory: as the paths that are written begin.
        check: raises where nothing may be written there any more.
    """
    _CHECKS[directory] = check
    try:
        yield
    finally:
        del _CHECKS[directory]


def protect(directory: Path, why: str) -> None:
    """Refuse from now on whatever this process would write below a directory.

    Args:
        directory: as the paths that are written begin.
        why: what the refusal says, and what to do instead.
    """

    def refuse() -> None:
        raise UserError(why)

    _CHECKS[directory] = refuse


def check_place(path: Path) -> None:
    """Refuse a place below a directory that this process may not write (`protect`, `checking`)."""
    for place in (path, *path.parents) if _CHECKS else ():
        if place in _CHECKS:
            _CHECKS[place]()


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the system says of a failed write to `path` into one line for the user.

    Raises:
        UserError: the disk is full or fails, or the place may not be written.
    """
    check_place(path)
    try:
        yield
    except OSError as error:
        check_place(path)  # whoever took the place away may have taken our temporary file too
        if error.errno in NO_ROOM:
            raise UserError(f"no room to write '{path}' ({error.strerror}): free some space, then go on") from error
        if isinstance(error, PermissionError) or error.errno in _NO_PLACE:
            raise UserError(f"may not write '{path}' ({error.strerror}): choose a place that you own") from error
        if error.errno in _BROKEN:
            raise UserError(f"cannot write '{path}' ({error.strerror}): check the disk, then go on") from error
        raise


def read_bytes(path: Path, largest: int = LARGEST) -> bytes:
    """Return the content of a regular file: a pipe would be waited for, and a device may have no end.

    Raises:
        OSError: it is absent, may not be read, is larger, or something else stands there.
    """
    with open(path, "rb", opener=_without_waiting) as file:  # Path.open takes no opener
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        if found.st_size > largest:
            raise OSError(errno.EFBIG, f"larger than {largest >> 20} MiB", str(path))
        return file.read()


def _without_waiting(name: str, flags: int) -> int:
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))


def read_json(path: Path, largest: int = LARGEST) -> Any:
    """Return what a JSON file says.

    Raises:
        OSError: as `read_bytes`.
        ValueError: it is no JSON, or nested too deep.
    """
    return _parsed(json.loads, read_bytes(path, largest))


def read_toml(path: Path, largest: int = LARGEST) -> dict[str, Any]:
    """Return what a TOML file says. A mark of UTF-8 before its first line, as Windows' Notepad puts it, says nothing.

    Raises:
        OSError: as `read_bytes`.
        ValueError: it is no TOML, or nested too deep.
    """
    return parse_toml(read_bytes(path, largest).decode("utf-8-sig"))


def parse_toml(text: str) -> dict[str, Any]:
    """Return what a text in TOML says.

    Raises:
        ValueError: it is no TOML, nested too deep, or holds a whole number that Python could not print.
    """
    if _ENDLESS.search(text):
        raise ValueError("a whole number of a thousand digits")
    return _parsed(tomllib.loads, text)


def _parsed(parse: Callable[[Any], Any], content: str | bytes) -> Any:
    try:
        return parse(content)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def write_bytes(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a file whole or not at all. A link to a file is replaced; the file that it leads to stays.

    Args:
        path: the file's place; its directory must exist.
        content: all of it.
        durable: wait until the disk has it. False for what is rewritten every second.

    Raises:
        UserError: the disk is full, the place may not be written, or a directory, a device or a pipe stands
            there: the rename would put a file in the place of a device.
    """
    with writing(path):
        if path.exists() and not path.is_file():
            raise UserError(f"may not write '{path}' (it is not a regular file): choose another place")
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            temporary.chmod(0o644)
            check_place(path)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        if durable:
            sync_directory(path.parent)


def write_json(path: Path, content: Mapping[str, Any], *, durable: bool = True) -> None:
    """Write strict JSON whole or not at all; a non-finite number becomes null."""
    write_bytes(path, (to_json(content, indent=2) + "\n").encode(), durable=durable)


def to_json(content: Any, *, indent: int | None = None) -> str:
    """Encode as strict JSON, non-finite numbers as null."""
    return json.dumps(plain_data(content), indent=indent, ensure_ascii=False, allow_nan=False)


def plain_data(value: Any) -> Any:
    """Return what JSON can hold: no numpy, no lone surrogate, and None for a number that is not finite."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {plain_data(str(key)): plain_data(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_data(item) for item in value]
    return plain_data(value.tolist()) if hasattr(value, "tolist") else value


def make_directory(path: Path) -> None:
    """Make a directory and those above it that are absent, so that a power cut cannot take them away again.

    Raises:
        UserError: there is no room, the place may not be written, or a file stands there.
    """
    with writing(path):
        absent = [place for place in (path, *path.parents) if not place.exists()]
        path.mkdir(parents=True, exist_ok=True)
        for place in absent:
            sync_directory(place.parent)


@contextlib.contextmanager
def new_directory(path: Path, *, replace: bool = True) -> Iterator[Path]:
    """Yield an empty temporary directory that becomes `path` when the block ends well.

    Args:
        path: the final place. Its parent must exist.
        replace: what stands there is replaced; False refuses to, but for an empty directory.

    Raises:
        UserError: there is no room, the place may not be written, or something stands there that is to stay.
    """
    with writing(path):
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
        try:
            yield temporary
            for child in temporary.rglob("*"):
                (sync_directory if child.is_dir() else _sync_file)(child)
            sync_directory(temporary)
            temporary.chmod(0o755)
            if replace and path.exists():
                remove_directory(path)
            check_place(path)
            temporary.rename(path)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        sync_directory(path.parent)


def remove_directory(path: Path) -> None:
    """Remove a directory whole: a kill leaves it as it was, or gone but for a leftover under a temporary name.

    A full disk is no hindrance: nothing is made but a name in the place of another.

    Raises:
        UserError: the place may not be written.
    """
    with writing(path):
        doomed = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
        path.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)


def remove_leftovers(directory: Path) -> None:
    """Remove what a killed process left half written in `directory`. Only its owner may call this."""
    for leftover in directory.glob(".*.tmp"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def sync_directory(path: Path) -> None:
    """Wait until the disk has the names that stand in a directory."""
    if os.name == "nt":  # Windows cannot open a directory to sync it
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
