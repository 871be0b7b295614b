"""What chats have read and written, so that a client that sends a whole conversation again pays for its new part alone.

A client of /v1/chat/completions keeps the messages and sends all of them each time. Where the text that they make
begins with one that the model has read and written here, its state is gone on from. States are in memory, the most
recently used ones, and each belongs to whoever asked.
"""

import hashlib
from collections import Counter, OrderedDict, defaultdict
from typing import NamedTuple

MOST_BYTES = 64 << 20
"""Of all states, bookkeeping included."""

_OVERHEAD = 400  # bytes of an entry beside its state


class Asker(NamedTuple):
    """Who may go on from a state, and with what.

    Attributes:
        owner: the name of the API key.
        fingerprint: of the model.
    """

    owner: str
    fingerprint: str


class Conversations:
    """States by the text that led to them.

    Args:
        most_bytes: of all states.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._states: OrderedDict[tuple[Asker, int, bytes], bytes] = OrderedDict()
        self._lengths: defaultdict[Asker, Counter[int]] = defaultdict(Counter)
        self.bytes = 0
        """Of all states, bookkeeping included."""

    def put(self, asker: Asker, text: str, state: bytes) -> None:
        """Keep the state after a text."""
        key = asker, len(text), _digest(text)
        self._drop(key)
        self._states[key] = state
        self._lengths[asker][len(text)] += 1
        self.bytes += len(state) + _OVERHEAD
        while self.bytes > self._most:
            self._drop(next(iter(self._states)))

    def longest(self, asker: Asker, text: str) -> tuple[int, bytes]:
        """Return the state after the longest beginning of a text that is known, and its length in characters.

        Without one, 0 and no state.
        """
        found, digest, at = None, hashlib.blake2b(digest_size=16), 0
        for length in sorted(length for length in self._lengths.get(asker, ()) if length <= len(text)):
            digest.update(_encoded(text[at:length]))
            at = length
            key = asker, length, digest.digest()
            found = key if key in self._states else found
        if found is None:
            return 0, b""
        self._states.move_to_end(found)
        return found[1], self._states[found]

    def _drop(self, key: tuple[Asker, int, bytes]) -> None:
        state = self._states.pop(key, None)
        if state is None:
            return
        asker, length, _ = key
        self.bytes -= len(state) + _OVERHEAD
        self._lengths[asker][length] -= 1
        if not self._lengths[asker][length]:
            del self._lengths[asker][length]
        if not self._lengths[asker]:
            del self._lengths[asker]


def _digest(text: str) -> bytes:
    return hashlib.blake2b(_encoded(text), digest_size=16).digest()


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
