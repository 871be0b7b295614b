"""The trace of a run in memory, read on where it was left: only what was appended is parsed.

A trace grows in two files (see `newllm.trace.store`): lines, which now and then are packed into a block and begin anew.
A run that is resumed writes both anew, without the steps that it takes again. All of it is noticed here by the files'
identity, size, and the last bytes that were read:

    the lines go on            read on
    the lines begin anew       read from their start; what was read before must stand in a block by now
    a file was replaced        forget everything and read anew (a new generation: who shows it must fetch it whole)

Limits: a file that is changed in its middle, in place, is not noticed. A damaged line or block is passed over and told.
"""

import math
import os
import threading
import time
from array import array
from collections import OrderedDict
from collections.abc import Collection
from pathlib import Path

import numpy as np

from newllm.errors import UserError
from newllm.trace import Series, Trace
from newllm.trace.blocks import blocks_path, read_blocks_after
from newllm.trace.remark import Remark, left_out
from newllm.trace.rows import length_of_whole_lines, rows_of
from newllm.ui.column import Column
from newllm.ui.entry import leads_out

_TAIL = 128  # bytes by which lines are known again
_FRESH = 0.2  # seconds in which nobody looks twice
_MARKS = 128  # versions from which one can go on
_MOST_PROBLEMS = 5


