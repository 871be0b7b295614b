"""The programs of two runs: the changes between them in the order of their trials, and one with some of the changes."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from newllm.bisection.change import Change
from newllm.bisection.hunks import changes_of_files, with_lines
from newllm.bisection.names import undefined_names
from newllm.bisection.options import changes_of_options, with_options
from newllm.diagnosis.against.edits import Edit, edits
from newllm.diagnosis.against.places import place_names, words_of_place
from newllm.files import to_json
from newllm.trace.program import Program

NEAR = 3  # lines between two changes of one place


@dataclass(frozen=True)
class Programs:
    """The sound program, and what changes it into that of the other run.

    Attributes:
        sound: the sound one.
        run: the other one, its main file called as the sound one's.
        changes: numbered, those first that are tried first.
        seeds: that differ.
        seeded: whether every version has the seeds of the run; else they are as in the sound program.
    """

    sound: Program
    run: Program
    changes: tuple[Change, ...]
    seeds: tuple[Change, ...]
    seeded: bool = False

    @property
    def digest(self) -> str:
        """What tells this pair of programs from others."""
        parts = [(one.main, one.module, one.arguments, one.files) for one in (self.sound, self.run)]
        return hashlib.sha256(to_json(parts).encode()).hexdigest()

    @property
    def changed_code(self) -> set[str]:
        """The names of the files of code that differ."""
        return {one.name for one in self.changes if one.kind != "option" and one.name.endswith(".py")}

    def with_changes(self, numbers: Iterable[int]) -> tuple[dict[str, str | None], tuple[str, ...]]:
        """Return what each file holds with some changes, None of one that is not there, and the command line."""
        wanted = set(numbers)
        chosen = [one for one in self.changes if one.number in wanted] + [*(self.seeds if self.seeded else ())]
        files: dict[str, str | None] = dict.fromkeys(self.run.files) | dict(self.sound.files)
        for name in {one.name for one in chosen if one.kind == "lines"}:
            own = [one for one in chosen if one.kind == "lines" and one.name == name]
            files[name] = with_lines(self.sound.files[name], own)
        for change in chosen:
            if change.kind == "file":
                files[change.name] = self.run.files.get(change.name)
        return files, with_options(self.sound.arguments, [one for one in chosen if one.kind == "option"])

    def only_renaming(self, numbers: Iterable[int]) -> tuple[int, ...]:
        """Return those of some changes that only rename what the others use; none where that is all they do."""
        wanted = {*numbers}
        found = self._edits_of(wanted)
        chosen = [one for one in self.changes if one.number in wanted]
        places = {change: _lines_with(change, chosen) for change in chosen}
        without = {
            one.number
            for one in chosen
            if one.kind == "lines" and one.name.endswith(".py") and not any(_has(places[one], edit) for edit in found)
        }
        if _said(self._edits_of(wanted - without)) != _said(found):  # a later line of a statement is a change too
            without = {
                one.number for one in chosen if one.number in without and _rank(places[one], found) == len(found)
            }
        if len(without) == len(chosen):
            return ()
        return tuple(one.number for one in chosen if one.number in without)

    def neighbours(self, numbers: Iterable[int]) -> list[list[int]]:
        """Return some changes in groups of those that stand near each other in one file, in their order there."""
        wanted = {*numbers}
        chosen = sorted(
            (one for one in self.changes if one.number in wanted and one.kind == "lines"),
            key=lambda one: (one.name, one.span),
        )
        groups: list[list[Change]] = []
        for one in chosen:
            last = groups[-1][-1] if groups else None
            if last is not None and last.name == one.name and one.span[0] - last.span[1] <= NEAR:
                groups[-1].append(one)
            else:
                groups.append([one])
        return [[one.number for one in group] for group in groups]

    def _edits_of(self, numbers: Iterable[int]) -> list[Edit]:
        """Return which statements of the sound program differ in the one with some changes."""
        files = {name: text for name, text in self.with_changes(numbers)[0].items() if text is not None}
        return edits(self.sound.files, files)


def _said(found: Sequence[Edit]) -> list[tuple[object, ...]]:
    """Return statements that differ, whatever their lines."""
    return sorted((one.file, one.place, one.how, str(one.here), str(one.there)) for one in found)


def programs_of(sound: Program, run: Program) -> Programs:
    """Return what differs between two programs."""
    run = _called_as(sound, run)
    options, seeds = changes_of_options(sound.arguments, run.arguments, (words_of_place(sound), words_of_place(run)))
    hunks, of_files = changes_of_files(sound.files, run.files, place_names(sound) | place_names(run))
    ordered = [*options, *_ordered(hunks, sound.files, run.files)]
    changes = tuple(one.numbered(at) for at, one in enumerate(ordered, 1))
    return Programs(sound, run, changes, (*seeds, *of_files))


def _called_as(sound: Program, run: Program) -> Program:
    """Return a program with its main file called as the sound one's, where it is a copy under another name."""
    if run.main == sound.main or sound.main in run.files or run.main in sound.files or run.main not in run.files:
        return run
    return replace(
        run, main=sound.main, files={sound.main if one == run.main else one: run.files[one] for one in run.files}
    )


