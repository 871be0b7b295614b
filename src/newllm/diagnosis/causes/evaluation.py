"""What speaks for a cause in how evaluations are made: their data, their mode, the weights that they are of."""

import numpy as np

from newllm.diagnosis.case import Case
from newllm.diagnosis.causes.fit import above_start, comparable_losses, start_and_end
from newllm.diagnosis.causes.kinds import EVENTS, MANY, NEAR
from newllm.diagnosis.causes.look import NOTHING, Seen
from newllm.diagnosis.levels import median
from newllm.diagnosis.losses import began_at, finite

MULTIPLE = 4.0  # times the loss that training began at
UNMOVED = 0.01  # of a validation loss
BY_HEART = 0.98  # of the updates had rows alone that came before: some fifty passes
SURE, KNEW = 1.2, 0.5  # times the loss that training began at: sure and wrong, and much better than a guess


def never_learnt(case: Case) -> Seen:
    """The usual validation loss lies above the loss that training began at, of many classes, while training learns."""
    above = above_start(case)
    return {"start": above[0], "validation": above[1]} if above is not None and above[0] >= MANY else NOTHING


def only_validation_jumps(case: Case) -> Seen:
    """The validation loss jumps from one evaluation to the next while the training loss does not."""
    bad = any(one.signal == "loss" and one.kind in EVENTS for one in case.others)
    return {} if case.finding.kind == "unsteady-validation" and not bad and not case.has("data-order") else NOTHING


def below_chance(case: Case) -> Seen:
    """The accuracy of evaluations is far below that of a guess, and their loss above it, while training learns.

    What is learnt by heart from few rows, such as a part of a table of sums, may be below chance for the other part.
    """
    found = case.own_or_any("below-chance")
    of_validation = (case.finding.signal or "").startswith("validation")
    seen = finite(case.trace.series("rows_seen")).value
    if (
        found is None
        or not of_validation
        or "best" in found.evidence
        or (seen == 1).sum() > BY_HEART * max(1, len(seen))
    ):
        return NOTHING
    return found.evidence


def asked_anew(case: Case) -> Seen:
    """Evaluations were right, and are wrong more often than a guess since training was sure and wrong, and learnt that.

    What it learnt anew are the answers to the same inputs: its targets are numbered otherwise since then.
    """
    found = case.own_or_any("below-chance")
    if found is None or found.first_step is None or "training_loss" not in found.evidence:
        return NOTHING
    of_it = case.onset >= found.first_step - NEAR * case.length or case.finding.kind == "over-fitting"
    return {"step": int(found.first_step), "axis": case.trace.axis} if of_it else NOTHING


def learnt_anew(case: Case) -> Seen:
    """Training is at once above where it began and learns that; validation, good until then, stays above there.

    The inputs are seen and do not change.
    """
    spikes = [one for one in (case.finding, *case.others) if one.kind == "spike" and one.signal == "loss"]
    if not spikes or case.finding.kind not in EVENTS or case.has("changed-inputs", "changed-state"):
        return NOTHING
    spike = min(spikes, key=lambda one: one.first_step or 0.0)
    at, peak = spike.first_step or 0.0, float(spike.evidence.get("peak", 0.0))
    loss, validation = finite(case.trace.series("loss")), finite(case.trace.series("validation_loss"))
    before, behind = validation.value[validation.step < at], validation.value[validation.step >= spike.end]
    if min(len(before), len(behind)) < 2 or not len(case.trace.series("input_mean").value) or len(loss.value) < 10:
        return NOTHING
    start = began_at(loss.value)
    recovered = spike.evidence.get("peak_step") == at and spike.evidence.get("outcome") == "recovered"
    at_once = recovered and peak > SURE * start
    turned = before[-1] < KNEW * start and behind.min() > start
    where = {"axis": case.trace.axis, "step": int(at)}
    return where | {"before": float(before[-1]), "after": median(behind)} if at_once and turned else NOTHING


def unmoved(case: Case) -> Seen:
    """Validation hardly moves from its first evaluation to its last while training learns, and both began alike."""
    gap = case.finding.kind == "validation-gap" and case.finding.evidence.get("unmoved")
    return {} if gap and comparable_losses(case) else NOTHING


def repeated(case: Case) -> Seen:
    """Evaluations are equal to the last digit while the training loss moves; there are a rate and a gradient."""
    still = ("learning-rate-zero", "no-gradient", "repeated-loss", "plateau")
    stale = case.finding.kind == "stale-evaluation" and case.finding.evidence.get("training_loss_moved")
    return {} if stale and not case.has(*still) else NOTHING


def other_units(case: Case) -> Seen:
    """Validation stands, to 1 %, at four times the loss that training began at, and more, while training halves it."""
    loss, validation = finite(case.trace.series("loss")).value, finite(case.trace.series("validation_loss")).value
    if case.finding.kind != "validation-gap" or len(validation) < 4 or len(loss) < 10 or case.has("data-order"):
        return NOTHING
    start, end = start_and_end(loss)
    if min(start, end) <= 0 or np.ptp(validation) >= UNMOVED * validation.mean():
        return NOTHING
    far = validation[0] > MULTIPLE * start and end < 0.5 * start
    return {"start": start, "end": end, "validation": median(validation)} if far else NOTHING
