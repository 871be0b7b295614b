"""RUN/bisection.json: written after each trial, whole or not at all; a second call goes on from it."""

import contextlib
from pathlib import Path

from newllm.bisection.result import Bisection
from newllm.checksum import read_checked, write_checked
from newllm.errors import UserError

BISECTION = "bisection.json"


def read_bisection(run: Path) -> Bisection | None:
    """Return the bisection of a run; None without any.

    Raises:
        UserError: it is damaged.
    """
    path = run / BISECTION
    if not path.exists():
        return None
    try:
        return Bisection.from_dict(read_checked(path))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"'{path}' is damaged ({error}): remove it, then bisect again") from error


def bisection_between(run: Path, sound: Path) -> Bisection | None:
    """Return what was found between a run and the sound one; None too where it goes on, or is damaged."""
    with contextlib.suppress(UserError):
        found = read_bisection(run)
        if found is not None and found.ended is not None and Path(found.sound).resolve() == sound.resolve():
            return found
    return None


def write_bisection(run: Path, bisection: Bisection) -> None:
    """Write the bisection of a run.

    Raises:
        UserError: there is no room, or the place may not be written.
    """
    write_checked(run / BISECTION, bisection.as_dict())
