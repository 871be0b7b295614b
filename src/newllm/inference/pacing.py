"""When clients are told of what was written: the tokens of short steps go out together.

A piece of text costs the server about as much as its token costs a small model: a frame, an event, a call that hands
it to the network. Two tokens of a text that go out together cost half, and nobody sees the difference.
"""

import time
from collections.abc import Callable

_LONGEST = 1 / 30
"""Seconds that a piece may wait for those of the next step: nobody reads faster."""

_SHORTEST = 0.004
"""Seconds within which nobody is told twice."""


class Pacing:
    """Decides before each step whether what waits is told now.

    Args:
        clock: seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = self._told = 0.0
        self._took, self._tokens = 0.0, 1

    def begin(self, rows: int, chunk: int) -> bool:
        """Say whether all that waits is to be told before a step.

        Args:
            rows: texts of which it reads a token.
            chunk: tokens of prompts that it reads beside them.
        """
        now = self._clock()
        token = self._took / self._tokens
        self._began, self._tokens = now, max(1, rows + chunk)
        patience = max(_SHORTEST, min(2.5 * token * rows, _LONGEST))  # for two steps without a prompt
        if is_due := now + token * self._tokens > self._told + patience:
            self._told = now
        return is_due

    def end(self) -> None:
        """Take note that the step has ended."""
        self._took = self._clock() - self._began
