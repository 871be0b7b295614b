"""What speaks for a cause in the learning rate: its own column, and what a rate that is too high or too low does."""

import numpy as np

from newllm.diagnosis.case import Case
from newllm.diagnosis.causes.kinds import EVENTS, FROM_START, STILL
from newllm.diagnosis.causes.look import NOTHING, Seen
from newllm.diagnosis.causes.standstill import always_falls, gradient_steady
from newllm.diagnosis.causes.start import is_usual
from newllm.diagnosis.layers import by_layer, starts_at_nothing
from newllm.diagnosis.losses import finite, is_validation
from newllm.trace import Finding

EARLY = 0.1  # of the run: instability from then on was there from the start
TINY = 2e-5  # a learning rate that trains hardly any model from its start
ABOVE_START = 1.1  # times the loss that training began at
BLOWN = 30.0  # times that loss: no bad batch and no lost weight makes it so high
SOON = 0.25  # of the run, behind the beginning of a loss that stands
STAYS = 0.9  # of the points from an onset on
OF_SET_LENGTH = ("Adam", "NAdam", "RAdam", "Lion", "RMSprop")  # the rate sets the length of their updates
BLOWN_UP = frozenset({"update-ratio", "activation-growth", "attention-collapse", "saturated-gates", "early-standstill"})
OUTGROWN, LONG = 3.0, 0.1  # times the weights at the start; of the weights, in one update
AT_ONCE, FAR_UP = 1.2, 10.0  # times the first loss: that of the second update
HARDLY = 0.9  # of the first loss: one that ends above is not learnt
FEW_HIGH = 3  # points: a bad batch has no more


def jumped(case: Case) -> Seen:
    """The logged rate jumps up at or a little before the finding, and its schedule does not begin anew there."""
    led = case.own_or_led("learning-rate-jump")
    if led is None or led.candidate_causes[:1] != ("learning-rate",) or _is_older(case, led):
        return NOTHING
    where = {"axis": case.trace.axis, "step": led.first_step}
    return where | {"before": led.evidence["before"], "after": led.evidence["after"]}


def restarted(case: Case) -> Seen:
    """The logged rate jumps to where its schedule began, at or a little before the finding."""
    led = case.own_or_led("learning-rate-jump")
    if led is None or "schedule-restarted" not in led.candidate_causes or _is_older(case, led):
        return NOTHING
    where = {"axis": case.trace.axis, "step": led.first_step}
    return where | {"before": led.evidence["before"], "after": led.evidence["after"]}


def _is_older(case: Case, jump: Finding) -> bool:
    """Whether a finding was there long before the jump."""
    return case.onset < (jump.first_step or 0.0) - EARLY * case.length


def negative(case: Case) -> Seen:
    """The logged rate, which was above zero, goes below it before the finding."""
    below = next((one for one in [case.finding, *case.others] if one.evidence.get("below_zero")), None)
    if below is None or (below is not case.finding and (below.first_step or 0.0) > case.onset):
        return NOTHING
    rate = case.trace.series("learning_rate")
    if not (rate.value[rate.step < (below.first_step or 0.0)] > 0).any():  # it was made so, and no schedule's end
        return NOTHING
    return {"axis": case.trace.axis, "step": below.first_step}


def ended(case: Case) -> Seen:
    """The logged rate falls little by little to exactly zero, and the training goes on."""
    found = _at_zero(case)
    if not found or not found.evidence.get("gradual"):
        return NOTHING
    return {"axis": case.trace.axis, "step": found.evidence.get("nothing_from", found.first_step)}


def turned(case: Case) -> Seen:
    """The logged rate fell to its low and rises again as smoothly as it fell."""
    own = case.finding.kind == "schedule-turned"
    return {"axis": case.trace.axis, "step": case.finding.first_step} if own else NOTHING


def at_zero(case: Case) -> Seen:
    """The logged rate is exactly zero, and had not come down to it little by little."""
    found = _at_zero(case)
    if found is None or found.evidence.get("gradual") or found.evidence.get("below_zero"):
        return NOTHING
    return {"axis": case.trace.axis, "step": found.first_step}


def _at_zero(case: Case) -> Finding | None:
    found = case.own_or_any("learning-rate-zero") if case.finding.kind in STILL | {"learning-rate-zero"} else None
    # A loss that has stood from the start does not do so for a rate that ended late.
    late = found is not None and (found.first_step or 0.0) > case.onset + SOON * case.length
    return None if late else found


def rising_to_the_end(case: Case) -> Seen:
    """The logged rate rises, from next to nothing, to the last point of the run."""
    own = case.finding.kind in STILL | {"warm-up-unfinished"}
    found = case.own_or_any("warm-up-unfinished") if own else None
    return NOTHING if found is None or found.evidence.get("open") else {}  # what may still end explains nothing


def bounded(case: Case) -> Seen:
    """The highest logged rate is tiny, the loss stands, and the gradient has not changed."""
    rate = finite(case.trace.series("learning_rate")).value
    if case.finding.kind != "plateau" or not len(rate) or not 0 < rate.max() <= TINY or gradient_steady(case) is False:
        return NOTHING
    return {"rate": float(rate.max())}


