"""Whether a fault shows in the loss, by its healthy twin: same seed, same set-up, no fault. No detector takes part.

A fault shows where the losses do what the twin's never do:
- a loss is not finite;
- an evaluation repeats the one before to the last bit, twice in a row;
- the loss rises above its lowest mean so far (or falls below it) by more than the twin ever does plus six standard
  deviations of the twin's noise, and by a tenth of the twin's descent;
- it has come down less than half as far as the twin has (judged at the end).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

WINDOW = 10  # steps of the running mean


@dataclass(frozen=True)
class Sight:
    """Where and how a fault shows.

    Attributes:
        onset: the first step at which it does, None where it does not.
        how: "not finite", "repeated", "rise", "fall", "not learnt" or "".
        series: "loss" or "validation".
    """

    onset: int | None = None
    how: str = ""
    series: str = ""


Curve = tuple[Sequence[int], Sequence[float]]  # steps and losses


def first_sight(fault: dict[str, Curve], twin: dict[str, Curve]) -> Sight:
    """Return the earliest sight of a fault in "loss" and "validation", each steps and values."""
    sights = [
        Sight(int(fault[series][0][at]), how, series)
        for series in ("loss", "validation")
        if len(fault[series][1])
        for how, at in _sights(np.asarray(fault[series][1]), np.asarray(twin[series][1]), series == "loss")
    ]
    return min(sights, key=lambda sight: sight.onset or 0, default=Sight())


def _sights(fault: np.ndarray, twin: np.ndarray, every_step: bool) -> list[tuple[str, int]]:
    """Return each way in which one series shows the fault, with the index of its first point."""
    found = [("not finite", at) for at in np.flatnonzero(~np.isfinite(fault))[:1]]
    fault = np.where(np.isfinite(fault), fault, np.nan)
    window = WINDOW if every_step else 1
    if not every_step:
        found += [("repeated", at + 2) for at in np.flatnonzero(_repeats(fault) & ~_repeats(twin))[:1]]
    limit = max(6 * _noise(twin), 0.1 * (twin[0] - _means(twin, window)[-1]))
    for how, sign in (("rise", 1), ("fall", -1)) if every_step else (("rise", 1),):
        over = _excess(fault, window, sign) > np.nanmax(_excess(twin, window, sign)) + limit
        found += [(how, at) for at in np.flatnonzero(over)[:1]]
    mean, twins = _means(fault, window), _means(twin, window)
    behind = twin[0] - mean < 0.5 * (twin[0] - twins)
    if behind[-1] and every_step:
        since = np.flatnonzero(~behind)
        found.append(("not learnt", int(since[-1]) + 1 if len(since) else window))
    return [(how, int(at)) for how, at in found]


def _repeats(values: np.ndarray) -> np.ndarray:
    return (values[2:] == values[1:-1]) & (values[1:-1] == values[:-2])


def _means(values: np.ndarray, window: int) -> np.ndarray:
    """Return the mean of the last `window` points at each point, of fewer at the start."""
    total = np.cumsum(np.insert(values, 0, 0.0))
    at = np.arange(1, len(values) + 1)
    start = np.maximum(at - window, 0)
    return (total[at] - total[start]) / (at - start)


def _excess(values: np.ndarray, window: int, sign: int) -> np.ndarray:
    """Return how far each point lies above the lowest mean before it; for a fall, below the last mean before it."""
    means = np.insert(_means(values, window)[:-1], 0, values[0])
    if sign < 0:
        return means - values
    return values - np.fmin.accumulate(means)


def _noise(values: np.ndarray) -> float:
    """Return the standard deviation of a series' noise, from its second differences."""
    if len(values) < 4:
        return 0.0
    second = np.diff(values, 2)
    return float(1.4826 * np.median(np.abs(second - np.median(second))) / np.sqrt(6))
