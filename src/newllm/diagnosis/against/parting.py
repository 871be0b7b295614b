"""Where two series of one signal part: that of a run, and that of a run which is known to be sound.

Another seed draws other batches, so that what scatters is compared by medians of windows, with the error that these
have; and it learns somewhat earlier or later, so that a loss is held against all that the sound run had around then.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from newllm.diagnosis.levels import last_level
from newllm.diagnosis.losses import finite
from newllm.diagnosis.shift import scatter
from newllm.trace import Series

WINDOWS, FEWEST = (24, 6), 6  # windows of what scatters, short ones first; points of each run in one at least
LEVELS, FEW = 12, 4  # likewise, of what a training reaches
IN_A_ROW = 2  # windows; of what is exact points
SURE, SURER = 4.5, 10.0  # standard deviations of a difference of two medians: of windows in a row, of a single one
ERRORS = 3.0  # likewise, that a level lies beyond what is far
FAR = 0.35  # standard deviations of single points, at least
LEAST = 0.01  # of the level
EARLIER = 1.6  # times as early or as late another seed may be
FLOOR = 0.05  # of where the sound run begins: of losses far below that, ratios say little
OTHER, TINY = 1.5, 1e-12  # times as large a ratio of two settings; beside zero
SELDOM = 0.2  # of the points
LAST = 4  # parts of the last stretch
AT_END, FEWEST_AT_END = 0.1, 3  # natural logarithms, or shares of the range; points of an evaluation
_BEGINNING = 5  # points
_OF_MEDIAN = 1.2533  # standard deviation of a median, in those of a mean
_SPREAD = 1.4826  # standard deviations in a median absolute deviation


@dataclass(frozen=True)
class Parting:
    """How a signal of a run differs from that of a sound one.

    Attributes:
        step: the first step at which it does.
        last: the last one; None where it does so to the end of what was compared.
        here, there: of what is exact the values at the first step, of what scatters the levels while they differ, and
            of levels those at the end of what was compared, or where they are farthest apart if they meet again.
        size: how far they are apart: of what is exact infinite, of what scatters in standard deviations of single
            points, of levels in natural logarithms (or shares of the sound run's range, where they go below zero).
        after: of what is exact the last point before at which it did not differ, where that is more than a step ago.
        end: of what is exact both values at the end, where they have a far other ratio than at first.
    """

    step: float
    last: float | None
    here: float
    there: float
    size: float
    after: float | None = None
    end: tuple[float, float] | None = None


@dataclass(frozen=True)
class _Window:
    """A stretch of steps: the first and the last that the run has in it, and what both runs have."""

    first: float
    last: float
    here: np.ndarray
    there: np.ndarray

    @property
    def levels(self) -> tuple[float, float]:
        return float(np.median(self.here)), float(np.median(self.there))


def exact_parting(here: Series, there: Series, tolerance: float, points: int = IN_A_ROW) -> Parting | None:
    """Return where a setting differs for more than a single point; None where it does not.

    Args:
        here: of the run, finite.
        there: of the sound one, likewise; where they share few steps it is between its points as it was last.
        tolerance: share of the larger of two values up to which they are one.
        points: in a row in which it differs at least.
    """
    if not len(there.step):
        return None
    at = np.searchsorted(there.step, here.step, side="right") - 1
    shared = np.isin(here.step, there.step)
    if np.sum(shared) < FEWEST:
        shared = (at >= 0) & ((here.step <= there.step[-1]) | (len(there.step) == 1))
    step, own, other = here.step[shared], here.value[shared], there.value[at[shared]]
    kept = _in_a_row(_apart(own, other, tolerance), min(points, len(step)))
    if not kept.any():
        return None
    levels = np.median([own[kept], other[kept]], axis=1)
    if np.mean(kept) < SELDOM and not _apart(levels[:1], levels[1:], tolerance).any():
        return None  # each is now and then what the other is then
    first, end = int(np.argmax(kept)), len(step) - int(np.argmax(kept[::-1]))
    last = None if end == len(step) else float(step[end - 1])
    (begins, ends), (begins_there, ends_there) = own[[first, end - 1]].tolist(), other[[first, end - 1]].tolist()
    pairs = (begins, begins_there), (ends, ends_there)
    ratios = [(abs(one) + TINY) / (abs(two) + TINY) for one, two in pairs]
    is_far = max(ratios) > OTHER * min(ratios)
    after = float(step[first - 1]) if first and step[first] - step[first - 1] > 1 else None
    return Parting(float(step[first]), last, *pairs[0], np.inf, after, pairs[1] if is_far else None)


def noisy_parting(here: Series, there: Series) -> Parting | None:
    """Return where the level of a signal that scatters differs; None where batches drawn otherwise may explain it.

    Args:
        here: of the run.
        there: of the sound one.
    """
    here, there = finite(here), finite(there)
    found = (_noisy_parting(here, _windows(here, there, most, FEWEST)) for most in WINDOWS)
    return next(filter(None, found), None)


def _noisy_parting(here: Series, windows: list[_Window]) -> Parting | None:
    sure, surer, sizes = np.zeros((3, len(windows)))
    for at, one in enumerate(windows):
        own, other = one.levels
        spread = max(_spread(one.here), _spread(one.there))
        apart, error = abs(own - other), _error(one.here, one.there)
        if apart > max(FAR * spread, LEAST * max(abs(own), abs(other))):
            sure[at], surer[at] = apart > SURE * error, apart > max(SURER * error, spread)
        sizes[at] = apart / spread if spread else np.inf if apart else 0.0
    kept = _in_a_row(sure > 0, IN_A_ROW) | (surer > 0)
    if not kept.any():
        return None
    at = np.flatnonzero(kept)
    own, other = windows[at[0]].levels
    step = _onset(Series(here.step, np.sign(own - other) * (here.value - other)), windows, int(at[0]))
    levels = np.median([windows[one].levels for one in at], axis=0)
    last = None if kept[-1] else windows[at[-1]].last
    return Parting(step, last, float(levels[0]), float(levels[1]), float(sizes[kept].max()))


def level_parting(
    here: Series, there: Series, least: float, floor: float | None = None, *, evaluated: bool = False
) -> Parting | None:
    """Return where what a training reaches differs by more than another seed may explain; None where it does not.

    Args:
        here: of the run.
        there: of the sound one.
        least: how far at least it lies beyond all that the sound run had somewhat before and after: in natural
            logarithms where all is positive, else in shares of the sound run's range.
        floor: what is added to values before ratios are taken, so that next to nothing is as nothing; None takes a
            share of where the sound run begins.
        evaluated: whether it is measured at evaluations. These are few, and each is of many rows, so that the last ones
            are held against those of the sound run by themselves.
    """
    here, there = finite(here), finite(there)
    windows = _windows(here, there, LEVELS, FEW)
    if not windows:
        return None
    scaled = _scale(windows, floor)
    middle = np.array([(one.first + one.last) / 2 for one in windows])
    levels = np.array([np.median(scaled(one.there)) for one in windows])
    low, high = np.array([_around(middle, levels, at) for at in middle]).T
    own = np.array([np.median(scaled(one.here)) for one in windows])
    error = np.array([_error(scaled(one.here), scaled(one.there)) for one in windows])
    beyond = np.maximum(own - high, low - own)
    parted = beyond > least + ERRORS * error
    kept = _in_a_row(parted, IN_A_ROW)
    kept[-1] = parted[-1]  # where it ends counts by itself
    if evaluated and not kept[-1] and (found := _end_parting(here, there, scaled)) is not None:
        return found
    if not kept.any():
        return None
    first, farthest = int(np.argmax(kept)), int(np.argmax(np.where(kept, beyond, -np.inf)))
    last = None if kept[-1] else windows[int(np.flatnonzero(kept)[-1])].last
    sign = 1 if own[first] > high[first] else -1
    apart = sign * (scaled(here.value) - scaled(np.interp(here.step, there.step, there.value)))
    step = _onset(Series(here.step, apart), windows, first)
    shown = _ends(windows) if kept[-1] else windows[farthest].levels
    return Parting(step, last, *shown, float(beyond[kept].max()))


def _end_parting(here: Series, there: Series, scaled: Callable[[np.ndarray], np.ndarray]) -> Parting | None:
    """Return that evaluations end beyond all that the sound run had since it was 1.6 times as far."""
    last = min(here.step[-1], there.step[-1])
    step, own = here.step[here.step <= last], here.value[here.step <= last]
    reached = there.value[(there.step <= last) & (there.step >= last / EARLIER)]
    if min(len(own), int(np.sum(there.step <= last))) < FEWEST_AT_END or not len(reached):
        return None
    end = last_level(own)
    low, high = scaled(np.array([reached.min(), reached.max()]))
    # Another seed may be as far as this one comes to be when it is 1.6 times as far.
    before = scaled(there.value[there.step <= last / EARLIER])
    ahead = min(0.0, float(scaled(there.value[there.step <= last])[-1] - before[-1])) if len(before) else 0.0
    beyond = max(float(scaled(np.array([end]))[0]) - high, low + ahead - float(scaled(np.array([end]))[0]))
    if beyond <= AT_END:
        return None
    sign = 1 if end > float(reached.max()) else -1
    near = [there.value[(there.step >= at / EARLIER) & (there.step <= at * EARLIER)] for at in step]
    edges = [(sign * scaled(one)).max() if len(one) else np.inf for one in near]
    apart = np.array([sign * value > edge + beyond / 2 for value, edge in zip(scaled(own), edges, strict=True)])
    apart[-1] = True
    first = len(apart) - int(np.argmin(np.append(apart[::-1], False)))
    return Parting(float(step[first]), None, end, last_level(reached), beyond)


def ends_beyond(here: Series, there: Series, sign: int) -> bool:
    """Return whether a run ends beyond all that another one had since it was 1.6 times as far, by more than scatter.

    Args:
        here: of the run.
        there: of the other.
        sign: 1 of beyond above, -1 of below.
    """
    here, there = finite(here), finite(there)
    if not len(here.step) or not len(there.step):
        return False
    end = min(here.step[-1], there.step[-1])
    own, reached = (one.value[(one.step <= end) & (one.step >= end / EARLIER)] for one in (here, there))
    count = min(len(own), len(reached)) // LAST
    if not count:
        return False
    tail, parts = own[-count:], [reached[at : at + count] for at in range(0, len(reached), count)]
    apart = min(sign * (float(np.median(tail)) - float(np.median(one))) for one in parts)
    noise = [max(scatter(one), 0.0) / count**0.5 for one in (own, reached)]
    return apart > max(ERRORS * float(np.hypot(*noise)), LEAST * abs(float(np.median(reached[-count:]))))


def _ends(windows: list[_Window]) -> tuple[float, float]:
    """Return what both runs end at."""
    here, there = (np.concatenate([getattr(one, side) for one in windows]) for side in ("here", "there"))
    return last_level(here), last_level(there)


def _around(middle: np.ndarray, levels: np.ndarray, at: float) -> tuple[float, float]:
    """Return the lowest and the highest level around a step; behind the end, what the last stretch goes on to."""
    near = levels[(middle >= at / EARLIER) & (middle <= at * EARLIER)]
    ahead = np.log(at * EARLIER / middle[-1]) / np.log(EARLIER)  # of the last stretch
    if ahead > 0:
        before = np.interp(middle[-1] / EARLIER, middle, levels)
        near = np.append(near, levels[-1] + ahead * (levels[-1] - before))
    return float(near.min()), float(near.max())


def _onset(apart: Series, windows: list[_Window], at: int) -> float:
    """Return the step from which the points around the beginning of a window lie beyond half of what they do in it."""
    inside = (apart.step >= windows[max(0, at - 1)].first) & (apart.step <= windows[at].last)
    half = float(np.median(apart.value[inside & (apart.step >= windows[at].first)])) / 2
    split = int(np.argmin(np.concatenate([[0.0], np.cumsum(apart.value[inside] - half)[:-1]])))
    return float(apart.step[inside][split])


def _apart(own: np.ndarray, other: np.ndarray, tolerance: float) -> np.ndarray:
    return np.abs(own - other) > tolerance * np.maximum(np.abs(own), np.abs(other))


def _windows(here: Series, there: Series, most: int, fewest: int) -> list[_Window]:
    """Return windows of equal length over the steps that both have, at most so many, of at least so many points."""
    if not len(here.step) or not len(there.step):
        return []
    first, last = max(here.step[0], there.step[0]), min(here.step[-1], there.step[-1])
    points = min(int(np.sum((one.step >= first) & (one.step <= last))) for one in (here, there))
    edges = np.linspace(first, last + 1, min(most, max(1, points // fewest)) + 1)
    found = []
    for low, end in itertools.pairwise(edges):
        inside = [(one.step >= low) & (one.step < end) for one in (here, there)]
        if all(one.any() for one in inside):
            own, other = here.value[inside[0]], there.value[inside[1]]
            found.append(_Window(float(here.step[inside[0]][0]), float(here.step[inside[0]][-1]), own, other))
    return found


def _scale(windows: list[_Window], floor: float | None) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function of the scale on which levels are compared."""
    here, there = (np.concatenate([getattr(one, side) for one in windows]) for side in ("here", "there"))
    if min(here.min(), there.min()) >= 0:
        added = (FLOOR * float(there[:_BEGINNING].mean()) if floor is None else floor) + TINY
        return lambda value: np.log(value + added)
    low, high = np.quantile(there, [0.05, 0.95])
    width = float(high - low) or float(np.abs(there).max()) or 1.0
    return lambda value: value / width


def _error(here: np.ndarray, there: np.ndarray) -> float:
    """Return the standard deviation of the difference of two medians."""
    return _OF_MEDIAN * float(np.hypot(_spread(here) / len(here) ** 0.5, _spread(there) / len(there) ** 0.5))


def _spread(value: np.ndarray) -> float:
    """Return the standard deviation of single points, by medians: around their level, or between neighbours.

    Where more than half are equal, as of numbers that are drawn among few, it is the usual one.
    """
    by_medians = max(_SPREAD * float(np.median(np.abs(value - np.median(value)))), scatter(value))
    return by_medians or float(np.std(value))


def _in_a_row(mask: np.ndarray, least: int) -> np.ndarray:
    """Return where so many and more values in a row are true."""
    kept = np.zeros(len(mask), bool)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(int)))
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        kept[begin:end] = end - begin >= least
    return kept
