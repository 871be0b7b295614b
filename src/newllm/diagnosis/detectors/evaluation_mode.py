"""An evaluation in training mode: dropout and batch statistics are at work in what is reported.

False alarms: none by chance; the recorder saw a forward pass without gradients while the model was in training mode.
A model with neither dropout nor batch norm is not changed by it; the finding stands, since one added later would be.
"""

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.trace import Finding, Trace


def detect(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return the evaluations that were made in training mode."""
    series = trace.series("evaluation_in_training_mode")
    where = np.flatnonzero(series.value > 0)
    if not len(where):
        return []
    first, last = int(series.step[where[0]]), int(series.step[where[-1]])
    return [
        Finding(
            kind="evaluation-in-training-mode",
            severity="warning",
            sentence=f"{len(where)} evaluations ran in training mode ({trace.axis} {first} to {last}): dropout and "
            "batch statistics are in their numbers",
            first_step=float(first),
            last_step=float(last),
            confidence=0.95,
            signal="validation_loss" if "validation_loss" in trace.signals else None,
            evidence={"evaluations": len(where)},
            alternatives=("a forward pass without gradients that is part of training",),
            test="Evaluate once more behind model.eval() and compare.",
            candidate_causes=("evaluation-in-training-mode",),
        )
    ]
