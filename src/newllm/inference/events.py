"""What is to be told of texts, gathered into frames."""

from collections.abc import Callable

from newllm.frames import frame_of

_FULL = 1 << 20
"""Bytes of events: with more a frame is sent, as all those of one step may be more than a frame can have."""


class Events:
    """The events that have not been sent.

    Args:
        send: takes each frame.
    """

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send, self._waiting, self._size = send, list[str](), 0

    def add(self, said: str) -> None:
        """Take one more, as JSON in ASCII."""
        self._waiting.append(said)
        self._size += len(said)
        if self._size > _FULL:
            self.send()

    def send(self) -> None:
        """Send what waits, if anything does."""
        if self._waiting:
            frame = frame_of(f'{{"op":"events","events":[{",".join(self._waiting)}]}}'.encode())
            self.clear()
            self._send(frame)

    def clear(self) -> None:
        """Forget what waits."""
        self._waiting, self._size = [], 0
