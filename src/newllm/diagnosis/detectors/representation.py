"""Contrastive and self-supervised trainings: representations that become one, and a loss that cannot leave chance."""

import math

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.levels import end_level, for_good, median, smoothed, start_level
from newllm.diagnosis.losses import finite
from newllm.diagnosis.roles import Roles, roles_of
from newllm.diagnosis.training_kind import training_kind
from newllm.messages import message
from newllm.trace import Finding, Series, Trace

FEWEST_POINTS = 10
COLLAPSED = 0.05  # of the spread at the start
ALIKE = 0.998  # cosine of vectors that are one
LONG = 0.2  # of the run
AT_ONCE = 0.1  # of the run
TRIVIAL = 0.02  # of the first loss
AT_ROWS = 0.005  # of ln N of the N rows of a batch
FEWEST_ROWS = 8
FEW_TWICE = 0.1  # of the rows of a batch, that it holds twice
FLAT = 0.02  # of the loss: a smaller fall is none
LEARNT = 0.9  # of chance: below it vectors were told apart


def detect_representation(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the collapse of representations, or a contrastive loss that stays at chance: one finding.

    False alarms: a spread of vectors is recorded for little else; the loss alone says it only where the training is
    known to be contrastive, since other losses may well go to nothing at once, or where it stands for most of the run
    at the logarithm of the rows of a batch, as far as the recorder knows these.
    """
    kind = training_kind(trace, facts).name
    if kind in {"adversarial", "reinforcement", "vae"}:
        return []
    roles = roles_of(trace, facts)
    found = _by_vectors(roles)
    if found is None and kind == "contrastive":
        found = _trivial(roles) or _at_chance(roles) or _back_at_chance(trace)
    if found is None and "cross_entropy" not in trace.signals:
        found = _at_rows(trace)
    return [found] if found else []


def _by_vectors(roles: Roles) -> Finding | None:
    for role in ("spread", "alignment"):
        series, name = roles.series(role), roles.first(role)
        if name is None or len(series.value) < FEWEST_POINTS:
            continue
        level, start = smoothed(series), start_level(series)
        if role == "spread":
            gone = for_good(series, level < COLLAPSED * max(start, float(series.value.max())))
        else:
            gone = for_good(series, level > ALIKE) if level.max() <= 1.01 and start < ALIKE else None
        if gone is not None and gone[1] >= LONG:
            return _collapse(roles, name, series, gone[0], start)
    return None


def _trivial(roles: Roles) -> Finding | None:
    """Return a loss that is at nothing almost at once: without negatives one vector for everything solves the task."""
    loss = finite(roles.trace.series("loss"))
    if len(loss.value) < FEWEST_POINTS or loss.value.min() < 0:
        return None
    start = float(loss.value[0])
    gone = for_good(loss, smoothed(loss) < TRIVIAL * start)
    if gone is None or gone[0] > loss.step[0] + AT_ONCE * (loss.step[-1] - loss.step[0]):
        return None
    return _collapse(roles, "loss", loss, float(loss.step[0]), start)


def _collapse(roles: Roles, name: str, series: Series, first: float, start: float) -> Finding:
    return Finding(
        kind="representation-collapse",
        severity="fault",
        sentence=message(
            "finding-representation-collapse.sentence",
            signal=name,
            start=start,
            level=end_level(series),
            axis=roles.trace.axis,
            first=int(first),
        ),
        first_step=first,
        last_step=float(series.step[-1]),
        confidence=0.9,
        signal=name,
        evidence={"at_start": start, "level": end_level(series)},
        alternatives=(message("finding-representation-collapse.easy"),),
        test=message("finding-representation-collapse.test"),
        candidate_causes=(),
    )


def _at_chance(roles: Roles) -> Finding | None:
    """Return a loss that stays at the logarithm of a whole number, that of the vectors to choose from."""
    loss = finite(roles.trace.series("loss"))
    if len(loss.value) < FEWEST_POINTS or loss.value.min() <= 0:
        return None
    start, end = start_level(loss), end_level(loss)
    choices = round(math.exp(min(start, 30.0)))
    if choices < 4 or abs(math.log(choices) - start) > 0.01 * start or end < (1 - FLAT) * start:
        return None
    if np.std(loss.value) > FLAT * start:
        return None  # a loss that differs from batch to batch does tell vectors apart
    return _stands_at_chance(loss, end, choices, roles.trace.axis)


def _at_rows(trace: Trace) -> Finding | None:
    """Return a loss that stands, from its first quarter on, at the logarithm of the rows of a batch."""
    loss = finite(trace.series("loss"))
    rows, seen = trace.series("rows_distinct").value, trace.series("rows_seen").value
    if len(loss.value) < FEWEST_POINTS or not len(rows) or not len(seen) or seen[0] > 0 or rows[0] < FEWEST_ROWS:
        return None
    all_rows = trace.series("rows").value
    twice = len(all_rows) and 0 < all_rows[0] - rows[0] < FEW_TWICE * rows[0]  # a choice is among these too
    count = int(all_rows[0] if twice else rows[0])
    behind, chance = loss.value[len(loss.value) // 4 :], math.log(count)
    levels = [float(np.median(part)) for part in np.array_split(behind, 3)]
    if max(abs(level / chance - 1) for level in levels) > AT_ROWS or np.std(behind) > FLAT * chance:
        return None
    return _stands_at_chance(loss, levels[-1], count, trace.axis)


def _back_at_chance(trace: Trace) -> Finding | None:
    """Return a contrastive loss that was below the logarithm of a batch's rows, and stands there from a step on."""
    loss, rows = finite(trace.series("loss")), trace.series("rows").value
    if len(loss.value) < FEWEST_POINTS or not len(rows) or median(rows) < FEWEST_ROWS:
        return None
    chance = math.log(median(rows))
    there = for_good(loss, np.abs(smoothed(loss) / chance - 1) < FLAT)
    if there is None or there[1] < LONG or smoothed(loss)[loss.step < there[0]].min(initial=chance) > LEARNT * chance:
        return None
    return _stands_at_chance(loss, end_level(loss), int(median(rows)), trace.axis, there[0])


def _stands_at_chance(loss: Series, end: float, choices: int, axis: str, since: float | None = None) -> Finding:
    return Finding(
        kind="contrastive-at-chance",
        severity="fault",
        sentence=message(
            "finding-contrastive-at-chance.sentence",
            level=end,
            choices=choices,
            axis=axis,
            since=None if since is None else int(since),
            last=int(loss.step[-1]),
        ),
        first_step=float(loss.step[0]) if since is None else since,
        last_step=float(loss.step[-1]),
        confidence=0.9,
        signal="loss",
        evidence={"level": end, "choices": choices},
        alternatives=() if since is not None else (message("finding-contrastive-at-chance.small-rate"),),
        test=message("finding-contrastive-at-chance.test"),
        candidate_causes=("double-softmax", "learning-rate") if since is None else ("wrong-targets", "data-order"),
    )
