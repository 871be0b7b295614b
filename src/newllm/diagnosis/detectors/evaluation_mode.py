"""An evaluation in training mode: dropout and batch statistics are at work in what is reported.

False alarms: none by chance; the recorder saw a forward pass without gradients while the model was in training mode.
Where no layer was seen that works otherwise in training mode it is a note: the model may ask for the mode itself.
"""

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.messages import message
from newllm.trace import Finding, Trace


def detect(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the evaluations that were made in training mode."""
    series = trace.series("evaluation_in_training_mode")
    where = np.flatnonzero(series.value > 0)
    if not len(where):
        return []
    first, last = int(series.step[where[0]]), int(series.step[where[-1]])
    matters = facts.training_mode_matters is not False
    return [
        Finding(
            kind="evaluation-in-training-mode",
            severity="warning" if matters else "note",
            sentence=message(
                "finding-evaluation-in-training-mode.sentence",
                count=len(where),
                axis=trace.axis,
                first=first,
                last=last,
                matters=matters,
            ),
            first_step=float(first),
            last_step=float(last),
            confidence=0.95,
            signal="validation_loss" if "validation_loss" in trace.signals else None,
            evidence={"evaluations": len(where)},
            alternatives=(message("finding-evaluation-in-training-mode.part-of-training"),),
            test=message("finding-evaluation-in-training-mode.test"),
            candidate_causes=("evaluation-in-training-mode",),
        )
    ]
