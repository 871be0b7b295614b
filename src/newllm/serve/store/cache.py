"""Entries in memory: as many bytes as may be, the least recently used go first."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import NamedTuple

OVERHEAD = 640
"""Bytes of an entry beside its content: its name, its mark, their places. tests/unit/serve/store/test_memory_cost.py
measures it in a process."""


class Held(NamedTuple):
    """An entry in memory.

    Attributes:
        content: as `newllm.serve.store.content` packs it, one bytes object.
        mark: by which the cache's owner knows whether the entry is still true.
    """

    content: bytes
    mark: Hashable


class Cache:
    """Entries by name, for several threads.

    Args:
        limit: bytes, bookkeeping included.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: OrderedDict[str, Held] = OrderedDict()
        self._lock = threading.Lock()
        self.bytes = 0
        """Of all entries, bookkeeping included."""
        self.evicted = 0
        """Entries that went because of the limit."""

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, name: str) -> Held | None:
        """Return an entry, which is now the last to go."""
        with self._lock:
            held = self._entries.get(name)
            if held is not None:
                self._entries.move_to_end(name)
            return held

    def put(self, name: str, content: bytes, mark: Hashable) -> None:
        """Keep an entry if it is not larger than all of the memory."""
        with self._lock:
            self._drop(name)
            if _size(content) > self._limit:
                return
            self._entries[name] = Held(content, mark)
            self.bytes += _size(content)
            while self.bytes > self._limit:
                self._drop(next(iter(self._entries)))
                self.evicted += 1

    def drop(self, name: str) -> bool:
        """Forget an entry; whether there was one."""
        with self._lock:
            return self._drop(name)

    def _drop(self, name: str) -> bool:
        held = self._entries.pop(name, None)
        if held is not None:
            self.bytes -= _size(held.content)
        return held is not None

    def entries(self) -> list[tuple[str, Held]]:
        """Return all entries as they are now, the least recently used first."""
        with self._lock:
            return list(self._entries.items())

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._entries.clear()
            self.bytes = 0


def _size(content: bytes) -> int:
    return len(content) + OVERHEAD
