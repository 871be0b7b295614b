"""What speaks for a cause in how updates are made: gradients that are gone, carried along or cut, weights that stay."""

import numpy as np

from newllm.diagnosis.case import Case
from newllm.diagnosis.causes.kinds import EVENTS, STILL, UNSTABLE
from newllm.diagnosis.causes.look import NOTHING, Seen
from newllm.diagnosis.causes.standstill import QUIET, always_falls, gradient_scatter, gradient_steady, is_of_last_bias
from newllm.diagnosis.layers import by_layer, typical
from newllm.diagnosis.losses import finite
from newllm.diagnosis.roles import roles_of

AT_START = 0.05  # of the run
LATER = 0.01  # of the run: so much later what stands still may be seen, as it is first looked at then
TIGHT = 0.02  # of the gradient is left by clipping
CONSTANT = 1e-5  # of a loss
MOVES = 1e-6  # a smaller gradient is rounding, as of a loss that depends on nothing
EQUAL = 1e-6  # likewise: the last digit of float32
PRINTED = 1e-3  # of a loss: one that was printed more coarsely may be equal by rounding
USUAL_RATES = (2e-4, 0.02)  # with less nothing moves, and more is usual where the gradient is clipped
BLOWN = frozenset({"dead-units", "saturated-gates", "update-ratio"})
MOVED = 0.03  # of the weights, by all updates together
DROPPED = 0.75  # of the activations
GRADIENT = 1e-3  # a smaller one is lost in Adam's epsilon
STILLS = STILL | {"update-ratio"}
SAY_MORE = ("preference-at-reference", "preference-without-signal", "contrastive-at-chance")


def state_changed(case: Case) -> Seen:
    """The recorder's sums of bits differ between one update's end and the next one's start, before the finding."""
    led = case.own_or_led("changed-state")
    if (
        led is None
        or led.severity == "note"
        or led.evidence.get("forgets")
        or led.first_step is None
        or led.first_step > case.onset
    ):
        return NOTHING
    return {"axis": case.trace.axis, "step": led.first_step}


def forgets(case: Case) -> Seen:
    """Moments, and no weights, change between updates again and again, within a hundred updates each time."""
    found = case.own_or_led("changed-state")
    return {"times": found.evidence["times"]} if found is not None and found.evidence.get("forgets") else NOTHING


def resumed_anew(case: Case) -> Seen:
    """The recorder saw an optimizer without a state at the first update after a resume."""
    found = case.own_or_led("resume-jump") if case.finding.kind in EVENTS | {"resume-jump"} else None
    if found is None or "moments_missing" not in found.evidence:
        return NOTHING
    return {"axis": case.trace.axis, "step": int(found.first_step or 0)}


def cleared(case: Case) -> Seen:
    """The recorder saw a gradient after the backward pass and none at the step, and from then on nothing is learnt."""
    found = case.own_or_any("cleared-gradient")
    kinds = STILL | {"cleared-gradient", "early-standstill", "weight-decay"}
    if found is None or found.severity == "note" or case.finding.kind not in kinds:
        return NOTHING
    first = found.first_step or 0.0
    return {"axis": case.trace.axis, "step": int(first)} if first <= case.onset + LATER * case.length else NOTHING


def carried(case: Case) -> Seen:
    """The recorder saw the last gradient still there before an update."""
    found = case.own_or_any("gradient-carried")
    return {} if found and "updates" in found.evidence else NOTHING


def grows_as_a_sum(case: Case) -> Seen:
    """The gradient norm grows from the first update on and scatters by under 2 %; the recorder did not look."""
    found = case.own_or_any("gradient-carried")
    return {} if found and "updates" not in found.evidence else NOTHING


def grows_with_passes(case: Case) -> Seen:
    """The gradient grows with the number of backward passes behind an update."""
    return {} if case.own_or_any("accumulation-scale") else NOTHING


def gradient_zero(case: Case) -> Seen:
    """The logged gradient norm is exactly zero, or the recorder saw no gradient in any update."""
    own = case.finding.kind == "no-gradient" or (case.finding.kind in STILL and case.has("no-gradient"))
    return {} if own else NOTHING


def loss_constant(case: Case) -> Seen:
    """The training loss of different batches is the same to five digits; no gradient above zero is logged."""
    loss, norm = finite(case.trace.series("loss")).value, case.trace.series("gradient_norm").value
    if case.finding.kind not in STILL or len(loss) < 5 or norm.any() or case.has(*SAY_MORE):  # NaN is not zero
        return NOTHING
    if case.trace.axis == "epoch" or _is_coarse(case, "loss", loss[0]):  # epochs are of the same batches
        return NOTHING
    return {"value": float(loss[0])} if np.ptp(loss) <= CONSTANT * abs(loss[0]) else NOTHING


def _is_coarse(case: Case, name: str, value: float) -> bool:
    """Whether a signal was printed with so few digits that different values may look equal."""
    return 10.0 ** -case.trace.decimals.get(name, 99) > PRINTED * abs(value)


def clipped_away(case: Case) -> Seen:
    """The loss stands, and the logged norm behind clipping is at most 2 % of the norm before it."""
    return _left_by_clipping(case) if case.finding.kind == "plateau" else NOTHING


