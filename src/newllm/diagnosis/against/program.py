"""What differs between the programs of two recordings: code, command line, the data files that it names, versions."""

import os
import re
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from newllm.diagnosis.against.calls import calls_that_differ
from newllm.diagnosis.against.difference import Difference
from newllm.diagnosis.against.edits import Edit, edits
from newllm.diagnosis.against.options import groups_of
from newllm.diagnosis.against.places import neutral, neutral_word, place_names, without_places, words_of_place
from newllm.diagnosis.against.written import changes_nothing
from newllm.messages import Message, message
from newllm.trace.program import Program

SEVERAL_FILES = 3  # of data in one folder: they are told together
LONGEST = 90  # characters of a statement
MOST_IN_A_ROW = 5  # statements that were added or removed together
BEFORE = 30  # characters that are shown before what differs
_OURS = frozenset({"newllm"})
_BLANKS = re.compile(r"\s+")
_TOGETHER = ("added", "removed", "moved")
_SCOPE = re.compile(r"(?:async )?(?:def|class) (\w+)")


def program_differences(here: Program, there: Program, without: Iterable[str]) -> list[Difference]:
    """Return what differs, what may change a result first.

    Args:
        here: of the run.
        there: of the sound one.
        without: names of options that are left out.
    """
    names = place_names(here) | place_names(there)
    code = [one for one in edits(*_files(there, here, names)) if not _is_place(one, names)]
    often, new, seldom = (
        [_of_edits(block, names) for block in _runs(code, which)] for which in (_changes, _is_new, _rarely)
    )
    words = words_of_place(here) | words_of_place(there)
    outside = [*_options(here.arguments, there.arguments, without, words), *_data(here, there)]
    return [*outside, *often, *new, *_versions(here, there), *seldom]


