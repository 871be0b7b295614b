"""The trace of a run: signals by step, appended to a file while training and readable meanwhile.

Limits: one writer a file, and a trace is read whole (100 000 rows of five signals in half a second).
"""

import math
import time
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self, SupportsFloat

import numpy as np

from newllm.errors import UserError
from newllm.files import write_bytes, writing
from newllm.trace.rows import encode_row, rows_of, whole_lines

FLUSH_SECONDS = 1.0


@dataclass(frozen=True, eq=False)
class Series:
    """One signal.

    Attributes:
        step: int64, rising strictly.
        value: float64, of the same length; may be NaN or infinite.
    """

    step: np.ndarray
    value: np.ndarray


@dataclass(frozen=True, eq=False)
class Trace:
    """Every signal of a run by its name. A signal need not have a value at every step.

    Attributes:
        signals: by name. `docs/signals.md` lists the names; a foreign log keeps its own for what is not listed.
        axis: what the steps of the log count, "step" or "epoch".
        decimals: digits after the point with which a signal was printed, where it came from text.
        left_out: what a reader could not take in, one sentence each.
    """

    signals: dict[str, Series] = field(default_factory=dict)
    axis: str = "step"
    decimals: dict[str, int] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    def series(self, name: str) -> Series:
        """Return the signal of that name, empty when it was never recorded."""
        return self.signals.get(name) or Series(np.empty(0, np.int64), np.empty(0, np.float64))


class TraceWriter:
    """Append rows of signals to a trace.

    Rows are gathered and handed to the operating system, where a kill cannot reach them, by the first
    write that comes a second or more after the last time. So call `flush` before a long pause.

    Args:
        path: the file; it is made if it is absent. A torn last line is cut off, whole rows stay.

    Raises:
        UserError: the file may not be written.
    """

    def __init__(self, path: Path):
        self._path = path
        self._pending: list[bytes] = []
        self._flushed = -math.inf
        with writing(path):
            self._file = path.open("ab", buffering=0)
            self._size = whole_lines(path.read_bytes())  # in bytes
            self._file.truncate(self._size)

    def write(self, step: int, **signals: SupportsFloat) -> None:
        """Append one row.

        Args:
            step: the optimizer step that the signals belong to.
            **signals: number by signal name; NaN and the infinities are kept.

        Raises:
            UserError: there is no room. The row is kept and the next flush tries again.
        """
        self._pending.append(encode_row(step, signals))
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

    def close(self) -> None:
        """Flush and close. A second close does nothing."""
        if self._file.closed:
            return
        try:
            self.flush()
        finally:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def read_trace(path: Path) -> Trace:
    """Read a trace, finished or still being written.

    Where a signal was written twice for one step, the later value holds.

    Raises:
        UserError: there is no such file, or a whole line of it is no row of a trace.
    """
    steps: dict[str, array[int]] = {}
    values: dict[str, array[float]] = {}
    for _, step, signals in rows_of(path, _content(path)):
        for name, value in signals.items():
            if name not in steps:
                steps[name], values[name] = array("q"), array("d")
            steps[name].append(step)
            values[name].append(value)
    return Trace({name: _series(steps[name], values[name]) for name in steps})


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
    if kept != content:
        write_bytes(path, kept)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read the trace '{path}' ({error.strerror}): give a run's trace.jsonl") from error


def _series(steps: "array[int]", values: "array[float]") -> Series:
    step, value = np.array(steps, np.int64), np.array(values, np.float64)
    if np.all(step[1:] > step[:-1]):
        return Series(step, value)
    _, from_end = np.unique(step[::-1], return_index=True)  # reversed, so that the first found is the latest
    last = len(step) - 1 - from_end
    return Series(step[last], value[last])
