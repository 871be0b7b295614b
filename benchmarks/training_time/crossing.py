"""When a falling loss comes down to a target, and what share of another's time that is."""

import math
from typing import Any

from newllm.statistics import mean_interval

Points = list[tuple[float, float]]
"""Seconds and loss, seconds rising."""


def crossing(points: Points, target: float) -> float | None:
    """Return the seconds at which the loss first is as low as the target, None where it never is.

    Between two points the loss is taken as a line over the logarithm of time. A target that the first point has
    reached gives that point's time: no less is known.
    """
    before: tuple[float, float] | None = None
    for seconds, loss in points:
        if loss <= target:
            return seconds if before is None else _between(before, (seconds, loss), target)
        before = (seconds, loss) if seconds > 0 and math.isfinite(loss) else None
    return None


def _between(before: tuple[float, float], after: tuple[float, float], target: float) -> float:
    (early, high), (late, low) = before, after
    share = (high - target) / (high - low)
    return early * (late / early) ** share


def time_ratio(reached: list[float | None], times: list[float]) -> dict[str, Any]:
    """Return the seconds, and their share of another's time with its interval over seeds.

    The interval is Student's on the logarithm of the share. A seed that never reached the target leaves no interval
    and no share: it would be a number that was not measured. Nor does one that was there before its first update.

    Args:
        reached: seconds by seed, None where the target was not reached.
        times: the other's seconds by seed.
    """
    known = [seconds for seconds in reached if seconds is not None]
    if len(known) < len(reached) or 0 in known:
        return {"seconds": reached, "share": None, "interval": None}
    found = mean_interval([math.log(a / b) for a, b in zip(known, times, strict=True)])
    ends = None if found.low is None or found.high is None else [math.exp(found.low), math.exp(found.high)]
    return {"seconds": reached, "share": math.exp(found.estimate), "interval": ends}
