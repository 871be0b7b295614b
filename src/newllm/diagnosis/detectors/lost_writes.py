"""Values that a model writes over each other."""

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import finite
from newllm.messages import message
from newllm.trace import Finding, Trace

LOST = 0.05  # of the values of a write
LOOKS = 2


def detect_lost_writes(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return that an assignment by index names the same place several times, so that one value of these is left.

    False alarms: values that are the same wherever they meet, as where a mask of the same rows is written twice.
    """
    lost = finite(trace.series("writes_lost"))
    if len(lost.value) < LOOKS or lost.value.min() < LOST:
        return []
    share = float(lost.value.max())
    return [
        Finding(
            kind="lost-writes",
            severity="warning",
            sentence=message("finding-lost-writes.sentence", share=share),
            first_step=float(lost.step[0]),
            last_step=trace.last_step,
            confidence=0.9,
            signal="loss",
            evidence={"share": share},
            alternatives=(message("finding-lost-writes.same"),),
            test=message("finding-lost-writes.test"),
        )
    ]
