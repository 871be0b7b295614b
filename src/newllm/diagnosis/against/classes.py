"""Classes that are gone from the targets: each batch of a sound run has more than all batches of a run have had.

A value that marks what has no target and is a class too takes that class away, and what is left is learnt as well as
before: no loss and no accuracy shows it. It is an alarm where it cannot be chance (batches are mixed in both runs, and
the run has had ten times the targets of such a batch), and where nothing says that somebody wanted it: the command
line, settings, files of data, inputs and the shape of the model are as there, and the program is not.

Limits: which class is gone is not recorded. Padding that was counted as a class, or a background, is left out on
purpose: where the sound run used all targets, or has some at padding, and the run leaves out more, it is no alarm.
"""

from collections.abc import Sequence

import numpy as np

from newllm.diagnosis.against.difference import Difference
from newllm.diagnosis.losses import finite
from newllm.messages import message
from newllm.trace import Trace
from newllm.trace.program import Program

SEEN = "target_classes_seen"
_TIMES = 10  # the targets of a batch of the sound run that the run has had
_LEFT_OUT = 0.01  # of the targets: a share above it is no rounding
_BESIDE = ("against-version",)
_CHOSEN = ("against-data", "against-option")
_OF_TARGETS = ("target", "class", "loss_", "validation", "evaluation", "rows_unasked")


def without_classes(
    here: tuple[Trace, Program | None],
    there: tuple[Trace, Program | None],
    given: Sequence[Difference],
    written: Sequence[Difference],
) -> Difference | None:
    """Return that classes are gone from the targets, by no choice that shows; None where that is not so.

    Args:
        here: the run, and its program.
        there: likewise of the sound one.
        given: what the run was given and set to that the sound one was not.
        written: what differs between the programs.
    """
    (trace, program), (sound, other) = here, there
    if program is None or other is None or program.data.keys() != other.data.keys():
        return None
    edited = [one.said.id for one in written if one.said.id not in _BESIDE]
    is_wanted = any(one.startswith(_CHOSEN) for one in edited) or any(map(_is_choice, given))
    counts = _counts(trace, sound)
    if not edited or is_wanted or counts is None or _is_left_out_on_purpose(trace, sound):
        return None
    step, own, its = counts
    said = message("against-classes-gone", here=own, there=its, step=step, axis=trace.axis)
    return Difference(said, step, np.inf, SEEN)


def has_no_more_classes(trace: Trace, other: Trace) -> bool:
    """Whether a run has had no more classes than another one, as far as that is known of both."""
    own, its = (finite(one.series(SEEN)).value for one in (trace, other))
    return bool(len(own) and len(its) and own[-1] <= its[-1])


def _is_choice(one: Difference) -> bool:
    """Whether a person may have chosen other classes with it: a setting, another model, another input."""
    if one.signal is not None:
        return not one.signal.startswith(_OF_TARGETS)
    return not str(one.said.parameters.get("name", "")).startswith("optimizer.")


def _counts(trace: Trace, sound: Trace) -> tuple[float, int, int] | None:
    """Return the last step, the classes of the run up to it, and the least of a batch there; None if none is gone."""
    names = ("target_classes", SEEN, "targets")
    own, other = ({name: finite(one.series(name)) for name in names} for one in (trace, sound))
    steps = own[SEEN].step
    for series in (*own.values(), *other.values()):
        steps = np.intersect1d(steps, series.step)
    if not len(steps):
        return None
    (each, seen, count), (its_each, _, its_count) = (
        [series.value[np.isin(series.step, steps)] for series in some.values()] for some in (own, other)
    )
    is_mixed = np.median(each) >= seen[-1] > 1  # else batches come class by class, and some may come later
    is_much = count.sum() >= _TIMES * np.median(its_count)
    if not is_mixed or not is_much or seen[-1] >= its_each.min():
        return None
    return float(steps[-1]), int(seen[-1]), int(its_each.min())


def _is_left_out_on_purpose(trace: Trace, sound: Trace) -> bool:
    """Whether more targets are left out, where the sound run used all of them, or some that are padding."""
    used, its_used = (finite(one.series("targets_used")).value for one in (trace, sound))
    if not len(used) or not len(its_used):
        return True  # that is not known
    is_more = np.median(used) < np.median(its_used) - _LEFT_OUT
    padding = finite(sound.series("targets_padding")).value
    return bool(is_more and (np.median(its_used) > 1 - _LEFT_OUT or (padding > _LEFT_OUT).any()))
