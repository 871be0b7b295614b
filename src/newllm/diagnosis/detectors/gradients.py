"""Gradients that are summed, carried along, or explode."""

import math

import numpy as np

from newllm.diagnosis.excursion import find_excursions
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import finite
from newllm.messages import message
from newllm.trace import Finding, Series, Trace

# Gradients that were never cleared: each update repeats all that came before it.
FEWEST_CARRIED = 2


def detect_carried(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return the stretch over which gradients were carried along.

    False alarms: none by chance; the recorder saw the gradient of the last update still there. Once may be a step that
    was skipped on purpose, so it takes `FEWEST_CARRIED`.
    """
    series = trace.series("gradient_carried")
    where = np.flatnonzero(series.value > 0)
    if len(where) < FEWEST_CARRIED:
        return []
    first, last = int(series.step[where[0]]), int(series.step[where[-1]])
    return [
        Finding(
            kind="gradient-carried",
            severity="fault",
            sentence=message(
                "finding-gradient-carried.sentence",
                count=len(where),
                axis=trace.axis,
                first=first,
                last=last,
                part=bool(series.value[where].max() < 1),
            ),
            first_step=float(first),
            last_step=float(last),
            confidence=0.98,
            signal="gradient_norm",
            evidence={"updates": len(where)},
            alternatives=(message("finding-gradient-carried.on-purpose"),),
            test=message("finding-gradient-carried.test"),
            candidate_causes=("missing-zero-grad",),
        )
    ]


# Gradient accumulation that sums where it should average.
FOLLOWS = 0.35  # log ratio of the norms by that of the passes: 1 where the sum is all signal, 0.5 where all noise
TOO_FAR = 1.4
FEWEST_UPDATES = 3  # updates of each number of passes
OF_UNIFORM = 0.2  # the first loss is within this share of passes times ln V


def detect_accumulation_scale(trace: Trace, facts: Facts) -> list[Finding]:
    """Return what shows that micro-batches are summed.

    A gradient that is a mean does not grow with the number of backward passes behind it; a sum grows in proportion. So
    the norms of updates made of different numbers of passes are compared; and a first loss that is as many times ln V
    as there were passes tells the same of the loss. False alarms: a mean over fewer passes is noisier and so larger,
    which points the other way; the ratio of norms must follow that of the passes by `FOLLOWS` and by three standard
    errors.
    """
    passes, norm, loss = (finite(trace.series(name)) for name in ("backwards", "gradient_norm", "loss"))
    if not len(passes.value):
        return []
    count = _at(passes, norm.step)
    by_norm = _by_norm(norm, count)
    by_loss = _by_loss(loss, _at(passes, loss.step), facts)
    return [_summed(trace, passes, by_norm, by_loss)] if by_norm or by_loss else []


def _at(passes: Series, step: np.ndarray) -> np.ndarray:
    """Return the number of backward passes at each step; one where it is not recorded."""
    count = np.ones(len(step))
    shared, here, there = np.intersect1d(step, passes.step, return_indices=True)
    if len(shared):
        count[here] = passes.value[there]
    return count


def _by_norm(norm: Series, count: np.ndarray) -> dict[str, float] | None:
    """Return the ratio of norms and of passes where the one follows the other.

    Each update of the rarer number of passes is held against the usual ones around it, so that a norm that drifts
    does not disturb the ratio.
    """
    kinds, times = np.unique(count, return_counts=True)
    if len(kinds) < 2 or kinds[0] < 1 or np.sort(times)[-2] < FEWEST_UPDATES:
        return None
    usual, rarer = kinds[np.argsort(-times)[:2]]
    ratios = []
    for at in np.flatnonzero(count == rarer):
        near = slice(max(0, at - 4), at + 5)
        around = norm.value[near][count[near] == usual]
        if len(around) and norm.value[at] > 0 and around.min() > 0:
            ratios.append(math.log(norm.value[at] / float(np.median(around))))
    expected = math.log(rarer / usual)
    found = float(np.median(ratios)) if len(ratios) >= FEWEST_UPDATES else 0.0
    follows = found / expected
    if not FOLLOWS <= follows <= TOO_FAR or abs(found) < 3 * _error(ratios):
        return None
    return {"norm_ratio": float(np.exp(found)), "passes_ratio": float(np.exp(expected))}


def _error(ratios: list[float]) -> float:
    return float(np.std(ratios) / math.sqrt(len(ratios)))


def _by_loss(loss: Series, count: np.ndarray, facts: Facts) -> dict[str, float] | None:
    usual = float(np.median(count)) if len(count) else 1.0
    if not facts.vocabulary or facts.vocabulary < 2 or usual < 2:
        return None
    times = float(np.median(loss.value[:3])) / math.log(facts.vocabulary)
    return {"first_loss_over_uniform": times} if abs(times / usual - 1) < OF_UNIFORM else None


def _summed(
    trace: Trace, passes: Series, by_norm: dict[str, float] | None, by_loss: dict[str, float] | None
) -> Finding:
    usual = float(np.median(passes.value))
    return Finding(
        kind="accumulation-scale",
        severity="warning",
        sentence=message(
            "finding-accumulation-scale.sentence",
            shows_in="both" if by_norm and by_loss else "norm" if by_norm else "loss",
            norm_ratio=by_norm["norm_ratio"] if by_norm else None,
            passes_ratio=by_norm["passes_ratio"] if by_norm else None,
            loss_over_uniform=by_loss["first_loss_over_uniform"] if by_loss else None,
            passes=usual,
        ),
        first_step=float(passes.step[0]),
        last_step=float(passes.step[-1]),
        confidence=0.9,
        signal="gradient_norm" if "gradient_norm" in trace.signals else "loss",
        evidence={"passes": usual, **(by_norm or {}), **(by_loss or {})},
        alternatives=(message("finding-accumulation-scale.meant"),),
        test=message("finding-accumulation-scale.test"),
        candidate_causes=("accumulation-scale",),
    )


# A gradient norm that leaves its trend by far.
LEAST_EXPLOSION = 8.0  # times the level before
OF_START = 2.0  # times the highest of the first tenth


def detect_explosion(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return the largest explosion of the gradient norm, with how many there are.

    False alarms: gradient norms have heavy tails, so the peak must be `LEAST_EXPLOSION` times the level before it,
    beyond the tail of the run's other steps (excursion.py), and above everything that the first tenth of the run
    showed: a model near zero loss has tiny gradients and one misfit is large beside them, which is harmless.
    """
    series = finite(trace.series("gradient_norm"))
    value = series.value
    if len(value) < 20 or value.min() <= 0:
        return []
    start = float(value[: max(3, len(value) // 10)].max())
    rises = [
        one
        for one in find_excursions(value)
        if one.rise >= math.log(LEAST_EXPLOSION)
        and value[one.peak] >= OF_START * start
        and one.onset >= len(value) // 20
    ]
    if not rises:
        return []
    worst = max(rises, key=lambda one: one.rise)
    first, last = int(series.step[worst.onset]), int(series.step[worst.end - 1])
    clipped = finite(trace.series("gradient_norm_clipped")).value
    limit = float(np.max(clipped)) if len(clipped) else None
    return [
        Finding(
            kind="gradient-explosion",
            severity="warning",
            sentence=message(
                "finding-gradient-explosion.sentence",
                base=worst.base,
                peak=float(value[worst.peak]),
                axis=trace.axis,
                step=int(series.step[worst.peak]),
                clipped_to=limit,
            ),
            first_step=float(first),
            last_step=float(last),
            confidence=round(1 - min(0.5, 10 * worst.chance), 3),
            signal="gradient_norm",
            evidence={
                "base": worst.base,
                "peak": float(value[worst.peak]),
                "ratio": float(np.exp(worst.rise)),
                "steps": worst.end - worst.onset,
                "explosions": len(rises),
                "highest_of_start": start,
                "clipped_to": limit,
            },
            alternatives=(
                message("finding-gradient-explosion.unlike-batch"),
                message("finding-gradient-explosion.scaled-loss"),
            ),
            test=message("finding-gradient-explosion.test"),
        )
    ]
