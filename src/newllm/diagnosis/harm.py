"""Rises of the training loss, and states inside of a model, that harm nothing: worth knowing, and no alarm.

The targets say whether the model was asked for something new, the validation loss what a rise did to it. Where that is
far better after the rise, the training data became others, and validation is of their kind. Where it is as good, a rise
is harmless if the loss stayed low (its peak is below `SMALL` of the first loss), or if the finding says little by
itself, as one batch among thousands. A loss that is `HUGE` times as high from one point to the next, and stays up, is
no harmless rise, whatever a later evaluation says: it had time to recover until then. Where a measure of quality, a
recall for example, was never as good before as it is at each evaluation after a rise that ends below the first loss,
the task became harder.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from newllm.diagnosis.blind_tests import probability_of_kind
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.levels import LAST, end_level, has_learnt, smoothed, start_level
from newllm.diagnosis.losses import finite, is_validation
from newllm.diagnosis.quality import evaluated_qualities
from newllm.diagnosis.roles import roles_of
from newllm.diagnosis.training_kind import training_kind
from newllm.trace import Finding, Series, Trace

GROWN, LONG = 100.0, 1.0  # times: the state of a recurrent net, and a policy's updates against its weights
KNOWS = 0.9  # of the targets are answered rightly: what is idle is not needed
FEWEST_REWARDS = 10
SELDOM = 1 / 3  # probability of being right, by blind tests
RISES = frozenset({"spike", "diverged", "worse-than-uniform", "worse-than-untrained", "gradient-explosion"})
GAINS = 0.8  # of the validation loss before the rise: below it the loss after the rise is far better
USUAL = 4.0  # times the usual change from one evaluation to the next
HUGE, LASTS = 10.0, 5  # times the loss before, for so many points
SMALL = 0.7  # of the first loss: a peak below is of a model that has learnt most of its task
FEW = 3  # points
FEW_SHARE = 0.1  # of the points
UNHARMED = 1.1  # times the validation loss before
LEVEL = 5  # points before a rise
AWAY, NEAR = 2.0, 1.3  # times the level before: above it, and back at it
SETTLED = 3  # sampled steps with the same classes
MORE, MOST_CLASSES = 1.1, 1000
FEWEST_BEFORE, FEWEST_AFTER = 3, 2  # evaluations
PASSING = 0.02  # of the points
RARE = 1e-3  # of the points: one hard batch of a long run


class _Evaluations(NamedTuple):
    """Validation losses at a finding: the last before its first step, the next, and the better of the next two.

    `usual` is the usual change from one to the next before the finding; None with too few to tell.
    """

    before: float
    after: float
    better: float
    usual: float | None


def inner_as_notes(findings: Sequence[Finding], trace: Trace, facts: Facts) -> list[Finding]:
    """Return all findings; unusual sizes inside of a model become notes where the model does well and bears them.

    That is where nothing else was found, and the loss, or of a policy the reward, has improved and is near its best.
    """
    alarms = [one for one in findings if one.severity != "note"]
    rewarded = _is_rewarded(trace, facts)
    if not alarms or not (rewarded or has_learnt(trace)):
        return list(findings)
    if not all(_is_borne(one, trace, rewarded=rewarded) for one in alarms):
        return list(findings)
    return [replace(one, severity="note") for one in findings]


def seldom_right_as_notes(findings: Sequence[Finding]) -> list[Finding]:
    """Return all findings; warnings of a kind that was seldom right in blind tests become notes.

    But for those with a named cause, which has evidence of its own, and for faults.
    """
    return [
        replace(one, severity="note")
        if one.severity == "warning" and not one.causes and probability_of_kind(one.kind) < SELDOM
        else one
        for one in findings
    ]


def _is_borne(finding: Finding, trace: Trace, *, rewarded: bool) -> bool:
    """Whether sizes are such as sound trainings have. The model has learnt, or is rewarded.

    The state of a recurrent net grows while it learns to use it. A net of rectified units may have far more of them
    than it needs. A policy is born anew in its first updates. What is small or large beside other layers says little:
    of nine trainings by other people that had learnt, and about which only that was said, six were sound, and the
    fault of three was another one.
    """
    if finding.kind == "dead-units":
        right = trace.series("targets_right").value
        return len(right) > 0 and float(np.median(right[-max(FEW, len(right) // 10) :])) >= KNOWS
    if finding.kind == "activation-growth":
        alone = finding.evidence.get("signals") == ["context_norm"]
        return alone and bool(finding.evidence.get("factor", math.inf) < GROWN)
    if rewarded and finding.kind == "update-ratio":
        return bool(finding.evidence.get("ratio", math.inf) < LONG)
    return finding.kind in {"vanishing-gradient", "vanishing-signal", "update-ratio"}


def _is_rewarded(trace: Trace, facts: Facts) -> bool:
    """Whether a policy's reward has risen, and is nearer to its best than to where it began."""
    reward = roles_of(trace, facts).series("reward", "return")
    if training_kind(trace, facts).name != "reinforcement" or len(reward.value) < FEWEST_REWARDS:
        return False
    level = smoothed(reward)
    return end_level(reward, LAST) > (start_level(reward) + float(level.max())) / 2


