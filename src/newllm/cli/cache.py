"""Show and clear the caches: tokenised texts, and the states that replays begin from.

Both have a size limit: the least recently used entries are removed first, and never what a live process uses. Verdicts,
finished replays, snapshots and traces are not part of a cache, and stay.

  newllm cache
  newllm cache runs elsewhere/my-run --clear
"""

import argparse
import time
from pathlib import Path

from newllm.files import to_json
from newllm.storage import Stored, measured, trim


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "directories",
        nargs="*",
        metavar="DIR",
        help="runs, or directories of runs, whose replay states are included (default runs)",
    )
    parser.add_argument("--clear", action="store_true", help="remove the caches; newllm makes them again when needed")


def run(arguments: argparse.Namespace) -> int:
    """List, and clear where that is asked for."""
    from newllm.data.cache import LIMIT, cache_directory, entries
    from newllm.errors import UserError
    from newllm.trace.replay_states import LIMIT as LIMIT_OF_STATES
    from newllm.trace.replay_states import states_of

    cache = cache_directory()
    tokens = entries(cache)
    for name in arguments.directories:
        if not Path(name).is_dir():
            raise UserError(f"'{name}' is no directory: give a run, or a directory of runs")
    runs = [Path(name) for name in arguments.directories or ["runs"]]
    states = measured(place for run in runs for one in (run, *_inside(run)) for place in states_of(one))
    cleared = [*trim(tokens, 0), *trim(states, 0)] if arguments.clear else []
    if arguments.json:
        parts = {"tokens": tokens, "states": states, "cleared": cleared}
        told = {name: [_as_dict(one) for one in kept] for name, kept in parts.items()}
        print(to_json({"schema": 1, "cache": str(cache), **told}))
        return 0
    _show(f"tokenised texts in {cache}, at most {_size(LIMIT)}", tokens, quiet=arguments.quiet)
    _show(f"states of replays, at most {_size(LIMIT_OF_STATES)} a run", states, quiet=arguments.quiet)
    if arguments.clear:
        used = len(tokens) + len(states) - len(cleared)
        left = f"; {used} in use by a live process, or not ours to remove" if used else ""
        print(f"cleared {_size(sum(one.bytes for one in cleared))}{left}")
    return 0


def _show(title: str, kept: list[Stored], *, quiet: bool) -> None:
    print(f"{title}: {len(kept)}, {_size(sum(one.bytes for one in kept))}")
    for one in () if quiet else kept:
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.used))
        print(f"  {_size(one.bytes):>9}  used {used}  {one.directory}")


def _inside(place: Path) -> list[Path]:
    return sorted(one for one in place.iterdir() if one.is_dir()) if place.is_dir() else []


def _size(count: int) -> str:
    for unit, bytes_ in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= bytes_:
            return f"{count / bytes_:.1f} {unit}"
    return f"{count} bytes"


def _as_dict(stored: Stored) -> dict[str, object]:
    return {"place": str(stored.directory), "bytes": stored.bytes, "used": stored.used}