def _ordered(changes: Sequence[Change], there: Mapping[str, str], here: Mapping[str, str]) -> list[Change]:
    """Return changes in the order of the statements that they change, what may change a result first."""
    found = edits(there, here)
    return sorted(changes, key=lambda one: (_rank(one, found), one.name, one.span))


def _rank(change: Change, found: Sequence[Edit]) -> int:
    """Return which of the statements that differ a change holds, of several the first; after all where it has none."""
    inside = [at for at, edit in enumerate(found) if _has(change, edit)]
    if not inside:  # a later line of a statement of several
        before = [at for at, edit in enumerate(found) if edit.file == change.name and edit.line < (change.line or 0)]
        inside = [max(before, key=lambda at: found[at].line)] if before else []
    return min(inside, default=len(found))


def _has(change: Change, edit: Edit) -> bool:
    """Whether a statement that differs begins in the lines of a change."""
    if change.name != edit.file or change.kind == "file":
        return change.name == edit.file
    if edit.how == "removed":
        return change.span[0] < edit.line <= change.span[1]
    first = change.line or 1
    return first <= edit.line < first + len(change.here)


def unreadable(files: Mapping[str, str | None], names: Iterable[str], known: Sequence[Program] = ()) -> str:
    """Return what is wrong with the first of some files that cannot run, empty where nothing is seen.

    Args:
        files: what each holds by its name.
        names: of those that are looked at.
        known: programs that ran: a name that one of them uses without defining it is no mistake.
    """
    for name in sorted(names):
        try:
            undefined = undefined_names(files.get(name) or "")
            for program in known:
                undefined -= undefined_names(program.files.get(name, ""))
        except (SyntaxError, ValueError) as error:
            return f"{name}: {type(error).__name__}: {error}"
        if undefined and known:
            return f"{name}: NameError: name '{min(undefined)}' is not defined"
    return ""


def moved(sound: Program, other: Program) -> tuple[tuple[str, str, str], ...]:
    """Return which packages and files of data are not alike, as (name, of the sound program, of the other one)."""
    found = [
        (name, sound.versions[name], other.versions[name])
        for name in sound.versions
        if other.versions.get(name, sound.versions[name]) != sound.versions[name]
    ]
    for name, own in sound.data.items():
        its = other.data.get(name)
        if its is not None and its != own:
            found.append((name, _of_data(own), _of_data(its)))
    return tuple(found)


def _of_data(file: tuple[int, str]) -> str:
    return f"{file[0]} bytes, sha256 {file[1][:8]}"


def _lines_with(change: Change, chosen: Sequence[Change]) -> Change:
    """Return a change with its line in the program that has these changes alone."""
    if change.kind != "lines":
        return change
    before = [one for one in chosen if one.kind == "lines" and one.name == change.name and one.span < change.span]
    return replace(change, line=change.span[0] + 1 + sum(len(one.here) - len(one.there) for one in before))
