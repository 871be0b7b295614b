"""Outputs that end where targets go on: an activation behind the last layer of a model that is to give any number."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.levels import median
from newllm.diagnosis.losses import finite
from newllm.messages import message
from newllm.trace import Finding, Trace

FEWEST = 8  # sampled updates
NEAR = 0.03  # of what targets scatter by: outputs that end there in the median
BEYOND = 0.05  # likewise: a tenth of the targets is further out than that
LOWER, UPPER = (0.0, -1.0), (0.0, 1.0)  # where activations end: ReLU, softplus and sigmoid at 0, sigmoid and tanh at 1


class _Ranges(NamedTuple):
    """Of each sampled update of the second half: the outputs' range, and what a tenth of the targets lies beyond."""

    output_min: np.ndarray
    output_max: np.ndarray
    target_low: np.ndarray
    target_high: np.ndarray


def detect_outputs_bounded(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return that no output lies beyond a number at which an activation ends, and that a tenth of the targets does.

    False alarms: a model that explains little gives numbers near the mean, and by chance none beyond the bound; but
    then its outputs of a batch do not end at one and the same number time after time.
    """
    names = "output_min", "output_max", "target_low", "target_high"
    found = [finite(trace.series(name)) for name in names]
    if min(len(one.value) for one in found) < FEWEST or len({len(one.value) for one in found}) > 1:
        return []
    late = len(found[0].value) // 2
    ranges = _Ranges(*(one.value[late:] for one in found))
    end = next(_ends(ranges), None)
    if end is None:
        return []
    side, bound, edge, far = end
    return [
        Finding(
            kind="outputs-bounded",
            severity="warning",
            sentence=message(
                "finding-outputs-bounded.sentence", side=side, bound=bound, edge=edge, far=far,
                points=len(ranges.output_min),
            ),
            first_step=float(found[0].step[0]),
            last_step=float(found[0].step[-1]),
            confidence=0.95,
            signal="loss",
            evidence={"bound": bound, "edge": edge, "far": far},
            alternatives=(message("finding-outputs-bounded.rest"),),
            test=message("finding-outputs-bounded.test"),
            candidate_causes=("output-activation",),
        )
    ]  # fmt: skip


def _ends(ranges: _Ranges) -> Iterator[tuple[str, float, float, float]]:
    """Yield side, bound, where outputs end in the median and what a tenth of the targets is beyond in the median."""
    scatter = median(ranges.target_high - ranges.target_low)
    low, high = median(ranges.target_low), median(ranges.target_high)
    for bound in LOWER:
        edge = median(ranges.output_min)
        if ranges.output_min.min() >= bound and edge - bound <= NEAR * scatter and low < bound - BEYOND * scatter:
            yield "below", bound, edge, low
    for bound in UPPER:
        edge = median(ranges.output_max)
        if ranges.output_max.max() <= bound and bound - edge <= NEAR * scatter and high > bound + BEYOND * scatter:
            yield "above", bound, edge, high
