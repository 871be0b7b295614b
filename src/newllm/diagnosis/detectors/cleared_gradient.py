"""Gradients that are gone before the optimizer reads them: cleared too early, or computed too late."""

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.messages import message
from newllm.trace import Finding, Trace

FEWEST = 3  # updates in a row
LONG = 0.05  # of the updates: who leaves a bad batch out by clearing its gradient does so for fewer in a row


def detect_cleared_gradient(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the longest stretch of updates that read a gradient of exactly 0 where a backward pass left another.

    False alarms: none by chance; the recorder saw both. An infinite gradient does not count: clipping makes it 0. Only
    the recorder's own files are read: elsewhere a norm of 0 behind clipping may be one that was printed coarsely.
    """
    if facts.origin != "record":
        return []
    norm, read = trace.series("gradient_norm"), trace.series("gradient_norm_clipped")
    steps = norm.step[(norm.value > 0) & np.isfinite(norm.value)]
    gone = np.isin(steps, read.step[read.value == 0])
    edges = np.flatnonzero(np.diff(np.concatenate([[False], gone, [False]]).astype(int)))
    start, end = max(zip(edges[::2], edges[1::2], strict=True), key=lambda one: one[1] - one[0], default=(0, 0))
    if end - start < FEWEST:
        return []
    first, last = int(steps[start]), int(steps[end - 1])
    return [
        Finding(
            kind="cleared-gradient",
            severity="fault" if end - start >= LONG * len(steps) else "note",
            sentence=message(
                "finding-cleared-gradient.sentence",
                count=int(end - start),
                axis=trace.axis,
                first=first,
                last=last,
                usual=float(np.median(norm.value[(norm.step >= first) & (norm.step <= last)])),
            ),
            first_step=float(first),
            last_step=float(last),
            confidence=0.98,
            signal="gradient_norm",
            evidence={"updates": int(end - start)},
            alternatives=(message("finding-cleared-gradient.elsewhere"),),
            test=message("finding-cleared-gradient.test"),
            candidate_causes=("cleared-gradient",),
        )
    ]
