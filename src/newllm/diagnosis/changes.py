"""What changed at a step, among all that was recorded or logged beside the loss: observed facts, and no guess.

Looked at is what does not follow from the loss (`exogenous.py`). A change counts where it is unlike all before it in
this run (`shift.py`): one of data and state where it begins with the rise, one of a setting also a little before, since
that may take its time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from newllm.diagnosis.case import BEFORE
from newllm.diagnosis.exogenous import exogenous
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.harm import RISES
from newllm.diagnosis.losses import comparable, finite, is_validation
from newllm.diagnosis.shift import FEWEST, Shift, jump_within, rise_within, shift_within, slope_within
from newllm.messages import Message, message
from newllm.trace import Finding, Series, Trace

SHARES = frozenset(
    {"rows_repeated", "rows_equal", "rows_seen", "target_most_share", "targets_used", "targets_padding"}
    | {"targets_changed", "gradient_carried"}
)
LEAST_SHARE = 0.1  # of the rows: a few that come again are chance
AT_ONCE = 2  # points of the loss before a rise, up to which data show in it
STEEPEST = 10  # points from the onset on, in which the loss rises most at its sudden step
FEWEST_BEFORE = 10  # points of a training loss
SUDDEN = RISES | {"loss-drop", "not-finite"}  # findings that begin at a step
GRADUAL = frozenset(
    {"slow-divergence", "plateau", "over-fitting", "validation-rises", "below-chance"}
    | {"reward-falls", "entropy-collapse", "kl-explosion", "representation-collapse"}
)
LATE = 0.02  # of the run: so far behind its beginning what shows little by little may have begun
ORDER = ("inputs", "targets", "loss", "setting", "column", "state", "evaluation")  # in which groups are said
FEWEST_LOOKED = 3  # signals: of fewer it says little that none of them changed


@dataclass(frozen=True)
class Change:
    """A signal that changed.

    Attributes:
        signal: its name in the trace; of layers without the layer.
        group: "training" of the loss, "state", "inputs", "targets", "loss", "evaluation", "setting" or "column".
        shift: how.
        slope: whether it changes little by little, as a warm-up does; else from one point to the next.
    """

    signal: str
    group: str
    shift: Shift
    slope: bool = False

    @property
    def rises(self) -> bool:
        """Whether it is larger than before."""
        return self.shift.value > self.shift.before

    @property
    def _how(self) -> str:
        if self.group == "state" or self.slope:
            return "rising" if self.slope else "state"
        return "lowered" if self.signal == "learning_rate" and not self.rises else "number"

    def said(self, axis: str) -> Message:
        """Return it in words: what, from where to where, and since when or for how long."""
        shift = self.shift
        return message(
            "change",
            signal=self.signal,
            how=self._how,
            before=shift.before,
            value=shift.value,
            axis=axis,
            step=int(shift.step),
            after=int(shift.after) if shift.step - shift.after > 1 else None,
            lasts="stays" if shift.last is None else "once" if shift.last == shift.step else "a-while",
            last=None if shift.last is None else int(shift.last),
        )


@dataclass(frozen=True)
class Changes:
    """What changed at a step.

    Attributes:
        found: in the order of what is told first.
        looked: the signals that were looked at.
        groups: of these.
        step: at which the loss rose most.
    """

    found: tuple[Change, ...]
    looked: tuple[str, ...]
    groups: tuple[str, ...]
    step: float

    @property
    def others(self) -> dict[str, Any]:
        """How many other signals were looked at, and of what, for a sentence."""
        groups = [message(f"changes-of_{one}") for one in self.groups]
        changed = {one.signal for one in self.found}
        return {"looked": sum(one not in changed for one in self.looked), "groups": groups}


def with_changes(findings: Sequence[Finding], trace: Trace, facts: Facts) -> list[Finding]:
    """Return the findings; those that begin at a step, and name no cause, say what changed there, or that nothing did.

    Args:
        findings: with their causes and roots; what follows from another is told with that.
        trace: of the run.
        facts: of the run.
    """
    return [_with_changes(one, trace, facts) for one in findings]


def _with_changes(finding: Finding, trace: Trace, facts: Facts) -> Finding:
    if finding.kind not in SUDDEN | GRADUAL or finding.severity == "note" or finding.follows or finding.causes:
        return finding
    changes = changes_at(finding, trace, facts)
    if changes is None or (not changes.found and (finding.kind in GRADUAL or len(changes.looked) < FEWEST_LOOKED)):
        return finding
    said = [one.said(trace.axis) for one in changes.found]
    how = (
        message("changes-found", changes=said, **changes.others) if said else message("changes-none", **changes.others)
    )
    return replace(finding, sentence=message("changed-finding", finding=finding.sentence, changes=how))


def changes_at(finding: Finding, trace: Trace, facts: Facts) -> Changes | None:
    """Return what changed where a finding begins; None where too little came before it.

    Of a finding that begins little by little it is what changed for good, up to a while before.
    """
    if finding.first_step is None:
        return None
    signal, peak = finding.signal or "loss", finding.evidence.get("peak_step")
    recorded = facts.origin == "record"
    return _changes(trace, signal, finding.first_step, peak, finding.kind in GRADUAL, recorded)


@lru_cache(maxsize=4)  # several rows of evidence ask about one finding
def _changes(
    trace: Trace, signal: str, first: float, peak: float | None, gradual: bool, recorded: bool
) -> Changes | None:
    window = _broad(trace, signal, first) if gradual else _window(trace, signal, first, peak)
    if window is None:
        return None
    since, step = window
    early = step - max(BEFORE * trace.last_step, step - since)
    found, looked, groups = _dated_by_training(trace, signal, since, step), [], []
    for name, group, series in exogenous(trace, recorded=recorded, evaluated=is_validation(signal)):
        is_usual = gradual and name == "learning_rate"  # it is lowered where the loss stands
        if is_usual or int(np.searchsorted(series.step, step)) < FEWEST:
            continue
        looked.append(name)
        groups.append(group)
        start = early if group in {"setting", "column"} else since
        change = (
            _rate_change(series, start, step)
            if name == "learning_rate"
            else _change(name, group, shift_within(series, start, step, lasting=gradual))
        )
        if change is not None and not _says_nothing(name, change.shift):
            found.append(change)
    return Changes(tuple(found), tuple(looked), tuple(one for one in ORDER if one in groups), step)


def _change(name: str, group: str, shift: Shift | None, *, slope: bool = False) -> Change | None:
    return None if shift is None else Change(name, group, shift, slope)


def _rate_change(rate: Series, since: float, until: float) -> Change | None:
    """Return the jump of a learning rate, else that it rises; a fall from which it rises again is told as a rise."""
    jump, rise = jump_within(rate, since, until), slope_within(rate, since, until)
    is_rise = rise is not None and (jump is None or jump.value < jump.before)
    return _change("learning_rate", "setting", rise if is_rise else jump, slope=is_rise)


def _dated_by_training(trace: Trace, signal: str, since: float, step: float) -> list[Change]:
    """Return the rise of the training loss between two evaluations of which the second is worse: it has a step."""
    loss = finite(trace.series("loss"))
    rise = rise_within(loss, since, step) if is_validation(signal) and len(loss.step) else None
    return [] if rise is None else [Change("loss", "training", rise)]


def _says_nothing(name: str, shift: Shift) -> bool:
    """Whether a change is of a few rows, or one to rows that are known: these are no harder."""
    if name == "rows_seen" and shift.value > shift.before:
        return True
    return name in SHARES and abs(shift.value - shift.before) < LEAST_SHARE


def _broad(trace: Trace, signal: str, first: float) -> tuple[float, float] | None:
    """Return from when to when something may have changed that shows little by little."""
    if int(np.searchsorted(finite(trace.series(signal)).step, first)) < _fewest(signal):
        return None
    return first - BEFORE * trace.last_step, first + LATE * trace.last_step


def _fewest(signal: str) -> int:
    """Return how many points have to come before."""
    return FEWEST if is_validation(signal) else FEWEST_BEFORE


def _window(trace: Trace, signal: str, first: float, peak: float | None) -> tuple[float, float] | None:
    """Return the last step that was as before, and the one at which the loss rose most."""
    series = finite(trace.series(signal))
    at = min(int(np.searchsorted(series.step, first)), len(series.step) - 1)
    if at < _fewest(signal):
        return None
    if is_validation(signal):
        return float(series.step[at - 1]), float(series.step[at])
    last = min(int(np.searchsorted(series.step, peak or first)), at + STEEPEST, len(series.step) - 1)
    rises = np.abs(np.diff(comparable(series.value))[at - AT_ONCE - 1 : max(last, at)])
    sudden = max(at, at - AT_ONCE + int(np.argmax(rises)))
    return float(series.step[at - AT_ONCE - 1]), float(series.step[sudden])
