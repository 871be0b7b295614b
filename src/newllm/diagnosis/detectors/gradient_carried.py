"""Gradients that were never cleared: each update repeats all that came before it.

False alarms: none by chance; the recorder saw the gradient of the last update still there. Once may be a step that
was skipped on purpose, so it takes `LEAST`.
"""

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.messages import message
from newllm.trace import Finding, Trace

LEAST = 2


def detect(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return the stretch over which gradients were carried along."""
    series = trace.series("gradient_carried")
    where = np.flatnonzero(series.value > 0)
    if len(where) < LEAST:
        return []
    first, last = int(series.step[where[0]]), int(series.step[where[-1]])
    return [
        Finding(
            kind="gradient-carried",
            severity="fault",
            sentence=message(
                "finding-gradient-carried.sentence", count=len(where), axis=trace.axis, first=first, last=last
            ),
            first_step=float(first),
            last_step=float(last),
            confidence=0.98,
            signal="gradient_norm",
            evidence={"updates": len(where)},
            alternatives=(message("finding-gradient-carried.on-purpose"),),
            test=message("finding-gradient-carried.test"),
            candidate_causes=("missing-zero-grad",),
        )
    ]
