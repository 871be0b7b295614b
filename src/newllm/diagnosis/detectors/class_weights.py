"""Weights of classes the wrong way round: the loss counts frequent classes for more, and rare ones for less."""

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.levels import median
from newllm.diagnosis.losses import finite
from newllm.messages import message
from newllm.trace import Finding, Trace

FEWEST = 8  # sampled updates
POWER = 0.2  # of the frequency, from which on a class's weight goes with it
APART = 1.5  # times the least weight
MOSTLY = 0.9  # of the updates


def detect_class_weights(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return that the classes which are more frequent have larger weights in the loss.

    False alarms: a mistake of a frequent class may be meant to cost more than one of a rare one.
    """
    power, apart = (finite(trace.series(name)) for name in ("weight_by_frequency", "class_weights_apart"))
    if len(power.value) < FEWEST or median(power.value) < POWER or median(apart.value) < APART:
        return []
    if float(np.mean(power.value > 0)) < MOSTLY:
        return []
    evidence = {"power": median(power.value), "apart": median(apart.value)}
    return [
        Finding(
            kind="reversed-weights",
            severity="warning",
            sentence=message("finding-reversed-weights.sentence", count=len(power.value), **evidence),
            first_step=float(power.step[0]),
            last_step=trace.last_step,
            confidence=0.9,
            signal="loss",
            evidence=evidence,
            alternatives=(message("finding-reversed-weights.meant"),),
            test=message("finding-reversed-weights.test"),
        )
    ]