def _left_by_clipping(case: Case) -> Seen:
    norm, clipped = finite(case.trace.series("gradient_norm")), roles_of(case.trace, case.facts).series("clipped_norm")
    if len(clipped.value) < 5 or not len(norm.value):
        return NOTHING
    left = float(np.median(clipped.value / np.maximum(np.interp(clipped.step, norm.step, norm.value), 1e-30)))
    return {"left": left} if 0 < left <= TIGHT else NOTHING


def clipped_still(case: Case) -> Seen:
    """Clipping leaves at most 2 % of the gradient, the loss stands, and the recorder saw updates of nearly nothing."""
    found = case.own_or_any("update-ratio")
    if found is None or found.evidence.get("ratio", 1.0) >= found.evidence.get("limit", 0.0):
        return NOTHING
    if case.finding.kind not in STILLS:
        return NOTHING
    return _left_by_clipping(case)


def context_grows(case: Case) -> Seen:
    """The recorder saw a context that grows with every position; no updates or units blew up at the start."""
    if case.finding.kind not in UNSTABLE | {"context-growth"} or case.own_or_any("context-growth") is None:
        return NOTHING
    # A rate that is far too high blows up the recurrence with everything else. Outputs at their bounds are its own.
    blown = any(one.kind in BLOWN and not (one.signal or "").startswith("activation_rms") for one in case.others)
    return NOTHING if blown and case.onset <= AT_START * case.length else {}


def updates_as_set(case: Case) -> Seen:
    """Updates by Adam, with a gradient, are so small that all of the run together move no layer by three percent."""
    levels = [typical(one) for one in by_layer(case.trace, "update_ratio", case.facts).values()]
    norm = finite(case.trace.series("gradient_norm")).value
    if not case.facts.optimizer.startswith("Adam") or len(levels) < 2 or not len(norm) or np.median(norm) < GRADIENT:
        return NOTHING
    if case.finding.kind not in STILLS or _left_by_clipping(case) is not NOTHING:
        return NOTHING
    if case.trace.axis != "step" or not 0 < max(levels) * case.length < MOVED:
        return NOTHING
    return {"ratio": max(levels)}


def dropped(case: Case) -> Seen:
    """A layer drops three quarters of its activations and more, and training stands or is far above validation."""
    kinds = STILL | {"training-above-validation", "early-standstill", "dead-units"}
    return {"share": case.facts.dropout} if case.finding.kind in kinds and case.facts.dropout >= DROPPED else NOTHING


def decays(case: Case) -> Seen:
    """Decay is most of what updates do, and the model learns nothing, or loses its signal or its gradient."""
    found = case.own_or_any("weight-decay")
    kinds = {"weight-decay", "plateau", "slow-divergence", "vanishing-signal", "vanishing-gradient", "update-ratio"}
    return {} if found is not None and case.finding.kind in kinds else NOTHING


def frozen(case: Case) -> Seen:
    """The recorder saw a layer that gets a gradient and whose weights never move.

    Without a gradient nothing tells a layer that is cut off by mistake from one that the published model does not use.
    """
    others = [one for one in case.others if one.kind == "frozen-layer" and one.severity != "note"]
    others = [one for one in others if one.evidence.get("gradient", True)]
    own = case.finding.kind == "frozen-layer" and "last" not in case.finding.evidence  # that one moved
    own = own and case.finding.evidence.get("gradient", True)
    # What comes and goes has another cause than what is so all the time.
    return {} if own or (others and case.finding.kind in (UNSTABLE - {"spike", "not-finite"}) | STILL) else NOTHING


def evaluations_equal(case: Case) -> Seen:
    """All evaluations are equal to the last digit and the training loss stands, at a usual rate and with a gradient."""
    validation = finite(case.trace.series("validation_loss")).value
    rate, norm = finite(case.trace.series("learning_rate")).value, finite(case.trace.series("gradient_norm")).value
    both = {"plateau", "stale-evaluation"}  # a copy that is never updated is evaluated while the loss falls
    if case.finding.kind not in both or not case.has(*both) or min(len(rate), len(norm)) == 0:
        return NOTHING
    equal = len(validation) >= 4 and np.ptp(validation) <= EQUAL * abs(validation[0])
    if not equal or _is_coarse(case, "validation_loss", validation[0]):
        return NOTHING
    return {} if rate.min() > 0 and rate.max() >= USUAL_RATES[0] and norm.min() > MOVES else NOTHING


def few_train(case: Case) -> Seen:
    """Each evaluation is a little better, at a usual rate, while the gradient of the whole model stays as it was."""
    rate, scatter = finite(case.trace.series("learning_rate")).value, gradient_scatter(case)
    usual = len(rate) > 0 and USUAL_RATES[0] <= rate.max() <= USUAL_RATES[1]
    if case.finding.kind != "plateau" or not usual or scatter is None or scatter >= QUIET or not always_falls(case):
        return NOTHING
    return {} if gradient_steady(case) else NOTHING


def of_last_bias(case: Case) -> Seen:
    """The loss stands at ln K, and the gradient scatters as that of the output's bias alone: by 1 / sqrt(2 (K - 1))."""
    return {} if case.finding.kind == "plateau" and not case.has(*SAY_MORE) and is_of_last_bias(case) else NOTHING
