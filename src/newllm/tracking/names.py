"""Names of trackers: those that are known, those that were asked for, those that a run had before."""

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path

from newllm.errors import UserError, unknown_name
from newllm.files import read_json

TRACKERS = ("mlflow", "tensorboard", "trackio", "wandb")
NO_TRACKER = "none"


def tracker_names(track: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the names in "mlflow,tensorboard", or in a list of such; none in "none" and None.

    Raises:
        UserError: there is no such tracker. "MODULE:CLASS" is one that somebody wrote, and looked at when it begins.
    """
    given = [track] if isinstance(track, str) else list(track or ())
    names = list(dict.fromkeys(name.strip() for part in given for name in part.split(",")))
    for name in names:
        if name not in (*TRACKERS, NO_TRACKER) and ":" not in name:
            raise unknown_name("tracker", name, (*TRACKERS, NO_TRACKER))
    if NO_TRACKER in names and len(names) > 1:
        raise UserError(f"trackers {', '.join(names)}: '{NO_TRACKER}' stands alone: drop it, or the others")
    return tuple(name for name in names if name != NO_TRACKER)


def earlier_trackers(run: Path) -> tuple[str, ...]:
    """Return the names of the trackers that an earlier session of a run has sent to.

    Raises:
        UserError: one is a program that lies in the run: a run is data, and may come from anybody.
    """
    names = []
    for file in sorted((run / "trackers").glob("*.json")):
        with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
            names.append(str(read_json(file)["tracker"]))
    for name in names:
        if ":" in name and _lies_in(run, name.partition(":")[0]):
            raise UserError(
                f"tracker '{name}' would be loaded from the run itself: if you trust it, give --track {name}"
            )
    return tuple(names)


def _lies_in(run: Path, module: str) -> bool:
    """Whether a module, or a package around it, may be one of a run's own files."""
    file = Path(*module.split("."))
    return any((Path(place) / file).resolve().is_relative_to(run.resolve()) for place in ("", *sys.path))
