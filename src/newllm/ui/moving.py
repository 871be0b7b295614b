"""Moves a run's directory by one rename: it is never in two places, nor in parts."""

import errno
import os
import re
from pathlib import Path

from newllm.errors import UserError
from newllm.files import sync_directory, writing
from newllm.ui.folders import PASSED_OVER
from newllm.words.plain import plain

TAKEN = "'{name}' is the name of another run by now: rename that one first"


def rename(run: Path, root: Path, name: str) -> Path:
    """Give a run's directory another name, beside where it is, and return it.

    Raises:
        UserError: the name is none for a directory, is taken, or the run may not be moved.
    """
    if run == root:
        raise UserError("this run is the directory that is shown: rename it from the directory above")
    if not _is_name(name):
        raise UserError(
            f"'{plain(name, 60)}' is no name for a run: give one of 1 to 200 bytes without slashes, "
            "that begins with neither '.' nor '-'"
        )
    if name in PASSED_OVER:
        raise UserError(f"a run called '{name}' would not be found: give another name")
    place = run.with_name(name)
    if place == run:
        return run
    if os.path.lexists(place):
        raise UserError(TAKEN.format(name=plain(os.path.relpath(place, root))))
    move(run, place)
    return place


def move(run: Path, place: Path) -> None:
    """Move a directory by one rename; what stands at its new place stays.

    Raises:
        UserError: it has gone, is a link, something stands there, or it may not be moved.
    """
    if run.is_symlink() or not run.is_dir():
        raise UserError(f"'{plain(run.name)}' is gone: look at the list again")
    with writing(place):
        try:
            run.rename(place)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            raise UserError(f"'{plain(run.name)}' lies on another disk than what is shown: move it by hand") from error
        sync_directory(place.parent)
        sync_directory(run.parent)


def _is_name(name: str) -> bool:
    """Whether a directory may be called so: on any system, and without surprise in a shell."""
    sound = name.isprintable() and name == name.strip() and not name.startswith((".", "-"))
    return sound and not re.search(r"[/\\]", name) and 0 < len(os.fsencode(name)) <= 200
