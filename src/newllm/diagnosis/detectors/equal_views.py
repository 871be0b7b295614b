"""Pairs of views that are the same: nothing is learnt from telling that they belong together."""

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import finite
from newllm.messages import message
from newllm.trace import Finding, Trace

FEWEST, MOSTLY = 20, 0.95  # updates; of all updates
TWICE, NEAR = 0.5, 0.005  # of the rows of an update are another one over again: each comes exactly twice


def detect_equal_views(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return that each row of an update comes exactly twice, in a training without targets.

    A contrastive training makes two views of each example, by augmentation; where both draw the same numbers they are
    one. False alarms: a method that goes over its batch twice makes two backward passes; one that compares two draws of
    dropout (R-Drop, SimCSE) has targets, or reads tokens, and is left out.
    """
    equal, loss = finite(trace.series("rows_equal")), trace.series("loss")
    is_of_numbers = len(trace.series("input_std").value) > 0
    makes_passes = any(len(trace.series(name).value) for name in ("backwards", "backwards_discarded", "targets"))
    if len(equal.value) < max(FEWEST, MOSTLY * len(loss.value)) or not is_of_numbers or makes_passes:
        return []
    if float((np.abs(equal.value - TWICE) < NEAR).mean()) < MOSTLY:
        return []
    return [
        Finding(
            kind="equal-views",
            severity="warning",
            sentence=message("finding-equal-views.sentence", count=len(equal.value)),
            first_step=float(equal.step[0]),
            last_step=trace.last_step,
            confidence=0.9,
            signal="loss",
            evidence={"updates": len(equal.value)},
            alternatives=(message("finding-equal-views.on-purpose"),),
            test=message("finding-equal-views.test"),
        )
    ]
