"""Hold a run against sound ones of its program: those that a person names, or some that were recorded before it."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from newllm.api.diagnosis import Diagnosis
from newllm.api.earlier import read_earlier
from newllm.demo import shown
from newllm.diagnosis.against.compare import held_against, is_comparable, is_in_doubt
from newllm.diagnosis.against.told import Sound
from newllm.diagnosis.against.usual import is_sound
from newllm.diagnosis.replayed import proved_first
from newllm.errors import UserError
from newllm.trace import Finding, Remark
from newllm.trace.program import PROGRAM, Program, read_program
from newllm.trace.remark import unread_file

_SEVERAL = 3  # sound runs: one of them may have a mistake that nobody has found
_NAMED = 4  # logs of a directory that an error names


def held_against_earlier(own: Diagnosis, doctor: Callable[[Path], Diagnosis]) -> Diagnosis:
    """Return the diagnosis of a run as it looks beside the earlier ones of its program; as it is where there are none.

    Args:
        own: of the run by itself.
        doctor: says what is wrong with a run by itself.
    """
    if not own.judged:
        return own
    read: dict[Path, Diagnosis] = {}

    def each(places: Iterable[Path]) -> Iterator[Diagnosis]:
        for place in places:
            with contextlib.suppress(UserError):  # it cannot be read
                read[place] = read.get(place) or doctor(place)
                yield read[place]

    def findings(place: Path) -> Sequence[Finding] | None:
        return next((one.findings for one in each([place]) if one.judged), None)

    earlier = read_earlier(own.path, findings)
    found = held_against_chosen(own, each(earlier.sound), earlier.findings)
    return found if found.against else held_against_chosen(own, each(earlier.wrong[:1]), earlier.findings)


def held_against_chosen(
    own: Diagnosis, others: Iterable[Diagnosis], usual: Sequence[Sequence[Finding]] = ()
) -> Diagnosis:
    """Return the diagnosis of a run as it looks beside the first of others that is sound, else beside the first.

    Sound is one that has no alarm but usual ones, and comes to no less than those before it. An alarm is only what is
    worse than in most of several: one of them may have a mistake that nobody has found.

    Args:
        own: of the run by itself.
        others: of runs of the same program by themselves; of those that share nothing with the run none is taken.
        usual: findings of all earlier runs of the program, the oldest first: an alarm that is usual is no news.
    """
    doubtful: list[Diagnosis] = []
    sound: list[Diagnosis] = []
    for other in others:
        if other.judged and is_comparable(own.trace, _sound(other)):
            (sound if is_sound(other.findings, usual) else doubtful).append(other)
        if len(sound) == _SEVERAL:
            break
    each = [_sound(one, _program(one.path, [])) for one in sound]
    standing = [one for at, one in enumerate(sound) if not is_in_doubt(each[at], each[at + 1 :])]
    with contextlib.suppress(UserError):  # they share no measure and no setting
        if standing:
            return _held_against(own, standing[:1], standing[1:])
        if doubtful:
            return _held_against(own, doubtful[:1], (), is_doubtful=True)
    return own


def held_against_given(own: Diagnosis, others: Sequence[Diagnosis]) -> Diagnosis:
    """Return the diagnosis of a run as it looks beside sound ones that a person gave.

    Raises:
        UserError: one is the run itself, or several logs, or shares nothing with it.
    """
    return _held_against(own, others, None)


def _held_against(
    own: Diagnosis, others: Sequence[Diagnosis], earlier: Sequence[Diagnosis] | None, *, is_doubtful: bool = False
) -> Diagnosis:
    for other in others:
        if len(other.trace.runs) > 1 and other.path.is_dir():
            shown_runs = ", ".join(sorted(other.trace.runs)[:_NAMED])
            raise UserError(f"'{other.path}' holds several logs ({shown_runs}): name the one that is sound")
        if own.path.resolve() == other.path.resolve():
            raise UserError(f"'{own.path}' is the run that it is held against: name another one that is sound")
    unread: list[Remark] = []
    program, *programs = [_program(one.path, unread) for one in (own, *others)]
    sound = [_sound(other, its, is_doubtful) for other, its in zip(others, programs, strict=True)]
    before = None if earlier is None else [_sound(other, _program(other.path, [])) for other in earlier]
    findings, remarks = held_against(own.findings, own.trace, own.facts, sound, program, earlier=before)
    trace = dataclasses.replace(own.trace, remarks=(*own.trace.remarks, *unread, *remarks))
    findings = list(proved_first(findings, own.verdict))
    known = {"chosen": earlier is not None, "doubtful": is_doubtful, "alone": own}
    return dataclasses.replace(own, trace=trace, findings=findings, against=tuple(others), **known)


def _sound(one: Diagnosis, program: Program | None = None, is_doubtful: bool = False) -> Sound:
    return Sound(shown(one.path), one.trace, one.facts, one.findings, program, is_doubtful)


def _program(path: Path, unread: list[Remark]) -> Program | None:
    """Return the program of a run; None where none was kept, or its file is damaged, which is remarked on."""
    try:
        return read_program(path)
    except (OSError, ValueError) as error:
        unread.append(unread_file(PROGRAM, error))
        return None
