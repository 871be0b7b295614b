"""Which files of a store's directory are entries: `DIRECTORY/OWNER/resp_ID.safetensors`. No other is touched."""

import contextlib
import os
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from newllm.serve.store.eviction import Entry

ENDING = ".safetensors"
_OWNER = re.compile("[0-9a-f]{32}")
_FILE = re.compile(r"resp_[0-9a-f]{32}\.safetensors")
_LEFTOVER = re.compile(r"\.resp_[0-9a-f]{32}\.safetensors\.\w+\.tmp")
_STALE = 3600.0  # seconds after which nobody is still writing a file


def look(directory: Path) -> Iterator[Entry]:
    """Find all entries. On the way remove what killed servers have left half written.

    Raises:
        OSError: the directory cannot be looked at.
    """
    with os.scandir(directory) as found:
        owners = [one for one in found if _OWNER.fullmatch(one.name) and one.is_dir(follow_symlinks=False)]
    for owner in owners:
        with contextlib.suppress(OSError), os.scandir(owner.path) as files:
            for file in files:
                with contextlib.suppress(FileNotFoundError):  # another server was faster
                    yield from _entry(owner.name, file)


def _entry(owner: str, file: os.DirEntry[str]) -> Iterator[Entry]:
    found = file.stat(follow_symlinks=False)
    if not stat.S_ISREG(found.st_mode):
        return
    if _FILE.fullmatch(file.name):
        name = f"{owner}/{file.name.removesuffix(ENDING)}"
        yield Entry(name, found.st_size, found.st_mtime, max(found.st_mtime, found.st_atime))
    elif _LEFTOVER.fullmatch(file.name) and time.time() - found.st_mtime > _STALE:
        Path(file.path).unlink()
