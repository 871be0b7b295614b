"""Where one signal changed within a few steps: a setting that jumps, a level that shifts, a value far off for a while.

A change has to be unlike all before it: twice as far as the signal had gone within as many points at any earlier place
of the same run. So what drifts, cycles, or scatters with heavy tails is no change, whatever its scale, and nothing is
assumed of how a signal is distributed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from newllm.diagnosis.losses import comparable, finite, sliding_median
from newllm.trace import Series

WINDOW, FEWEST = 20, 3  # points on either side whose levels are compared
WIDER = (WINDOW, 5 * WINDOW, 25 * WINDOW)  # likewise: of what scatters far, only many points tell the level
MOST_BEFORE = 5000  # points before a change that it is held against
TIMES = 2.0  # as far as the signal had gone before
SURE, FAR = 5.0, 8.0  # standard deviations: of a difference of two medians, of one point
EXACT = 0.8  # of the points before equal their neighbour: a setting
LEAST = 0.1  # of a setting's size
DATED = 10.0  # (scatter / change)**2: two standard deviations of the point at which a level changes (Yao 1987)
LOCAL = 3.0  # times its largest change just before: a schedule moves all the time
_OF_MEDIANS = 1.57  # variance of a median, times that of a mean
_SPREAD = 1.4826  # standard deviations in a median absolute deviation


@dataclass(frozen=True)
class Shift:
    """A change of one signal.

    Attributes:
        step: the first that has it.
        after: the last known without it: the step before, or the sample before.
        before, value: the levels on both sides.
        last: the last step that has it; None where it stays to the end of what was compared.
    """

    step: float
    after: float
    before: float
    value: float
    last: float | None = None


def rise_within(loss: Series, since: float, until: float) -> Shift | None:
    """Return the rise of a loss that begins after one step and not after another: twice as far as it rose before."""
    series, places = _near(Series(loss.step, comparable(loss.value)), since, until)
    found = (_stretch(series, places, up=True) or _level(series, places, up=True)) if places else None
    if found is None:
        return None
    at = int(np.searchsorted(loss.step, found.step))
    return _shift(loss, at, float(np.median(loss.value[max(0, at - WINDOW) : at])), float(loss.value[at]))


def shift_within(series: Series, since: float, until: float, *, lasting: bool = False) -> Shift | None:
    """Return the change of a series that begins after one step and not after another, None without one.

    Of a sampled series a change lies somewhere between two samples: that has to overlap.

    Args:
        series: of any length.
        since: the last step that was as before.
        until: the last step that it may begin at.
        lasting: whether only what stays counts.
    """
    series, places = _near(series, since, until)
    if not places:
        return None
    if is_exact(series.value[: places[-1]]):
        found = _jump(series, places)
        return None if lasting and found is not None and found.last is not None else found
    return _level(series, places) or (None if lasting else _stretch(series, places))


def is_exact(value: np.ndarray) -> bool:
    """Whether a series (n,) mostly stays as it is from point to point: a setting, no measurement."""
    return bool(np.mean(np.diff(value) == 0) >= EXACT) if len(value) > 1 else True


def jump_within(series: Series, since: float, until: float) -> Shift | None:
    """Return the jump of a schedule, likewise: far beyond its changes just before, which may have been as far once."""
    series, places = _near(series, since, until)
    return _jump(series, places, may_come_again=True) if places else None


def slope_within(series: Series, since: float, until: float) -> Shift | None:
    """Return that a schedule rises up to a step, to `TIMES` what it was after another step and more: a warm-up."""
    series, places = _near(series, since, until)
    if not places:
        return None
    falls = np.flatnonzero(np.diff(series.value[places[0] - 1 : places[-1] + 1]) < 0)
    first = places[0] + int(falls[-1]) if len(falls) else places[0] - 1
    way = series.value[first : places[-1] + 1]
    if len(way) <= FEWEST or way[0] <= 0 or way[-1] < TIMES * way[0]:
        return None
    begin = float(series.step[first])
    return Shift(begin, begin, float(way[0]), float(way[-1]), float(series.step[places[-1]]))


def _near(series: Series, since: float, until: float) -> tuple[Series, range]:
    """Return the points that a change is held against, and the places among them at which it may begin."""
    series = finite(series)
    first = max(0, int(np.searchsorted(series.step, since, side="right")) - MOST_BEFORE)
    series = Series(series.step[first:], series.value[first:])
    begins, ends = np.searchsorted(series.step, since, side="right"), np.searchsorted(series.step, until)
    return series, range(max(FEWEST, int(begins)), min(int(ends) + 1, len(series.step)))


def _jump(series: Series, places: Sequence[int], *, may_come_again: bool = False) -> Shift | None:
    """Return the first change from a point to the next that is far beyond those before it."""
    value = series.value[: places[-1] + 1]
    changes = np.abs(np.diff(value, prepend=value[:1]))
    for at in np.flatnonzero(changes > LEAST * np.maximum(np.abs(value), np.abs(np.roll(value, 1)))):
        own, before = float(changes[at]), changes[:at]
        if at < places[0] or own <= LOCAL * before[-WINDOW:].max(initial=0.0):
            continue
        way = np.sign(value[at] - value[at - 1])
        then = (way * np.diff(series.value[at : at + FEWEST + 1])).max(initial=0.0)  # a slope that begins goes on
        if (own > LOCAL * then) if may_come_again else (before.max(initial=0.0) * TIMES <= own):
            return _shift(series, int(at), float(value[at - 1]), float(value[at]))
    return None


def _level(series: Series, places: Sequence[int], *, up: bool = False) -> Shift | None:
    """Return a shift of the level that stays for as many points as are compared: few, else more of them."""
    most = min(len(series.value) - places[0], places[0] // 3)
    widths = dict.fromkeys(min(one, most) for one in WIDER)
    return next(filter(None, (_level_of(series, places, width, up=up) for width in widths if width >= FEWEST)), None)


def _level_of(series: Series, places: Sequence[int], width: int, *, up: bool) -> Shift | None:
    value = series.value
    medians = sliding_median(value[: places[-1] + width], width)  # of the points from each place on
    far = _size(medians[width:] - medians[:-width], up=up)  # of place `width` and those behind it
    first, earlier = places[0] - width, far[: places[0] - 2 * width + 1]
    usual = SURE * scatter(value[: places[0]]) * float(np.sqrt(2 * _OF_MEDIANS / width))
    at = first + int(np.argmax(far[first:])) + width
    if far[at - width] == 0 or far[at - width] <= max(TIMES * float(earlier.max(initial=0.0)), usual):
        return None
    before, after = float(medians[at - width]), float(medians[at])
    near = np.arange(max(1, at - width), min(len(value), at + width))
    misfit = np.cumsum((value[near - 1] - before) ** 2 - (value[near - 1] - after) ** 2)
    split = int(near[np.argmin(misfit)])
    unsure = round(DATED * (scatter(value[: places[0]]) / (after - before)) ** 2)  # points: of what scatters far
    if not places[0] - unsure <= split <= places[-1] + unsure:
        return None
    split = min(max(split, places[0]), places[-1])
    return Shift(float(series.step[split]), float(series.step[split - 1]), before, after)


def _stretch(series: Series, places: Sequence[int], *, up: bool = False) -> Shift | None:
    """Return a value far from all before it, for a point or for a few."""
    value, width = series.value, min(WINDOW, places[0] // 2)
    if width < FEWEST:
        return None
    levels = sliding_median(value[: places[-1]], width)  # before each place from `width` on
    off = _size(value[width : places[-1] + 1] - levels, up=up)
    least = max(TIMES * float(off[: places[0] - width].max()), FAR * scatter(value[: places[0]]))
    found = np.flatnonzero(off[places[0] - width :] > least)
    if not len(found):
        return None
    at = places[0] + int(found[0])
    return _shift(series, at, float(levels[at - width]), float(value[at]))


def _size(change: np.ndarray, *, up: bool) -> np.ndarray:
    """Return how far changes (n,) go, in both directions or upwards alone."""
    return np.maximum(change, 0.0) if up else np.abs(change)


def _shift(series: Series, at: int, before: float, value: float) -> Shift:
    """Return a change at a place, with the last step before the signal is back."""
    near = np.abs(series.value[at:] - before) < abs(value - before) / 2
    last = float(series.step[at + int(np.argmax(near)) - 1]) if near.any() else None
    return Shift(float(series.step[at]), float(series.step[at - 1]), before, value, last)


def scatter(value: np.ndarray) -> float:
    """Return the standard deviation of the points of (n,) around the level just before each, by medians."""
    change = np.diff(value)
    return _SPREAD * float(np.median(np.abs(change - np.median(change)))) / float(np.sqrt(2)) if len(change) else 0.0
