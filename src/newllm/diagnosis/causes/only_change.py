"""What speaks for a cause in what changed at the very step of a rise, where nothing else changed that could bring it.

Settings that were lowered, and rows that are new, count for nothing here: what makes updates smaller, or less of a
penalty, makes no loss rise at once, and that rows are new does not say how they are other. And a change must be large
enough to bring a rise about. Inputs that change are a finding of their own (`detectors/inputs.py`): what is too small
for that is told, and names nothing.
"""

from collections.abc import Collection

import numpy as np

from newllm.diagnosis.case import Case
from newllm.diagnosis.causes.look import NOTHING, Seen
from newllm.diagnosis.changes import Change, Changes, changes_at
from newllm.diagnosis.exogenous import STATE
from newllm.diagnosis.harm import RISES
from newllm.diagnosis.levels import median
from newllm.diagnosis.losses import finite

_HARMLESS_BELOW = frozenset({"learning_rate", "weight_decay", "dropout", "rows_seen"})
APART, ASIDE = 1.5, 0.5  # between standard deviations; in them, between means: as of inputs
MULTIPLE = 1.5  # times the loss
AS_FAR = 2.0  # the loss rises by that multiple, give or take this factor
DECAY, DROPPED, TIMES = 10.0, 0.5, 2.0  # times the decay before; of the activations, and times what it was
FEW = 5  # points


def state(case: Case) -> Seen:
    """Something else than the optimizer changes weights, moments or buffers at the step of a rise, for the first time.

    Nothing else changes there.
    """
    return _said(case, _only(case, STATE))


def targets(case: Case) -> Seen:
    """Mean or deviation of the targets change by half a deviation or by half, at the step of a rise; nothing else does.

    An unchanged model is off by the whole of such a shift.
    """
    found = _only(case, ("target_mean", "target_std"))
    return _said(case, [one for one in found if _is_far(one, case)])


def multiple(case: Case) -> Seen:
    """What the mean loss is multiplied by grows at the step of a rise, and the loss by about as much; nothing else."""
    found = _only(case, ("loss_multiple",))
    loss = finite(case.trace.series("loss"))
    if not found or not found[0].rises or found[0].shift.before <= 0:
        return NOTHING
    before, after = loss.value[loss.step < case.onset][-FEW:], loss.value[loss.step >= case.onset][:FEW]
    factor, risen = found[0].shift.value / found[0].shift.before, median(after) / median(before)
    return _said(case, found) if factor >= MULTIPLE and 1 / AS_FAR <= risen / factor <= AS_FAR else NOTHING


def decay(case: Case) -> Seen:
    """The weight decay is ten times what it was from the step of a rise, or a little before; nothing else changes."""
    found = _only(case, ("weight_decay",))
    return _said(case, [one for one in found if one.shift.value >= DECAY * one.shift.before])


def dropout(case: Case) -> Seen:
    """Dropout is twice what it was, and a half or more, from the step of a rise; nothing else changes."""
    found = _only(case, ("dropout",))
    return _said(case, [one for one in found if one.shift.value >= max(DROPPED, TIMES * one.shift.before)])


def _only(case: Case, signals: Collection[str]) -> list[Change]:
    """Return the changes at a rise if all are of these signals, and of more than one update unless of the state."""
    changes = _changes(case)
    found = [] if changes is None else [one for one in changes.found if one.group != "training"]
    may = [one for one in found if one.rises or one.signal not in _HARMLESS_BELOW]
    if not all(one.signal in signals for one in may):
        return []
    return [one for one in may if one.group == "state" or one.shift.last != one.shift.step]


def _changes(case: Case) -> Changes | None:
    if case.finding.kind not in RISES or case.finding.severity == "note":
        return None
    return changes_at(case.finding, case.trace, case.facts)


def _is_far(change: Change, case: Case) -> bool:
    shift = change.shift
    if change.signal == "target_std":
        small, large = sorted((abs(shift.before), abs(shift.value)))
        return large >= APART * small
    stds = finite(case.trace.series("target_std"))
    std = median(stds.value[stds.step <= shift.after])
    if np.isnan(std):  # of targets of zero and one
        std = float(np.sqrt(max(shift.before * (1 - shift.before), 0.0)))
    return abs(shift.value - shift.before) >= ASIDE * std


def _said(case: Case, found: list[Change]) -> Seen:
    changes = _changes(case) if found else None
    if changes is None:
        return NOTHING
    return {"change": found[0].said(case.trace.axis), **changes.others}
