"""Sees a loss leave its trend while the run goes on: what pins snapshots, and what a guard acts on.

The definitions are those of `find_excursions`, as far as they can be known without what comes later: a point, or the
median of five, stands above the median of those before it by `LEAST` on the log scale and `NOISE` standard deviations
of the noise (second differences), above each of the last few points too, and higher than the tail of what this run
threw before would throw. Cost: some 20 microseconds a point, whatever the length of the run. The state is a function of
the losses alone, so that a resumed run sees those of its trace again and goes on as if it had never been stopped.

Limits: a climb over hundreds of points is the trend here; `detectors/trend.py` sees it afterwards.
`benchmarks/doctor/onset.py` measures what it finds, how late, and its false alarms.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from newllm.diagnosis.excursion import ALARMS, FIRST_CHANGES, LEAST, NOISE, SHORT, noise_of, tail
from newllm.diagnosis.losses import comparable

WINDOW = 128  # points before that the level and the noise are known from
SPANS = (16, 64, WINDOW)  # the noise is the largest over the last so many points: it may have grown of late
WIDTHS = (1, 5)  # points that the level now is the median of
FEWEST = 4  # points before anything is said
FEW = 8  # with fewer points before, the noise is a guess: twice the rise is asked for
RECENT = 8  # points of which each is lower than a spike
LONG = 200  # points after which a level that stays is the new trend
BACK = 3  # points whose median has come back
_TAIL = 512  # residuals that the tail is known from
_SHORT_TAIL = 30  # with fewer there is none
_USUAL_RUN = 400  # points: in the whole of a run so long, or longer, the noise may raise `ALARMS` alarms


@dataclass(frozen=True)
class Onset:
    """A loss that has left its trend upwards.

    Attributes:
        step: at which this is clear.
        onset: first step off the trend, at most `step`.
        before: last step on the trend; equal to `onset` where nothing was seen before.
        base: usual loss just before, in nats; NaN where nothing was seen before.
        rise: of the level above the usual on the comparable scale (a log ratio); infinite where the loss is not finite.
    """

    step: int
    onset: int
    before: int
    base: float
    rise: float


class OnsetWatch:
    """Watches one loss, point by point. A spike or divergence is told once, and once more if it ends in no number."""

    def __init__(self) -> None:
        self._steps: deque[int] = deque(maxlen=WINDOW)  # of points on the trend
        self._losses: deque[float] = deque(maxlen=WINDOW)
        self._residuals = {width: deque[float](maxlen=_TAIL) for width in WIDTHS}
        self._seen = 0
        self._back = 0  # first step on the trend since the last time off it
        self._off: _Off | None = None

    def see(self, step: int, loss: float) -> Onset | None:
        """Take in a point; return an onset if this point makes one clear.

        Args:
            step: higher than the one before.
            loss: nats per token, or any loss; not finite is an onset at once.
        """
        self._seen += 1
        if not math.isfinite(loss):
            return self._not_finite(step)
        if self._off is not None:
            self._follow(step, loss)
            return None
        self._steps.append(step)
        self._losses.append(loss)
        if len(self._losses) <= (FEWEST if min(self._losses) > 0 else 2 * FEW):  # a range needs more than a ratio
            return None
        scaled = comparable(np.array(self._losses))
        found = [self._left(scaled, width) for width in WIDTHS]  # all: each width keeps its own residuals
        left = next((one for one in found if one is not None), None)
        return None if left is None else self._leave(step, scaled, *left)

    def _left(self, scaled: np.ndarray, width: int) -> tuple[int, float, float] | None:
        """Return first point off the trend, usual level and limit where the last `width` points have left it."""
        if len(scaled) < 3 * width:
            return None
        values = scaled.tolist()
        now, past = values[-width:], values[:-width]
        base = _usual(past, width, self._seen)
        residual = _median(now) - base
        if residual > LEAST and residual > _highest(past, width) - base:
            least = LEAST if len(past) >= FEW else 2 * LEAST
            limit = max(least, NOISE * _noise(scaled[:-width]) / math.sqrt(width))
            if residual > limit and not self._is_of_the_tail(residual, width):
                return _first_above(values, width, base + limit / 2), base, limit
        self._residuals[width].append(residual)
        return None

    def _is_of_the_tail(self, residual: float, width: int) -> bool:
        others = self._residuals[width]
        if len(others) < _SHORT_TAIL:
            return False
        return max(self._seen, _USUAL_RUN) / width * tail(np.array(others), residual) > ALARMS

    def _leave(self, step: int, scaled: np.ndarray, first: int, base: float, limit: float) -> Onset:
        points = list(zip(self._steps, self._losses, strict=True))
        while points[first][0] < self._back and first < len(points) - 1:  # what came before was told already
            first += 1
        usual, healed = (_loss_at(level, scaled, self._losses) for level in (base, base + limit / 2))
        rise = float(scaled[first:].max() - base)
        self._off = _Off(points[first][0], points[first - 1][0], usual, healed, points[first:])
        self._go_on_from(points[:first])
        return Onset(step, self._off.onset, self._off.before, usual, rise)

    def _not_finite(self, step: int) -> Onset | None:
        off = self._off
        if off is None:
            recent = list(self._losses)[-RECENT:]
            usual = _median(recent) if recent else math.nan
            healed = usual + abs(usual) * LEAST if recent else math.inf
            off = _Off(step, self._steps[-1] if recent else step, usual, healed, [])
        elif not off.is_finite:
            return None
        self._off = _Off(off.onset, off.before, off.base, off.healed, off.points, is_finite=False)
        return Onset(step, off.onset, off.before, off.base, math.inf)

    def _follow(self, step: int, loss: float) -> None:
        """Wait until the loss has come back, or has stayed where it is for so long that this is the trend."""
        off = self._off
        assert off is not None
        off.points.append((step, loss))
        last = [value for _, value in off.points[-BACK:]]
        if len(last) == BACK and _median(last) <= off.healed:
            self._come_back([*zip(self._steps, self._losses, strict=True), *off.points[-BACK:]])
        elif len(off.points) >= LONG:
            self._come_back(off.points)

    def _come_back(self, points: Sequence[tuple[int, float]]) -> None:
        self._off, self._back = None, points[-BACK][0]
        self._go_on_from(points)

    def _go_on_from(self, points: Sequence[tuple[int, float]]) -> None:
        self._steps = deque((step for step, _ in points), maxlen=WINDOW)
        self._losses = deque((loss for _, loss in points), maxlen=WINDOW)


@dataclass(frozen=True)
class _Off:
    """A time off the trend: where it began, the loss at which it is over, and its finite points."""

    onset: int
    before: int
    base: float
    healed: float
    points: list[tuple[int, float]]
    is_finite: bool = True


def _usual(past: list[float], width: int, seen: int) -> float:
    """Return the level just before: a median, carried on by the usual change where few points fall fast."""
    is_short = len(past) < SHORT
    base = _median(past[-max(3 if is_short else 5, min(seen // 20, 32), width) :])
    if width == 1 and is_short:
        changes = [after - before for before, after in pairwise(past[-FEWEST:])]
        base += min(0.0, _median(changes))
    return base


def _highest(past: list[float], width: int) -> float:
    """Return the highest level of late: of the last few points, or of medians of as many as now."""
    if width == 1:
        return max(past[-RECENT:])
    ends = range(max(width, len(past) - 4 * width), len(past) + 1)
    return max(_median(past[end - width : end]) for end in ends)


def _noise(past: np.ndarray) -> float:
    """Return the standard deviation of the noise; with few points, from how the changes differ."""
    if len(past) >= FEW:
        return max(noise_of(past[-span:]) for span in SPANS)
    change = np.diff(past)
    usual = max(0.25 * np.median(np.abs(change)), np.median(np.abs(change - np.median(change))))
    return float(FIRST_CHANGES / NOISE * usual)


def _first_above(values: list[float], width: int, level: float) -> int:
    """Return the first point above a level of those that lead without a gap to the last `width` points."""
    start = len(values) - width
    first = next((at for at in range(start, len(values)) if values[at] > level), len(values) - 1)
    while first > 1 and values[first - 1] > level:
        first -= 1
    return first


def _loss_at(level: float, scaled: np.ndarray, losses: Sequence[float]) -> float:
    """Return the loss that stands at a level of the comparable scale."""
    if min(losses) > 0:
        return math.exp(level)
    largest = int(np.argmax(np.abs(scaled)))
    return level * losses[largest] / float(scaled[largest])


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else 0.5 * (ordered[middle - 1] + ordered[middle])
