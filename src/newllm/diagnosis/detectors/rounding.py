"""Updates that are lost because the weights have 16 bits."""

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import finite
from newllm.messages import message
from newllm.trace import Finding, Trace

FEWEST_LOOKS = 5
FEWEST_UPDATES = 50
LOST = 0.25  # of the numbers


def detect_lost_updates(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return that many weights of 16 bits, which have gradients, never moved since the recording began.

    False alarms: what has no gradient is not counted, and an optimizer that keeps more precise weights, or rounds by
    chance, moves each weight in time. Where the learning rate was nothing all the while, nothing is lost.
    """
    still, rate = finite(trace.series("weights_still")), trace.series("learning_rate").value
    if len(still.value) < FEWEST_LOOKS or still.step[-1] - still.step[0] < FEWEST_UPDATES:
        return []
    share = float(still.value[-1])
    if share < LOST or (len(rate) and np.median(rate) <= 0):
        return []
    first, last = int(still.step[0]), int(still.step[-1])
    return [
        Finding(
            kind="lost-updates",
            severity="warning",
            sentence=message("finding-lost-updates.sentence", axis=trace.axis, first=first, last=last, share=share),
            first_step=float(first),
            last_step=float(last),
            confidence=0.95,
            signal="weights_still",
            evidence={"share": share},
            alternatives=(message("finding-lost-updates.tiny"),),
            test=message("finding-lost-updates.test"),
            candidate_causes=("lost-updates",),
        )
    ]
