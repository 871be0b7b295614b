"""Gradient accumulation that sums where it should average.

A gradient that is a mean does not grow with the number of backward passes behind it; a sum grows in proportion. So
the norms of updates made of different numbers of passes are compared; and a first loss that is as many times ln V as
there were passes tells the same of the loss. False alarms: a mean over fewer passes is noisier and so larger, which
points the other way; the ratio of norms must follow that of the passes by `FOLLOWS` and by three standard errors.
"""

import math

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import finite
from newllm.messages import message
from newllm.trace import Finding, Series, Trace

FOLLOWS = 0.35  # log ratio of the norms by that of the passes: 1 where the sum is all signal, 0.5 where all noise
TOO_FAR = 1.4
FEWEST = 3  # updates of each number of passes
OF_UNIFORM = 0.2  # the first loss is within this share of passes times ln V


def detect(trace: Trace, facts: Facts) -> list[Finding]:
    """Return what shows that micro-batches are summed."""
    passes, norm, loss = (finite(trace.series(name)) for name in ("backwards", "gradient_norm", "loss"))
    if not len(passes.value):
        return []
    count = _at(passes, norm.step)
    by_norm = _by_norm(norm, count)
    by_loss = _by_loss(loss, _at(passes, loss.step), facts)
    return [_finding(trace, passes, by_norm, by_loss)] if by_norm or by_loss else []


def _at(passes: Series, step: np.ndarray) -> np.ndarray:
    """Return the number of backward passes at each step; one where it is not recorded."""
    count = np.ones(len(step))
    shared, here, there = np.intersect1d(step, passes.step, return_indices=True)
    if len(shared):
        count[here] = passes.value[there]
    return count


def _by_norm(norm: Series, count: np.ndarray) -> dict[str, float] | None:
    """Return the ratio of norms and of passes where the one follows the other.

    Each update of the rarer number of passes is held against the usual ones around it, so that a norm that drifts
    does not disturb the ratio.
    """
    kinds, times = np.unique(count, return_counts=True)
    if len(kinds) < 2 or kinds[0] < 1 or np.sort(times)[-2] < FEWEST:
        return None
    usual, rarer = kinds[np.argsort(-times)[:2]]
    ratios = []
    for at in np.flatnonzero(count == rarer):
        near = slice(max(0, at - 4), at + 5)
        around = norm.value[near][count[near] == usual]
        if len(around) and norm.value[at] > 0 and around.min() > 0:
            ratios.append(math.log(norm.value[at] / float(np.median(around))))
    expected = math.log(rarer / usual)
    found = float(np.median(ratios)) if len(ratios) >= FEWEST else 0.0
    follows = found / expected
    if not FOLLOWS <= follows <= TOO_FAR or abs(found) < 3 * _error(ratios):
        return None
    return {"norm_ratio": float(np.exp(found)), "passes_ratio": float(np.exp(expected))}


def _error(ratios: list[float]) -> float:
    return float(np.std(ratios) / math.sqrt(len(ratios)))


def _by_loss(loss: Series, count: np.ndarray, facts: Facts) -> dict[str, float] | None:
    usual = float(np.median(count)) if len(count) else 1.0
    if not facts.vocabulary or facts.vocabulary < 2 or usual < 2:
        return None
    times = float(np.median(loss.value[:3])) / math.log(facts.vocabulary)
    return {"first_loss_over_uniform": times} if abs(times / usual - 1) < OF_UNIFORM else None


def _finding(
    trace: Trace, passes: Series, by_norm: dict[str, float] | None, by_loss: dict[str, float] | None
) -> Finding:
    usual = float(np.median(passes.value))
    return Finding(
        kind="accumulation-scale",
        severity="warning",
        sentence=message(
            "finding-accumulation-scale.sentence",
            shows_in="both" if by_norm and by_loss else "norm" if by_norm else "loss",
            norm_ratio=by_norm["norm_ratio"] if by_norm else None,
            passes_ratio=by_norm["passes_ratio"] if by_norm else None,
            loss_over_uniform=by_loss["first_loss_over_uniform"] if by_loss else None,
            passes=usual,
        ),
        first_step=float(passes.step[0]),
        last_step=float(passes.step[-1]),
        confidence=0.9,
        signal="gradient_norm" if "gradient_norm" in trace.signals else "loss",
        evidence={"passes": usual, **(by_norm or {}), **(by_loss or {})},
        alternatives=(message("finding-accumulation-scale.meant"),),
        test=message("finding-accumulation-scale.test"),
        candidate_causes=("accumulation-scale",),
    )
