"""How long a command may take: a person's seconds, from its start to its last line."""

import time
from collections.abc import Callable

from newllm.errors import UserError

_ENDING, _LONGEST_ENDING = 0.05, 10.0  # share of the time, seconds at most: for what is written and drawn at the end


class OutOfTime(Exception):  # noqa: N818 (nothing went wrong)
    """The time for what is computed is up."""


class TimeLimit:
    """Seconds that everything together may take; they begin when this is made.

    Args:
        seconds: for all of it.
        clock: seconds that only grow.
        began: on that clock; None is now.

    Raises:
        UserError: no seconds.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic, began: float | None = None) -> None:
        if not seconds > 0:
            raise UserError(f"--budget {seconds}: give seconds above 0")
        self.seconds = seconds
        self._clock, self._began = clock, clock() if began is None else began
        self.end = seconds - min(_ENDING * seconds, _LONGEST_ENDING)
        """Seconds after which nothing is computed any more."""

    @property
    def spent(self) -> float:
        """Seconds since the beginning."""
        return self._clock() - self._began

    @property
    def left(self) -> float:
        """Seconds that what is computed may still take; negative when the time is up."""
        return self.end - self.spent

    def check(self) -> None:
        """Go on, or raise `OutOfTime`."""
        if self.left <= 0:
            raise OutOfTime
