"""A run held against one that is known to be sound: what differs, and which of its findings the sound run has too.

A fact of the code may be a mistake or harmless, and one run cannot tell: a layer that gets no gradient may not be used
on purpose. What a sound run of the same program has too does not make the difference. What it has not is told first:
what the training was given and set to, then what it came to, and where that shows inside the model.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from newllm.diagnosis.against.classes import has_no_more_classes, without_classes
from newllm.diagnosis.against.difference import Difference
from newllm.diagnosis.against.given import given_differences
from newllm.diagnosis.against.names import aligned
from newllm.diagnosis.against.program import is_called_alike, is_same_program, program_differences
from newllm.diagnosis.against.reached import (
    comes_to_less,
    inner_differences,
    is_level,
    is_too_good,
    on_the_way,
    only_validates_better,
    reached_differences,
)
from newllm.diagnosis.against.subjects import SET_BY, first_of, with_differences, with_followers
from newllm.diagnosis.against.told import Sound, as_in, kind_of, noted, told_as
from newllm.diagnosis.against.usual import has_too
from newllm.diagnosis.changes import SUDDEN
from newllm.diagnosis.ending import lost_model
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.intent import planned_as_note
from newllm.diagnosis.layer_names import with_named_layers
from newllm.diagnosis.roots import SEEN
from newllm.diagnosis.training_kind import training_kind
from newllm.errors import UserError
from newllm.trace import Finding, Remark, Severity, Trace
from newllm.trace.program import Program
from newllm.trace.remark import note

MOST = 6  # differences that are told in words; the signals of all are in the evidence
MOST_EDITS = 10  # of a program: harmless ones stand among them
MOST_INSIDE = 3
FAR_INSIDE = 2.0  # natural logarithms: so far apart inside of a model is worth a note where nothing else differs
FEWEST = 4  # points of some signal that a sound run shares: of fewer nothing can be said


def held_against(
    findings: Sequence[Finding],
    trace: Trace,
    facts: Facts,
    sound: Sequence[Sound],
    program: Program | None = None,
    *,
    earlier: Sequence[Sound] | None = None,
) -> tuple[list[Finding], tuple[Remark, ...]]:
    """Return the findings of a run as they look beside sound ones, and a remark on what was held against what.

    First what differs from each of them, with the values of the first; then the run's own findings, but for those that
    a sound one has too, which are one note. Where nothing differs, or a validation alone that is better than there,
    what is found is a note, but for what happens at a step.

    Args:
        findings: of the run by itself.
        trace: of the run.
        facts: likewise.
        sound: at least one; several seeds show how far sound runs are apart.
        program: that trained the run; None where none was kept.
        earlier: None where a person gave the sound runs. Else the sound one was chosen, as the last in which nothing
            was found, and these are some before it. Then the run may differ on purpose: it is an alarm only where it
            comes to less than it and most of them, as one may have a mistake that nobody has found, and was called with
            the same options as the sound one. Where something is found in that one too, as in all before it, what is
            found of the run stands as it is.

    Raises:
        UserError: they cannot be compared.
    """
    chosen = earlier is not None
    sound, before = (
        [replace(one, **aligned(facts, one.trace, one.facts)) for one in of] for of in (sound, earlier or ())
    )
    first, last = _shared_steps(trace, sound)
    progress = training_kind(trace, facts).loss_is_progress
    known: dict[str, Any] = {"progress": progress, "roles": facts.roles}
    with np.errstate(all="ignore"):
        given, looked = _from_each(sound, lambda one: given_differences((trace, facts), (one.trace, one.facts)))
        reached, measures = _from_each(sound, lambda one: reached_differences(trace, one.trace, **known))
        inside, _ = _from_each(sound, lambda one: (inner_differences(trace, one.trace), 0))
        rivals = _others(program, sound[0], before)
        is_less, is_suspect = _outcome(trace, [*sound, *rivals], known)
    given, expected = _without_planned("differs-from-reference", given, trace, facts, sound)
    reached, more = _without_planned("parts-from-reference", reached, trace, facts, sound)
    inside, _ = _without_planned("parts-inside", inside, trace, facts, sound)
    planned = [*expected, *more][:MOST]
    better = only_validates_better(reached)
    parts = (bool(reached) and not better) or any(one.recorded for one in given)
    written, _ = _from_each(sound, lambda one: (_of_programs(program, facts, one), 0))
    if not looked + measures + len(written):
        raise UserError(
            f"'{sound[0].name}' and this run share no loss, measure or setting: name a column of both with --role"
        )
    is_less &= comes_to_less(reached, trace, sound[0].trace, progress=progress)  # and not as somebody planned
    is_less &= not sound[0].is_doubtful  # its losses may be low, or others, by what is wrong with it
    is_suspect &= bool(reached)
    if _is_lost_alone(trace, facts, sound):  # a loss that is no number parts from none
        parts, is_less = True, not sound[0].is_doubtful
    is_asked = chosen and not _is_called_alike(program, sound[0].program)  # another experiment, which may come to less
    gone = None if is_asked or not chosen else _without_classes(trace, facts, [*sound, *before], program, written)
    given = given if gone is None else [gone, *(one for one in given if one.signal != gone.signal)]
    is_alarm = not is_asked and (is_suspect or gone is not None or (is_less if chosen else parts))
    way = None if more else on_the_way(reached, trace, sound[0].trace)
    how = "suspect" if is_suspect else "asked" if is_asked and is_less else way or "other"
    severity: Severity = "warning" if is_alarm else "note"
    inside = [one for one in inside if parts or one.size >= FAR_INSIDE]
    is_doubtful = sound[0].is_doubtful
    usual: list[Finding] = []
    if chosen and not is_doubtful:
        # What its program is told of each time may be a mistake all the same: a person has not said that it is sound.
        alarms = [one for one in findings if one.severity != "note"]
        usual = [one for one in alarms if any(has_too(one, other.findings) for other in (*sound, *before))]
    both = [one for one in findings if one not in usual and any(has_too(one, other.findings) for other in sound)]
    differs = bool(given or written)
    excused = partial(_without_excused, given=given, trace=trace, sound=sound, differs=differs)
    own = [excused(one) for one in findings if one not in (*both, *usual)]
    if is_doubtful:
        own = list(findings)
    elif not parts:
        roots = {one.follows for one in usual}  # what earlier runs are told of too, as of what it follows from
        stand = [one.kind in roots or _stands(one, trace, sound) for one in own]
        own = [
            one if stands else replace(one, severity="note", confidence=None)
            for one, stands in zip(own, stand, strict=True)
        ]
    names = [one.name for one in sound]
    alike = [*both, *(one for one in own if any(has_too(one, other.findings) for other in sound))]
    own, carriers, given = with_differences(own, given, names, alike)
    first_own = first_of(own, carriers)
    own += [as_in(one, (*sound, *before)) for one in usual]
    differs = [*told_as("differs-from-reference", given, MOST, sound, trace, severity)]
    edited = [*told_as("program-differs", written, MOST_EDITS, sound, trace, severity)]
    apart = [*told_as("parts-from-reference", reached, MOST, sound, trace, severity, how=how)]
    within = [*told_as("parts-inside", inside, MOST_INSIDE, sound, trace, "note")]
    # What a person held against each other differs by mistake; what was chosen may on purpose, so that it explains.
    # A fault that is no mistake itself is what came of one, as is what it came to.
    symptom = [one for one in first_own if one.severity == "fault" and one.kind not in SEEN and one.follows is None]
    compared = [*apart, *differs, *edited] if all(one in carriers for one in symptom) else [*differs, *edited, *apart]
    explained = [*with_followers(carriers, own), *differs, *edited]
    first_told = [*first_own, *compared] if chosen else [*explained, *first_own, *apart]
    first_told = [one for at, one in enumerate(first_told) if one not in first_told[:at]]
    told = [*first_told, *(one for one in own if one not in first_own), *within]
    notes = [*(one for one in told if one.severity == "note"), *planned]
    if both:
        kinds = list(dict.fromkeys(one.kind for one in both))
        notes.append(noted("in-reference-too", {"kinds": kinds}, other=names, kinds=[kind_of(one) for one in kinds]))
    if not parts and not planned and not better:
        notes.insert(0, noted("as-reference", {}, other=names, count=looked + measures, several=len(names) > 1))
    told_of: dict[str, Any] = {"axis": trace.axis, "first": first, "last": last, "count": looked + measures}
    which = "doubtful" if is_doubtful else "chosen" if chosen else "against"
    if which == "chosen":
        told_of |= {"earlier": None if gone else [one.name for one in rivals] or None, "before": len(rivals)}
        told_of["usual"] = any(one.severity != "note" for one in sound[0].findings)
    remarks = [note(f"remark-{which}", other=names, **told_of)]
    same = [one.name for one in sound if program is not None and is_same_program(program, one.program)]
    if parts and same:
        remarks.append(note("remark-same-program", other=same))
    remarks += [note("remark-reference-lost", other=one.name) for one in sound if lost_model(one.trace, one.facts)]
    return with_named_layers([*(one for one in told if one.severity != "note"), *notes], facts), tuple(remarks)


def _is_lost_alone(trace: Trace, facts: Facts, sound: Sequence[Sound]) -> bool:
    """Whether the loss of a run ends as no finite number, and that of no sound one does."""
    endings = [lost_model(*one) for one in ((trace, facts), *((one.trace, one.facts) for one in sound))]
    own, *others = [one is not None and one.how == "not-finite" for one in endings]
    return own and not any(others)


def _others(program: Program | None, sound: Sound, before: Sequence[Sound]) -> list[Sound]:
    """Return the runs before, without those of the run's own program: what has its mistake is no measure of it.

    Where the sound run is of that program too, what differs is no edit of it.
    """
    if program is None or is_same_program(program, sound.program):
        return list(before)
    return [one for one in before if not is_same_program(program, one.program)]


def _is_called_alike(program: Program | None, other: Program | None) -> bool:
    return program is None or other is None or is_called_alike(program, other)


def is_comparable(trace: Trace, other: Sound) -> bool:
    """Whether a run shares signals and steps with another one."""
    try:
        return bool(_shared_steps(trace, [other]))
    except UserError:
        return False


def is_in_doubt(run: Sound, before: Sequence[Sound]) -> bool:
    """Whether a run comes to less than most of those before it, or is too good beside all, and was called alike.

    By itself nothing may be wrong with a run that has a mistake.
    """
    if not before or not _is_called_alike(run.program, before[0].program):
        return False
    known = {"progress": training_kind(run.trace, run.facts).loss_is_progress, "roles": run.facts.roles}
    others = [replace(one, **aligned(run.facts, one.trace, one.facts)) for one in before]
    near = [one for one in others if is_comparable(run.trace, one)]
    with np.errstate(all="ignore"):
        written = _of_programs(run.program, run.facts, near[0]) if near else []
        gone = _without_classes(run.trace, run.facts, near, run.program, written)
        return gone is not None or any(_outcome(run.trace, near, known))


def _outcome(trace: Trace, sound: Sequence[Sound], known: Mapping[str, Any]) -> tuple[bool, bool]:
    """Return whether a run comes to less than the first of sound runs and most of them, and is too good beside all.

    One of them may have a mistake that nobody has found. By a single one nobody knows what another seed brings.
    """
    each = [(reached_differences(trace, one.trace, **known)[0], trace, one.trace) for one in sound]
    less = [comes_to_less(*one, progress=known["progress"]) for one in each]
    return bool(less) and less[0] and 2 * sum(less) > len(less), len(each) > 1 and all(
        is_too_good(*one) for one in each
    )


def _without_classes(
    trace: Trace, facts: Facts, sound: Sequence[Sound], program: Program | None, written: Sequence[Difference]
) -> Difference | None:
    """Return that classes are gone beside the first of sound runs, where those before it have more than the run too."""
    if facts.planned or not sound or any(has_no_more_classes(one.trace, trace) for one in sound[1:]):
        return None
    given, _ = given_differences((trace, facts), (sound[0].trace, sound[0].facts))
    return without_classes((trace, program), (sound[0].trace, sound[0].program), given, written)


def _without_planned(
    kind: str, found: Sequence[Difference], trace: Trace, facts: Facts, sound: Sequence[Sound]
) -> tuple[list[Difference], list[Finding]]:
    """Return the differences that do not follow what somebody planned, and a note for each of the others."""
    left: list[Difference] = []
    notes: list[Finding] = []
    for one in found:
        (alone,) = told_as(kind, [one], 1, sound, trace, "warning", how="other")
        note = planned_as_note(alone, trace, facts)
        if note is alone:
            left.append(one)
        else:
            notes.append(note)
    return left, notes


def _of_programs(program: Program | None, facts: Facts, sound: Sound) -> list[Difference]:
    if program is None or sound.program is None:
        return []
    return program_differences(program, sound.program, facts.settings.keys() & sound.facts.settings.keys())


def _stands(finding: Finding, trace: Trace, sound: Sequence[Sound]) -> bool:
    """Whether a finding stays an alarm where nothing differs: a jump of the training loss, or what was not compared.

    That of a gradient or of an evaluation by which the loss goes on as there does no harm that could be seen.
    """
    is_jump = finding.kind in SUDDEN and finding.signal in ("loss", None)
    if finding.severity == "fault" or is_jump or finding.signal is None:
        return True
    return not (
        is_level(finding.signal)
        and all(finding.signal in one.signals for one in (trace, *(one.trace for one in sound)))
    )


def _from_each(
    sound: Sequence[Sound], differences: Callable[[Sound], tuple[list[Difference], int]]
) -> tuple[list[Difference], int]:
    """Return what differs from all sound runs, as it does from the first, and how much was looked at there."""
    (found, looked), *others = [differences(one) for one in sound]
    for other, _ in others:
        known = {one.what for one in other}
        found = [one for one in found if one.what in known]
    return found, looked


def _shared_steps(trace: Trace, sound: Sequence[Sound]) -> tuple[float, float]:
    """Return the first and the last step that all have.

    Raises:
        UserError: they count otherwise, or share no signal or no steps.
    """
    first, last = -np.inf, np.inf
    for one in sound:
        if trace.axis != one.trace.axis:
            raise UserError(
                f"'{one.name}' counts {one.trace.axis}s and this run {trace.axis}s: give two that count alike"
            )
        shared = [
            (series.step, other.step)
            for name, series in trace.signals.items()
            if len(series.step) and len((other := one.trace.series(name)).step)
        ]
        if not shared:
            raise UserError(f"'{one.name}' has no signal that this run has: give a sound run of the same program")
        first = max(first, *(min(float(steps[side][0]) for steps in shared) for side in (0, 1)))
        last = min(last, *(max(float(steps[side][-1]) for steps in shared) for side in (0, 1)))
        if last < first:
            raise UserError(f"'{one.name}' has no step that this run has: give a sound run that covers its steps")
        count = max(int(np.sum((steps[1] >= first) & (steps[1] <= last))) for steps in shared)
        if count < FEWEST:
            raise UserError(
                f"'{one.name}' shares {count} points with this run: give a sound run with {FEWEST} and more"
            )
    return float(first), float(last)


def _without_excused(
    finding: Finding, given: Sequence[Difference], trace: Trace, sound: Sequence[Sound], *, differs: bool
) -> Finding:
    """Return a finding without causes that lie in a setting which is as in the sound runs.

    Those that are only possible stay where nothing else differs that could be it.
    """
    parted = {one.signal for one in given}
    traces = (trace, *(one.trace for one in sound))

    def is_as_there(name: str) -> bool:
        signal = SET_BY.get(name)
        recorded = signal is not None and all(len(other.series(signal).step) for other in traces)
        return recorded and signal not in parted

    causes = finding.causes and tuple(one for one in finding.causes if not is_as_there(one.name))
    if not differs:
        return replace(finding, causes=causes)
    possible = tuple(one for one in finding.candidate_causes if not is_as_there(one))
    still_open = tuple(one for one in finding.open_causes if not is_as_there(one.name))
    return replace(finding, causes=causes, candidate_causes=possible, open_causes=still_open)
