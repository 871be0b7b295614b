"""Responses in the memory of one process alone: they end with it, and no other server finds them."""

import time
from collections.abc import Callable, Mapping
from typing import Any, cast

from newllm.serve.store.cache import OVERHEAD, Cache, Held
from newllm.serve.store.content import packed, unpacked
from newllm.serve.store.eviction import Backlog, Entry, surplus
from newllm.serve.store.store import Limits, Stats, StoredResponse, entry_name, new_entry_name

_LONGEST = 60.0  # seconds from one look to the next


class MemoryStore:
    """A `Store` without a disk: what was put survives nothing.

    Args:
        limits: `memory_bytes` is the size; `bytes` is of a disk, and not asked.
        clock: seconds since 1970.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.time) -> None:
        self._limits, self._clock = limits, clock
        self._cache = Cache(limits.memory_bytes)
        self._backlog = Backlog(limits, limits.memory_bytes)
        self._looked = clock()
        self._evicted = 0

    def put(self, response: str, record: Mapping[str, Any], blob: bytes, owner: str = "") -> None:
        """As `Store.put`, but for the end of the process."""
        name = new_entry_name(response, owner)
        content = packed(name, record, blob)
        self._backlog.check(len(content) + OVERHEAD)
        self._cache.put(name, content, self._clock())
        if self._backlog.add(name, len(content) + OVERHEAD) or self._clock() - self._looked > _LONGEST:
            self._look()

    def get(self, response: str, owner: str = "") -> StoredResponse | None:
        """As `Store.get`."""
        name = entry_name(response, owner)
        held = self._cache.get(name) if name else None
        if name is None or held is None:
            return None
        if self._clock() - _stored(held) >= self._limits.seconds:
            self._cache.drop(name)
            return None
        return unpacked(name, held.content)

    def delete(self, response: str, owner: str = "") -> bool:
        """As `Store.delete`."""
        name = entry_name(response, owner)
        return name is not None and self._cache.drop(name)

    def stats(self) -> Stats:
        """As `Store.stats`."""
        cache = self._cache
        if self._clock() - self._looked > _LONGEST:
            self._look()
        return Stats(len(cache), cache.bytes, len(cache), cache.bytes, self._evicted + cache.evicted)

    def close(self) -> None:
        """Forget all."""
        self._cache.clear()

    def _look(self) -> None:
        """Remove what is too old, and what its owner has too much of."""
        self._backlog.forget(self._backlog.counted())
        self._looked = self._clock()
        entries = [
            Entry(name, len(held.content) + OVERHEAD, _stored(held), place)
            for place, (name, held) in enumerate(self._cache.entries())
        ]
        for entry in surplus(entries, self._limits, self._limits.memory_bytes, self._looked):
            self._evicted += self._cache.drop(entry.name)


def _stored(held: Held) -> float:
    return cast(float, held.mark)
