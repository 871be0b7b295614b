"""Which files beside a program are what its runs began with, and which one of them wrote.

A checkpoint from which a program goes on is no part of how it began, so what was written while one of the runs
trained is left out of the copies that trials run in. But data are made at any time, the newest ones right before the
run that reads them. What tells them apart, of a file that was written while a run trained, or in the minute after in
which a program writes what came out:

- It holds what `program.json` says that it held when a run began: nobody has written it since.
- The sound run began with a file of this name: it is no result of it, whoever has made it again.
- It was there when the other run began, and the program of the run that would have written it has no such name.

Where that is not known a file is left out, which is said: a copy without its data fails, but one with a checkpoint may
give a wrong answer.
"""

import ast
import contextlib
import fnmatch
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from newllm.checksum import data_checksum
from newllm.trace.program import PROGRAM, Program, known_program

OF_A_RUN = ("recording.json", "trace.jsonl")
_AT_ITS_END = 60.0  # seconds, in which a program writes what came out
_HOLE = re.compile(r"\{[^{}]*\}|%[-+ #0-9.]*[a-zA-Z]")  # where a name is put together
_JOINED = "._-"  # what a name that is put together goes on with: name + ".pt"


@dataclass(frozen=True)
class Span:
    """When a run trained, and with what.

    Attributes:
        run: its directory.
        program: that it kept; None where there is none.
        first, last: from when to when it recorded, as its file system says.
        is_sound: whether it is the sound run.
    """

    run: Path
    program: Program | None
    first: float
    last: float
    is_sound: bool

    def began_with(self, name: str, known: tuple[int, str] | None) -> bool:
        """Whether its program names a file that held this when the run began."""
        return self.program is not None and known is not None and self.program.data.get(name) == known

    def lists(self, name: str) -> bool:
        """Whether its program names a file that was there when the run began."""
        return self.program is not None and name in self.program.data

    def is_named(self, name: str) -> bool:
        """Whether its program or its command line has this name of a file as a whole."""
        return Path(name).name in self._names[0]

    def may_be_named(self, name: str) -> bool:
        """Whether its program puts together names that end as this one."""
        return Path(name).name.endswith(self._names[1])

    def may_be_found(self, name: str) -> bool:
        """Whether its program looks for files by a pattern that this one has."""
        return any(fnmatch.fnmatchcase(Path(name).name, one) for one in self._names[2])

    @cached_property
    def _names(self) -> tuple[frozenset[str], tuple[str, ...], frozenset[str]]:
        """The names that stand in a program as a whole, the ends of those that are put together, and patterns."""
        if self.program is None:
            return frozenset(), ("",), frozenset("*")  # it may have written anything
        code = (text for name, text in self.program.files.items() if name.endswith(".py"))
        words = [word for text in code for word in _words(text)]
        given = [part for one in self.program.arguments for part in (one, one.partition("=")[2])]
        whole, ends, patterns = set(), set(), set()
        for word in (*words, *given):
            if "*" in word:  # what has a pattern is read, never written
                patterns.add(word.replace("\\", "/").rpartition("/")[2])
                continue
            *before, last = _HOLE.split(word)
            name = last.replace("\\", "/").rpartition("/")[2]
            is_end = "/" not in last if before else name.startswith(tuple(_JOINED))
            (ends if is_end and len(name) > 1 else whole).add(name)
        return frozenset(whole), tuple(ends), frozenset(patterns)


def _words(code: str) -> Iterator[str]:
    """Yield the texts in code; in place of what is filled in stands {}."""
    try:
        tree = ast.parse(code)
    except Exception:  # of a notebook with magics, say
        return
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(one.value) if isinstance(one, ast.Constant) else "{}" for one in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.value


def spans_of(runs: Iterable[Path]) -> list[Span]:
    """Return when runs trained, of those of which that is known; the first one is the sound one."""
    found = []
    for number, run in enumerate(runs):
        try:
            first, *others = [(run / name).stat().st_mtime for name in (PROGRAM, *OF_A_RUN)]
        except OSError:
            continue
        found.append(Span(run.resolve(), known_program(run), first, max(others), number == 0))
    return found


def written_by_runs(
    files: Iterable[Path], root: Path, directory: Path, spans: Sequence[Span]
) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Return which files were written while a run trained, and which one may have written in the minute after.

    Args:
        files: those that are looked at.
        root: that names of files in programs are relative to.
        directory: that the program was started in.
        spans: when the runs trained.
    """
    dated = [*_with_times(files)]
    its_own = {*_above(directory), *(folder for own in spans for folder in _of_code(own, root))}

    def folders(path: Path) -> set[Path]:
        return {*path.parents} - its_own

    during = {
        file: own
        for own in spans
        for file, written in dated
        if own.first < written <= own.last and not _is_known(file, root, own, spans, strict=True)
    }
    made = {id(own): folders(own.run).union(*(folders(one) for one in during if during[one] is own)) for own in spans}

    def is_input(file: Path, written: float, own: Span) -> bool:
        if _is_known(file, root, own, spans, strict=False):
            return True
        was_there = any(written <= one.first for one in spans if one is not own)
        name = file.name
        return was_there and not (own.is_named(name) or own.may_be_named(name) or made[id(own)] & {*file.parents})

    after = (
        file
        for own in spans
        for file, written in dated
        if own.last < written <= own.last + _AT_ITS_END and file not in during and not is_input(file, written, own)
    )
    return tuple(sorted(during)), tuple(sorted({*after}))


def _with_times(files: Iterable[Path]) -> Iterator[tuple[Path, float]]:
    for file in files:
        with contextlib.suppress(FileNotFoundError):  # of a training that goes on there: it has gone meanwhile
            yield file, file.stat().st_mtime


def _is_known(file: Path, root: Path, own: Span, spans: Iterable[Span], *, strict: bool) -> bool:
    """Whether a file is known to be none that a run wrote, whenever that was.

    Args:
        file: what is looked at.
        root: that names of files in programs are relative to.
        own: when the run trained.
        spans: when each did.
        strict: whether what its program may mean by a name that it puts together, or by a pattern, is not known.
    """
    name = file.relative_to(root).as_posix() if file.is_relative_to(root) else file.as_posix()
    if not any(one.lists(name) for one in spans):
        return False
    if own.is_sound and own.lists(name):
        return True
    known = data_checksum(file)
    began = [one for one in spans if one.began_with(name, known)]
    if any(one.first <= own.first for one in began):
        return True
    is_meant = own.is_named(name) or (strict and (own.may_be_named(name) or own.may_be_found(name)))
    return bool(began) and not is_meant


def _above(folder: Path) -> Iterator[Path]:
    yield from (folder, *folder.parents)


def _of_code(own: Span, root: Path) -> Iterator[Path]:
    """Yield the folders that hold the program of a run: what it wrote beside is no sign of who made the rest."""
    for name in () if own.program is None else own.program.files:
        if name.endswith(".py"):
            yield from _above((root / name).parent)
