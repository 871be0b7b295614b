"""Spikes of a smooth curve, such as a loss by epoch: what a study counts, and where a replay looks for the onset.

The doctor (excursion.py) and a run in progress (onset.py) need more than that, for noisy logs; docs/doctor.md says
which is used where, and why.

A spike opens at the first point that lies above the best value so far, and above the lowest of the few points
just before it, by more than a limit: a loss that creeps up (over-fitting) never opens one. It closes, healed,
at the first point that is back within the limit of the best value before it. The limit is `least` nats, or more
where the signal is noisy: `noise` times its standard deviation, estimated from second differences, which a
steady descent does not disturb.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_NOISE_POINTS = 64  # the noise is estimated from so many points before


@dataclass(frozen=True)
class Spike:
    """One spike of a loss. Positions are in the units of `x`, heights in those of the loss.

    Attributes:
        onset: first point above the limit.
        peak: its highest point.
        base: the best loss before the onset.
        height: loss at the peak minus the base; infinite where the loss was not finite.
        jump: largest ratio of a point to the one before it, from the onset to the peak.
        recovery: from the onset to the point where it was healed; None if it never was.
    """

    onset: float
    peak: float
    base: float
    height: float
    jump: float
    recovery: float | None


def find_spikes(
    x: Sequence[float] | np.ndarray,
    y: Sequence[float] | np.ndarray,
    *,
    least: float = 0.3,
    noise: float = 9.0,
    rise: int = 5,
) -> list[Spike]:
    """Return the spikes of a loss in their order.

    Args:
        x: position of each point (step or epoch), rising.
        y: loss at each; not finite counts as infinitely high.
        least: smallest rise that counts, in nats.
        noise: smallest rise that counts, in standard deviations of the signal's noise: the best so far lies low by
            chance and a spike must not lie high by chance, each by up to four of them.
        rise: the rise happens within so many points; a slower one is no spike.

    Raises:
        ValueError: x and y differ in length.
    """
    positions, loss = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if positions.shape != loss.shape or positions.ndim != 1:
        raise ValueError(f"x {positions.shape} and y {loss.shape} must be two equally long series")
    loss = np.where(np.isfinite(loss), loss, np.inf)
    spikes: list[Spike] = []
    point = 1
    while point < len(loss):
        limit = spike_limit(loss[:point], least=least, noise=noise)
        low = max(loss[:point].min(), loss[max(0, point - rise) : point].min())
        if loss[point] - low > limit:
            spike, point = _measure(positions, loss, point, limit)
            spikes.append(spike)
        else:
            point += 1
    return spikes


def spike_limit(before: np.ndarray, *, least: float = 0.3, noise: float = 9.0) -> float:
    """Return the smallest rise, in the loss's units, that is a spike after the losses `before` (n,)."""
    return max(least, noise * _noise(before))


def _measure(x: np.ndarray, y: np.ndarray, onset: int, limit: float) -> tuple[Spike, int]:
    """Follow the spike that opens at `onset`; return it and the point after its end."""
    base = float(y[:onset].min())
    healed = np.flatnonzero(y[onset:] - base <= limit)
    end = onset + int(healed[0]) if len(healed) else len(y)
    peak = onset + int(np.argmax(y[onset:end]))
    jumps = [_ratio(y[point], y[point - 1]) for point in range(onset, peak + 1)]
    recovery = float(x[end] - x[onset]) if len(healed) else None
    return Spike(float(x[onset]), float(x[peak]), base, float(y[peak] - base), max(jumps), recovery), end + 1


def _ratio(now: float, before: float) -> float:
    if math.isinf(now) or before <= 0:
        return math.inf
    return float(now / before)


def _noise(y: np.ndarray) -> float:
    """Return the standard deviation of the noise in the last points; 0 where there are too few to tell."""
    recent = y[-_NOISE_POINTS:]
    recent = recent[np.isfinite(recent)]
    if len(recent) < 8:
        return 0.0
    second = np.diff(recent, 2)
    return float(1.4826 * np.median(np.abs(second - np.median(second))) / math.sqrt(6))