def falls_little(case: Case) -> Seen:
    """Nearly each evaluation is better than the last, all by little; no rate is logged."""
    unlogged = case.finding.kind == "plateau" and "learning_rate" not in case.trace.signals
    return {} if unlogged and always_falls(case) else NOTHING


def unusual(case: Case) -> Seen:
    """A loss of tokens comes down to their frequencies at once and stands, at a rate ten times the usual and more."""
    return {"rate": case.finding.evidence["highest"]} if case.finding.kind == "early-standstill" else NOTHING


def updates_large(case: Case) -> Seen:
    """Updates are far too large for their weights, a little before the finding."""
    return {} if case.finding.kind in EVENTS and case.led("update-ratio") else NOTHING


def weights_outgrown(case: Case) -> Seen:
    """The first updates made most layers several times as long, and nothing is learnt since.

    They were Adam's or its kin's, or the first gradient was a usual one, for these weights and that loss. Layers that
    start at nothing are left out.
    """
    if not (case.facts.optimizer.startswith(OF_SET_LENGTH) or is_usual(case)) or case.finding.severity == "note":
        return NOTHING
    if case.finding.kind not in BLOWN_UP | STILL | EVENTS or not _never_learnt(case):
        return NOTHING
    grown = []
    ratios = by_layer(case.trace, "update_ratio", case.facts)
    for name, weight in by_layer(case.trace, "weight_norm", case.facts).items():
        if name not in ratios or starts_at_nothing(weight, name, case.facts):
            continue
        early = max(3, int(np.searchsorted(weight.step, EARLY * case.length)))
        first_updates = ratios[name].value[:early]
        outgrown = weight.value[:early].max() >= OUTGROWN * weight.value[0] and first_updates.max() >= LONG
        grown.append(float(weight.value[:early].max() / weight.value[0]) if outgrown else 0.0)
    if len(grown) < 2 or np.mean(np.array(grown) > 0) <= 0.5:
        return NOTHING
    highest = finite(case.trace.series("learning_rate")).value
    return {"factor": float(np.median([one for one in grown if one])), "rate": float(highest.max())}


def first_update_long(case: Case) -> Seen:
    """The first update moved most layers by a tenth of their length, and the loss rose at once; little came after.

    Little is: the loss was ten times as high at once, or it never comes below nine tenths of its first value for good.
    The optimizer is Adam or its kin, whose first update is as long as the rate says, whatever the gradient is.
    """
    loss = case.trace.series("loss").value
    ratios = by_layer(case.trace, "update_ratio", case.facts)
    if not case.facts.optimizer.startswith(OF_SET_LENGTH) or case.finding.severity == "note" or len(loss) < 2:
        return NOTHING
    if case.finding.kind not in BLOWN_UP | STILL | EVENTS | {"constant-output"} or len(ratios) < 2:
        return NOTHING
    first = [float(one.value[0]) for one in ratios.values() if one.step[0] == case.trace.series("loss").step[0]]
    is_long = len(first) == len(ratios) and np.mean(np.array(first) >= LONG) > 0.5
    if not is_long or loss[0] <= 0 or not loss[1] > AT_ONCE * loss[0]:
        return NOTHING
    end = float(np.median(loss[-max(3, len(loss) // 5) :]))
    if not (loss[1] > FAR_UP * loss[0] or end > HARDLY * loss[0]):
        return NOTHING
    return {"ratio": float(np.median(first)), "before": float(loss[0]), "after": float(loss[1])}


def _never_learnt(case: Case) -> bool:
    loss = finite(case.trace.series("loss")).value
    few = max(3, len(loss) // 5)
    return len(loss) >= 2 * few and float(np.median(loss[-few:])) > HARDLY * float(np.median(loss[:2]))


def grew_first(case: Case) -> Seen:
    """The training loss had grown before it was not finite; gradients are cleared, and no state was changed."""
    if case.finding.kind != "not-finite" or case.has("gradient-carried", "changed-state"):
        return NOTHING
    loss = case.trace.series("loss")
    before = loss.value[(loss.step < case.onset) & np.isfinite(loss.value)]
    if len(before) < 3 or before[0] <= 0 or before[-1] < 3 * before[0]:
        return NOTHING
    return {"factor": float(before[-1] / before[0])}


def from_start(case: Case) -> Seen:
    """The training loss is above its start from the first updates to the end; the gradient does not grow with it."""
    loss, onset = finite(case.trace.series("loss")), case.onset
    if case.finding.kind not in FROM_START or is_validation(case.finding.signal or "") or onset > EARLY * case.length:
        return NOTHING
    if len(loss.value) < 10 or loss.value[0] <= 0 or case.has("gradient-carried", "context-growth", "second-moment"):
        return NOTHING
    behind, later = loss.value[loss.step >= onset], loss.value[len(loss.value) // 4 :]
    stays = np.mean(behind > loss.value[0]) > STAYS and np.median(later) > ABOVE_START * loss.value[0]
    return {"axis": case.trace.axis, "step": onset} if stays and not _gradient_grown(case) else NOTHING


def _gradient_grown(case: Case) -> bool:
    norm = finite(case.trace.series("gradient_norm")).value
    few = max(1, len(norm) // 10)
    return len(norm) >= 10 and norm[0] > 0 and bool(np.median(norm[-few:]) > 10 * np.median(norm[:few]))
