"""Rows of a recording whose numbers may still lie on a device: they are read together, once a flush.

Reading a number from a GPU waits for everything before it, so nothing is read while a step goes on.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor

from newllm.trace import TraceWriter

FLUSH_SECONDS = 1.0
Decode = Callable[[Sequence[float]], Iterable[tuple[str, float]] | None]
"""Turns the numbers of a vector into signals by name; None for none."""
Late = Callable[[], Mapping[str, float] | None]
"""Returns signals by name; it may read what lies on a device. None for none."""


class Row:
    """The signals of one step while they come in."""

    def __init__(self) -> None:
        self.numbers: dict[str, float] = {}
        self.vectors: list[tuple[Tensor, Decode]] = []
        self.late: list[Late] = []

    def put(self, name: str, value: float | Tensor) -> None:
        """Add one signal; a tensor holds one number and must not change any more."""
        if isinstance(value, Tensor):
            self.vectors.append((value, lambda numbers: [(name, numbers[0])]))
        else:
            self.numbers[name] = float(value)

    def put_flag(self, name: str, value: Tensor) -> None:
        """Add a signal that is 1 where the tensor's number is not 0, and absent where it is."""
        self.vectors.append((value, lambda numbers: [(name, 1.0)] if numbers[0] else []))

    def put_all(self, values: Tensor, decode: Decode) -> None:
        """Add what `decode` makes of a tensor's numbers once they are read."""
        self.vectors.append((values, decode))

    def put_late(self, measure: Late) -> None:
        """Add what a function returns when the row is written: it is called once, in the order of the rows."""
        self.late.append(measure)

    def add_late(self) -> None:
        """Call what was put in late, each once, and let go of it with the tensors that it holds."""
        while self.late:
            self.numbers.update(self.late.pop(0)() or {})


class PendingRows:
    """Keeps rows until a second has gone, then reads them from the device and writes them.

    Args:
        writer: of the trace.

    Attributes:
        waiting: rows since the last flush that came to its end.
    """

    def __init__(self, writer: TraceWriter) -> None:
        self._writer = writer
        self._rows: list[tuple[int, Row]] = []
        self._flushed = time.monotonic()
        self.waiting = 0

    def add(self, step: int, row: Row) -> None:
        """Keep one row; write all when the time has come.

        Raises:
            UserError: there is no room. The rows are kept and the next flush tries again.
        """
        self._rows.append((step, row))
        self.waiting += 1
        if time.monotonic() - self._flushed >= FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Read every kept row from the device and hand it to the operating system.

        A full disk or Ctrl-C in the middle loses no row: one may be written twice, which does no harm.

        Raises:
            UserError: there is no room. The rows are kept and the next flush tries again.
        """
        self._flushed = time.monotonic()
        rows = read_rows([row for _, row in self._rows])
        for (step, _), signals in zip(self._rows, rows, strict=True):
            self._writer.write_row(step, signals)
        self._rows = []
        self._writer.flush()
        self.waiting = 0

    def close(self) -> None:
        """Write everything and close the trace."""
        try:
            self.flush()
        finally:
            self._writer.close()


def read_rows(rows: Sequence[Row]) -> list[dict[str, float]]:
    """Return the signals of each row; one wait for each device and dtype."""
    for row in rows:
        row.add_late()
    read = iter(_read([vector for row in rows for vector, _ in row.vectors]))
    signals = [dict(row.numbers) for row in rows]
    for row, own in zip(rows, signals, strict=True):
        for _, decode in row.vectors:
            own.update(decode(next(read)) or ())
    return signals


def _read(vectors: Sequence[Tensor]) -> list[list[float]]:
    """Return the numbers of each tensor; one wait for each device and dtype."""
    groups: dict[tuple[torch.device, torch.dtype], list[int]] = {}
    for index, vector in enumerate(vectors):
        groups.setdefault((vector.device, vector.dtype), []).append(index)
    numbers: list[list[float]] = [[] for _ in vectors]
    for indices in groups.values():
        flat = iter(torch.cat([vectors[index].detach().reshape(-1) for index in indices]).tolist())
        for index in indices:
            numbers[index] = [next(flat) for _ in range(vectors[index].numel())]
    return numbers
