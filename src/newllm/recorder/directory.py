"""Where a recording is made: the directory that the program names, or below NEWLLM_RECORD_TO where that is set.

`newllm bisect` runs a program again this way: its recordings are made where the variable says, each in a directory by
the last part of its own, and those that it names are left alone.
"""

import os
from pathlib import Path

from newllm.trace.program import RECORD_TO

_TAKEN: dict[Path, Path] = {}


def directory_of(out: Path) -> Path:
    """Return the directory of a recording: two of one program that end alike ("a/run", "b/run") get a number.

    Args:
        out: as the program names it.
    """
    given = os.environ.get(RECORD_TO)
    if not given:
        return out
    named = out.absolute()
    name, number = named.name or "recording", 1
    place = Path(given) / name
    while _TAKEN.setdefault(place, named) != named:
        number += 1
        place = Path(given) / f"{name}-{number}"
    return place
