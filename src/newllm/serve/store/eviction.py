"""Which entries go when there are too many, and when it is time to look.

A look at all entries costs time for each of them, so nobody looks at every put: a sixteenth of each limit is left free,
and the next look comes when puts may have used it up.
"""

import threading
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from newllm.serve.store.store import Limits, StoreFull

FREE = 16
"""The part of a limit that a look leaves free."""


class Entry(NamedTuple):
    """An entry as a look finds it.

    Attributes:
        name: OWNER/ID.
        size: in bytes.
        stored: when, on any clock.
        used: when it was stored or read last, on any clock.
    """

    name: str
    size: int
    stored: float
    used: float


def surplus(entries: Iterable[Entry], limits: Limits, most: int, now: float) -> list[Entry]:
    """Return the entries that are to go: those too old, then the least recently used of each owner, then of all.

    Args:
        entries: all there are.
        limits: for their age and for each owner.
        most: bytes of all of them together.
        now: on the clock of `stored`.
    """
    going: list[Entry] = []
    young: list[Entry] = []
    for entry in entries:
        (young if now - entry.stored < limits.seconds else going).append(entry)
    young.sort(key=lambda entry: entry.used)
    sizes: Counter[str] = Counter()
    for entry in young:
        sizes[_owner(entry.name)] += entry.size
    total, room = sizes.total(), _room(most)
    own_room = total if limits.owner_bytes is None else _room(limits.owner_bytes)
    kept: list[Entry] = []
    for entry in young:
        crowded = sizes[_owner(entry.name)] > own_room
        (going if crowded else kept).append(entry)
        if crowded:
            sizes[_owner(entry.name)] -= entry.size
    total = sizes.total()
    for entry in kept:
        if total <= room:
            break
        going.append(entry)
        total -= entry.size
    return going


class Backlog:
    """What was put since the last look: says when the next one is due.

    Args:
        limits: for each owner.
        most: bytes of all entries together.
    """

    def __init__(self, limits: Limits, most: int) -> None:
        self._most = most
        self._own = most if limits.owner_bytes is None else min(most, limits.owner_bytes)
        self._sizes: Counter[str] = Counter()
        self._total = 0
        self._lock = threading.Lock()

    def check(self, size: int) -> None:
        """Refuse an entry that would be evicted at once.

        Raises:
            StoreFull: it is larger than what a limit leaves.
        """
        if size > _room(self._own):
            raise StoreFull(f"a response of {size} bytes fits into no store of {self._own} bytes: raise its limits")

    def add(self, name: str, size: int) -> bool:
        """Count an entry; whether a look is due now."""
        with self._lock:
            self._sizes[_owner(name)] += size
            self._total += size
        return self._has_more_than(1, _owner(name))

    def is_overdue(self, name: str) -> bool:
        """Whether as much as a look leaves free was put beyond that, by all together or by the owner of an entry."""
        return self._has_more_than(2, _owner(name))

    def counted(self) -> Counter[str]:
        """Return bytes by owner: a look begins, which will know of these."""
        with self._lock:
            return self._sizes.copy()

    def forget(self, counted: Counter[str]) -> None:
        """Count no more what was counted when a look began that has ended."""
        with self._lock:
            self._sizes -= counted
            self._total = self._sizes.total()

    def _has_more_than(self, parts: int, owner: str) -> bool:
        return self._total > parts * (self._most // FREE) or self._sizes[owner] > parts * (self._own // FREE)


def _room(limit: int) -> int:
    return limit - limit // FREE


def _owner(name: str) -> str:
    return name.partition("/")[0]
