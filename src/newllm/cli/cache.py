"""Show and clear the caches: tokenised texts, and the states that replays begin from.

Both have a size limit: the least recently used entries are removed first, and never what a live process uses. Verdicts,
finished replays, snapshots and traces are not part of a cache, and stay.

  newllm cache
  newllm cache runs elsewhere/my-run --clear
"""

import argparse
import time
from pathlib import Path

from newllm.cli.parser import language_of
from newllm.files import to_json
from newllm.messages import Catalogue
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
    words = language_of(arguments)
    print(words("cache-tokens", folder=str(cache), limit=_size(words, LIMIT), **_total(words, tokens)))
    _list(words, tokens, quiet=arguments.quiet)
    print(words("cache-states", limit=_size(words, LIMIT_OF_STATES), **_total(words, states)))
    _list(words, states, quiet=arguments.quiet)
    if arguments.clear:
        used = len(tokens) + len(states) - len(cleared)
        size = _size(words, sum(one.bytes for one in cleared))
        print(words("cache-cleared_but" if used else "cache-cleared", size=size, used=used))
    return 0


def _total(words: Catalogue, entries: list[Stored]) -> dict[str, object]:
    return {"count": len(entries), "size": _size(words, sum(one.bytes for one in entries))}


def _list(words: Catalogue, entries: list[Stored], *, quiet: bool) -> None:
    for one in () if quiet else entries:
        used = words("cache-used", date=time.strftime("%Y-%m-%d %H:%M", time.localtime(one.used)))
        print(f"  {_size(words, one.bytes):>9}  {used}  {one.directory}")


def _inside(path: Path) -> list[Path]:
    return sorted(one for one in path.iterdir() if one.is_dir()) if path.is_dir() else []


def _size(words: Catalogue, count: int) -> str:
    for unit, bytes_ in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= bytes_:
            return f"{count / bytes_:.1f} {unit}"
    return words("size-bytes", count=count)


def _as_dict(stored: Stored) -> dict[str, object]:
    return {"place": str(stored.directory), "bytes": stored.bytes, "used": stored.used}
