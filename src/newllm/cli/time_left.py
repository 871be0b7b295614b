"""How long something still takes, said only once that is known."""

import math
import time
from collections.abc import Callable

from newllm.messages import Catalogue

_LEAST = 5.0  # seconds that a pace is measured for, at least


class TimeLeft:
    """Seconds left by the pace so far.

    What happens once (loading, compiling, a first evaluation) is no pace: it is measured from the first report on, and
    nothing is said before it has been measured for some seconds.

    Args:
        total: units of work, all of them.
        clock: seconds that only grow.
    """

    def __init__(self, total: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._total, self._clock = total, clock
        self._first: tuple[float, float] | None = None
        self._ends = math.inf

    def plan(self, total: float, seconds: float) -> None:
        """Take in another total, and the seconds left where a clock decides them; NaN where none does."""
        self._total = total
        self._ends = math.inf if math.isnan(seconds) else self._clock() + seconds

    def at(self, done: float) -> float | None:
        """Return the seconds left where so many units are done, None where that is not known yet."""
        now = self._clock()
        if math.isfinite(self._ends):
            return max(0.0, self._ends - now)
        if self._first is None or done < self._first[0]:  # gone back to before where it was measured from
            self._first = (done, now)
        units, seconds = done - self._first[0], now - self._first[1]
        if units <= 0 or seconds < _LEAST:
            return None
        return (self._total - done) * seconds / units


def duration(words: Catalogue, seconds: float) -> str:
    """Return seconds in words, to two digits or so."""
    if seconds < 100:
        return words("about-seconds", time=seconds)
    return words("about-minutes", time=seconds / 60) if seconds < 6000 else words("about-hours", time=seconds / 3600)
