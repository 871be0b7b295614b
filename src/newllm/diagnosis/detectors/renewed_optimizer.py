"""An optimizer that is made anew again and again: what it knows of its gradients begins from nothing each time."""

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.messages import message
from newllm.trace import Finding, Trace

FEWEST = 3  # times: once or twice is a phase of the training
MEMORY = 100  # updates: a tenth of what Adam's second moment remembers (beta2 = 0.999)
FORGETFUL = frozenset({"SGD", "Rprop"})  # which keep nothing of much use, where there is no momentum


def detect_renewed_optimizer(trace: Trace, facts: Facts) -> list[Finding]:
    """Return that the loop made its optimizer anew, three times or more.

    False alarms: who resets it on purpose does so seldom, and of what remembers nothing, nothing is lost. So it is a
    warning only where the moments never hold more than `MEMORY` updates, and a note otherwise.
    """
    steps = trace.series("optimizer_replaced").step
    if len(steps) < FEWEST:
        return []
    each = int(np.median(np.diff(steps)))
    momentum = trace.series("momentum").value
    forgets = facts.optimizer in FORGETFUL and not (len(momentum) and momentum.max() > 0)
    return [
        Finding(
            kind="renewed-optimizer",
            severity="warning" if each <= MEMORY and not forgets else "note",
            sentence=message(
                "finding-renewed-optimizer.sentence",
                times=len(steps), axis=trace.axis, first=int(steps[0]), last=int(steps[-1]), each=each,
            ),
            first_step=float(steps[0]),
            last_step=float(steps[-1]),
            confidence=0.97,
            signal="loss" if "loss" in trace.signals else None,
            evidence={"times": len(steps), "each": each},
            alternatives=(message("finding-renewed-optimizer.on-purpose"),),
            test=message("finding-renewed-optimizer.test"),
            candidate_causes=("optimizer-reset",),
        )
    ]  # fmt: skip
