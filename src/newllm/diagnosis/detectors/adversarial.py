"""Adversarial trainings (GANs): a side that has won, stands still, or produces one thing only.

The level of either loss says nothing by itself, since each is measured against the other side. What says something is
one side at almost nothing for long: `WON` of where its loss began, for `LONG` of the run, while the other side's loss
has risen to `LOST` times its own; for `VERY_LONG` a smaller rise will do, since some losses are bounded. Healthy
trainings come near that for single batches, and in some (DCGAN) the discriminator stays at a fifth of its start. A
critic whose loss goes below zero (Wasserstein) is not looked at.

What tells a discriminator that wins from a generator that gets no gradient is whether the generator ever answers: a
measure of its samples (their spread, FID) that only scatters about one level, or losses that drift apart to the end.
"""

import math

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.levels import end_level, for_good, is_still, longest, median, smoothed, start_level
from newllm.diagnosis.roles import Roles, roles_of
from newllm.diagnosis.training_kind import training_kind
from newllm.messages import message
from newllm.trace import Finding, Series, Trace, rank_trend

WON = 0.05  # of the loss at the start
LOST = 3.0  # times the loss at the start
LONG = 0.15  # of the run
VERY_LONG = 0.5  # of the run
LOST_BOUNDED = 1.3  # times the loss at the start
DRIFTS = 0.5  # of the loss at the start: enough where the samples stand still and the losses drift apart all the time
RISEN = 0.5  # above its start, of a generator's loss that may be below zero
RUNS_AWAY = 1.5  # times the loss at the start: guessing would be better
FEWEST_POINTS = 20
ANSWERS = 0.95  # rank correlation: losses that drift apart so steadily are of a generator that does not answer
COLLAPSED = 0.15  # of the largest spread of the samples
CHANCE = (2 * math.log(2), math.log(2), 2.0, 0.5, 0.25)  # the usual losses of a discriminator that can only guess
NEAR = 0.03  # of such a loss, or of a score
_MEASURES = ("spread", "fid", "inception_score")


def detect_adversarial(trace: Trace, facts: Facts) -> list[Finding]:
    """Return which side of an adversarial training has won, or stands still."""
    if training_kind(trace, facts).name != "adversarial":
        return []
    roles = roles_of(trace, facts)
    generator, discriminator = roles.series("generator_loss"), roles.series("discriminator_loss")
    found = [_collapsed(roles)]
    sides_are_known = min(len(generator.value), len(discriminator.value)) >= FEWEST_POINTS
    if sides_are_known and discriminator.value.min() >= 0:
        wins = _discriminator_wins(roles, generator, discriminator)
        found.append(wins or _generator_wins(roles, generator, discriminator))
    return [one for one in found if one]


def _discriminator_wins(roles: Roles, generator: Series, discriminator: Series) -> Finding | None:
    level = smoothed(discriminator)
    start = max(start_level(discriminator), float(discriminator.value[0]))
    others_start = min(start_level(generator), float(generator.value[0]))
    measure = roles.series(*_MEASURES)
    stands = len(measure.value) >= FEWEST_POINTS and is_still(measure.value)
    apart = rank_trend(discriminator.value) < -ANSWERS and rank_trend(generator.value) > ANSWERS
    first, last = longest(level < (DRIFTS if stands and apart else WON) * start)
    very_long = last - first >= VERY_LONG * len(level)
    lost = LOST_BOUNDED if very_long or (stands and apart) else LOST
    now = _within(discriminator, generator, first, last)
    is_signed = bool(generator.value.min() < 0)  # a hinge loss counts in units of the discriminator's output
    has_lost = now > others_start + RISEN if is_signed else 0 < lost * others_start < now
    if last - first < max(1, LONG * len(level)) or not (has_lost or (very_long and stands)):
        return None
    kind = "generator-stands-still" if stands else "discriminator-wins"
    causes = ("no-gradient",) if stands else ("learning-rate", "no-gradient")
    return Finding(
        kind=kind,
        severity="fault",
        sentence=message(
            f"finding-{kind}.sentence",
            discriminator=roles.first("discriminator_loss"),
            generator=roles.first("generator_loss"),
            start=start,
            level=median(level[first:last]),
            others_start=others_start,
            others=now,
            axis=roles.trace.axis,
            first=int(discriminator.step[first]),
            last=int(discriminator.step[last - 1]),
            measure=roles.first(*_MEASURES),
            usual=median(measure.value) if stands else None,
        ),
        first_step=float(generator.step[0] if stands else discriminator.step[_left(level[: first + 1], start)]),
        last_step=float(discriminator.step[-1] if stands else discriminator.step[last - 1]),
        confidence=0.95 if stands or apart else 0.9,
        signal=roles.first("discriminator_loss"),
        evidence={
            "discriminator_loss": median(level[first:last]),
            "at_start": start,
            "generator_loss": end_level(generator),
            "drift_apart": apart,
            "samples_stand_still": stands,
        },
        alternatives=(message("finding-discriminator-wins.easy-to-tell"),),
        test=message(f"finding-{kind}.test"),
        candidate_causes=causes,
    )


