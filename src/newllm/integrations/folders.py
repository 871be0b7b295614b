"""Where an export may be written: an absent or empty directory, or over an earlier export that holds nothing else."""

from collections.abc import Callable
from pathlib import Path

from newllm.errors import UserError, quoted
from newllm.files import writing


def check_free(directory: Path, files: set[str], check_own: Callable[[Path], object], *, replace: bool) -> None:
    """Refuse a place that holds something else.

    Args:
        directory: where an export is to be written.
        files: names that an export of this kind may have.
        check_own: raises UserError for a directory that holds no export of this kind.
        replace: whether it may hold one.

    Raises:
        UserError: something stands there.
    """
    with writing(directory):
        names = {item.name for item in directory.iterdir()} if directory.is_dir() else set()
        if not directory.is_dir() and (directory.exists() or directory.is_symlink()):
            raise UserError(f"'{directory}' is a file: choose another place")
    if not names:
        return
    if not replace:
        raise UserError(f"'{directory}' is not empty: choose another place, or --replace an earlier export")
    check_own(directory)
    if others := sorted(names - files):
        raise UserError(f"'{directory}' holds {quoted(others[0])} too, which is no part of an export: move it away")
