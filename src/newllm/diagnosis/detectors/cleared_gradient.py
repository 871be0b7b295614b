"""Gradients that are gone before the optimizer reads them: cleared too early, or computed too late."""

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.messages import message
from newllm.trace import Finding, Trace

FEWEST = 3  # updates in a row
SEVERAL, MOSTLY, ALIKE = 2, 0.9, 0.1  # passes; of the updates; of the rows of an update come twice
LARGER = 1.01  # times the norm that the last pass left: more than rounding
LONG = 0.05  # of the updates: who leaves a bad batch out by clearing its gradient does so for fewer in a row


def detect_cleared_gradient(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the longest stretch of updates that read a gradient of exactly 0 where a backward pass left another.

    False alarms: none by chance; the recorder saw both. An infinite gradient does not count: clipping makes it 0. Only
    the recorder's own files are read: elsewhere a norm of 0 behind clipping may be one that was printed coarsely.
    """
    if facts.origin != "record":
        return []
    if (found := _discarded(trace)) is not None:
        return [found]
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


def _discarded(trace: Trace) -> Finding | None:
    """Return that at nearly each update the same number of passes before the last is cleared away unread.

    False alarms: a method that looks at its batch twice (SAM) clears the first look: its rows are the same, and they
    are two passes. So there must be several that are lost, and no rows twice. One that keeps each pass's gradient aside
    and puts their sum in place (gradients of single rows, of tasks) reads larger ones than the last pass left, which
    clipping never does.
    """
    lost, loss, twice = trace.series("backwards_discarded"), trace.series("loss"), trace.series("rows_equal").value
    usual = int(np.median(lost.value)) if len(lost.value) else 0
    if usual < SEVERAL or len(lost.value) < MOSTLY * len(loss.value) or (len(twice) and np.median(twice) > ALIKE):
        return None
    if (lost.value == usual).mean() < MOSTLY:
        return None
    norm, read = trace.series("gradient_norm"), trace.series("gradient_norm_clipped")
    _, here, there = np.intersect1d(norm.step, read.step, return_indices=True)
    if (read.value[there] > LARGER * norm.value[here]).any():
        return None
    kept = trace.series("backwards").value
    return Finding(
        kind="cleared-gradient",
        severity="fault",
        sentence=message(
            "finding-cleared-gradient.passes",
            lost=usual,
            of=usual + (int(np.median(kept)) if len(kept) else 1),
            axis=trace.axis,
            first=int(lost.step[0]),
            last=int(lost.step[-1]),
        ),
        first_step=float(lost.step[0]),
        last_step=float(lost.step[-1]),
        confidence=0.95,
        signal="gradient_norm",
        evidence={"updates": len(lost.value), "passes": usual},
        alternatives=(message("finding-cleared-gradient.apart"),),
        test=message("finding-cleared-gradient.test-passes"),
        candidate_causes=("cleared-gradient",),
    )
