"""A fine-tuning that begins with fresh weights: the checkpoint was not loaded."""

from newllm.diagnosis.facts import Facts
from newllm.messages import message
from newllm.trace import Finding, Trace

UNTRAINED = 0.99  # of the numbers


def detect_untrained_start(trace: Trace, facts: Facts) -> list[Finding]:
    """Return that all layers of a fine-tuning, of which it can be told, begin as they were made.

    `load_state_dict(..., strict=False)` says nothing where no name fits. False alarms: none by chance, for a norm that
    was trained is nowhere exactly 1; but a training may be called a fine-tuning that is none.
    """
    steps = trace.series("loss").step
    if facts.untrained is None or facts.untrained < UNTRAINED or facts.resumed or not len(steps):
        return []
    return [
        Finding(
            kind="untrained-start",
            severity="warning",
            sentence=message("finding-untrained-start.sentence", share=facts.untrained),
            first_step=float(steps[0]),
            last_step=trace.last_step,
            confidence=0.95,
            signal="loss",
            evidence={"share": facts.untrained},
            alternatives=(message("finding-untrained-start.from-scratch"),),
            test=message("finding-untrained-start.test"),
        )
    ]
