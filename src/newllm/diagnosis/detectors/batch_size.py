"""Batches of a few rows among larger ones, in a model whose batch norm takes its statistics from them."""

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import finite
from newllm.messages import message
from newllm.trace import Finding, Series, Trace

FEW = 4  # rows from which a mean and a variance say next to nothing
SMALLER = 4  # times: than the usual batch
FEWEST = 30  # updates
RARE = 0.2  # of the updates: more are no exception
HIGH = 2.0  # times the loss, or the gradient's norm, of the other updates: then they do harm
CLEAR = 1.2  # times what fewer rows make of a gradient that is all noise
NORM = "BatchNorm"


def detect_tiny_batches(trace: Trace, facts: Facts) -> list[Finding]:
    """Return that batch norm is fed a batch of a few rows now and then, and that the loss or the gradient rises there.

    False alarms: a small batch by itself is only noisy, so the model must have a batch norm, and where neither loss nor
    gradient is higher on the small batches it is a note. A gradient that is all noise is longer there by the root of
    how many times fewer the rows are, with any model.
    """
    rows = trace.series("rows")
    if len(rows.value) < FEWEST:
        return []
    usual = float(np.median(rows.value))
    is_tiny = (rows.value <= FEW) & (SMALLER * rows.value <= usual)
    has_norm = any(NORM in layer.kind and layer.trained for layer in facts.layers)
    if not has_norm or not 0 < is_tiny.mean() <= RARE:
        return []
    steps = rows.step[is_tiny]
    loss, gradient = (_times(finite(trace.series(name)), steps) for name in ("loss", "gradient_norm"))
    period = _period(steps)
    by_rows = CLEAR * (usual / float(np.median(rows.value[is_tiny]))) ** 0.5
    by = "loss" if loss >= HIGH else "gradient" if gradient >= max(HIGH, by_rows) else "none"
    return [
        Finding(
            kind="tiny-batch",
            severity="note" if by == "none" else "warning",
            sentence=message(
                "finding-tiny-batch.sentence", axis=trace.axis, first=int(steps[0]), count=len(steps), period=period,
                rows=int(rows.value[is_tiny].max()), usual=int(usual), by=by,
                times=loss if by == "loss" else gradient,
            ),
            first_step=float(steps[0]),
            last_step=float(steps[-1]),
            confidence=0.9,
            signal="loss",
            evidence={"rows": int(rows.value[is_tiny].max()), "usual": int(usual), "loss_times": loss,
                      "gradient_times": gradient},
            test=message("finding-tiny-batch.test"),
            candidate_causes=("tiny-batch",),
        )
    ]  # fmt: skip


def _times(series: Series, steps: np.ndarray) -> float:
    """Return how many times as high a signal is at these steps as at the others, by medians; 0 where nobody knows."""
    here = np.isin(series.step, steps)
    if not here.any() or here.all():
        return 0.0
    return float(np.median(series.value[here]) / max(float(np.median(series.value[~here])), 1e-12))


def _period(steps: np.ndarray) -> int:
    """Return after how many updates such a batch comes again; 0 where it has come once, or at no fixed distance."""
    apart = np.diff(steps)
    return int(apart[0]) if len(apart) and (apart == apart[0]).all() else 0
