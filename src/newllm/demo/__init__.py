"""The packaged demo: finished runs, a study and a small trained model, to look at before anything is trained.

`demo:NAME` names one of them wherever a command takes a run. They are read where they are installed and never written:
whoever asks for them has every file compared with its checksum, and from then on whatever this process would write
there is refused. `python -m studies.demo` makes them.
"""

import hashlib
import os
from pathlib import Path

from newllm.checksum import read_checked, write_checked
from newllm.errors import UserError, unknown_name
from newllm.files import LARGEST, protect, read_bytes

SET = Path(__file__).resolve().parent / "set"
"""The directory of all of it, as `newllm ui` takes one."""

PREFIX = "demo:"
_SEAL = "checksums.json"


def demo_set() -> Path:
    """Return the directory of the demo, which this process cannot write from now on.

    Raises:
        UserError: a file is missing, or is not what was packaged.
    """
    if damaged := _damaged():
        raise UserError(f"the demo is damaged ('{SET / damaged}' is not what was packaged): install newllm again")
    protect(SET, "the demo is read-only: train a run of your own with newllm train")
    return SET


def demo_run(name: str) -> Path:
    """Return the directory of a run or study of the demo.

    Args:
        name: with or without "demo:".

    Raises:
        UserError: there is none of that name, or the demo is damaged.
    """
    directory, names, own = demo_set(), demo_names(), name.removeprefix(PREFIX)
    if own not in names:
        raise unknown_name("part of the demo", name, [PREFIX + known for known in names])
    return directory / own


def demo_names() -> list[str]:
    """Return the names of its runs and studies."""
    return sorted(entry.name for entry in os.scandir(SET) if entry.is_dir()) if SET.is_dir() else []


def is_demo(path: Path) -> bool:
    """Whether a path leads into the demo."""
    return path.is_relative_to(SET)


def shown(path: Path) -> str:
    """Return a path as a person is shown it: a part of the demo by its name."""
    if not is_demo(path):
        return str(path)
    return PREFIX if path == SET else PREFIX + path.relative_to(SET).as_posix()


def seal(directory: Path) -> None:
    """Write the checksums of all files of a demo beside them."""
    names = sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())
    files = {name: _digest(directory / name) for name in names if name != _SEAL}
    write_checked(directory / _SEAL, {"schema": 1, "files": files})


def _damaged() -> str | None:
    """Return the name of a file that is missing or is not what was packaged; None where there is none."""
    try:
        files = read_checked(SET / _SEAL)["files"]
    except (OSError, ValueError, LookupError):
        return _SEAL
    return next((name for name, digest in files.items() if _digest(SET / name) != digest), None)


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(read_bytes(path, LARGEST)).hexdigest()
    except OSError:
        return ""
