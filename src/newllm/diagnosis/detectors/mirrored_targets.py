"""Maps that are asked for the wrong way round: an augmentation mirrors pictures and their targets apart."""

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.levels import median
from newllm.diagnosis.losses import finite, rolling_median
from newllm.messages import message
from newllm.trace import Finding, Series, Trace

FEWEST = 12  # sampled updates
PLACED = 0.8  # of the rows: the model knows where things are
MIRRORED = 0.2  # of the rows: a sound training has none once it knows that
HALF_PLACED, MOSTLY = 0.6, 0.6  # the same of a model that half knows it, for it was asked for all at once
WINDOW = 7  # sampled updates


def detect_mirrored_targets(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return that a fifth of the maps, or more, fits better mirrored than as it is asked for, to the end.

    Only where the model has found where things are. False alarms: inputs that do not say which side is which, while
    their targets do, leave nothing better to say.
    """
    mirrored, placed = finite(trace.series("targets_mirrored")), finite(trace.series("targets_placed"))
    if len(mirrored.value) < FEWEST or len(placed.value) != len(mirrored.value):
        return []
    late = len(mirrored.value) * 3 // 4
    share, known = median(mirrored.value[late:]), median(placed.value[late:])
    if not ((share >= MIRRORED and known >= PLACED) or (share >= MOSTLY and known >= HALF_PLACED)):
        return []
    first = _since(mirrored)
    return [
        Finding(
            kind="mirrored-targets",
            severity="fault",
            sentence=message("finding-mirrored-targets.sentence", share=share, axis=trace.axis, step=int(first)),
            first_step=first,
            last_step=float(mirrored.step[-1]),
            confidence=0.9,
            signal="loss",
            evidence={"share": share},
            alternatives=(message("finding-mirrored-targets.sides"),),
            test=message("finding-mirrored-targets.test"),
            candidate_causes=("wrong-targets",),
        )
    ]


def _since(mirrored: Series) -> float:
    """Return the step from which on it is so to the end; the first where a model that knew nothing began with it."""
    level = rolling_median(mirrored.value, WINDOW)
    below = np.flatnonzero(level < MIRRORED)
    return float(mirrored.step[min(int(below[-1]) + 1, len(level) - 1)] if len(below) else mirrored.step[0])
