"""Clipping that cuts every gradient to a small part of itself: the rate is another one than was set."""

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.levels import has_learnt, median
from newllm.diagnosis.losses import finite
from newllm.diagnosis.roles import roles_of
from newllm.messages import message
from newllm.trace import Finding, Trace

FEWEST = 20  # updates
ALWAYS = 0.98  # of the updates
LEFT = 0.1  # of the gradient, as a rule
CUT = 0.999  # of a norm: a smaller one was clipped
BY_LENGTH = frozenset({"SGD", "ASGD", "NAG"})  # whose updates are as long as the gradient; Adam divides by its size


def detect_always_clipped(trace: Trace, facts: Facts) -> list[Finding]:
    """Return that clipping leaves a tenth of the gradient or less, at every update.

    False alarms: clipping to a small norm and a rate to match are one way to train. So it is a note, unless updates are
    as long as the gradient (`BY_LENGTH`) and the loss has not been learnt.
    """
    norm, clipped = finite(trace.series("gradient_norm")), finite(roles_of(trace, facts).series("clipped_norm"))
    shared, here, there = np.intersect1d(norm.step, clipped.step, return_indices=True)
    if len(shared) < max(FEWEST, ALWAYS * len(norm.step)):
        return []
    left = clipped.value[there] / np.maximum(norm.value[here], 1e-30)
    if np.mean(left < CUT) < ALWAYS or not 0 < median(left) <= LEFT:  # at 0 nothing is cut: the gradient is gone
        return []
    harms = facts.optimizer in BY_LENGTH and not has_learnt(trace)
    return [
        Finding(
            kind="always-clipped",
            severity="warning" if harms else "note",
            sentence=message(
                "finding-always-clipped.sentence",
                usual=median(norm.value[here]),
                clipped=median(clipped.value[there]),
                share=median(left),
            ),
            first_step=float(shared[0]),
            last_step=float(shared[-1]),
            confidence=0.95,
            signal="gradient_norm",
            evidence={"left": median(left), "updates": len(shared)},
            alternatives=(message("finding-always-clipped.on-purpose"),),
            test=message("finding-always-clipped.test"),
            candidate_causes=("tight-clipping",),
        )
    ]
