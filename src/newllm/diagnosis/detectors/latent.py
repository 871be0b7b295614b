"""A KL divergence that has left its range: at nothing (a code that carries nothing), or away from a reference."""

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.levels import end_level, for_good, last_level, median, smoothed
from newllm.diagnosis.losses import finite
from newllm.diagnosis.roles import Roles, roles_of
from newllm.diagnosis.sums import weights
from newllm.diagnosis.training_kind import training_kind
from newllm.messages import message
from newllm.trace import Finding, Series, Trace, rank_trend

NOTHING = 0.001  # of the reconstruction: a code of so few nats says nothing
NO_NATS = 0.01  # a divergence that is nothing by itself, where the reconstruction stands
FEWER_NATS = 0.001  # likewise where it does not: even if this is the mean of a hundred dimensions
STANDS = 0.03  # of the reconstruction
FALLEN = 0.05  # of its highest level
LONG = 0.3  # of the run
FEWEST_POINTS = 10
FEWEST_OF_DIVERGENCE = 6  # points: it may be measured in evaluations alone


def detect_posterior_collapse(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the collapse of a posterior: a KL divergence that stays at almost nothing.

    False alarms: the divergence must stay below `NOTHING` of the reconstruction (whose unit may be another), or below
    `NO_NATS` (`FEWER_NATS`), for `LONG` of the run, to its end, and below `FALLEN` of its own highest level. A weight
    that rises and falls in cycles, or free bits, keep it above that.
    """
    roles = roles_of(trace, facts)
    series, other = roles.series("kl"), roles.series("reconstruction")
    is_latent = training_kind(trace, facts).name == "vae"
    scale = abs(end_level(other if len(other.value) else finite(roles.trace.series("loss")))) if is_latent else 0.0
    if len(series.value) < FEWEST_OF_DIVERGENCE or not scale > 0:
        return []
    level = smoothed(series)
    peak = float(max(level.max(), series.value[:3].max()))
    stays = for_good(
        series, (level <= max(NOTHING * scale, NO_NATS if _stands(other) else FEWER_NATS)) & (level <= FALLEN * peak)
    )
    if stays is None or stays[1] < LONG:
        return []
    rose = peak > 1.5 * float(series.value[0])
    at_once = not rose and not (level[2 + len(level) // 20 :] >= 0.5 * peak).any()  # it fell from the first updates on
    first = float(series.step[0]) if at_once else stays[0]
    return [_posterior_collapse(roles, series, first, min(first, _fell(series, peak)), peak)]


def _fell(series: Series, peak: float) -> float:
    """Return the first step behind the last at which a divergence had half of its highest level."""
    high = np.flatnonzero(series.value >= 0.5 * peak)
    return float(series.step[min(int(high[-1]) + 1, len(series.step) - 1)] if len(high) else series.step[0])


def _stands(reconstruction: Series) -> bool:
    """Whether it has come no further in the second half of the run."""
    behind = reconstruction.value[len(reconstruction.value) // 2 :]
    usual = median(behind)
    return len(behind) > FEWEST_POINTS and abs(end_level(reconstruction, 0.15) - usual) < STANDS * abs(usual)


def _posterior_collapse(roles: Roles, series: Series, first: float, fell: float, peak: float) -> Finding:
    other = roles.series("reconstruction")
    flat = _stands(other)
    evidence = {"kl": last_level(series.value), "highest": peak}
    if len(other.value):
        evidence |= {"reconstruction": last_level(other.value), "reconstruction_is_flat": bool(flat)}
        both = roles.first("reconstruction"), roles.first("kl")
        found = weights(roles.trace, "loss", [name for name in both if name])
        evidence |= {} if found is None or len(found) < 2 else {"weight": float(found[1] / found[0])}
    return Finding(
        kind="posterior-collapse",
        severity="warning",
        sentence=message(
            "finding-posterior-collapse.sentence",
            signal=roles.first("kl"),
            level=last_level(series.value),
            peak=peak if first > series.step[0] else None,  # there is no before
            axis=roles.trace.axis,
            first=int(first),
            reconstruction=roles.first("reconstruction") if flat else None,
            stands=last_level(other.value) if len(other.value) else None,
        ),
        first_step=fell,
        last_step=float(series.step[-1]),
        confidence=0.95,
        signal=roles.first("kl"),
        evidence=evidence,
        alternatives=(message("finding-posterior-collapse.strong-decoder"),),
        test=message("finding-posterior-collapse.test"),
        candidate_causes=("regularisation",),
    )


# The weight of a KL divergence, read as (loss - reconstruction) / KL.
FEWEST_WEIGHTS = 50
SCATTER = 0.02  # of the weight, point by point: then it is the loss's, and not another part
HIGHEST = 2.0  # a weight that was warmed up ends at 1, or where somebody set it
MOSTLY_UP = 0.95  # of its steps
STILL_GROWS = 1.1  # times, over the last quarter of the run


def detect_kl_weight(trace: Trace, facts: Facts) -> list[Finding]:
    """Return that the weight of a KL divergence goes on growing to the end, far beyond 1: its warm-up has no end.

    False alarms: a weight above 1 that stands is chosen; one that rises and falls in cycles does not end at its
    highest. The loss must be reconstruction and weighted divergence alone: then the weight runs smoothly.
    """
    roles = roles_of(trace, facts)
    kl, other, loss = roles.series("kl"), roles.series("reconstruction"), finite(roles.trace.series("loss"))
    step = np.intersect1d(np.intersect1d(loss.step, kl.step), other.step)
    if len(step) < FEWEST_WEIGHTS:
        return []
    whole, part, divergence = (one.value[np.searchsorted(one.step, step)] for one in (loss, other, kl))
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = (whole - part) / divergence
    if not np.isfinite(weight).all() or weight.min() < -SCATTER:
        return []
    later = weight[len(weight) // 4 :]
    is_smooth = np.median(np.abs(np.diff(later, n=2)) / np.maximum(later[1:-1], 1e-12)) < SCATTER
    end, before = float(weight[-1]), float(weight[3 * len(weight) // 4])
    if not is_smooth or end < HIGHEST or end < STILL_GROWS * before or np.mean(np.diff(later) >= 0) < MOSTLY_UP:
        return []
    first = float(step[int(np.argmax(weight > 1))])
    return [
        Finding(
            kind="kl-weight",
            severity="warning",
            sentence=message(
                "finding-kl-weight.sentence", signal=roles.first("kl"), weight=end, axis=roles.trace.axis,
                first=int(first), last=int(step[-1]),
            ),
            first_step=first,
            last_step=float(step[-1]),
            confidence=0.9,
            signal=roles.first("kl"),
            evidence={"weight": end, "kl": end_level(kl), "reconstruction": end_level(other)},
            alternatives=(message("finding-kl-weight.on-purpose"),),
            test=message("finding-kl-weight.test"),
            candidate_causes=("regularisation",),
        )
    ]  # fmt: skip


# A policy that leaves its reference, or jumps far with each update.
GROWN = 10.0  # times the level of the middle of the run
FAR = {"kl": 10.0, "approximate_kl": 0.5}  # nats
WITH_REFERENCE = frozenset({"reinforcement", "preference", "fine-tune", "distillation"})


def detect_kl_explosion(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the explosion of a KL divergence from a reference or from the policy before the update.

    False alarms: it rises from nothing in every such training. So it has to be far in absolute terms (`FAR`), and the
    level of its end at least `GROWN` times that of the second quarter of the run.
    """
    if training_kind(trace, facts).name not in WITH_REFERENCE:
        return []
    roles = roles_of(trace, facts)
    return [one for role in FAR if (one := _explosion(roles, role))]


def _explosion(roles: Roles, role: str) -> Finding | None:
    series = roles.series(role)
    count = len(series.value)
    if count < 2 * FEWEST_POINTS:
        return None
    level, end = smoothed(series), end_level(series, 0.1)
    usual = median(level[count // 4 : count // 2])
    if end < max(FAR[role], GROWN * usual):
        return None
    stays = for_good(series, level > max(0.2 * end, 3 * usual))
    if stays is None:
        return None
    reward = roles.series("reward", "return")
    rises = len(reward.value) > FEWEST_POINTS and rank_trend(reward.value[reward.step >= stays[0]]) > 0.5
    causes = ("learning-rate",)
    return Finding(
        kind="kl-explosion",
        severity="warning",
        sentence=message(
            "finding-kl-explosion.sentence",
            signal=roles.first(role),
            usual=usual,
            level=end,
            axis=roles.trace.axis,
            first=int(stays[0]),
        ),
        first_step=stays[0],
        last_step=float(series.step[-1]),
        confidence=0.85,
        signal=roles.first(role),
        evidence={"usual": usual, "level": end, "reward_rises": rises},
        alternatives=(message("finding-kl-explosion.weight"),),
        test=message("finding-kl-explosion.test"),
        candidate_causes=causes,
    )
