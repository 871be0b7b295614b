"""Numbers that each rank of a training has of its own, side by side: losses, norms of gradients, seconds.

They come from the files of a recording's ranks (`files`), or from the logs that people's ranks write.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np

from newllm.diagnosis.ranks.files import LOSS, SECONDS
from newllm.trace import Series

_FEWEST_LOSSES = 8  # that are equal on all ranks by no chance
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


def equal_losses(signals: RankSignals) -> tuple[int, int] | None:
    """Return the first and the last step of losses that vary and are equal on all ranks; None of any others."""
    steps, loss_RS = signals.common(LOSS)
    if len(steps) < _FEWEST_LOSSES or not (loss_RS == loss_RS[:1]).all() or np.ptp(loss_RS[0]) == 0:
        return None
    return int(steps[0]), int(steps[-1])


def find_stopped(signals: RankSignals) -> tuple[int, int, int, int] | None:
    """Return the rank whose log ends before all others, its last step, theirs at least, and the points between.

    None where no single one does, or the ranks write into one recording, which ends with the first.
    """
    each = signals.signals.get(LOSS, ())
    if not signals.of_logs or len(each) < 2 or not all(len(one.step) for one in each):
        return None
    at, next_at = np.argsort([one.step[-1] for one in each], kind="stable")[:2]
    last, others = int(each[at].step[-1]), int(each[next_at].step[-1])
    points = int(np.sum((each[next_at].step > last) & (each[next_at].step <= others)))
    return (signals.ranks[at], last, others, points) if points else None


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
