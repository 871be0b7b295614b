"""Causes in how updates are made: the learning rate and its schedule, clipping, the optimizer, the gradients."""

import numpy as np

from newllm.diagnosis.case import Case
from newllm.diagnosis.causes.score import EVENTS, FROM_START, NOTHING, Score, because, often
from newllm.diagnosis.losses import finite, is_validation
from newllm.diagnosis.roles import roles_of

EARLY = 0.1  # of the run: instability from then on was there from the start
TINY = 2e-5  # a learning rate that trains hardly any model from its start
SMALL = 1e-4  # one that trains slowly
LARGE = 0.01  # one with which a loss that stands still is not waiting for a larger one
STEADY = 0.25  # a gradient norm that has changed by less, on the log scale, over a run: its weights have hardly moved
EXPECTED = 0.3  # what the loss should have fallen by, by rate and gradient, in its own units
SHORTFALL = 20  # times what it did
LEARNT = 0.95  # of its first value: a validation loss that comes to less is learnt
TIGHT = 0.02  # of the gradient is left by clipping
STILL = frozenset({"plateau", "repeated-loss", "stale-evaluation"})


def learning_rate(case: Case) -> Score:
    """Too high, or raised."""
    led = case.own_or_led("learning-rate-jump")
    if led is not None and led.candidate_causes[:1] == ("learning-rate",):
        before, after = led.evidence["before"], led.evidence["after"]
        where = {"axis": case.trace.axis, "step": led.first_step}
        return because(0.95, "rate-jumped", **where, before=before, after=after)
    if case.finding.kind not in EVENTS | {"one-predicted-class"}:
        return NOTHING
    grew = _grew_before(case)
    if grew is not None and not case.has("gradient-carried", "changed-state"):
        return because(0.85, "grew-first", factor=grew)
    if case.led("update-ratio"):
        return because(0.7, "updates-large")
    if dead := case.led("dead-units") or case.led("saturated-gates"):
        return because(0.65, "units-died", axis=case.trace.axis, step=dead.first_step)
    rate = case.before("learning_rate", 50)
    if len(rate) > 5 and case.onset > EARLY * case.length and rate[0] > 0 and rate[-1] > 1.5 * rate[0]:
        return because(0.65, "rate-rose", before=float(rate[0]), after=float(rate[-1]))
    if _from_start(case):
        if _gradient_grown(case):  # by gradients that are never cleared, too
            return often(0.45)
        return because(0.7, "from-start", axis=case.trace.axis, step=case.onset)
    if is_validation(case.finding.signal or "") and not case.has("gradient-explosion", "update-ratio"):
        return often(0.3)
    return often(0.3 if case.finding.kind == "not-finite" else 0.4)


def _grew_before(case: Case) -> float | None:
    """Return how many times its start the training loss was before it was not finite; None if it had not grown."""
    if case.finding.kind != "not-finite":
        return None
    loss = case.trace.series("loss")
    before = loss.value[(loss.step < case.onset) & np.isfinite(loss.value)]
    if len(before) < 3 or before[0] <= 0 or before[-1] < 3 * before[0]:
        return None
    return float(before[-1] / before[0])


