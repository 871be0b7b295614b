"""Runs that were deleted from the page: moved below the shown directory into `.newllm-trash`, and back by one click.

    .newllm-trash/20261128T081500-3f9a/place.json    where it was, and when it was deleted
    .newllm-trash/20261128T081500-3f9a/my-run/       the run, whole

A move is one rename, so a run is never in two places nor in parts. Nothing is removed for good here: the page shows
the folder, and who wants the room back removes it.
"""

import contextlib
import json
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from newllm.errors import UserError
from newllm.files import make_directory, read_json, write_bytes
from newllm.ui.moving import TAKEN, move
from newllm.words.plain import plain

FOLDER = ".newllm-trash"
_PLACE = "place.json"
_KEY = re.compile(r"[0-9]{8}T[0-9]{6}-[0-9a-f]{4,16}")
_LARGEST = 1 << 16  # bytes of place.json


@dataclass(frozen=True)
class Deleted:
    """A run in the trash.

    Attributes:
        key: of its folder there.
        name: its place below the shown directory, where it goes back to.
        at: when it was deleted, in seconds since 1970.
        run: where it is now.
    """

    key: str
    name: str
    at: float
    run: Path

    def as_dict(self) -> dict[str, Any]:
        """Return what the page shows of it."""
        return {"trash": self.key, "name": plain(self.name), "at": self.at}


class Trash:
    """The deleted runs of one directory.

    Args:
        root: the directory that is shown.
    """

    def __init__(self, root: Path) -> None:
        self._root, self.place = root, root / FOLDER

    def delete(self, run: Path) -> Deleted:
        """Move a run into the trash.

        Raises:
            UserError: it is the shown directory itself, it has gone, or it may not be moved.
        """
        if run == self._root:
            raise UserError("this run is the directory that is shown: delete it from the directory above")
        self._check()
        name, moment = os.path.relpath(run, self._root), datetime.now(UTC)
        key = f"{moment:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
        folder = self.place / key
        make_directory(folder)
        about = {"schema": 1, "name": name, "deleted": moment.isoformat()}
        try:
            # In ASCII, as a name may hold bytes that are no text.
            write_bytes(folder / _PLACE, json.dumps(about).encode())
            move(run, folder / run.name)
        except BaseException:
            with contextlib.suppress(OSError):
                (folder / _PLACE).unlink(missing_ok=True)
                folder.rmdir()
            raise
        return Deleted(key, name, moment.timestamp(), folder / run.name)

    def restore(self, key: str) -> Path:
        """Move a run back to where it was.

        Raises:
            UserError: there is none of that key, or its place is taken.
        """
        one = self._read(self.place / key) if _KEY.fullmatch(key) else None
        if one is None:
            raise UserError(f"no deleted run is called '{plain(key, 60)}': look into the trash again")
        place = self._root / one.name
        if not place.parent.resolve().is_relative_to(self._root):  # a folder above it has become a link
            raise UserError(f"'{plain(one.name)}' lies outside of what is shown by now: move it back by hand")
        if os.path.lexists(place):
            raise UserError(TAKEN.format(name=plain(one.name)))
        make_directory(place.parent)
        move(one.run, place)
        with contextlib.suppress(OSError):
            (self.place / key / _PLACE).unlink(missing_ok=True)
            (self.place / key).rmdir()
            self.place.rmdir()  # where it is empty
        return place

    def __iter__(self) -> Iterator[Deleted]:
        """Yield what is in the trash, the newest first."""
        if self.place.is_symlink():
            return
        try:
            names = sorted((entry.name for entry in os.scandir(self.place)), reverse=True)
        except OSError:
            return
        found = (self._read(self.place / name) for name in names if _KEY.fullmatch(name))
        yield from (one for one in found if one is not None)

    def _check(self) -> None:
        if self.place.is_symlink() or (self.place.exists() and not self.place.is_dir()):
            raise UserError(f"'{self.place}' is no folder for deleted runs: move it away")

    def _read(self, folder: Path) -> Deleted | None:
        """Return what lies in a folder of the trash, None where it is no run or nobody can say where it was."""
        if self.place.is_symlink() or folder.is_symlink():
            return None
        try:
            about = read_json(folder / _PLACE, _LARGEST)
            name, at = about["name"], datetime.fromisoformat(about["deleted"]).timestamp()
            run = folder / Path(name).name
            return Deleted(folder.name, name, at, run) if _is_below(name) and _is_directory(run) else None
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None


def _is_below(name: str) -> bool:
    path = Path(name)
    return bool(path.name) and not path.is_absolute() and ".." not in path.parts and "\0" not in name


def _is_directory(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
