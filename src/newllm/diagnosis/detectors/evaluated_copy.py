"""A copy of the model that is evaluated in its place, and lacks what belongs to it."""

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import finite
from newllm.messages import message
from newllm.trace import Finding, Trace


def detect_evaluated_copy(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return that a copy follows the model's weights, and its batch norms have no statistics.

    Looked at where evaluations do not call the model itself. False alarms: a copy that is made for something else, and
    run in training mode alone: that moves its statistics.
    """
    fresh = finite(trace.series("copy_statistics_fresh"))
    if not len(fresh.value) or fresh.value[-1] < 1:
        return []
    return [
        Finding(
            kind="copy-without-statistics",
            severity="warning",
            sentence=message("finding-copy-without-statistics.sentence"),
            first_step=float(trace.series("loss").step[0]) if len(trace.series("loss").step) else 0.0,
            last_step=trace.last_step,
            confidence=0.9,
            signal="validation_loss" if "validation_loss" in trace.signals else None,
            evidence={},
            alternatives=(message("finding-copy-without-statistics.unused"),),
            test=message("finding-copy-without-statistics.test"),
        )
    ]
