"""A trace in memory: every signal of a run by its name."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from newllm.trace.remark import Remark


@dataclass(frozen=True, eq=False)
class Series:
    """One signal.

    Attributes:
        step: int64, rising strictly.
        value: float64, of the same length; may be NaN or infinite.
    """

    step: np.ndarray
    value: np.ndarray


@dataclass(frozen=True, eq=False)
class Trace:
    """Every signal of a run by its name. A signal need not have a value at every step.

    Attributes:
        signals: by name. `docs/signals.md` lists the names; a foreign log keeps its own for what is not listed.
        axis: what the steps of the log count, "step" or "epoch".
        decimals: digits after the point with which a signal was printed, where it came from text.
        remarks: how a reader understood the log, and what it could not take in.
        epochs: the epoch of each step, where the log says both.
        runs: the names of all runs of a directory, where it holds several and nobody named one.
        resumed: the steps at which a log goes back and over some steps again, as a training does that was resumed from
            an earlier checkpoint.
        done: the share of the training that the log has come to; None where it does not say how long that is to be.
    """

    signals: dict[str, Series] = field(default_factory=dict)
    axis: str = "step"
    decimals: dict[str, int] = field(default_factory=dict)
    remarks: tuple[Remark, ...] = ()
    epochs: Series | None = None
    runs: tuple[str, ...] = ()
    resumed: tuple[int, ...] = ()
    done: float | None = None

    @property
    def left_out(self) -> tuple[str, ...]:
        """The remarks as sentences in English."""
        return tuple(map(str, self.remarks))

    @property
    def last_step(self) -> float:
        """The last step that any signal has, 0 where there is none."""
        return max((float(one.step[-1]) for one in self.signals.values() if len(one.step)), default=0.0)

    def series(self, name: str) -> Series:
        """Return the signal of that name, empty when it was never recorded."""
        return self.signals.get(name) or Series(np.empty(0, np.int64), np.empty(0, np.float64))


MOST_RESUMES = 20
FEWEST_AGAIN = 3  # points that go on from there


def resumes(step: np.ndarray) -> list[tuple[int, int]]:
    """Return where steps, in the order of their writing, go back: the first one again, and the highest before.

    A log that begins anew holds another run; one that goes back all the time is in no order; one line alone is late.
    """
    back = np.flatnonzero(step[1:] < step[:-1]) + 1
    if len(back) > min(MOST_RESUMES, len(step) / 10):
        return []
    ends = np.append(back[1:], len(step))[: len(back)]
    found = [(at, int(step[:at].max())) for at, end in zip(back, ends, strict=True) if end - at >= FEWEST_AGAIN]
    return [(int(step[at]), last) for at, last in found if step[at] > step[0] and step[at + 1] <= last]


def merged(step: np.ndarray, value: np.ndarray) -> Series:
    """Make a series of values in the order in which they came: sorted by step, the later of one step holds."""
    if np.all(step[1:] > step[:-1]):
        return Series(step, value)
    _, from_end = np.unique(step[::-1], return_index=True)  # reversed, so that the first found is the latest
    last = len(step) - 1 - from_end
    return Series(step[last], value[last])


def same_steps(some: Sequence[Series]) -> bool:
    """Whether all were recorded at the same steps."""
    return all(np.array_equal(one.step, some[0].step) for one in some)


def rank_trend(value: np.ndarray, blocks: int = 12) -> float:
    """Return the rank correlation of a series with time, of the medians of so many blocks: 1 where it only rises."""
    if len(value) < 3:
        return 0.0
    levels = np.array([np.median(part) for part in np.array_split(value, min(blocks, len(value)))])
    if np.ptp(levels) == 0:
        return 0.0
    ranks = np.argsort(np.argsort(levels))
    return float(np.corrcoef(ranks, np.arange(len(ranks)))[0, 1])
