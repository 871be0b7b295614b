"""How much is asked at once and a minute: in all, and by each key. What would be too much gets 429 and Retry-After."""

import time
from collections import Counter, deque
from collections.abc import Callable

from newllm.serve.api_errors import overloaded
from newllm.serve.keys import Key

MOST_TEXTS = 2048
"""Texts that are read, written or waited for at once, in all, where nothing else is said."""

MOST_HELD = 512 << 20
"""Bytes of requests that are held at once, in all."""

_MINUTE = 60.0


class Limits:
    """Counts what runs, by key.

    Args:
        most_texts: that are read, written or waited for at once, in all.
    """

    def __init__(self, most_texts: int = MOST_TEXTS) -> None:
        self._most_texts = most_texts
        self.texts = 0
        """That are read, written or waited for."""
        self._bytes = 0
        self._by_key: Counter[str] = Counter()
        self._times: dict[str, deque[float]] = {}

    def count_request(self, key: Key) -> None:
        """Count a request of a key.

        Raises:
            ApiError: it has had all that it may have in a minute.
        """
        most = key.requests_per_minute
        if most is None:
            return
        now, times = time.monotonic(), self._times.setdefault(key.name, deque())
        while times and times[0] <= now - _MINUTE:
            times.popleft()
        if len(times) >= most:
            wait = times[0] + _MINUTE - now if times else _MINUTE
            raise overloaded(f"key '{key.name}' may send {most:,} requests a minute: wait {wait:.0f} seconds", wait)
        times.append(now)

    def admit(self, key: Key | None, texts: int, size: int) -> Callable[[], None]:
        """Let a request begin; return what ends it.

        Args:
            key: whose it is.
            texts: how many it writes.
            size: the bytes of the request.

        Raises:
            ApiError: there would be too many.
        """
        name = key.name if key else ""
        if key is not None and key.streams is not None and self._by_key[name] + texts > key.streams:
            running = f"{self._by_key[name]:,} are being written"
            raise overloaded(f"key '{name}' may have {key.streams:,} texts written at once and {running}: wait for one")
        if self.texts + texts > self._most_texts or self._bytes + size > MOST_HELD:
            raise overloaded(f"{self.texts:,} texts are being written: wait for one of them")
        self._add(name, texts, size)
        return lambda: self._add(name, -texts, -size)

    def _add(self, name: str, texts: int, size: int) -> None:
        self.texts += texts
        self._bytes += size
        self._by_key[name] += texts
