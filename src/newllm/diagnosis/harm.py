"""Rises of the training loss that harm nothing: what they tell is worth knowing, and no alarm.

The validation loss says what a rise did to the model. Where it is far better behind the rise, the training data became
others, and validation is of their kind; where it is as good and the loss rose from nearly nothing, a few batches were
misfits.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from newllm.diagnosis.losses import finite, is_validation
from newllm.trace import Finding, Trace

RISES = frozenset({"spike", "diverged", "worse-than-uniform", "worse-than-untrained", "gradient-explosion"})
GAINS = 0.8  # of the validation loss before: so much less behind is another validation set's worth
USUAL = 4.0  # times the usual change from one evaluation to the next
SMALL = 0.7  # of the first loss: a peak below is of a model that has learnt most of its task
FEW = 3  # points
FEW_SHARE = 0.1  # of the points
UNHARMED = 1.1  # times the validation loss before


def without_harmless(findings: Sequence[Finding], trace: Trace) -> list[Finding]:
    """Return the findings, those of rises that harm nothing as notes."""
    return [replace(one, severity="note") if _is_harmless(one, trace) else one for one in findings]


def _is_harmless(finding: Finding, trace: Trace) -> bool:
    if finding.kind not in RISES or finding.severity == "note" or is_validation(finding.signal or ""):
        return False
    if finding.severity == "fault" and finding.kind != "diverged":
        return False
    if validation_gains(finding, trace) is not None:
        return True
    whole = trace.series("loss")
    if not np.isfinite(whole.value[whole.step >= (finding.first_step or 0.0)]).all():
        return False
    loss = finite(whole)
    around = _evaluations(finding, trace)
    if around is None or not len(loss.value) or loss.value.min() <= 0 or trace.axis != "step":
        return False  # of a loss that goes below nothing no share of the first says what is small
    first, last = finding.first_step or 0.0, finding.last_step if finding.last_step is not None else np.inf
    within = loss.value[(loss.step >= first) & (loss.step <= last)]
    small = len(within) > 1 and bool(within.max() < SMALL * loss.value[0])
    # Single batches that are far off leave a model as it was, and so does a training that goes on to harder data.
    few = finding.evidence.get("points", np.inf) <= max(FEW, FEW_SHARE * len(loss.value))
    validation = finite(trace.series("validation_loss"))
    following = float(validation.value[int(np.searchsorted(validation.step, finding.first_step or 0.0))])
    if not small:
        around = around[0], following
    # A gradient harms by what it does to the loss: one misfit among right answers has a large one, and no more.
    small |= finding.kind == "gradient-explosion" and len(within) > 1
    small |= finding.kind == "worse-than-untrained" and bool(finding.evidence.get("inferred")) and bool(few)
    small |= finding.kind == "diverged" and bool(loss.value[-1] < loss.value[0])
    return bool(small) and around[1] <= UNHARMED * around[0]


def validation_gains(finding: Finding, trace: Trace) -> tuple[float, float] | None:
    """Return the evaluations before and behind a rise of the training loss, where the later is far better."""
    validation, around = finite(trace.series("validation_loss")), _evaluations(finding, trace)
    if is_validation(finding.signal or "") or around is None:
        return None
    at = int(np.searchsorted(validation.step, finding.first_step or 0.0))
    usual = float(np.median(np.abs(np.diff(validation.value[:at])))) if at > 2 else 0.0
    before, after = around
    return around if 0 < after < GAINS * before and before - after > USUAL * usual and at > 2 else None


def _evaluations(finding: Finding, trace: Trace) -> tuple[float, float] | None:
    """Return the last evaluation before a finding and the better of the two that come next; None without them."""
    validation = finite(trace.series("validation_loss"))
    at = int(np.searchsorted(validation.step, finding.first_step or 0.0))
    if finding.first_step is None or at < 1 or at >= len(validation.value):
        return None
    return float(validation.value[at - 1]), float(validation.value[at : at + 2].min())