def harmless_as_notes(findings: Sequence[Finding], trace: Trace) -> list[Finding]:
    """Return all findings; rises that harm nothing become notes."""
    return [replace(finding, severity="note") if _is_harmless(finding, trace) else finding for finding in findings]


def _is_harmless(finding: Finding, trace: Trace) -> bool:
    if finding.kind not in RISES or finding.severity == "note" or is_validation(finding.signal or ""):
        return False
    if finding.severity == "fault" and finding.kind != "diverged":
        return False
    if validation_gains(finding, trace) is not None:
        return True
    if new_classes_at(finding, trace) is not None:
        known = _evaluations(finding, trace)
        return known is None or known.better <= UNHARMED * known.before  # else what it knew is lost
    whole = trace.series("loss")
    is_finite = np.isfinite(whole.value[whole.step >= (finding.first_step or 0.0)]).all()
    return bool(is_finite) and _is_made_good(finding, trace)


def _is_made_good(finding: Finding, trace: Trace) -> bool:
    """Whether the losses and evaluations after a rise of the training loss say that nothing was lost."""
    loss, evaluations = finite(trace.series("loss")), _evaluations(finding, trace)
    is_harder = finding.kind == "diverged" and _is_of_harder_data(loss)
    if is_harder and _is_better_than_ever(trace, finding.first_step or 0.0):
        return True
    if len(loss.value) and loss.value.min() <= 0:  # of such a loss no share of the first says what is small
        return _is_passing(finding, loss)
    if evaluations is None or not len(loss.value) or trace.axis != "step":
        return False
    first, last = finding.first_step or 0.0, finding.last_step if finding.last_step is not None else np.inf
    within = loss.value[(loss.step >= first) & (loss.step <= last)]
    if len(within) >= LASTS and within[:LASTS].min() >= HUGE * _level_before(loss, first):
        return False
    if len(within) > 1 and within.max() < SMALL * loss.value[0]:
        return evaluations.better <= UNHARMED * evaluations.before
    # A loss that rose high must be made good by the very next evaluation.
    return _says_little(finding, loss, len(within)) and evaluations.after <= UNHARMED * evaluations.before


