"""A model in the wrong mode: evaluations in training mode, updates in evaluation mode."""

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.messages import message
from newllm.trace import Finding, Trace

FEWEST = 5  # updates in evaluation mode


def detect_training_mode(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the evaluations that were made in training mode.

    False alarms: none by chance; the recorder saw a forward pass without gradients while the model was in training
    mode. Where no layer works otherwise in training mode it is a note, as the model's own code may; where that never
    reads the mode, it is nothing.
    """
    series = trace.series("evaluation_in_training_mode")
    where = np.flatnonzero(series.value > 0)
    if not len(where) or (facts.training_mode_matters is False and facts.asks_for_mode is False):
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


def detect_evaluation_mode(trace: Trace, facts: Facts) -> list[Finding]:
    """Return that updates run in evaluation mode from a step to the end, where they ran in training mode before.

    False alarms: none by chance; the recorder saw the mode of each update. A training that runs in evaluation mode from
    its first update on may be meant: it is a note, unless batch norms have no statistics yet. Of a model whose layers
    work alike in both nothing is said.
    """
    series, loss = trace.series("update_in_evaluation_mode"), trace.series("loss")
    if len(series.step) < FEWEST or facts.training_mode_matters is False:
        return []
    first = float(series.step[0])
    if not np.isin(loss.step[loss.step >= first], series.step).all():
        return []
    whole = bool(first <= loss.step[0])
    is_new = whole and bool(facts.new_statistics)
    said = "new" if is_new else "sentence"
    return [
        Finding(
            kind="update-in-evaluation-mode",
            severity="note" if whole and not is_new else "warning",
            sentence=message(
                f"finding-update-in-evaluation-mode.{said}", axis=trace.axis, first=int(first), whole=whole
            ),
            first_step=first,
            last_step=float(series.step[-1]),
            confidence=0.95,
            signal="loss",
            evidence={"updates": len(series.step)},
            alternatives=(message("finding-update-in-evaluation-mode.on-purpose"),),
            test=message("finding-update-in-evaluation-mode.test"),
            candidate_causes=("update-in-evaluation-mode",),
        )
    ]
