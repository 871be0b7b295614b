"""Where a page or another file may be written: over nothing but one that the same command made."""

from pathlib import Path

from newllm.errors import UserError
from newllm.files import writing

_HEAD = 200  # bytes in which a page says who made it


def check_free(path: Path, mark: str, command: str, option: str, *, what: str = "page") -> None:
    """Refuse a place where none can be written, or something else stands, before the work is done.

    Args:
        path: of the page.
        mark: what stands in the first bytes of a page of this command.
        command: its name.
        option: the one that names another place.
        what: it writes there.

    Raises:
        UserError: there is no directory, or it holds something else.
    """
    with writing(path):
        if not path.parent.is_dir():
            raise UserError(f"'{path}' cannot be written: there is no directory '{path.parent}', make it first")
        if _is_taken(path) and not _is_a_page(path, mark):
            raise UserError(
                f"'{path}' exists and is no {what} of newllm {command}: choose another {option}, or move it away"
            )


def _is_taken(path: Path) -> bool:
    try:
        path.lstat()  # also of a link that leads nowhere; a name that is too long is told now
    except FileNotFoundError:
        return False
    return True


def _is_a_page(path: Path, mark: str) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return mark.encode() in file.read(_HEAD)
