"""A loss that leaves its trend upwards (or downwards) in few points: what spikes and dips are made of.

The doctor finds spikes by these. `find_spikes` (spike.py) counts those of a smooth curve; a step-level log is not
smooth: batches are noisy with heavy tails. So a candidate is first taken as there, against the level just before it,
on the log scale and at several smoothings; then it must be too high for the *tail* of all other points of the same
run (peaks over a threshold, an exponential tail), so that a run that always throws outliers raises no alarm over one
more.
"""

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from newllm.diagnosis.losses import comparable, descent, rolling_median, sliding_median

LEAST = 0.15  # smallest rise on the log scale
LEAST_OF_DESCENT = 0.2  # smallest rise as a share of what training has gained in the run
NOISE = 7.0  # standard deviations of the noise
FIRST_CHANGES = 4.0  # usual changes from point to point, where there are too few points to know the noise
ALARMS = 0.002  # false alarms that the noise of a run may raise in it, by the tail of its other points
SAFETY = 1.5  # real tails are heavier than exponential ones
HIGH = 0.5  # on the log scale, above all that came before: later points do not excuse it
FEW = 16  # points before, at least, for that
CAUTION = 10.0  # times what the points before let expect
SHORT = 40  # with fewer points there is no tail to speak of
SUDDEN = 0.3  # on the log scale, within few points, of what does not come back
BRIEF = 0.2  # of the run: longer than this an excursion is the trend
SUSTAINED = 5  # points that an excursion lasts, at its width
_REBOUND = 16  # points after an excursion within which the level before still has something of it
_WIDTHS = (1, 5, 25, 125)
_TAIL = 8192
_RECENT = 64  # the noise is estimated from so many points before
_SPREAD = 1.4826 / np.sqrt(6)  # from the median of absolute second differences to a standard deviation


@dataclass(frozen=True)
class Excursion:
    """One excursion of a loss. Positions are indices into the series.

    Attributes:
        onset: first point beyond the limit.
        peak: the point farthest off.
        end: one after its last point; the length of the series if it never came back.
        base: the loss just before it.
        height: largest distance from the base, in the loss's units.
        rise: the same on the comparable scale (a log ratio).
        noise: standard deviation of the points before, on the comparable scale.
        chance: how many such excursions this run's noise would be expected to show.
        width: over how many points the loss was smoothed to see it.
    """

    onset: int
    peak: int
    end: int
    base: float
    height: float
    rise: float
    noise: float
    chance: float
    width: int


def find_excursions(loss: np.ndarray, sign: int = 1) -> list[Excursion]:
    """Return the excursions of a finite loss (n,) in their order, none of them overlapping.

    Args:
        loss: at least 5 points, or nothing is found.
        sign: 1 upwards, -1 downwards.
    """
    content = np.ascontiguousarray(loss, dtype=float).tobytes()
    mine = [(one, True) for one in _found(content, sign)]
    distinct: list[tuple[Excursion, bool]] = []
    for one, own in sorted(mine + [(other, False) for other in _found(content, -sign)], key=lambda item: item[0].onset):
        if not any(_rebound(one, other, loss) for other, others in distinct if others != own):
            distinct.append((one, own))
    return [one for one, own in distinct if own]


def _rebound(excursion: Excursion, other: Excursion, loss: np.ndarray) -> bool:
    """Whether it only comes back from another to the other side: the level before it is no trend but the other's."""
    brief = len(loss) >= SHORT and other.end < len(loss) and other.end - other.onset <= BRIEF * len(loss)
    reach = excursion.width + other.width
    near = other.end - reach <= excursion.onset <= other.end + reach + _REBOUND
    return (
        brief
        and near
        and abs(float(loss[excursion.peak]) - other.base) < max(0.5 * other.height, 0.1 * abs(other.base))
    )


