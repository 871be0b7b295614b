"""A small rise of both losses: validation and training, to the end of a log that gives no reason for it."""

import numpy as np

from newllm.diagnosis.detectors.evaluation import (
    RISE_NOISE,
    detect_over_fitting,
    scatter,
    training_fell,
    training_went,
)
from newllm.diagnosis.detectors.trend import detect_slow_divergence
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import comparable, finite, loss_names
from newllm.diagnosis.roles import roles_of
from newllm.diagnosis.training_kind import training_kind
from newllm.messages import message
from newllm.trace import Finding, Series, Trace
from newllm.trace.series import rank_trend

FEWEST = 5  # evaluations behind the best
FEWEST_RATES = 5
RISES = 0.9  # of the rank correlation with time


def detect_small_rise(trace: Trace, facts: Facts) -> list[Finding]:
    """Return, as a note, that both losses rise from the best evaluation to the end of the log, by however little.

    False alarms: after a restart of the learning rate both losses rise, and a log may end there; so the rate must be
    logged, and nowhere be higher than at the best evaluation. In games and policies, and where the weight of a
    divergence is warmed up, a loss may rise in a sound training. Under a curriculum the training loss rises and the
    validation loss does not. It must rise nearly evenly, and clearly beyond what neighbouring evaluations differ by: an
    abrupt change is told by others.
    """
    series = finite(trace.series("validation_loss"))
    kind = training_kind(trace, facts)
    if "validation_loss" not in loss_names(trace) or len(series.value) <= FEWEST or not kind.loss_is_progress:
        return []
    if kind.name == "vae" or roles_of(trace, facts).first("kl"):
        return []
    scaled = comparable(series.value)
    best = int(np.argmin(scaled))
    behind, first = scaled[best:], float(series.step[best])
    if best == 0 or len(behind) <= FEWEST or rank_trend(behind, len(behind)) < RISES or _rate_rises(trace, first):
        return []
    few = max(1, len(behind) // 3)
    rise = float(np.median(behind[-few:]) - behind[0])
    if rise < RISE_NOISE * scatter(scaled) or training_went(trace, first, training_fell(trace, first)) != "rose":
        return []
    if detect_over_fitting(trace, facts) or detect_slow_divergence(trace, facts):
        return []
    return [_finding(trace, series, best, rise)]


def _rate_rises(trace: Trace, since: float) -> bool:
    """Whether the learning rate is higher behind a step than at it, or not logged."""
    rate = finite(trace.series("learning_rate"))
    at = int(np.searchsorted(rate.step, since, side="right"))
    return at == 0 or len(rate.value) < FEWEST_RATES or bool((rate.value[at:] > rate.value[at - 1] * (1 + 1e-6)).any())


def _finding(trace: Trace, series: Series, best: int, rise: float) -> Finding:
    height = float(np.median(series.value[-max(1, (len(series.value) - best) // 3) :]) - series.value[best])
    return Finding(
        kind="validation-rises",
        severity="note",
        sentence=message(
            "finding-validation-rises.sentence",
            signal="validation_loss",
            axis=trace.axis,
            first=int(series.step[best]),
            best=float(series.value[best]),
            rise=height,
            training="rose",
        ),
        first_step=float(series.step[best]),
        last_step=float(series.step[-1]),
        confidence=0.5,
        signal="validation_loss",
        evidence={"best": float(series.value[best]), "rise": height, "log_rise": rise},
        test=message("finding-validation-rises.test"),
        candidate_causes=("evaluation-configuration", "unknown-tokens"),
    )