class Columns:
    """The signals of a run.

    Args:
        path: of trace.jsonl; it need not exist yet.
        names: of the signals that are held; None: all.

    Attributes:
        version: another one whenever there is more.
        generation: another one whenever something that was there has become another.
        problems: what could not be read.
    """

    def __init__(self, path: Path, names: Collection[str] | None = None) -> None:
        self._path, self._blocks, self._names = path, blocks_path(path), names
        self._lock, self._looked = threading.Lock(), -math.inf
        # No version is ever given twice, also not after this was let go and read anew, or by the next server: who
        # shows an old one is told to fetch everything.
        self.version, self.generation = time.time_ns() // 10**6, 0
        self._forget()

    @property
    def nbytes(self) -> int:
        """Of memory."""
        return sum(column.nbytes for column in self._columns.values())

    def trace(self) -> Trace:
        """Return everything that has been read."""
        return self.snapshot()[1]

    def snapshot(self) -> tuple[int, Trace]:
        """Return everything that has been read, and the version that it is."""
        with self._lock:
            signals = {name: column.series() for name, column in self._columns.items()}
            return self.version, Trace(signals, remarks=tuple(self.problems))

    def series(self, name: str) -> Series:
        """Return one signal, empty when it was never recorded."""
        with self._lock:
            return self._columns.get(name, Column()).series()

    def since(self, version: int) -> tuple[int, dict[str, Series] | None]:
        """Return the present version, and what was appended since another; None if it must be fetched whole.

        It never waits, for the event loop asks: while the files are being read there is nothing new yet.
        """
        if not self._lock.acquire(blocking=False):
            return version, {}
        try:
            lengths = self._marks.get(version)
            if lengths is None:
                return self.version, None
            grown = {name: column for name, column in self._columns.items() if len(column) > lengths.get(name, 0)}
            return self.version, {name: column.series(lengths.get(name, 0)) for name, column in grown.items()}
        finally:
            self._lock.release()

    def update(self, *, anew: bool = False) -> int:
        """Read on, and return the version.

        Args:
            anew: whether also where somebody looked a moment ago.
        """
        with self._lock:
            if anew or time.monotonic() - self._looked > _FRESH:
                self._read_on()
                self._looked = time.monotonic()
            return self.version

    def _forget(self) -> None:
        self._columns: dict[str, Column] = {}
        self._marks: OrderedDict[int, dict[str, int]] = OrderedDict({self.version: {}})
        self._identity: tuple[int, int] | None = None
        self._offset, self._tail, self._packed = 0, b"", 0
        self._last_line = self._last_packed = -(2**63)  # steps
        self.problems: list[Remark] = []

    def _read_on(self) -> None:
        if any(leads_out(file, self._path.parent) for file in (self._path, self._blocks)):
            self._tell(left_out("problem-trace-link"))
            return
        identity = (_inode(self._path), _inode(self._blocks))
        if self._replaced(identity):
            self._anew()
        self._identity = identity
        lines = self._new_lines()  # first, so that what is packed meanwhile stands in a block by then
        changed = self._take_blocks()
        if lines is None:  # they began anew
            self._offset, self._tail = 0, b""
            if self._last_packed < self._last_line:
                self._anew()
                changed |= self._take_blocks()
            self._last_line = -(2**63)
            lines = self._new_lines() or b""
            changed |= self._take_blocks()  # again after the lines: they may have begun anew twice meanwhile
        changed |= self._take_lines(lines)
        self._mark(changed)

    def _replaced(self, identity: tuple[int, int]) -> bool:
        """Say whether one of the files is another than before; blocks that were not there yet are none."""
        if self._identity is None:
            return False
        return any(before not in (now, -1) for before, now in zip(self._identity, identity, strict=True))

    def _anew(self) -> None:
        self.generation += 1
        self.version += 1
        self._forget()
        self._marks.clear()

    def _mark(self, changed: bool) -> None:
        """Note how long the signals are by now, so that someone can go on from here."""
        lengths = {name: len(column) for name, column in self._columns.items()}
        if changed:
            self.generation += 1
            self.version += 1
            self._marks.clear()
        elif not self._marks or lengths != next(reversed(self._marks.values())):
            self.version += bool(self._marks)
        self._marks[self.version] = lengths
        while len(self._marks) > _MARKS:
            self._marks.popitem(last=False)

    def _new_lines(self) -> bytes | None:
        """Return the whole lines that were not read yet; None if the file does not go on where it was left."""
        if self._path.is_fifo():  # opening it would wait for a writer
            self._tell(left_out("problem-trace-pipe"))
            return b""
        try:
            with self._path.open("rb") as file:
                if file.seek(0, os.SEEK_END) < self._offset:
                    return None
                file.seek(self._offset - len(self._tail))
                content = file.read()
        except FileNotFoundError:
            return b"" if self._offset == 0 else None
        except OSError as error:
            self._tell(left_out("problem-trace-unread", reason=str(error.strerror)))
            return b""
        if not content.startswith(self._tail):
            return None
        content = content[len(self._tail) :]
        content = content[: length_of_whole_lines(content)]
        self._offset += len(content)
        self._tail = (self._tail + content)[-_TAIL:]
        return content

    def _take_lines(self, content: bytes) -> bool:
        """Take in lines; return whether that changed what was there."""
        steps: dict[str, array[int]] = {}
        values: dict[str, array[float]] = {}
        for step, signals in self._rows(content):
            self._last_line = max(self._last_line, step)
            for name, value in signals.items():
                if self._names is not None and name not in self._names:
                    continue
                if name not in steps:
                    steps[name], values[name] = array("q"), array("d")
                steps[name].append(step)
                values[name].append(value)
        changed = False
        for name, step in steps.items():
            changed |= self._column(name).add(np.array(step, np.int64), np.array(values[name], np.float64))
        return changed

    def _rows(self, content: bytes) -> list[tuple[int, dict[str, float]]]:
        try:
            return [(step, signals) for _, step, signals in rows_of(self._path, content)]
        except UserError:  # find which, and keep the others
            rows = []
            for line in content.splitlines(keepends=True):
                try:
                    rows += [(step, signals) for _, step, signals in rows_of(self._path, line)]
                except UserError:
                    self._tell(left_out("remark-no-trace-row"))
            return rows

    def _take_blocks(self) -> bool:
        """Take in the blocks that were not read yet; return whether that changed what was there."""
        changed = False
        try:
            for end, columns in (
                read_blocks_after(self._blocks, self._packed, self._names) if self._blocks.is_file() else ()
            ):
                for name, step, value in columns:
                    if len(step):
                        self._last_packed = max(self._last_packed, int(step.max()))
                        changed |= self._column(name).add(step, value)
                self._packed = end
        except UserError as error:
            self._tell(left_out("quoted", text=str(error).replace(f"'{self._blocks}'", "trace.blocks")))
        return changed

    def _column(self, name: str) -> Column:
        if name not in self._columns:
            self._columns[name] = Column()
        return self._columns[name]

    def _tell(self, problem: Remark) -> None:
        if problem not in self.problems and len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(problem)


def _inode(path: Path) -> int:
    """Return the file's identity, -1 where there is none."""
    try:
        return path.stat().st_ino
    except OSError:
        return -1
