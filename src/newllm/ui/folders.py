"""The directories below one, and what each is known for; what has not changed is told from memory.

Links are not followed. Limits: `DEEPEST` levels down and `MOST` directories; `cut` says whether something lies beyond.
A run inside of a run is not looked for.
"""

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from newllm.diagnosis.notes import NOTES
from newllm.trace.blocks import blocks_path
from newllm.trace.check import CHECK
from newllm.trace.labels import NAME as LABELS
from newllm.ui.entry import SIGNS

DEEPEST, MOST = 6, 20_000
PASSED_OVER = {"snapshots", "replays", "cells", "texts", "node_modules", "__pycache__", "site-packages", "venv"}
"""Names of directories that hold no runs of their own, or none that anyone looks for."""

_SETTLED = 2 * 10**9  # ns: a younger change of a directory may be followed by one with the same time
_RESULTS = "results.json"
_OF_A_STUDY = rb'\s*\{\s*"schema": \d+,\s*"study": '
_OF_OURS = rb'\s*(\{\s*"schema": \d|schema = \d|\Z)'  # a file that was cut to nothing may be one
_OF_A_CHECK = rb'\s*\{\s*"schema": \d+,\s*"outcomes": '
# Other programs have files of these names, too.
_OF_OTHERS_TOO = {"config.toml": _OF_OURS, "summary.json": _OF_OURS, CHECK: _OF_A_CHECK}
_WATCHED = (*SIGNS, NOTES, "findings.json", LABELS, _RESULTS, "replays")

Stamp = tuple[tuple[int, int], ...]


class Folder(NamedTuple):
    """What was seen in a directory: what lies below it, what it is, how many links to directories it holds."""

    changed: int
    below: tuple[str, ...]
    is_run: bool
    is_study: bool
    links: int


class Folders:
    """Goes through the directories below `root`, again and again."""

    def __init__(self, root: Path) -> None:
        self._root = os.fspath(root)
        self._known: dict[str, Folder] = {}
        self.cut = False

    def __iter__(self) -> Iterator[tuple[str, Folder]]:
        """Yield each directory and what it is, a parent before its children."""
        waiting, known, cut = [(self._root, 0)], {}, False
        while waiting:
            path, depth = waiting.pop()
            folder = self._seen(path)
            if folder is None:
                continue
            known[path] = folder
            yield path, folder
            if folder.is_run or not folder.below:
                continue
            if depth >= DEEPEST or len(known) + len(waiting) + len(folder.below) > MOST:
                cut = True
            else:
                waiting += [(f"{path}{os.sep}{name}", depth + 1) for name in folder.below]
        self._known, self.cut = known, cut

    def _seen(self, path: str) -> Folder | None:
        changed = _stat(path)[0]
        before = self._known.get(path)
        if before is not None and before.changed == changed:
            return before
        try:
            below, names, links = _listed(path)
        except OSError:
            return None
        is_study = _RESULTS in names and _begins(path, _RESULTS, _OF_A_STUDY)
        settled = time.time_ns() - changed > _SETTLED
        return Folder(changed if settled else -1, below, not is_study and _is_run(path, names), is_study, links)


def stamp_of(path: str) -> Stamp:
    """Return what is another whenever the run or the study in a directory has changed: times and sizes of its files."""
    stamp = [_stat(f"{path}{os.sep}{name}") for name in _WATCHED]
    if stamp[-1][1] >= 0:
        replays = f"{path}{os.sep}{_WATCHED[-1]}"
        try:
            with os.scandir(replays) as entries:
                folders = sorted(entry.path for entry in entries)
        except OSError:
            folders = []
        stamp += [_stat(f"{folder}{os.sep}verdict.json") for folder in folders]
    return tuple(stamp)


def stamp_of_notes(run: Path) -> Stamp:
    """Return what is another whenever somebody, the training or a person, has said more of a run."""
    return tuple(_stat(f"{run}{os.sep}{name}") for name in ("recording.json", NOTES))


def stamp_of_trace(path: Path) -> Stamp:
    """Return what is another whenever a trace has changed: times and sizes of its two files, -1 where there is none."""
    return tuple(_stat(os.fspath(file)) for file in (path, blocks_path(path)))


def _listed(path: str) -> tuple[tuple[str, ...], set[str], int]:
    """Return the directories to go into, all names, and the number of links to directories."""
    below, names, links = [], set(), 0
    with os.scandir(path) as entries:
        for entry in entries:
            names.add(entry.name)
            if entry.is_symlink():
                links += entry.is_dir()
            elif entry.is_dir() and not entry.name.startswith(".") and entry.name not in PASSED_OVER:
                below.append(entry.name)
    return tuple(below), names, links


def _is_run(path: str, names: set[str]) -> bool:
    signs = [sign for sign in SIGNS if sign in names]
    if len(signs) == 1 and signs[0] in _OF_OTHERS_TOO:
        return _begins(path, signs[0], _OF_OTHERS_TOO[signs[0]])
    return bool(signs)


def _begins(path: str, name: str, pattern: bytes) -> bool:
    try:
        file = Path(path, name)
        if not file.is_file():  # a pipe would hold us up for good
            return False
        with file.open("rb") as opened:
            return re.match(pattern, opened.read(400)) is not None
    except OSError:
        return False


def _stat(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116, many thousands at a time
    except OSError:
        return 0, -1
    return found.st_mtime_ns, found.st_size
