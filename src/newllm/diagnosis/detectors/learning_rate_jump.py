"""A learning rate that jumps up, or starts its schedule again, where no plan would.

False alarms: a planned restart comes when the rate is down to its low, and planned ones come more than once; step
decay only falls; warm-up rises evenly. None of these counts.
"""

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.schedule import LOW, jumps
from newllm.messages import message
from newllm.trace import Finding, Series, Trace

AGAIN = 5  # points of the first schedule that come again


def detect(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return the unplanned jumps of the learning rate."""
    series = trace.series("learning_rate")
    rate = series.value
    if len(rate) < 10 or not np.isfinite(rate).all() or rate.max() <= 0:
        return []
    rises = [jump for jump in jumps(trace) if jump.index > 2 and jump.before > LOW * rate.max()]
    again = [at for at in _starts_again(rate) if at not in {jump.index for jump in rises}]
    places = sorted([jump.index for jump in rises] + again)
    if not places or _planned(places):
        return []
    return [_finding(trace, series, at, at in again or _same_start(rate, at)) for at in places[:1]]


def _starts_again(rate: np.ndarray) -> list[int]:
    """Return where the rate falls back to its first values and rises through them again (a warm-up, once more)."""
    falls = np.flatnonzero(rate[1:] < 0.7 * rate[:-1]) + 1
    return [int(at) for at in falls if rate[at - 1] > LOW * rate.max() and _same_start(rate, int(at))]


def _same_start(rate: np.ndarray, at: int) -> bool:
    count = min(len(rate) - at, at, 20)
    first, again = rate[:count], rate[at : at + count]
    return count >= AGAIN and bool(np.ptp(first) > 0 and np.allclose(first, again, rtol=1e-3))


def _planned(places: list[int]) -> bool:
    gaps = np.diff(places)
    return len(places) >= 3 and bool(gaps.max() <= 1.2 * gaps.min())


def _finding(trace: Trace, series: Series, at: int, again: bool) -> Finding:
    before, after, step = float(series.value[at - 1]), float(series.value[at]), int(series.step[at])
    return Finding(
        kind="learning-rate-jump",
        severity="warning",
        sentence=message(
            "finding-learning-rate-jump.sentence", before=before, after=after, axis=trace.axis, step=step, again=again
        ),
        first_step=float(step),
        last_step=float(step),
        confidence=0.95 if again else 0.85,
        signal="learning_rate",
        evidence={"before": before, "after": after, "starts_again": again},
        alternatives=(message("finding-learning-rate-jump.planned"), message("finding-learning-rate-jump.by-hand")),
        test=message("finding-learning-rate-jump.test"),
        candidate_causes=("schedule-restarted", "learning-rate"),
    )