def _within(of: Series, other: Series, first: int, last: int) -> float:
    """Return the level of another series over a stretch of a series."""
    kept = (other.step >= of.step[first]) & (other.step <= of.step[last - 1])
    return median(other.value[kept]) if kept.any() else 0.0


def _left(level: np.ndarray, start: float) -> int:
    """Return the last index at which a falling level (n,) was still above half of its start."""
    above = np.flatnonzero(level >= 0.5 * start)
    return int(above[-1]) if len(above) else 0


def _generator_wins(roles: Roles, generator: Series, discriminator: Series) -> Finding | None:
    level, start = smoothed(generator), start_level(generator)
    won = for_good(generator, level < WON * start) if generator.value.min() >= 0 else None
    if won is None or won[1] < LONG:
        return _runs_away(roles, generator, discriminator)
    behind = discriminator.step >= won[0]
    before = discriminator.value[~behind]
    now = median(discriminator.value[behind]) if behind.any() else 0.0
    if len(before) < 3 or now < 0.9 * median(before):
        return None  # it falls too: both have found something
    at = _left(level[: int(np.searchsorted(generator.step, won[0])) + 1], median(level[level >= WON * start]))
    scatter = float(np.std(discriminator.value[behind]) / max(float(np.std(before)), 1e-12))
    return _no_answer(roles, generator, float(generator.step[at]), now, scatter)


def _runs_away(roles: Roles, generator: Series, discriminator: Series) -> Finding | None:
    """Return a discriminator that does worse than guessing, for good: it would answer if it were trained."""
    start = max(start_level(discriminator), float(discriminator.value[0]))
    away = for_good(discriminator, smoothed(discriminator) > RUNS_AWAY * start)
    if start <= 0 or away is None or away[1] < LONG or away[1] > 0.95:
        return None
    if end_level(generator) > start_level(generator):
        return None  # both do badly
    return _no_answer(roles, generator, away[0], end_level(discriminator, 0.05), 1.0)


def _no_answer(roles: Roles, generator: Series, first: float, now: float, scatter: float) -> Finding:
    start, level = start_level(generator), end_level(generator, 0.05)
    return Finding(
        kind="generator-wins",
        severity="fault",
        sentence=message(
            "finding-generator-wins.sentence",
            generator=roles.first("generator_loss"),
            start=start,
            level=level,
            discriminator=roles.first("discriminator_loss"),
            others=now,
            axis=roles.trace.axis,
            first=int(first),
            still=scatter < 0.3,
        ),
        first_step=first,
        last_step=float(generator.step[-1]),
        confidence=0.95,
        signal=roles.first("generator_loss"),
        evidence={"generator_loss": level, "at_start": start, "discriminator_loss": now, "scatter": scatter},
        alternatives=(message("finding-generator-wins.weak"),),
        test=message("finding-generator-wins.test"),
        candidate_causes=("discriminator-frozen", "no-gradient", "learning-rate"),
    )


def _cannot_tell(roles: Roles, first: float) -> bool:
    """Whether the discriminator can only guess from a step on."""

    def behind(role: str) -> float | None:
        series = roles.series(role)
        value = series.value[series.step >= first]
        return median(value) if len(value) else None

    real, fake, loss = behind("real_score"), behind("fake_score"), behind("discriminator_loss")
    if real is not None and fake is not None:
        return abs(real - fake) <= NEAR * max(abs(real), abs(fake))
    if loss is None:
        return False
    value = roles.series("discriminator_loss").value
    is_critic = bool(value.min() < 0)
    largest = float(np.abs(value).max())
    return abs(loss) <= NEAR * largest if is_critic else any(abs(loss - chance) <= NEAR * chance for chance in CHANCE)


def _collapsed(roles: Roles) -> Finding | None:
    name = roles.first("spread")
    series = roles.series("spread")
    if name is None or len(series.value) < FEWEST_POINTS or series.value.min() < 0:
        return None
    level = smoothed(series)
    peak = float(level.max())
    gone = for_good(series, level < COLLAPSED * peak)
    if peak <= 0 or gone is None or gone[1] < LONG:
        return None
    if _cannot_tell(roles, gone[0]):
        return None  # the data may be as alike
    return Finding(
        kind="mode-collapse",
        severity="warning",
        sentence=message(
            "finding-mode-collapse.sentence",
            signal=name,
            peak=peak,
            level=float(level[-1]),
            axis=roles.trace.axis,
            first=int(gone[0]),
        ),
        first_step=gone[0],
        last_step=float(series.step[-1]),
        confidence=0.9,
        signal=name,
        evidence={"peak": peak, "level": float(level[-1])},
        test=message("finding-mode-collapse.test"),
        candidate_causes=("learning-rate",),
    )
