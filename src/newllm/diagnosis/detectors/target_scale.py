"""Targets of another scale than what a model gives: a loss of millions, after which its last layer has to grow."""

import math

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.layers import by_layer, enough
from newllm.diagnosis.levels import end_level, median
from newllm.diagnosis.losses import finite
from newllm.diagnosis.training_kind import training_kind
from newllm.messages import message
from newllm.trace import Finding, Trace

LARGE = 1e4  # of a loss at the start
FAR = 1e3  # times the outputs: a sum over the numbers of a batch in place of their mean is no further, as a rule
FURTHER = 10.0  # times what such a sum over all numbers that came in would make, where it is known
GROWS = 30.0  # times, of the last layer's outputs
LEFT = 0.1  # of the loss at the start


def detect_target_scale(trace: Trace, facts: Facts) -> list[Finding]:
    """Return that the root of the loss is thousands of times what the last layer gives, which grows and grows.

    A squared error is so large only where targets are. False alarms: a loss may be a sum (`FAR`), and a model may reach
    such targets all the same: where it does, a note. A cross-entropy is never so large at the start.
    """
    loss = finite(trace.series("loss"))
    layers = {name: one for name, one in by_layer(trace, "activation_rms", facts).items() if enough(one)}
    if not layers or len(loss.value) < 10 or not training_kind(trace, facts).loss_is_progress:
        return []
    last, outputs = list(layers.items())[-1]
    start, first, grown = median(loss.value[:3]), float(outputs.value[0]), end_level(outputs)
    numbers = [trace.series(name).value for name in ("rows", "row_numbers")]
    summed = math.sqrt(math.prod(float(np.median(one)) for one in numbers if len(one)))
    far = max(FAR, FURTHER * summed) * max(first, 1e-3)
    if start < LARGE or math.sqrt(start) < far or grown < GROWS * max(first, 1e-3):
        return []
    left = end_level(loss, 0.1) / start
    return [
        Finding(
            kind="target-scale",
            severity="warning" if left > LEFT else "note",
            sentence=message(
                "finding-target-scale.sentence",
                layer=last,
                outputs=first,
                loss=start,
                root=math.sqrt(start),
                grown=grown,
                left=left,
            ),
            first_step=float(loss.step[0]),
            last_step=float(loss.step[-1]),
            confidence=0.9,
            signal="loss",
            evidence={"first": first, "last": grown, "loss": start, "left": left},
            alternatives=(message("finding-target-scale.summed"),),
            test=message("finding-target-scale.test"),
            candidate_causes=("target-scale",),
        )
    ]
