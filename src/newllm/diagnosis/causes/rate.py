"""Causes in the learning rate and its schedule."""

from collections.abc import Callable

import numpy as np

from newllm.diagnosis.case import Case
from newllm.diagnosis.causes.rises import gradient_was_calm, harmed, rise_of
from newllm.diagnosis.causes.score import EVENTS, FROM_START, NOTHING, Score, because, often
from newllm.diagnosis.causes.standstill import STILL, always_falls, gradient_steady
from newllm.diagnosis.losses import finite, is_validation
from newllm.diagnosis.roles import roles_of

EARLY = 0.1  # of the run: instability from then on was there from the start
FAR_KL = 0.1  # nats an update; trainers stop an update at 0.01 to 0.05
TINY = 2e-5  # a learning rate that trains hardly any model from its start
SMALL = 1e-4  # one that trains slowly
LARGE = 0.01  # one with which a loss that stands still is not waiting for a larger one
ABOVE_START = 1.1  # times the loss that training began at
BLOWN = 30.0  # times that loss: no bad batch and no lost weight makes it so high
STAYS = 0.9  # of the points from an onset on
FEW_HIGH = 3  # points: a bad batch has no more


def learning_rate(case: Case) -> Score:
    """Too high, or raised."""
    led = case.own_or_led("learning-rate-jump")
    if led is not None and led.candidate_causes[:1] == ("learning-rate",):
        before, after = led.evidence["before"], led.evidence["after"]
        where = {"axis": case.trace.axis, "step": led.first_step}
        return because(0.95, "rate-jumped", **where, before=before, after=after)
    if (leap := _policy_leaps(case)) is not None:
        return because(0.65, "policy-leaps", kl=leap)
    if case.finding.kind == "early-standstill":
        return because(0.75, "rate-high", rate=case.finding.evidence["highest"])
    if case.finding.kind not in EVENTS | {"one-predicted-class"}:
        return NOTHING
    seen = next((score for look in _LOOKS if (score := look(case)) is not None), None)
    if seen is not None:
        return seen
    if _from_start(case):  # with a grown gradient, by gradients that are never cleared too
        grown = _gradient_grown(case)
        return often(0.45) if grown else because(0.7, "from-start", axis=case.trace.axis, step=case.onset)
    if is_validation(case.finding.signal or "") and not case.has("gradient-explosion", "update-ratio"):
        return often(0.3)
    return often(0.3 if case.finding.kind == "not-finite" else 0.4)


def _updates_large(case: Case) -> Score | None:
    return because(0.7, "updates-large") if case.led("update-ratio") else None


def _units_died(case: Case) -> Score | None:
    dead = case.led("dead-units") or case.led("saturated-gates")
    return because(0.65, "units-died", axis=case.trace.axis, step=dead.first_step) if dead else None


def _rate_rose(case: Case) -> Score | None:
    rate = case.before("learning_rate", 50)
    rose = len(rate) > 5 and case.onset > EARLY * case.length and rate[0] > 0 and rate[-1] > 1.5 * rate[0]
    return because(0.65, "rate-rose", before=float(rate[0]), after=float(rate[-1])) if rose else None


def _policy_leaps(case: Case) -> float | None:
    """Return how far a policy goes with each update, where that is far too far and its reward is lost."""
    if case.finding.kind not in {"reward-falls", "reward-stays"}:
        return None
    kl = roles_of(case.trace, case.facts).series("approximate_kl").value
    usual = float(np.median(kl)) if len(kl) >= 10 else 0.0
    return usual if usual > FAR_KL else None


def _grew_before(case: Case) -> Score | None:
    """Return that the training loss had grown before it was not finite; None where it had not."""
    if case.finding.kind != "not-finite" or case.has("gradient-carried", "changed-state"):
        return None
    loss = case.trace.series("loss")
    before = loss.value[(loss.step < case.onset) & np.isfinite(loss.value)]
    if len(before) < 3 or before[0] <= 0 or before[-1] < 3 * before[0]:
        return None
    return because(0.85, "grew-first", factor=float(before[-1] / before[0]))


def _overshot(case: Case) -> Score | None:
    """Return what a rise says of its updates: too long, or each longer than the last; None where it says nothing."""
    rise = rise_of(case)
    if rise is None or case.has("changed-state", "resume-jump", "gradient-carried", "data-order"):
        return None
    onset, peak = float(rise.step[0]), rise.base + rise.height
    if gradient_was_calm(case, onset) is False and rise.points >= FEW_HIGH:
        return because(0.6, "gradient-grew-first", axis=case.trace.axis, step=onset)
    if peak < ABOVE_START * rise.start or rise.stays:
        return None
    blown = peak > BLOWN * rise.start and rise.points >= FEW_HIGH and harmed(case, rise) is not False
    if blown or (rise.heals_slowly and harmed(case, rise)):
        return because(0.6, "worse-than-start", start=rise.start, peak=peak, points=rise.points)
    return None


def _from_start(case: Case) -> bool:
    """Whether the training loss is above its start from the onset, within the first updates, to the end."""
    if (
        case.finding.kind not in FROM_START
        or is_validation(case.finding.signal or "")
        or case.onset > EARLY * case.length
    ):
        return False
    loss = finite(case.trace.series("loss"))
    if len(loss.value) < 10 or loss.value[0] <= 0 or case.has("gradient-carried", "context-growth", "second-moment"):
        return False
    behind, later = loss.value[loss.step >= case.onset], loss.value[len(loss.value) // 4 :]
    return bool(np.mean(behind > loss.value[0]) > STAYS and np.median(later) > ABOVE_START * loss.value[0])


def _gradient_grown(case: Case) -> bool:
    norm = finite(case.trace.series("gradient_norm")).value
    few = max(1, len(norm) // 10)
    return len(norm) >= 10 and norm[0] > 0 and bool(np.median(norm[-few:]) > 10 * np.median(norm[:few]))


# In the order of how much each says.
_LOOKS: tuple[Callable[[Case], Score | None], ...] = (
    _grew_before,
    _updates_large,
    _overshot,
    _units_died,
    _rate_rose,
)


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
    falls = always_falls(case)
    if highest is not None and highest <= TINY and gradient_steady(case) is not False:
        return because(0.75, "rate-tiny", rate=highest)
    if falls and highest is None:
        return because(0.55, "always-falls")
    if falls and highest is not None and highest <= SMALL and gradient_steady(case):
        return because(0.6, "rate-small", rate=highest)
    return often(0.35)


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


def warm_up_unfinished(case: Case) -> Score:
    """The warm-up is as long as the run, or counts in another unit."""
    if case.finding.kind == "warm-up-unfinished" or (case.finding.kind in STILL and case.has("warm-up-unfinished")):
        return because(0.9, "warm-up-unfinished")
    return NOTHING


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
