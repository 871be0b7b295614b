"""Clipping that cuts every gradient to a small part of itself: the rate is another one than was set."""

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.levels import has_learnt, median
from newllm.diagnosis.losses import finite
from newllm.diagnosis.roles import roles_of
from newllm.messages import message
from newllm.trace import Finding, Series, Trace
from newllm.trace.readers.clip_limit import is_clip_limit

FEWEST = 20  # updates
ALWAYS = 0.98  # of the updates
LEFT = 0.1  # of the gradient, as a rule
HALF = 0.5  # of the gradient: where never more is left, the clip is never near opening
CUT = 0.999  # of a norm: a smaller one was clipped
BY_LENGTH = frozenset({"SGD", "ASGD", "NAG"})  # whose updates are as long as the gradient; Adam divides by its size


def detect_always_clipped(trace: Trace, facts: Facts) -> list[Finding]:
    """Return that clipping leaves a tenth of the gradient or less, at every update; in a log, half or less.

    A log says it by the norm before and behind clipping, or by the norm and the constant limit that it names.

    False alarms: clipping to a small norm and a rate to match are one way to train. So it is a note, unless updates are
    as long as the gradient (`BY_LENGTH`) and the loss has not been learnt. A log may hold means of several
    updates: what is said is of its points.
    """
    norm, clipped = finite(trace.series("gradient_norm")), _clipped(trace, facts)
    shared, here, there = np.intersect1d(norm.step, clipped.step, return_indices=True)
    if len(shared) < max(FEWEST, ALWAYS * len(norm.step)):
        return []
    left = clipped.value[there] / np.maximum(norm.value[here], 1e-30)
    share = median(left)
    if not share > 0:  # nothing is cut: the gradient is gone
        return []
    is_far = share <= LEFT and bool(np.mean(left < CUT) >= ALWAYS)
    is_log = facts.origin is None
    if not is_far and not (is_log and np.mean(left <= HALF) >= ALWAYS):
        return []
    harms = is_far and facts.optimizer in BY_LENGTH and not has_learnt(trace)
    return [
        Finding(
            kind="always-clipped",
            severity="warning" if harms else "note",
            sentence=message(
                f"finding-always-clipped.{'logged' if is_log else 'sentence'}",
                usual=median(norm.value[here]),
                clipped=median(clipped.value[there]),
                share=share,
                **({"count": int(np.sum(left < CUT)), "points": len(shared)} if is_log else {}),
            ),
            first_step=float(shared[0]),
            last_step=float(shared[-1]),
            confidence=0.95,
            signal="gradient_norm",
            evidence={"left": share, "updates": len(shared)},
            alternatives=(message("finding-always-clipped.on-purpose"),),
            test=message("finding-always-clipped.test"),
            candidate_causes=("tight-clipping",),
        )
    ]


def _clipped(trace: Trace, facts: Facts) -> Series:
    """Return the norms behind clipping: as logged, else as a constant limit leaves them of larger ones."""
    logged = finite(roles_of(trace, facts).series("clipped_norm"))
    if len(logged.value):
        return logged
    norm = finite(trace.series("gradient_norm"))
    named = (finite(series).value for name, series in trace.signals.items() if is_clip_limit(name))
    limits = {float(value) for values in named for value in values}
    if len(limits) != 1 or (limit := limits.pop()) <= 0:
        return Series(norm.step[:0], norm.value[:0])
    return Series(norm.step, np.minimum(norm.value, limit))
