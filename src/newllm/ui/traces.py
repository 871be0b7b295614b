"""The traces that are held in memory: those that were looked at last, up to a bound."""

import threading
from collections import OrderedDict
from pathlib import Path

from newllm.ui.columns import Columns

MOST_BYTES = 768 << 20


class Traces:
    """Traces by run, read when they are first asked for.

    Args:
        most: bytes that all of them may take; the one that is asked for is held however large it is.
    """

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most, self._lock = most, threading.Lock()
        self._held: OrderedDict[Path, Columns] = OrderedDict()

    def of(self, run: Path) -> Columns:
        """Return the trace of a run's directory, read up to now."""
        with self._lock:
            columns = self._held.get(run) or Columns(run / "trace.jsonl")
            self._held[run] = columns
            self._held.move_to_end(run)
        columns.update()
        with self._lock:
            while len(self._held) > 1 and sum(one.nbytes for one in self._held.values()) > self._most:
                self._held.popitem(last=False)
        return columns
