"""Causes in how updates are made: clipping, weight decay, the optimizer, the gradients."""

import numpy as np

from newllm.diagnosis.case import Case
from newllm.diagnosis.causes.score import NOTHING, Score, because, often
from newllm.diagnosis.causes.standstill import LEARNT, STILL, gradient_steady, is_of_last_bias, is_uniform
from newllm.diagnosis.losses import finite
from newllm.diagnosis.roles import roles_of

EXPECTED = 0.3  # what the loss should have fallen by, by rate and gradient, in its own units
SHORTFALL = 20  # times what it did
TIGHT = 0.02  # of the gradient is left by clipping


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
    if expected < EXPECTED or expected < SHORTFALL * fall or gradient_steady(case) is not True:
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
    return because(0.6, "outputs-equal") if case.finding.kind == "plateau" and is_uniform(case) else often(0.3)


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
    return because(0.6, "last-bias") if case.finding.kind == "plateau" and is_of_last_bias(case) else NOTHING
