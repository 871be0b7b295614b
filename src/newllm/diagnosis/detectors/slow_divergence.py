"""A training loss that climbs, slowly and for long, from the best it had reached.

False alarms: the level at the end must lie above the best earlier level by `LEAST` on the log scale and by
`LEAST_OF_DESCENT` of what training had gained, by `NOISE` standard errors of the level, and the rise must go on:
each third of it higher than the one before. A planned restart of the learning rate behind the best excuses it.
"""

import numpy as np

from newllm.diagnosis.excursion import find_excursions
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import comparable, descent, finite, is_validation, loss_names, rolling_median
from newllm.diagnosis.schedule import restarts
from newllm.messages import message
from newllm.trace import Finding, Series, Trace

LEAST = 0.08
LEAST_OF_DESCENT = 0.1
NOISE = 6.0
FEWEST = 12  # points


def detect(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return the slow divergence of each training loss."""
    found = [_climb(trace, name) for name in loss_names(trace) if not is_validation(name)]
    return [one for one in found if one]


def _climb(trace: Trace, name: str) -> Finding | None:
    series = finite(trace.series(name))
    if len(series.value) < FEWEST:
        return None
    scaled = comparable(series.value)
    width = max(1, len(scaled) // 10)
    level = rolling_median(scaled, width)
    best = int(np.argmin(level))
    thirds = [float(np.median(part)) for part in np.array_split(scaled[best:], 3) if len(part)]
    rise = float(np.median(scaled[-width:]) - level[best])
    noise = _error(scaled, width)
    went_on = len(thirds) == 3 and level[best] < thirds[0] < thirds[1] < thirds[2]
    if not went_on or len(scaled) - best < max(6, width) or rise < max(LEAST, NOISE * noise):
        return None
    height = float(np.median(series.value[-width:]) - np.median(series.value[max(0, best - width) : best + width + 1]))
    if height < LEAST_OF_DESCENT * descent(series.value) or _excused(trace, series, best):
        return None
    return _finding(trace, name, series, (best, rise, height, noise))


def _error(scaled: np.ndarray, width: int) -> float:
    """Return the standard error of a median of `width` points, by how neighbouring such medians differ."""
    blocks = [float(np.median(part)) for part in np.array_split(scaled, len(scaled) // width)]
    if len(blocks) < 5:
        return 0.0
    return float(1.4826 * np.median(np.abs(np.diff(blocks, 2))) / np.sqrt(6))


def _excused(trace: Trace, series: Series, best: int) -> bool:
    """Whether a restarted schedule, or a sudden excursion that is told as such, accounts for the rise."""
    if any(step >= series.step[best] for step in restarts(trace)):
        return True
    near_end = len(series.value) - max(1, len(series.value) // 10)
    return any(one.end > near_end for one in find_excursions(series.value))


def _finding(trace: Trace, name: str, series: Series, what: tuple[int, float, float, float]) -> Finding:
    best, rise, height, noise = what
    first, last = int(series.step[best]), int(series.step[-1])
    now = float(series.value[best] + height)
    return Finding(
        kind="slow-divergence",
        severity="warning",
        sentence=message(
            "finding-slow-divergence.sentence",
            signal=name,
            best=now - height,
            axis=trace.axis,
            first=first,
            now=now,
            last=last,
        ),
        first_step=float(first),
        last_step=float(last),
        confidence=round(1 - 0.5 * min(1.0, max(noise, 1e-9) * NOISE / rise), 3),
        signal=name,
        evidence={"log_rise": rise, "height": height, "noise_of_level": noise},
        alternatives=(
            message("finding-slow-divergence.harder-data"),
            message("finding-slow-divergence.regularisation"),
        ),
        test=message("finding-slow-divergence.test"),
    )