def _is_passing(finding: Finding, loss: Series) -> bool:
    """Whether a loss below zero, as of a density, is over a spike at once and ends where it had not been before it.

    Where a density is narrow, one row that lies outside of it costs more than all others together.
    """
    first, last = finding.first_step or 0.0, finding.last_step if finding.last_step is not None else np.inf
    within, before = (loss.step >= first) & (loss.step <= last), loss.value[loss.step < first]
    is_brief = int(within.sum()) <= max(FEW, PASSING * len(loss.value))
    end = float(np.median(loss.value[-max(FEW, len(loss.value) // 10) :]))
    return finding.kind == "spike" and is_brief and len(before) > 0 and end < float(before.min())


def _is_better_than_ever(trace: Trace, first: float) -> bool:
    """Whether every measure of quality is better at each later evaluation than at any before; False without one."""
    better = [
        bool(after.min() > before.max())
        for _, quality in evaluated_qualities(trace)
        if len(before := quality.value[quality.step < first]) >= FEWEST_BEFORE
        and len(after := quality.value[quality.step >= first]) >= FEWEST_AFTER
    ]
    return bool(better) and all(better)


def _level_before(loss: Series, first: float) -> float:
    before = loss.value[loss.step < first][-LEVEL:]
    return float(np.median(before)) if len(before) else np.inf


def new_classes_at(finding: Finding, trace: Trace) -> tuple[int, int] | None:
    """Return how many classes were among the targets before a rise and right after it, where there are more.

    They must have been the same ones for some sampled steps, and a tenth more: of a text there are new tokens all the
    time. No model knows a class that it never saw, so such a rise is no harm: there is more to learn from there on.
    Where the loss is back where it was from one point to the next, nobody has learnt them: they have gone again.
    """
    if is_back_at_once(finding, trace):
        return None
    seen = trace.series("target_classes_seen")
    at = int(np.searchsorted(seen.step, finding.first_step or 0.0))
    if not SETTLED <= at < len(seen.value) or np.ptp(seen.value[at - SETTLED : at]) > 0:
        return None
    before, after = int(seen.value[at - 1]), int(seen.value[at])
    return (before, after) if MORE * before <= after <= MOST_CLASSES else None


def is_back_at_once(finding: Finding, trace: Trace) -> bool:
    """Whether the loss, after a rise, falls to its level before from one point to the next."""
    loss, first = finite(trace.series("loss")), finding.first_step or 0.0
    before, since = loss.value[loss.step < first][-LEVEL:], loss.value[loss.step >= first]
    if len(before) < LEVEL:
        return False
    level = float(np.median(before))
    high = np.flatnonzero(since > AWAY * level)
    if level <= 0 or not len(high):
        return False
    back = np.flatnonzero(since[high[0] :] <= NEAR * level)
    return bool(len(back)) and bool(since[high[0] + back[0] - 1] > AWAY * level)


def _says_little(finding: Finding, loss: Series, points: int) -> bool:
    """Whether a finding, in spite of a high loss, is no sign of harm where validation is as good as before."""
    if finding.kind == "gradient-explosion":  # what it did to the loss counts; a misfit among right answers has one
        return points > 1
    if finding.kind == "worse-than-untrained":  # a few batches that are far off, by a limit that was only inferred
        few = finding.evidence.get("points", np.inf) <= max(FEW, FEW_SHARE * len(loss.value))
        return bool(finding.evidence.get("inferred")) and bool(few)
    if finding.kind == "spike":
        return points <= RARE * len(loss.value)
    return finding.kind == "diverged" and _is_of_harder_data(loss)


def _is_of_harder_data(loss: Series) -> bool:
    """Whether a loss that stays high ends below where it began: what was learnt is not lost."""
    return len(loss.value) > 0 and bool(loss.value[-1] < loss.value[0])


def validation_gains(finding: Finding, trace: Trace) -> tuple[float, float] | None:
    """Return the evaluations before and after a rise of the training loss, where the later is far better."""
    evaluations = None if is_validation(finding.signal or "") else _evaluations(finding, trace)
    if evaluations is None or evaluations.usual is None:
        return None
    before, after = evaluations.before, evaluations.better
    return (before, after) if 0 < after < GAINS * before and before - after > USUAL * evaluations.usual else None


def _evaluations(finding: Finding, trace: Trace) -> _Evaluations | None:
    """Return the evaluations around the first step of a finding; None without them."""
    validation, first = finite(trace.series("validation_loss")), finding.first_step or 0.0
    at = int(np.searchsorted(validation.step, first))
    low = trace.series("loss").step
    low = low[low < first][-1:]  # the last point before the rise: behind its update comes an evaluation of that step
    if at > 1 and len(low) and validation.step[at - 1] >= low[0]:
        at -= int(validation.value[at - 1] > AWAY * validation.value[at - 2])
    if finding.first_step is None or at < 1 or at >= len(validation.value):
        return None
    before, after = float(validation.value[at - 1]), float(validation.value[at])
    usual = float(np.median(np.abs(np.diff(validation.value[:at])))) if at > 2 else None
    return _Evaluations(before, after, float(validation.value[at : at + 2].min()), usual)