def _files(there: Program, here: Program, names: Collection[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return what the files of two programs hold; of those that differ by the places of the runs alone the same."""
    alike = {
        name
        for name, text in here.files.items()
        if name in there.files and neutral(text, names) == neutral(there.files[name], names)
    }
    return {name: here.files[name] if name in alike else text for name, text in there.files.items()}, {**here.files}


def _is_place(edit: Edit, names: Collection[str]) -> bool:
    """Whether a statement differs by the places of the runs alone."""
    if edit.how != "changed" or edit.here is None or edit.there is None:
        return False
    return neutral(edit.here, names) == neutral(edit.there, names)


def _changes(edit: Edit) -> bool:
    return not edit.seldom and edit.how not in ("added", "moved")


def _is_new(edit: Edit) -> bool:
    return not edit.seldom and edit.how in ("added", "moved")


def _rarely(edit: Edit) -> bool:
    return edit.seldom


def is_same_program(here: Program, there: Program | None) -> bool:
    """Whether two recordings are of one program, called alike: its code, settings and command line.

    One that records several trainings, as a sweep does, may give each something else.
    """
    if there is None or here.left_out:
        return False
    own, other = without_places(here, there)
    return (own.files, own.arguments, own.nth) == (other.files, other.arguments, other.nth)


def is_called_alike(here: Program, there: Program) -> bool:
    """Whether two recordings were asked for alike: by one command line but for seeds and places, of a sweep one turn.

    Another dataset or size that a person asks for is another experiment, and may come to less.
    """
    names = tuple(Path(one.out).name for one in (here, there))  # a run that is called by a number, by "--run 3"
    words = words_of_place(here) | words_of_place(there)
    differ = (one.said.parameters for one in _options(here.arguments, there.arguments, (), words))
    return here.nth == there.nth and all((one["here"], one["there"]) == names for one in differ)


def _runs(code: Sequence[Edit], wanted: Callable[[Edit], bool]) -> Iterator[list[Edit]]:
    """Yield those edits that are wanted; those together that add or remove statements of one function in a row.

    A class that has gone is one row, whatever stood in it; of a new one each function is, as it may hold the mistake.
    """
    gone = {(one.file, _scope(one)) for one in code if one.how == "removed" and _scope(one)}
    place = lambda one: _outermost(one, gone) if one.how == "removed" else _scope(one) or one.place  # noqa: E731
    for _, block in groupby(filter(wanted, code), key=lambda one: (one.how, one.file, place(one))):
        together = [*block]
        yield from _rows(together) if together[0].how in _TOGETHER else ([one] for one in together)


def _rows(block: Sequence[Edit]) -> Iterator[list[Edit]]:
    """Yield statements in a row; what stands behind the body of a compound one is another row, as it is not in it."""
    row: list[Edit] = []
    for one in block:
        if any(one.place == head.place and one.depth <= head.depth for head in row if _is_head(head, row[0].place)):
            yield row
            row = []
        row.append(one)
    yield row


def _scope(edit: Edit) -> str | None:
    """Return the dotted name of the function or class that a statement begins, of one that one version alone has."""
    found = _SCOPE.match(_alone(edit)) if edit.how in ("added", "removed") else None
    return f"{edit.place}.{found[1]}".removeprefix(".") if found else None


def _outermost(edit: Edit, gone: Container[tuple[str, str | None]]) -> str:
    """Return where the outermost function or class stood of those that have gone with a statement."""
    names = edit.place.split(".")
    for count in range(1, len(names) + 1):
        if (edit.file, ".".join(names[:count])) in gone:
            return ".".join(names[: count - 1])
    return edit.place


def _is_head(edit: Edit, outermost: str) -> bool:
    """Whether it is the first line of a compound statement; the methods of a class are all in it."""
    return _alone(edit).endswith((":", "try")) and (_scope(edit) is None or edit.place == outermost)


def _alone(edit: Edit) -> str:
    """Return a statement that one version alone has, as it is written there."""
    return edit.here or edit.written or edit.there or ""


def _of_edits(block: Sequence[Edit], places: Collection[str]) -> Difference:
    """Return what differs in words; by its name it is known again of another sound run, which has another place."""
    first = block[0]
    what = [neutral(one, places) if one is not None else None for one in (first.here, first.there)]
    if len(block) > 1:  # statements that were added or removed together: which one it is may be any of them
        here, there = (_in_a_row([getattr(one, side) for one in block]) for side in ("here", "there"))
    else:
        here, there = _shortened(first.here, first.there, first.written)
    said = message(
        f"against-edit-{first.how}",
        name=f"{first.file} {first.place} {what[0]} {what[1]}",
        file=first.file,
        line=first.line,
        place=first.place or None,
        here=here,
        there=there,
        more=max(0, len(block) - MOST_IN_A_ROW),
        **_where(first),
    )
    return _difference(said)


def _where(edit: Edit) -> dict[str, str | None]:
    """Return where a statement stands that stands elsewhere in its function there: in what, or else behind what."""
    if not edit.around:
        return {}
    (head, before), (its_head, its_before) = edit.around
    by, pair = ("inside", (head, its_head)) if head != its_head else ("behind", (before, its_before))
    mine, its = (None if text is None else _cut(_BLANKS.sub(" ", text), 0) for text in pair)
    is_known = mine != its and (by == "inside" or edit.how == "reordered")
    return {"by": by if is_known else "elsewhere", "mine": mine, "its": its}


def _in_a_row(statements: Sequence[str | None]) -> str | None:
    """Return the first of several statements in one line, each cut."""
    texts = [_cut(_BLANKS.sub(" ", one), 0) for one in statements[:MOST_IN_A_ROW] if one is not None]
    return "; ".join(texts).replace(":; ", ": ") or None


def _difference(said: Message) -> Difference:
    return Difference(said, 0.0, np.inf, recorded=False)


def _shortened(here: str | None, there: str | None, written: str | None) -> list[str | None]:
    """Return two versions of a statement, each in one line, cut about what differs; that of there as it is written."""
    one, two = ("" if text is None else _BLANKS.sub(" ", text) for text in (here, there))
    if max(len(one), len(two)) > LONGEST and (calls := calls_that_differ(one, two)) is not None:
        return [_cut(text, 0) for text in calls]
    pair = here, written or there
    one, two = ("" if text is None else _BLANKS.sub(" ", text) for text in pair)
    if not one or not two or max(len(one), len(two)) <= LONGEST:
        return [None if text is None else _cut(flat, 0) for text, flat in zip(pair, (one, two), strict=True)]
    same = _alike_at_front(one, two)
    alike = min(_alike_at_front(one[::-1], two[::-1]), min(len(one), len(two)) - same)  # at their ends
    return [_cut(text, max(0, same - BEFORE), len(text) - alike + BEFORE) for text in (one, two)]


def _alike_at_front(one: str, two: str) -> int:
    return next((at for at, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))


def _cut(text: str, begin: int, end: int | None = None) -> str:
    end = min(begin + LONGEST, len(text) if end is None else end)
    return f"{'...' if begin else ''}{text[begin:end]}{'...' if end < len(text) else ''}"


def options_of(arguments: Sequence[str]) -> dict[str, str]:
    """Return what a command line gives by option, of one that comes again all of it; "yes" of a flag.

    Words without an option are called by their place among them ("#1").
    """
    given: dict[str, list[str]] = {}
    for group in groups_of(arguments):
        name = group.name or f"#{group.at + 1}"
        given.setdefault(name, []).append(" ".join(group.values) or "yes")
    return {name: ", ".join(values) for name, values in given.items()}


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _options(
    here: Sequence[str], there: Sequence[str], without: Iterable[str], places: Collection[str]
) -> Iterator[Difference]:
    """Yield the options that differ, but for those that are left out and for the places of the runs."""
    known = {name.rpartition(".")[2].replace("-", "_") for name in without}
    own, other = options_of(here), options_of(there)
    alike = [options_of([neutral_word(one, places) for one in words]) for words in (here, there)]
    for name in dict.fromkeys((*own, *other)):
        bare = name.lstrip("-").replace("-", "_")
        is_place = name in alike[0] and alike[0][name] == alike[1].get(name)
        if is_place or _same(own.get(name), other.get(name)) or changes_nothing(bare) or bare in known:
            continue
        values = {"here": own.get(name), "there": other.get(name)}
        yield _difference(message("against-option", name=name, **values))


def _same(one: str | None, two: str | None) -> bool:
    if one is not None and two is not None and _is_number(one) and _is_number(two):
        return float(one) == float(two)
    return one == two


def _data(here: Program, there: Program) -> Iterator[Difference]:
    differ = [name for name, one in here.data.items() if name in there.data and one[1] != there.data[name][1]]
    for _, group in groupby(sorted(differ), key=lambda one: Path(one).parts[0]):
        names = [*group]
        if len(names) >= SEVERAL_FILES:
            folder = os.path.commonpath(names)
            yield _difference(message("against-data-folder", name=folder, first=names[0], count=len(names)))
            continue
        for name in names:
            sizes = {"here": here.data[name][0], "there": there.data[name][0]}
            yield _difference(message("against-data", name=name, **sizes))


def _versions(here: Program, there: Program) -> Iterator[Difference]:
    for name, version in here.versions.items():
        other = there.versions.get(name)
        if name not in _OURS and other is not None and other != version:
            yield _difference(message("against-version", name=name, here=version, there=other))
