"""Which runs and studies there are below a directory, kept up to date in the background while somebody looks.

A refresh is cheap: of a directory that is known only a few times of change are asked; only what changed is read again.
An id is an entry of the table made here: no request ever becomes part of a path.
"""

import asyncio
import hashlib
import math
import os
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from newllm.ui.entry import Entry, read_entry
from newllm.ui.folders import Folders, Stamp, stamp_of
from newllm.ui.studies import StudyEntry, read_study
from newllm.words.plain import plain

_PAUSE, _IDLE = 1.0, 30.0  # seconds between two refreshes; after the last request
_SHARE = 10  # a refresh that takes the processor long is followed by a pause that many times longer
_DOUBTFUL = ("running", "recording", "stopped")  # what passing time alone can change
_LOOKS, _LOOK = 200, 0.05  # seconds of each; as long is waited for what a server that has just begun has not found yet
_PUBLISHED = 200  # runs at a time, while the first refresh goes on


@dataclass
class _Table:
    """What is known at one moment."""

    runs: dict[str, Entry] = field(default_factory=dict)
    studies: dict[str, StudyEntry] = field(default_factory=dict)
    places: dict[str, Path] = field(default_factory=dict)


class Index:
    """The runs and the studies below a directory.

    Args:
        root: the directory.

    Attributes:
        ready: whether everything was looked at once.
        version: another one whenever the list changes.
        first: the version that it began with; an older one is another server's.
        links: how many links to directories were not followed.
        cut: whether there is more than is looked at.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.first = self.version = time.time_ns() // 10**6  # past those of any server before
        self.ready, self.links = False, 0
        self._folders = Folders(self.root)
        self._lock, self._refreshing = threading.Lock(), threading.Lock()
        self._table, self._stamps, self._gone = _Table(), dict[str, Stamp](), dict[str, int]()
        self._asked, self._took = -math.inf, 0.0
        self._wake, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._look, name="newllm ui index", daemon=True)

    @property
    def cut(self) -> bool:
        """Whether there is more than is looked at."""
        return self._folders.cut

    def lookup(self, id: str) -> Path | None:
        """Return the directory of a run or a study, None where there is none of that id."""
        self._wanted()
        with self._lock:
            return self._table.places.get(id)

    def entry(self, id: str) -> Entry | None:
        """Return what the list tells of a run."""
        self._wanted()
        with self._lock:
            return self._table.runs.get(id)

    def since(self, version: int) -> tuple[int, list[Entry], list[str]]:
        """Return the present version, the runs that are newer than `version`, and the ids that have gone since."""
        self._wanted()
        with self._lock:
            newer = [entry for entry in self._table.runs.values() if entry.version > version]
            return self.version, newer, [key for key, at in self._gone.items() if at > version]

    def studies(self) -> list[StudyEntry]:
        """Return the studies, by name."""
        self._wanted()
        with self._lock:
            return sorted(self._table.studies.values(), key=lambda study: study.name)

    def study(self, id: str) -> StudyEntry | None:
        """Return what the list tells of a study."""
        with self._lock:
            return self._table.studies.get(id)

    async def until(self, found: Callable[[], bool]) -> None:
        """Wait until something was found, or everything was looked at once; for a few seconds at most."""
        for _ in range(_LOOKS):
            if self.ready or found():
                break
            await asyncio.sleep(_LOOK)

    def start(self) -> None:
        """Look in the background."""
        self._asked = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """End looking."""
        self._ended.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def refresh(self) -> None:
        """Look once."""
        with self._refreshing:
            began, now = time.thread_time(), time.time()
            table, links, shown = _Table(), 0, 0
            for path, folder in self._folders:
                links += folder.links
                if folder.is_run or folder.is_study:
                    self._read(table, path, folder.is_study, now)
                if not self.ready and len(table.runs) >= shown + _PUBLISHED:
                    shown = len(table.runs)
                    self._publish(_Table(dict(table.runs), dict(table.studies), dict(table.places)))
            self.links = links
            self._publish(table)
            self.ready, self._took = True, time.thread_time() - began

    def _wanted(self) -> None:
        """Keep up to date for a while from now on."""
        before, self._asked = self._asked, time.monotonic()
        if self._asked - before > _IDLE:
            self._wake.set()

    def _look(self) -> None:
        while not self._ended.is_set():
            self._wake.clear()
            if time.monotonic() - self._asked <= _IDLE:
                self.refresh()
                self._wake.wait(max(_PAUSE, _SHARE * self._took))
            else:
                self._wake.wait()

    def _read(self, table: _Table, path: str, is_study: bool, now: float) -> None:
        """Take in one run or study, from memory where it has not changed."""
        name = os.path.relpath(path, self.root)
        name = self.root.name if name == "." else name
        key, place, stamp = id_of(name), Path(path), stamp_of(path)
        name = plain(name)  # a name must not turn the text around it, nor pretend to be another
        same = stamp == self._stamps.get(key)
        self._stamps[key] = stamp
        table.places[key] = place
        if is_study:
            study = self._table.studies.get(key) if same else None
            table.studies[key] = study or read_study(place, id=key, name=name)
            return
        before = self._table.runs.get(key)
        if before is None or not same or before.status in _DOUBTFUL:
            entry = read_entry(place, id=key, name=name, now=now)
            before = before if before is not None and replace(entry, version=before.version) == before else entry
        table.runs[key] = before

    def _publish(self, table: _Table) -> None:
        with self._lock:
            gone = self._table.runs.keys() - table.runs.keys()
            changed = [key for key, entry in table.runs.items() if entry is not self._table.runs.get(key)]
            if changed or gone or table.studies != self._table.studies:
                self.version += 1
            for key in changed:
                table.runs[key] = replace(table.runs[key], version=self.version)
                self._gone.pop(key, None)
            self._gone |= dict.fromkeys(gone, self.version)
            self._table = table


def id_of(name: str) -> str:
    """Return a run's or a study's address by its name: it tells a person which it is, and no other has it."""
    words = re.sub(r"[^A-Za-z0-9]+", "-", name)[-40:].strip("-").lower()
    return f"{words or 'run'}-{hashlib.sha256(os.fsencode(name)).hexdigest()[:8]}"
