"""The trace of a run: signals by step, appended to a file while training and readable meanwhile.

The newest rows stand as JSON lines in the file itself, where a person can follow them. When they come to 8 megabytes,
they are packed as one block of columns into a second file beside it (see `blocks`), and the lines begin anew. A kill
between the two leaves rows in both, which does no harm: the later value of a step holds, and it is the same.

Limits: one writer a file. `benchmarks/recording_cost/trace_store.py` measures its size and how long reading takes.
"""

import math
import os
import time
from array import array
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Self, SupportsFloat

import numpy as np

from newllm.errors import UserError
from newllm.files import read_bytes, sync_directory, write_bytes, writing
from newllm.trace.blocks import (
    blocks_path,
    cut_damaged_block,
    encode_block,
    end_of_blocks,
    read_blocks,
    truncated_blocks,
)
from newllm.trace.rows import encode_row, length_of_whole_lines, rows_of, signal_of, step_of
from newllm.trace.series import Series, Trace, merged

FLUSH_SECONDS = 1.0
PACK_BYTES = 1 << 23
_LARGEST = 1 << 40  # bytes of lines


class _Columns:
    """Rows turned into columns as they come."""

    def __init__(self) -> None:
        self._steps: dict[str, array[int]] = {}
        self._values: dict[str, array[float]] = {}

    def add(self, step: int, signals: Mapping[str, SupportsFloat]) -> None:
        for name, value in signals.items():
            if name not in self._steps:
                self._steps[name], self._values[name] = array("q"), array("d")
            self._steps[name].append(step)
            self._values[name].append(float(value))

    def arrays(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return steps and values of each column, as they were written."""
        names = self._steps
        return {name: (np.array(names[name], np.int64), np.array(self._values[name], np.float64)) for name in names}


class TraceWriter:
    """Append rows of signals to a trace.

    Rows are gathered and handed to the operating system, where a kill cannot reach them, by the first
    write that comes a second or more after the last time. So call `flush` before a long pause.

    Args:
        path: the file; it is made if it is absent. A torn last line is cut off, whole rows stay.

    Raises:
        UserError: the file may not be written, or what stands there is no trace.
    """

    def __init__(self, path: Path):
        self._path = path
        self._pending: list[bytes] = []
        self._flushed = -math.inf
        self._packed: int | None = None  # bytes of blocks, once they were looked at
        self._named = False  # whether the disk surely has the names of its files
        content = _content(path) if path.exists() else b""
        self._columns = _columns(path, content)
        with writing(path):
            self._file = path.open("ab", buffering=0)
            self._size = length_of_whole_lines(content)  # in bytes
            self._file.truncate(self._size)

    def write(self, step: int, **signals: SupportsFloat) -> None:
        """Append one row.

        Args:
            step: the optimizer step that the signals belong to.
            **signals: number by signal name; NaN and the infinities are kept.

        Raises:
            UserError: there is no room. The row is kept and the next flush tries again.
        """
        self.write_row(step, signals)

    def write_row(self, step: int, signals: Mapping[str, SupportsFloat]) -> None:
        """Append one row, see `write`; its names may be no Python names ("gradient_norm/blocks.0")."""
        row = encode_row(step, signals)
        self._columns.add(int(step), signals)
        self._pending.append(row)
        if time.monotonic() - self._flushed >= FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Hand every row to the operating system.

        Raises:
            UserError: there is no room. The rows are kept and the next flush tries again.
        """
        rest = memoryview(b"".join(self._pending))
        size = self._size + len(rest)
        with writing(self._path):
            # A flush cut short by a full disk or by Ctrl-C left part of these rows.
            self._file.truncate(self._size)
            while rest:
                rest = rest[self._file.write(rest) :]
        self._size, self._flushed = size, time.monotonic()
        self._pending.clear()
        if self._size >= PACK_BYTES:
            self.pack()

    def sync(self) -> None:
        """Flush, and wait until the disk has every row: what is written next may rely on them after a power cut.

        Raises:
            UserError: as `flush`.
        """
        self.flush()
        with writing(self._path):
            os.fsync(self._file.fileno())
            if not self._named:
                sync_directory(self._path.parent)
        self._named = True

    def close(self) -> None:
        """Flush and close. A second close does nothing."""
        if self._file.closed:
            return
        try:
            self.flush()
        finally:
            self._file.close()

    def discard(self) -> None:
        """Close without writing the rows that were not flushed."""
        self._pending.clear()
        self._file.close()

    def pack(self) -> None:
        """Move the lines that were flushed into a block. They are cut away only when the disk has it.

        Raises:
            UserError: there is no room. The lines stay.
        """
        if not self._size:
            return
        place = blocks_path(self._path)
        with writing(place), place.open("ab", buffering=0) as file:
            if self._packed is None:
                self._packed = end_of_blocks(place)
            file.truncate(self._packed)  # a kill may have left part of a block
            rest = memoryview(encode_block(self._columns.arrays()))
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())
            if not self._packed:
                sync_directory(place.parent)  # a name that a power cut takes away takes the block with it
            self._packed = file.tell()
        # First here: Ctrl-C in between must not let the next flush stretch the file to its old size again.
        self._size, self._columns = 0, _Columns()
        self._file.truncate(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_trace(path: Path) -> Trace:
    """Read a trace, finished or still being written.

    Where a signal was written twice for one step, the later value holds.

    Raises:
        UserError: there is no such file, or a whole line or a block of it is damaged.
    """
    return Trace(_read(path, None))


def read_signal(path: Path, name: str) -> Series:
    """Read one signal of a trace, without the others; empty when it was never recorded.

    Raises:
        UserError: as `read_trace`.
    """
    return Trace(_read(path, name)).series(name)


def pack_trace(path: Path) -> None:
    """Move all rows of a trace that nobody writes any more into a block: about a tenth of the bytes.

    Raises:
        UserError: a row is damaged, or there is no room.
    """
    with TraceWriter(path) as writer:
        writer.pack()


def truncate_after(path: Path, step: int) -> None:
    """Drop every row whose step is greater than `step`, and a torn last line, whole or not at all.

    A resumed run calls this before it writes, so that no row stands there twice. No file may be open
    for writing meanwhile. A trace that does not exist has nothing to drop.

    Raises:
        UserError: a whole line is no row of a trace, or the file may not be written.
    """
    if not path.exists():
        return
    content = _content(path)
    kept = b"".join(line + b"\n" for line, at, _ in rows_of(path, content) if at <= step)
    packed = blocks_path(path)
    if packed.exists():
        blocks = truncated_blocks(packed, step)
        if blocks is not None:
            write_bytes(packed, blocks)
    if kept != content:
        write_bytes(path, kept)


def rows_after(path: Path, step: int) -> list[bytes]:
    """Return the rows whose step is greater than `step`, in order, as lines: what `truncate_after` would drop.

    Raises:
        UserError: as `read_trace`.
    """
    rows: dict[int, dict[str, float]] = {}
    for name, series in read_trace(path).signals.items():
        for at, value in zip(series.step.tolist(), series.value.tolist(), strict=True):
            if at > step:
                rows.setdefault(at, {})[name] = value
    return [encode_row(at, rows[at]) for at in sorted(rows)]


def cut_damaged_end(path: Path, step: int) -> bool:
    """Cut off the damaged end of a trace where nothing is lost by that; return whether anything was.

    That is from its first damaged line on, if all rows up to a step stand before it, and a last block whose rows are
    later than that or stand in the lines as well. A power cut may take any of the rows that were written since the
    last sync, and those up to a snapshot were synced before it. A run that goes on from there writes the others again.

    Args:
        path: a trace that may be absent; no file may be open for writing meanwhile.
        step: of the last snapshot, -1 without one.

    Raises:
        UserError: the file may not be read or written.
    """
    content = _content(path) if path.exists() else b""
    size, damaged, first = 0, False, None
    for line in content[: length_of_whole_lines(content)].split(b"\n")[:-1]:
        try:
            ((_, at, _),) = rows_of(path, line + b"\n")
        except UserError:
            damaged, at = True, step_of(line)
        if damaged and at is not None and at <= step:
            return False
        first = at if first is None and not damaged else first
        size += 0 if damaged else len(line) + 1
    if damaged:
        write_bytes(path, content[:size])
    packed = blocks_path(path)
    return damaged | (packed.is_file() and cut_damaged_block(packed, step, first))


def _read(path: Path, name: str | None) -> dict[str, Series]:
    """Read all signals, or one. The lines come first: what is packed meanwhile stands in a block by then."""
    content = _content(path)
    parts: defaultdict[str, list[tuple[np.ndarray, np.ndarray]]] = defaultdict(list)
    if blocks_path(path).is_file():
        for key, step, value in read_blocks(blocks_path(path), name):
            parts[key].append((step, value))
    columns = _columns(path, content) if name is None else _column(path, content, name)
    for key, pair in columns.arrays().items():
        parts[key].append(pair)
    return {
        key: merged(np.concatenate([step for step, _ in pairs]), np.concatenate([value for _, value in pairs]))
        for key, pairs in parts.items()
    }


def _columns(path: Path, content: bytes) -> _Columns:
    """Turn lines into columns."""
    columns = _Columns()
    for _, step, signals in rows_of(path, content):
        columns.add(step, signals)
    return columns


def _column(path: Path, content: bytes, name: str) -> _Columns:
    """Turn lines into the one column of a signal."""
    columns = _Columns()
    for step, value in signal_of(path, content, name):
        columns.add(step, {name: value})
    return columns


def _content(path: Path) -> bytes:
    try:
        return read_bytes(path, _LARGEST)
    except OSError as error:
        raise UserError(f"cannot read the trace '{path}' ({error.strerror}): give a run's trace.jsonl") from error
