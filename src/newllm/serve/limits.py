"""How much is asked at once and a minute: in all, and by each key. What would be too much gets 429 and Retry-After."""

import time
from collections import Counter, deque
from collections.abc import Callable

from newllm.serve.api_errors import ApiError, overloaded
from newllm.serve.keys import Key

MOST_TEXTS = 2048
"""Texts that are read, written or waited for at once, in all, where nothing else is said."""

MOST_HELD = 512 << 20
"""Bytes of requests, and of what is kept for their answers, that are held at once, in all."""

MOST_HELD_BY_KEY = MOST_HELD // 4
"""Of these by one key."""

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
        self._bytes_by_key: Counter[str] = Counter()
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
            size: the bytes of the request, and those that will be kept for its answer.

        Raises:
            ApiError: there would be too many, now or at any time.
        """
        name = key.name if key else ""
        streams = self._most_texts if key is None or key.streams is None else key.streams
        if texts > min(streams, self._most_texts):
            raise _never(f"{texts:,} texts at once", f"{min(streams, self._most_texts):,} may be written")
        if self._by_key[name] + texts > streams:
            running = f"{self._by_key[name]:,} are being written"
            raise overloaded(f"key '{name}' may have {streams:,} texts written at once and {running}: wait for one")
        if self.texts + texts > self._most_texts:
            raise overloaded(f"{self.texts:,} texts are being written: wait for one of them")
        self.hold(key, size)
        self._add(name, texts)

        def leave() -> None:
            self._add(name, -texts)
            self.let_go(key, size)

        return leave

    def hold(self, key: Key | None, size: int) -> None:
        """Count bytes that are held for a request, until `let_go`.

        Raises:
            ApiError: there would be too many, now or at any time.
        """
        name, most = ("", MOST_HELD) if key is None else (key.name, MOST_HELD_BY_KEY)
        if size > most:
            raise _never(f"{size:,} bytes of texts, states and log probabilities", f"{most:,} are held for one client")
        if self._bytes + size > MOST_HELD or self._bytes_by_key[name] + size > most:
            raise overloaded("the requests that are being read and written fill the memory for them: wait for one")
        self._bytes += size
        self._bytes_by_key[name] += size

    def let_go(self, key: Key | None, size: int) -> None:
        """Count bytes no more."""
        self._bytes -= size
        self._bytes_by_key[key.name if key else ""] -= size

    def _add(self, name: str, texts: int) -> None:
        self.texts += texts
        self._by_key[name] += texts


def _never(wanted: str, most: str) -> ApiError:
    return ApiError(400, f"the request asks for {wanted}: at most {most}; ask for less in one request")
