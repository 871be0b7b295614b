"""A finding with all that is known around it: what the ranking of causes asks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import finite
from newllm.trace import Finding, Trace

BEFORE = 0.15  # of the run: so far back a finding may be what led to another


@dataclass(frozen=True)
class Case:
    """A finding with all that is known around it.

    Attributes:
        finding: what is to be explained.
        trace, facts: of the run.
        others: the run's other findings.
        length: of the run, in the units of the trace's axis.
    """

    finding: Finding
    trace: Trace
    facts: Facts
    others: Sequence[Finding]
    length: float

    @property
    def onset(self) -> float:
        """The first step of the finding; 0 where it has none."""
        return self.finding.first_step or 0.0

    @property
    def points(self) -> int:
        """How many points of its own signal the finding spans."""
        step = self.trace.series(self.finding.signal or "loss").step
        last = self.onset if self.finding.last_step is None else self.finding.last_step
        return int(np.sum((step >= self.onset) & (step <= last)))

    @property
    def by_step(self) -> bool:
        """Whether a point is one update, so that a single batch can show."""
        step = self.trace.series(self.finding.signal or "loss").step
        return self.trace.axis == "step" and len(step) > 1 and bool(np.median(np.diff(step)) <= 1)

    def led(self, kind: str) -> Finding | None:
        """Return another finding of that kind that began a little before this one, or within it."""
        for other in self.others:
            first = other.first_step if other.first_step is not None else self.onset
            last = self.finding.last_step if self.finding.last_step is not None else first
            if other.kind == kind and self.onset - BEFORE * self.length <= first <= last:
                return other
        return None

    def own_or_led(self, kind: str) -> Finding | None:
        """Return this finding if it is of that kind, else another that led to it."""
        return self.finding if self.finding.kind == kind else self.led(kind)

    def own_or_any(self, kind: str) -> Finding | None:
        """Return this finding if it is of that kind, else the first other that is."""
        return next((one for one in (self.finding, *self.others) if one.kind == kind), None)

    def has(self, *kinds: str) -> bool:
        """Whether there is a finding of one of these kinds anywhere."""
        return any(other.kind in kinds for other in self.others)

    def before(self, name: str, points: int = 20) -> np.ndarray:
        """Return the last finite values of a signal before the onset."""
        series = finite(self.trace.series(name))
        return series.value[: int(np.searchsorted(series.step, self.onset))][-points:]

    def gradient_jumped(self, most: int) -> bool:
        """Whether the gradient norm left its level at the onset, for at most so many steps."""
        norm = finite(self.trace.series("gradient_norm"))
        at = int(np.searchsorted(norm.step, self.onset))
        before = self.before("gradient_norm")
        if len(before) < 5:
            return False
        high = norm.value[at : at + 4 * most] > 3 * float(np.median(before))
        return bool(high.any() and high.sum() <= most)

    def worst_at_once(self) -> bool:
        """Whether the loss was at its worst within three points of the onset, where an instability builds up."""
        peak = self.finding.evidence.get("peak_step")
        step = self.trace.series(self.finding.signal or "loss").step
        return peak is not None and int(np.sum((step >= self.onset) & (step <= peak))) <= 3
