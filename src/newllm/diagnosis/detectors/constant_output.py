"""A model that gives the same output whatever it is given: nothing of the input comes through."""

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import finite
from newllm.messages import message
from newllm.trace import Finding, Trace

FEWEST = 6  # sampled updates
NOTHING = 1e-5  # of the size of a row: rounding
LONG = 0.3  # of the sampled updates
EQUAL = 0.5  # of the rows of an update


def detect_constant_output(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return that all rows of an update have the same output, up to rounding, from some step to the end.

    False alarms: a last layer that starts at zero gives zeros at first; so it must go on to the end, for `LONG` of the
    sampled updates. Rows that are equal may well have equal outputs.
    """
    apart, equal = finite(trace.series("outputs_apart")), trace.series("rows_equal").value
    differs = np.flatnonzero(apart.value > NOTHING)
    begins = int(differs[-1]) + 1 if len(differs) else 0
    count = len(apart.value) - begins
    if count < max(FEWEST, LONG * len(apart.value)) or (len(equal) and np.median(equal) > EQUAL):
        return []
    first = int(apart.step[begins])
    return [
        Finding(
            kind="constant-output",
            severity="fault",
            sentence=message(
                "finding-constant-output.sentence", axis=trace.axis, first=first, points=count,
                before=float(np.median(apart.value[:begins])) if begins else None,
            ),
            first_step=float(first),
            last_step=float(apart.step[-1]),
            confidence=0.95,
            signal="outputs_apart",
            evidence={"points": count},
            alternatives=tuple(message(f"finding-constant-output.{one}") for one in ("dead", "saturated", "cut")),
            test=message("finding-constant-output.test"),
            candidate_causes=("learning-rate", "initialisation"),
        )
    ]  # fmt: skip