@lru_cache(maxsize=16)  # several detectors ask about one series
def _found(content: bytes, sign: int) -> tuple[Excursion, ...]:
    loss = np.frombuffer(content)
    if len(loss) < 5:
        return ()
    found: list[Excursion] = []
    floor = LEAST_OF_DESCENT * descent(loss)
    scaled = sign * comparable(loss)
    noise = _noise_before(scaled)
    for width in _WIDTHS:
        if width > 1 and len(loss) < 12 * width:
            break
        for one in _at_width(loss, scaled, noise / np.sqrt(width), width):
            if one.height >= floor and not any(_overlap(one, other) for other in found):
                found.append(one)
    return tuple(sorted(found, key=lambda one: one.onset))


def _overlap(excursion: Excursion, other: Excursion) -> bool:
    return excursion.onset < other.end and other.onset < excursion.end


def _at_width(loss: np.ndarray, scaled: np.ndarray, noise: np.ndarray, width: int) -> list[Excursion]:
    level = rolling_median(scaled, width)
    before = max(3 if len(loss) < SHORT else 5, min(len(loss) // 20, 32), width)
    base = _before(level, before, width // 2) + _decline(level)
    limit = np.maximum(LEAST, NOISE * noise)
    found, point = [], 0
    residual = level - base
    for onset in np.flatnonzero(residual > limit):
        if onset < point:
            continue
        end = _end(level, int(onset), base[onset] + limit[onset] / 2)
        one = _measured(loss, level, (int(onset), end), base[onset], width)
        point = end
        if one.rise < LEAST or not _sudden(level, one, width):
            continue
        stays = level[onset : min(end, onset + SUSTAINED * width)] - base[onset]
        chance = _chance(residual, one, before + width, stays if len(stays) == SUSTAINED * width else None)
        if chance <= ALARMS:
            found.append(replace(one, chance=chance, noise=float(noise[onset])))
    return found


def _sudden(level: np.ndarray, excursion: Excursion, width: int) -> bool:
    """Whether it rose within few points; what climbs for long and stays is a slow divergence."""
    few = width + 5
    way = level[max(0, excursion.onset - few) : excursion.peak + 1]
    climb = way[few:] - way[:-few] if len(way) > few else way - way[0]
    return excursion.end < len(level) or bool(climb.max(initial=0.0) >= min(SUDDEN, 0.5 * excursion.rise))


def _end(level: np.ndarray, onset: int, healed: float) -> int:
    back = np.flatnonzero(level[onset:] <= healed)
    return onset + int(back[0]) if len(back) else len(level)


def _measured(loss: np.ndarray, level: np.ndarray, bounds: tuple[int, int], base: float, width: int) -> Excursion:
    onset, end = bounds
    half = width // 2
    peak = onset + int(np.argmax(level[onset:end]))
    usual = float(np.median(loss[max(0, onset - half - max(width, 3)) : max(1, onset - half)]))
    height = abs(float(np.median(loss[max(0, peak - half) : peak + half + 1])) - usual)
    just_before = float(np.median(level[max(0, onset - half - 3) : max(1, onset - half)]))
    return Excursion(onset, peak, end, usual, height, float(level[peak] - max(base, just_before)), 0.0, 0.0, width)


def _chance(residual: np.ndarray, excursion: Excursion, reach: int, stays: np.ndarray | None = None) -> float:
    """Return how many points as high as the peak the tail of the other residuals (n,) would be expected to throw.

    What stands high above all before it is no noise of theirs, whatever comes later: a run that spikes once may go on
    spiking, and its later spikes must not excuse the first. What stays up for several points is less likely than
    a point is: two batches that follow each other are counted as one, whatever they have in common.

    Args:
        residual: of all points.
        excursion: in question.
        reach: points behind it that still know it.
        stays: height of its first `SUSTAINED` points above the level before; None where it does not last as long.
    """
    thin = 1 + len(residual) // _TAIL  # so many points tell the tail as well as all
    before, behind = residual[1 : excursion.onset : thin], residual[excursion.end + reach :: thin]
    others = np.concatenate([before, behind])
    expected = _expected(others, excursion, len(residual))
    if stays is not None:
        expected = min(expected, _expected_to_stay(others, float(stays.min()), len(residual) / excursion.width))
    is_single = excursion.end - excursion.onset < 3  # single batches may be as bad as that again and again
    if is_single or excursion.rise < HIGH or np.isfinite(before).sum() < FEW:
        return expected
    return min(expected, CAUTION * _expected(before, excursion, len(residual)))


def _expected(others: np.ndarray, excursion: Excursion, count: int) -> float:
    others = others[np.isfinite(others)]
    if len(others) < SHORT * 3 // 4:
        return 0.0
    return count / excursion.width * tail(others, excursion.rise)


def _expected_to_stay(others: np.ndarray, height: float, count: float) -> float:
    others = others[np.isfinite(others)]
    return math.inf if len(others) < SHORT * 3 // 4 else count * tail(others, height) ** (SUSTAINED / 2)


def tail(others: np.ndarray, height: float) -> float:
    """Return the share of points that the tail of others (n,), at least 30 of them, would throw above a height."""
    threshold = float(np.quantile(others, 0.9))
    beyond = others[others > threshold] - threshold
    scale = SAFETY * float(np.median(beyond)) / np.log(2) if len(beyond) else 0.0
    return 0.1 * float(np.exp(-(height - max(threshold, 0.0)) / scale)) if scale > 0 else 0.0


def _before(level: np.ndarray, count: int, gap: int) -> np.ndarray:
    """Return for each point of (n,) the median of the `count` points that end `gap` points before it."""
    base = np.full(len(level), np.inf)
    for point in range(gap + 1, min(count + gap, len(level))):
        base[point] = np.median(level[: point - gap])
    if len(level) > count + gap:
        base[count + gap :] = sliding_median(level, count)[: len(level) - count - gap]
    return base


def _decline(level: np.ndarray) -> np.ndarray:
    """Return for each point of a short series (n,) its usual change just before, where it falls; else nothing.

    The median of three points lags two behind; on a short curve that falls fast this hides what rises.
    """
    change = np.zeros(len(level))
    if len(level) < SHORT:
        for point in range(3, len(level)):
            change[point] = min(0.0, float(np.median(np.diff(level[max(0, point - 4) : point]))))
    return change


def _noise_before(scaled: np.ndarray) -> np.ndarray:
    """Return the noise's standard deviation (n,) before each point; infinite where nothing is known of it.

    From second differences, which a steady descent does not disturb; the whole run's is the least of it where there
    are points enough. With fewer than 8 points before, from how the changes differ.
    """
    count = len(scaled)
    noise = np.full(count, np.inf)
    for point in range(3, min(8, count)):
        change = np.diff(scaled[:point])
        usual = max(0.25 * np.median(np.abs(change)), np.median(np.abs(change - np.median(change))))
        noise[point] = FIRST_CHANGES / NOISE * usual
    for point in range(8, min(_RECENT, count)):
        noise[point] = noise_of(scaled[:point])
    if count > _RECENT:
        stride = 1 + count // 1024
        second = np.lib.stride_tricks.sliding_window_view(np.diff(scaled, 2), _RECENT - 2)[::stride]
        middle = np.median(second, axis=1, keepdims=True)
        each = _SPREAD * np.median(np.abs(second - middle), axis=1)
        noise[_RECENT:] = np.repeat(each, stride)[: count - _RECENT]
    return noise if count < SHORT else np.maximum(noise, noise_of(scaled))


def noise_of(scaled: np.ndarray) -> float:
    """Return the standard deviation of the noise of (n,), at least 3 points, from its second differences."""
    second = np.diff(scaled, 2)
    return float(_SPREAD * np.median(np.abs(second - np.median(second))))
