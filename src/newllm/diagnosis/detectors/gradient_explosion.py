"""A gradient norm that leaves its trend by far.

False alarms: gradient norms have heavy tails, so the peak must be `LEAST` times the level before it, beyond the tail of
the run's other steps (excursion.py), and above everything that the first tenth of the run showed: a model near
zero loss has tiny gradients and one misfit is large beside them, which is harmless.
"""

import math

import numpy as np

from newllm.diagnosis.excursion import find_excursions
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import finite
from newllm.messages import message
from newllm.trace import Finding, Trace

LEAST = 8.0  # times the level before
OF_START = 2.0  # times the highest of the first tenth


def detect(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return the largest explosion of the gradient norm, with how many there are."""
    series = finite(trace.series("gradient_norm"))
    value = series.value
    if len(value) < 20 or value.min() <= 0:
        return []
    start = float(value[: max(3, len(value) // 10)].max())
    rises = [
        one
        for one in find_excursions(value)
        if one.rise >= math.log(LEAST) and value[one.peak] >= OF_START * start and one.onset >= len(value) // 20
    ]
    if not rises:
        return []
    worst = max(rises, key=lambda one: one.rise)
    first, last = int(series.step[worst.onset]), int(series.step[worst.end - 1])
    clipped = finite(trace.series("gradient_norm_clipped")).value
    limit = float(np.max(clipped)) if len(clipped) else None
    return [
        Finding(
            kind="gradient-explosion",
            severity="warning",
            sentence=message(
                "finding-gradient-explosion.sentence",
                base=worst.base,
                peak=float(value[worst.peak]),
                axis=trace.axis,
                step=int(series.step[worst.peak]),
                clipped_to=limit,
            ),
            first_step=float(first),
            last_step=float(last),
            confidence=round(1 - min(0.5, 10 * worst.chance), 3),
            signal="gradient_norm",
            evidence={
                "base": worst.base,
                "peak": float(value[worst.peak]),
                "ratio": float(np.exp(worst.rise)),
                "steps": worst.end - worst.onset,
                "explosions": len(rises),
                "highest_of_start": start,
                "clipped_to": limit,
            },
            alternatives=(
                message("finding-gradient-explosion.unlike-batch"),
                message("finding-gradient-explosion.scaled-loss"),
            ),
            test=message("finding-gradient-explosion.test"),
        )
    ]
