"""A gradient norm that leaves its trend by far: an explosion."""

import math

import numpy as np

from newllm.diagnosis.excursion import Excursion, find_excursions
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import finite
from newllm.diagnosis.roles import roles_of
from newllm.diagnosis.training_kind import training_kind
from newllm.messages import message
from newllm.trace import Finding, Trace

LEAST_EXPLOSION = 8.0  # times the level before
OF_START = 2.0  # times the highest of the first tenth
SUDDEN = 3  # points at least
OF_LOSS = 0.3  # of its first value: a loss that stays below takes no harm


def detect_explosion(trace: Trace, facts: Facts) -> list[Finding]:
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
        and _is_sudden(value, one)
    ]
    if not rises:
        return []
    worst = max(rises, key=lambda one: one.rise)
    first, last = int(series.step[_onset(value, worst)]), int(series.step[worst.end - 1])
    # What a generator gets grows as its discriminator learns.
    harmless = _loss_falls(trace, first, last) or training_kind(trace, facts).name == "adversarial"
    clipped = roles_of(trace, facts).series("clipped_norm").value
    limit = float(np.max(clipped)) if len(clipped) else None
    return [
        Finding(
            kind="gradient-explosion",
            severity="note" if harmless else "warning",
            sentence=message(
                "finding-gradient-explosion.sentence",
                base=worst.base,
                peak=float(value[worst.peak]),
                axis=trace.axis,
                step=int(series.step[worst.peak]),
                clipped_to=limit if limit is not None or facts.origin is not None else "unknown",
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


def _is_sudden(value: np.ndarray, explosion: Excursion) -> bool:
    """Whether a norm (n,) rises by half of the way, on a log scale, within a twentieth of the run."""
    way = np.log(value[max(0, explosion.onset - 1) : explosion.peak + 1])
    within = min(max(SUDDEN, len(value) // 20), len(way) - 1)
    least, width = np.concatenate([np.full(within, np.inf), way]), 1
    while width <= within:  # scipy has such a filter, and is slow to import
        step = min(width, within + 1 - width)
        least, width = np.minimum(least[:-step], least[step:]), width + step
    return bool((way - least).max() >= 0.5 * math.log(LEAST_EXPLOSION))


def _onset(value: np.ndarray, explosion: Excursion) -> int:
    """Return where a norm (n,) exploded: at one leap that is most of the way to its peak, else where it left its trend.

    A norm that grows while the model finds its task leaves its trend long before it explodes.
    """
    way = np.diff(np.log(value[max(0, explosion.onset - 1) : explosion.peak + 1]))
    if not len(way) or way.max() < 0.5 * explosion.rise:
        return explosion.onset
    return max(0, explosion.onset - 1) + int(np.argmax(way)) + 1


def _loss_falls(trace: Trace, first: float, last: float) -> bool:
    """Whether the loss takes no harm over and behind an explosion of the gradient.

    It is no higher than before, or still far below its start: a model near zero loss, or one that has just found its
    task, has gradients that scatter by such factors.
    """
    whole = trace.series("loss")
    if not np.isfinite(whole.value[whole.step >= first]).all():
        return False
    loss = finite(whole)
    before = loss.value[loss.step < first][-10:]
    since = loss.value[loss.step >= first]
    within = loss.value[(loss.step >= first) & (loss.step <= last)]
    if len(before) < 5 or len(since) < 5:
        return False
    level = float(np.median(before)) + 2 * float(np.std(before)) / math.sqrt(len(before))
    if loss.value[0] > 0:
        level = max(level, OF_LOSS * float(loss.value[0]))
    return bool(np.median(since) <= level and (not len(within) or np.median(within) <= level))
