"""A batch whose inputs are far outside all before it, at the very update at which the loss rises."""

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.levels import median
from newllm.diagnosis.outlier_batch import OutlierBatch, outlier_batches
from newllm.messages import message
from newllm.trace import Finding, Trace

SEVERAL = 0.02  # of the updates: what comes so often is the data's own way
BEFORE = 20  # points of the loss
RISEN = 2.0  # times the level before
APART = 8.0  # times what the loss scatters there


def detect_outlier_batch(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - all detectors are given both
    """Return the first such batch.

    False alarms: data of which now and then a batch is of another scale, which the loss bears, and is not told.
    """
    found = outlier_batches(trace)
    if trace.axis != "step" or not 0 < len(found) <= max(1, SEVERAL * len(trace.series("input_std").value)):
        return []
    harmful = [(one, *loss) for one in found if (loss := _rise(trace, one.step)) is not None]
    return [_finding(*harmful[0], len(harmful), harmful[-1][0].step)] if harmful else []


def _finding(batch: OutlierBatch, before: float, loss: float, count: int, last: int) -> Finding:
    return Finding(
        kind="outlier-batch",
        severity="warning",
        sentence=message(
            "finding-outlier-batch.sentence",
            step=batch.step,
            what=message(f"signal-{batch.name}"),
            value=batch.value,
            usual=batch.usual,
            before=before,
            loss=loss,
            more=count - 1,
        ),
        first_step=float(batch.step),
        last_step=float(last),
        confidence=0.95,
        signal="loss",
        evidence={"value": batch.value, "usual": batch.usual, "batches": count},
        alternatives=(message("finding-outlier-batch.rare"),),
        test=message("finding-outlier-batch.test"),
        candidate_causes=("corrupted-batch",),
    )


def _rise(trace: Trace, step: int) -> tuple[float, float] | None:
    """Return the loss before an update, and that of it or the next, if that is far above; None if not."""
    loss = trace.series("loss")
    before = loss.value[loss.step < step][-BEFORE:]
    before, here = before[np.isfinite(before)], loss.value[(loss.step >= step) & (loss.step <= step + 1)]
    if len(before) < BEFORE // 2 or not len(here):
        return None
    level, highest = median(before), float(here.max())  # a NaN stays one
    least = max(RISEN * abs(level), level + APART * 1.4826 * median(np.abs(before - level)))
    return None if highest <= least else (level, highest)
