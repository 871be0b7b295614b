"""Numbers that each rank of a training has of its own, side by side: losses, norms of gradients, seconds.

They come from the files of a recording's ranks (`rank_files`), or from the logs that people's ranks write.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np

from newllm.diagnosis.rank_files import SECONDS
from newllm.trace import Series

_FEWEST_TIMED = 10  # steps whose times are compared
_MOSTLY, _CLEARLY = 0.9, 1.25  # of the steps a straggler is the slowest, times as slow as the others
_RECORDING = 0.02  # seconds a step that recording may take: a rank that alone records is no straggler for that


@dataclass(frozen=True, eq=False)
class RankSignals:
    """The numbers of each rank.

    Attributes:
        ranks: their numbers.
        signals: a series of each rank, by name ("loss", "gradient_norm", "seconds").
        recording: ranks that record beside, which takes time.
        of_logs: whether each rank's log is a file of its own, which ends where that rank ended.
    """

    ranks: tuple[int, ...]
    signals: Mapping[str, tuple[Series, ...]]
    recording: frozenset[int] = frozenset()
    of_logs: bool = False

    def common(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the steps (S,) at which all ranks have a number, and the numbers (R, S); both empty without any."""
        each = self.signals.get(name, ())
        if not each:
            return np.empty(0, np.int64), np.empty((len(self.ranks), 0))
        steps = reduce(np.intersect1d, [one.step for one in each])
        return steps, np.array([one.value[np.searchsorted(one.step, steps)] for one in each])


@dataclass(frozen=True)
class Straggler:
    """A rank that all others wait for.

    Attributes:
        rank: its number.
        ratio: median over the steps of its time to that of the others' median.
        slowest: steps at which it was the slowest.
        steps: that were compared, the first and the last of them.
    """

    rank: int
    ratio: float
    slowest: int
    steps: int
    first: int
    last: int


def series_of(numbers: Mapping[int, float]) -> Series:
    """Return numbers by step as a series."""
    steps = sorted(numbers)
    return Series(np.array(steps, np.int64), np.array([numbers[step] for step in steps], np.float64))


def find_straggler(signals: RankSignals) -> Straggler | None:
    """Return the rank that is nearly always the slowest, and clearly; chance makes now one slow, now another."""
    steps, seconds_RS = signals.common(SECONDS)
    if len(steps) < _FEWEST_TIMED:
        return None
    at, times = Counter(seconds_RS.argmax(axis=0).tolist()).most_common(1)[0]
    usual_S = np.median(np.delete(seconds_RS, at, axis=0), axis=0)
    ratio = float(np.median(seconds_RS[at] / np.maximum(usual_S, 1e-9)))
    if times < _MOSTLY * len(steps) or ratio < _CLEARLY:
        return None
    if signals.ranks[at] in signals.recording and np.median(seconds_RS[at] - usual_S) < _RECORDING:
        return None
    return Straggler(signals.ranks[at], ratio, times, len(steps), int(steps[0]), int(steps[-1]))