def _from_start(case: Case) -> bool:
    """Whether the training loss is above its start from the first updates on, and not for a moment."""
    if (
        case.finding.kind not in FROM_START
        or is_validation(case.finding.signal or "")
        or case.onset > EARLY * case.length
    ):
        return False
    loss = finite(case.trace.series("loss"))
    if len(loss.value) < 10 or loss.value[0] <= 0 or case.has("gradient-carried", "context-growth", "second-moment"):
        return False
    later = loss.value[len(loss.value) // 4 :]
    return bool(np.median(later) > 1.1 * loss.value[0])


def _gradient_grown(case: Case) -> bool:
    norm = finite(case.trace.series("gradient_norm")).value
    few = max(1, len(norm) // 10)
    return len(norm) >= 10 and norm[0] > 0 and bool(np.median(norm[-few:]) > 10 * np.median(norm[:few]))


def no_warm_up(case: Case) -> Score:
    """The rate is at its highest from the first update on, and the loss leaves its trend within the first updates."""
    rate = finite(case.trace.series("learning_rate")).value
    if len(rate) < 5 or case.onset > 0.05 * case.length or rate.max() <= 0 or rate[0] < 0.9 * rate.max():
        return NOTHING
    if case.finding.kind not in {"spike", "worse-than-untrained", "worse-than-uniform"} or _from_start(case):
        return NOTHING
    back = case.finding.evidence.get("outcome", "recovered") == "recovered"
    brief = case.finding.last_step is not None and case.finding.last_step <= 0.3 * case.length
    return often(0.45 if back and brief else 0.3)


def learning_rate_low(case: Case) -> Score:
    """Too low for the steps given: nothing moves but the loss, by a little, and always down."""
    if case.finding.kind != "plateau":
        return NOTHING
    rate = finite(case.trace.series("learning_rate")).value
    highest = float(rate.max()) if len(rate) else None
    if highest is not None and (highest > LARGE or highest <= 0):
        return NOTHING
    falls = _always_falls(case)
    if highest is not None and highest <= TINY and _gradient_steady(case) is not False:
        return because(0.75, "rate-tiny", rate=highest)
    if falls and highest is None:
        return because(0.55, "always-falls")
    if falls and highest is not None and highest <= SMALL and _gradient_steady(case):
        return because(0.6, "rate-small", rate=highest)
    return often(0.35)


def _always_falls(case: Case) -> bool:
    """Whether nearly each evaluation (else each quarter of the training loss) is a little better than the last."""
    validation, loss = finite(case.trace.series("validation_loss")).value, finite(case.trace.series("loss")).value
    if len(validation) >= 4:
        return bool(np.mean(np.diff(validation) < 0) > 0.85 and np.ptp(validation) > 1e-4 * abs(validation[0]))
    if len(loss) < 40:
        return False
    parts = [float(np.mean(part)) for part in np.array_split(loss, 5)]
    return bool(np.all(np.diff(parts) < 0))


def _gradient_steady(case: Case) -> bool | None:
    """Whether the gradient norm is what it was at first: None where there is none."""
    norm = finite(case.trace.series("gradient_norm")).value
    if len(norm) < 10 or norm.min() <= 0:
        return None
    few = max(3, len(norm) // 5)
    return bool(abs(np.log(np.median(norm[:few]) / np.median(norm[-few:]))) < STEADY)


def learning_rate_zero(case: Case) -> Score:
    """At zero: nothing is updated any more."""
    found = case.own_or_any("learning-rate-zero")
    own = found is case.finding
    if found is None or (not own and case.finding.kind not in STILL):
        return NOTHING
    if own and found.evidence.get("below_zero"):
        return NOTHING
    if own and found.evidence.get("gradual"):
        return often(0.5)
    return because(0.95 if own else 0.9, "rate-zero", axis=case.trace.axis, step=found.first_step)


def schedule_ended(case: Case) -> Score:
    """The schedule is over, or turns round, while the training goes on."""
    below = next((one for one in [case.finding, *case.others] if one.evidence.get("below_zero")), None)
    if below is not None and (below is case.finding or (below.first_step or 0.0) <= case.onset):
        return because(0.97, "rate-negative", axis=case.trace.axis, step=below.first_step)
    if case.finding.kind == "schedule-turned":
        return because(0.85, "schedule-turned", axis=case.trace.axis, step=case.finding.first_step)
    if case.finding.kind == "learning-rate-zero" and case.finding.evidence.get("gradual"):
        return because(0.9, "schedule-ended", axis=case.trace.axis, step=case.finding.first_step)
    return NOTHING


def warm_up_unfinished(case: Case) -> Score:
    """The warm-up is as long as the run, or counts in another unit."""
    if case.finding.kind == "warm-up-unfinished" or (case.finding.kind in STILL and case.has("warm-up-unfinished")):
        return because(0.9, "warm-up-unfinished")
    return NOTHING


def schedule_restarted(case: Case) -> Score:
    """The schedule began anew."""
    led = case.own_or_led("learning-rate-jump")
    if led is None or "schedule-restarted" not in led.candidate_causes:
        return NOTHING
    return because(
        0.9 if led.evidence.get("starts_again") else 0.75,
        "schedule-restarted",
        axis=case.trace.axis,
        step=led.first_step,
        before=led.evidence["before"],
        after=led.evidence["after"],
    )


def tight_clipping(case: Case) -> Score:
    """Gradients are clipped to nearly nothing."""
    if case.finding.kind != "plateau":
        return NOTHING
    norm, clipped = finite(case.trace.series("gradient_norm")), roles_of(case.trace, case.facts).series("clipped_norm")
    if len(clipped.value) >= 5 and len(norm.value):
        left = clipped.value / np.maximum(np.interp(clipped.step, norm.step, norm.value), 1e-30)
        if np.median(left) <= TIGHT:
            return because(0.9, "clipped-away", left=float(np.median(left)))
    validation = finite(case.trace.series("validation_loss")).value
    if len(validation) > 1 and np.median(validation[-2:]) < LEARNT * validation[0]:
        return often(0.2)  # what the updates left of the gradient was enough
    expected = _expected_fall(case)
    loss = finite(case.trace.series("loss")).value
    if expected is None or len(loss) < 10:
        return NOTHING
    few = max(3, len(loss) // 5)
    fall = max(float(np.median(loss[:few]) - np.median(loss[-few:])), 0.0)
    if expected < EXPECTED or expected < SHORTFALL * fall or _gradient_steady(case) is not True:
        return often(0.2)
    return because(0.65, "falls-short", expected=expected, fall=fall)


def _expected_fall(case: Case) -> float | None:
    """Return by how much plain gradient steps of this rate and this gradient would lower the loss, to first order."""
    rate, norm = finite(case.trace.series("learning_rate")), finite(case.trace.series("gradient_norm"))
    if len(rate.value) < 5 or len(norm.value) < 10 or case.trace.axis != "step":
        return None
    product = np.interp(norm.step, rate.step, rate.value) * norm.value**2
    return float(np.mean(product) * (norm.step[-1] - norm.step[0]))


def weight_decay(case: Case) -> Score:
    """Weights are pulled to zero faster than they learn."""
    if case.finding.kind not in STILL:
        return NOTHING
    names = [name for name in case.trace.signals if name.startswith("weight_norm/")]
    ends = [finite(case.trace.series(name)).value for name in names]
    shrunk = [float(one[-1] / one[0]) for one in ends if len(one) > 3 and one[0] > 0]
    if shrunk and np.median(shrunk) < 0.3:
        return because(0.9, "weights-shrink", factor=float(np.median(shrunk)))
    return often(0.3)


def beta2(case: Case) -> Score:
    """Adam's second moment lags behind the gradient."""
    if case.led("second-moment"):
        return because(0.8, "second-moment")
    names = [name for name in case.trace.signals if name.startswith("second_moment_mismatch/")]
    lagging = [float(before.max()) for name in names if len(before := case.before(name, 5))]
    return because(0.6, "second-moment") if lagging and max(lagging) > 3 else NOTHING


def optimizer_reset(case: Case) -> Score:
    """The optimizer forgets its moments again and again."""
    return often(0.2) if case.finding.kind == "periodic-batches" else NOTHING


def moments_lost(case: Case) -> Score:
    """The optimizer's moments were lost at a resume."""
    led = case.own_or_led("resume-jump")
    if led is None:
        return NOTHING
    return because(
        0.85 if "log_update_jump" in led.evidence else 0.6, "resumed", axis=case.trace.axis, step=led.first_step
    )


def missing_zero_grad(case: Case) -> Score:
    """Gradients are never cleared."""
    found = case.own_or_any("gradient-carried")
    if found is None:
        return NOTHING
    return because(0.96, "gradient-carried") if "updates" in found.evidence else because(0.88, "gradient-grows")


def accumulation_scale(case: Case) -> Score:
    """Micro-batches are summed where they should be averaged."""
    return because(0.9, "accumulation-scale") if case.own_or_any("accumulation-scale") else NOTHING


def no_gradient(case: Case) -> Score:
    """The weights get no gradient."""
    if case.finding.kind == "no-gradient" or (case.finding.kind in STILL and case.has("no-gradient")):
        return because(0.95, "no-gradient")
    if case.has("preference-at-reference", "preference-without-signal", "contrastive-at-chance"):
        return often(0.4)  # which say more
    loss = finite(case.trace.series("loss")).value
    bad = ~np.isfinite(case.trace.series("gradient_norm").value)
    if case.finding.kind in STILL and len(loss) >= 5 and np.ptp(loss) <= 1e-5 * abs(loss[0]) and not bad.any():
        return because(0.8, "loss-constant", value=float(loss[0]))
    return NOTHING
