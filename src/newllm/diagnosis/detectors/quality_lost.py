"""A measure of quality that an evaluation had found high, and finds low ever since: what was learnt is lost."""

import numpy as np

from newllm.diagnosis.detectors.policy import FEWEST_POINTS
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.levels import for_good, median, scatter, smoothed
from newllm.diagnosis.losses import as_shares, finite
from newllm.diagnosis.quality import evaluated_qualities
from newllm.diagnosis.roles import roles_of
from newllm.diagnosis.training_kind import training_kind
from newllm.messages import message
from newllm.trace import Finding, Series, Trace

FEWEST = 8  # evaluations
LEAST_BEST = 0.1  # of a measure from 0 to 1
LOST = 0.4  # of the best
NOISE = 4.0  # times the scatter of single evaluations
LAST, STAYS = 3, 0.2  # evaluations, and the share of them: so long it has been low
AT_BEST = 0.8  # of its best: where another measure is at it, one was traded for the other
TOLD = 1.15  # times its best: a validation loss that ends higher tells of it already


def detect_quality_lost(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the fall of the quality that fell furthest.

    False alarms: precision falls as recall rises, so none of the measures may be near its best. A discriminator's
    accuracy falls as its opponent becomes better. Where the validation loss has risen too, that is the finding; so is
    an exploited reward, or one that falls, where a policy's success has as many points.
    """
    validation = finite(trace.series("validation_loss"))
    least = float(smoothed(validation).min(initial=np.inf))
    if 0 < least * TOLD < median(validation.value[-LAST:]) or training_kind(trace, facts).name == "adversarial":
        return []
    named = dict(evaluated_qualities(trace))
    named |= {name: finite(trace.series(name)) for name in roles_of(trace, facts).names("success")}
    if training_kind(trace, facts).name == "reinforcement":
        named = {name: one for name, one in named.items() if len(one.value) < FEWEST_POINTS}
    shares = {name: Series(one.step, as_shares(one.value)) for name, one in named.items() if len(one.value) >= FEWEST}
    shares = {name: one for name, one in shares.items() if one.value.min() >= 0 and one.value.max() <= 1}
    if not shares or any(median(one.value[-LAST:]) >= AT_BEST * float(smoothed(one).max()) for one in shares.values()):
        return []
    found = [lost for name, one in shares.items() if (lost := _lost(trace, name, one)) is not None]
    return [max(found, key=lambda one: one.evidence["best"] - one.evidence["last"])] if found else []


def _lost(trace: Trace, name: str, series: Series) -> Finding | None:
    level = smoothed(series)
    best, end = float(level.max()), median(series.value[-LAST:])
    at = int(np.argmin(np.abs(series.value - best)[: int(np.argmax(level)) + LAST]))  # a level is one of the values
    noise = scatter(series.value)
    if best < LEAST_BEST or best - end < max(LOST * best, NOISE * noise):
        return None
    low = for_good(series, level < (best + end) / 2)
    if low is None or low[1] < STAYS:
        return None
    return Finding(
        kind="quality-lost",
        severity="warning",
        sentence=message(
            "finding-quality-lost.sentence",
            metric=name,
            best=best,
            at=int(series.step[at]),
            last=end,
            axis=trace.axis,
            first=int(low[0]),
        ),
        first_step=low[0],
        last_step=float(series.step[-1]),
        confidence=0.9,
        signal=name,
        evidence={"best": best, "last": end, "noise": noise},
        alternatives=(message("finding-quality-lost.harder"),),
        test=message("finding-quality-lost.test"),
        candidate_causes=("evaluation-configuration", "data-order", "wrong-targets"),
    )
