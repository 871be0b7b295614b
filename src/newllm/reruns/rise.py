"""A rise of the loss that a recording shows, and how much of it is there in another run of the same program."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from newllm.diagnosis.causes.kinds import EVENTS
from newllm.messages import Message
from newllm.trace import Finding, Series

KINDS = EVENTS | {"changed-state"}
"""Of findings that may come with a rise of the loss."""

GIVEN = frozenset({
    "outlier-batch", "changed-inputs", "changed-targets", "target-shift", "single-target", "one-class-batches",
    "tiny-batch", "repeated-batch", "update-in-evaluation-mode", "renewed-optimizer", "cleared-gradient", "loss-form",
})  # fmt: skip
"""Of findings that saw what the training was given, or did."""

NOT_FINITE = "not-finite"  # kind of a finding

LONGEST = 200  # steps of a rise that are looked at: what comes of it later is not what began it
LEAST = 20  # steps behind its beginning
BEFORE = 30  # points before it, for the level and its scatter
FEWEST = 5  # of these points
GONE, LESS, ALL = 0.1, 0.5, 0.8  # shares of it
BEGINNING = 3  # steps of it
STEEP = 3.0  # times the scatter from one point to the next, in the points before: so far it falls in them
SOON = 5  # steps between a rise and what was seen with it
_SCATTER = 1.4826  # times the median distance from the median is the standard deviation of normal numbers


@dataclass(frozen=True)
class Rise:
    """A rise of the training loss.

    Attributes:
        kind: of the finding.
        first: the step that it begins at.
        last: the last that is looked at.
    """

    kind: str
    first: int
    last: int

    @property
    def is_finite(self) -> bool:
        """Whether it is a rise; else the loss ceases to be finite there."""
        return self.kind != NOT_FINITE

    def share(self, run: Series, trial: Series) -> float | None:
        """Return how much of the rise of a run is there in a trial: 1 all of it, 0 nothing; None of too few points.

        That is the area above the level before, less what scatters there anyway.
        """
        return self._share(run, trial, self.last)

    def begins(self, run: Series, trial: Series, step: int) -> bool:
        """Whether the loss of a trial that is changed from a step on is as before, and then rises as the run does."""
        share = self._share(run, trial, self.first + BEGINNING - 1)
        return self._is_calm(trial, step) and share is not None and share >= ALL

    def since(self, trial: Series, step: int) -> int | None:
        """Return where the loss of a trial that is changed from a step on rises, or ceases to be finite.

        None where it does neither: a point that lies higher alone is no rise.
        """
        seen = (trial.step >= min(step, self.first)) & (trial.step <= self.last)
        steps, values = trial.step[seen], trial.value[seen]
        is_there = ~np.isfinite(values)
        if self.is_finite:
            level, scatter = self._usual(trial.value[trial.step < min(step, self.first)])
            is_there |= values > level + 2 * scatter
            ends = range(max(0, len(values) - BEGINNING + 1))
            found = next((at for at in ends if is_there[at : at + BEGINNING].all()), None)
        else:
            found = next(iter(np.flatnonzero(is_there)), None)
        return None if found is None else int(steps[found])

    def _share(self, run: Series, trial: Series, last: int) -> float | None:
        own, other = self._area(run, last), self._area(trial, last)
        if own is None or other is None or own <= 0:
            return None
        return float(max(0.0, other / own)) if np.isfinite(own) else float(not np.isfinite(other))

    def _is_calm(self, trial: Series, step: int) -> bool:
        level, scatter = self._usual(trial.value[trial.step < step])
        between = trial.value[(trial.step >= step) & (trial.step < self.first)]
        return len(between) > 0 and float(np.median(between)) <= level + 2 * scatter

    def _usual(self, values: np.ndarray) -> tuple[float, float]:
        """Return the level of the last values and how far they scatter; of too few neither is a number.

        Of a loss that falls steeply that is the level of the last few, and the scatter from one to the next.
        """
        before = values[-BEFORE:]
        if len(before) < FEWEST:
            return np.nan, np.nan
        moves, third = np.diff(before), len(before) // 3
        noise = _SCATTER * float(np.median(np.abs(moves - np.median(moves)))) / np.sqrt(2)
        if third and np.median(before[:third]) - np.median(before[-third:]) > STEEP * noise:
            return float(np.median(before[-FEWEST:])), noise
        level = float(np.median(before))
        return level, _SCATTER * float(np.median(np.abs(before - level)))

    def _area(self, series: Series, last: int) -> float | None:
        level, scatter = self._usual(series.value[series.step < self.first])
        within = series.value[(series.step >= self.first) & (series.step <= last)]
        if not np.isfinite(level) or not len(within):
            return None
        if not np.isfinite(within).all():
            return np.inf
        return float(np.maximum(within - level - 2 * scatter, 0.0).sum())


def rises(findings: Sequence[Finding], loss: Series) -> list[Rise]:
    """Return the rises of the training loss that the doctor found, the earliest first.

    Args:
        findings: of the run.
        loss: of it.
    """
    spans = []
    for one in findings:
        if one.kind in KINDS and one.severity != "note" and one.signal == "loss" and one.first_step:
            end = max(one.last_step or 0, one.first_step + LEAST)
            last = min(end, one.first_step + LONGEST, loss.step[-1])
            spans.append(Rise(one.kind, int(one.first_step), int(last)))
    kept: list[Rise] = []
    for one in sorted(spans, key=lambda it: it.first):  # a spike that is worse than guessing too is one rise
        if one.share(loss, loss) and (not kept or one.first > kept[-1].last):
            kept.append(one)
    return kept


def own_reasons(rise: Rise, findings: Sequence[Finding]) -> dict[str, Message]:
    """Return what speaks for the cause that the doctor names of a rise itself, by its name."""
    own = (one for one in findings if one.kind == rise.kind and one.first_step == rise.first)
    return {it.name: it.reason for one in own for it in one.causes or () if it.reason is not None}


def seen_at(rise: Rise, findings: Sequence[Finding]) -> Message | None:
    """Return what the doctor says of what the training was given, or did, where a rise begins; None of nothing.

    Of a loss that is not finite that is first what speaks for the cause that the doctor names itself.
    """
    if not rise.is_finite and (reasons := own_reasons(rise, findings)):
        return next(iter(reasons.values()))
    given = (one for one in findings if one.kind in GIVEN and one.first_step is not None)
    return next((one.sentence for one in given if abs((one.first_step or 0.0) - rise.first) <= SOON), None)
