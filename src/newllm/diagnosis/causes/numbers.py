"""Causes in the numbers: overflow, a batch or a loss that is not finite."""

import numpy as np

from newllm.diagnosis.case import Case
from newllm.diagnosis.causes.score import NOTHING, UNSTABLE, Score, because, often

EARLY = 0.05  # of the run


def fp16_overflow(case: Case) -> Score:
    """Numbers beyond what half precision holds."""
    # One update in every so many is what accumulation of gradients looks like: there none is lost.
    skipped = any(one.kind == "skipped-updates" and "period" not in one.evidence for one in case.others)
    if skipped and case.finding.kind in UNSTABLE | {"repeated-loss", "stale-evaluation"}:
        return because(0.6, "updates-skipped")
    norm, loss = case.trace.series("gradient_norm"), case.trace.series("loss")
    bad = norm.step[~np.isfinite(norm.value)]
    if case.finding.kind == "repeated-loss" and len(bad) > len(norm.step) // 2:
        return because(0.75, "gradient-not-finite", axis=case.trace.axis, step=float(bad[0]))
    if case.finding.kind != "not-finite":
        return NOTHING
    worse = loss.step[~np.isfinite(loss.value)]
    if len(bad) and (not len(worse) or bad[0] < worse[0]):
        return because(0.8, "gradient-first", axis=case.trace.axis, step=float(bad[0]))
    return often(0.4)


def not_finite_batch(case: Case) -> Score:
    """A batch that holds, or makes, a value that is not finite."""
    if case.finding.kind != "not-finite":
        return NOTHING
    if case.finding.signal != "gradient_norm" and not case.finding.evidence.get("for_good"):
        return because(0.85, "finite-again")
    return often(0.35)


def numerics_in_loss(case: Case) -> Score:
    """A loss by hand that is not finite where the model is sure: the logarithm of zero, a division by nothing."""
    calm = not case.has("spike", "diverged", "gradient-explosion", "worse-than-untrained", "worse-than-uniform")
    if case.finding.kind != "not-finite" or not calm or case.onset <= EARLY * case.length:
        return NOTHING
    return often(0.45)
