"""Which statements of a program differ between two versions of it, but for what cannot change a result.

Functions are held against functions of the same name, in whatever file and order they stand; a new name of a variable,
a function or an attribute is followed, and a statement that only went to another function is said to have moved. What
prints or logs comes last. Limits: code is read, not run, so that two ways to write the same are a difference; the order
of statements that went to another function together is not looked at.
"""

import difflib
import functools
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from newllm.diagnosis.against.calls import names_that_differ
from newllm.diagnosis.against.statements import Statement, around, line_of_change, statements_of, without_magics
from newllm.diagnosis.against.written import changes_nothing

How = Literal["changed", "added", "removed", "moved", "reordered", "nested"]
ALIKE, ALIKE_AFAR = 0.5, 0.75  # of their characters: two statements of one function, and of two
SAME_FUNCTION = 0.5  # of their statements: a function of another name
MOST_PAIRS = 900  # pairs of statements of a block that are held against each other one by one
MOST_APART = 10_000  # likewise of those that one version alone has, and of functions
LONG = 300  # characters of a statement by which two are held against each other
LONG_FUNCTION = 1000  # statements: what comes again and again in it is not looked for
MOST_LINES = 2000  # of a file that is no code; of a longer one only that it differs is told
_DEFINITION = re.compile(r"@|def |async def |class |import |from ")
_SEED = re.compile(r"(seed\w*\W{0,3}[=:(,]\s*(?:type\s*=\s*int\s*,\s*)?(?:default\s*=\s*)?)\d+", re.IGNORECASE)
_OUTPUT = re.compile(
    r"(print|pprint|assert|warnings\.warn|log|sys\.std\w+\.\w+|\w*(logger|logging|recorder|writer|wandb|bar|tqdm)\w*\.\w+)\b"
    r"|.*\b(newllm\.record|set_postfix|set_description|add_scalar)\("
)
_BESIDE = re.compile(r"(import|from)\b|.*\badd_argument\(")
"""Statements that seldom change a result, and those of which that is so where one version alone has them."""
Place = tuple[str, str]  # file, function
Block = Sequence[Statement]
Code = dict[Place, list[Statement]]


@dataclass(frozen=True)
class Edit:
    """One statement that differs.

    Attributes:
        file: of the run's program, of the sound run's where it was removed.
        line: in that file, from 1; of a change that of what differs first.
        place: the function or class that it stands in, by its dotted name; empty outside of any.
        here, there: the statement in the run and in the sound one, with the names of the run; None where it has none.
        how: "nested" where only the compound statements around it are others, "reordered" where it stands elsewhere in
            its function, "moved" where it stands in another one.
        seldom: whether it prints, logs, imports or only takes an argument, which seldom changes a result.
        written: the statement of the sound one as it stands there.
        depth: how many compound statements of its function it lies in.
        around: of a reordered or nested one, in the run and in the sound one: see `statements.around`.
    """

    file: str
    line: int
    place: str
    here: str | None
    there: str | None
    how: How
    seldom: bool = False
    written: str | None = None
    depth: int = 0
    around: tuple[tuple[str | None, str | None], ...] = ()


@dataclass(frozen=True)
class _Single:
    """A statement that one version alone has."""

    place: Place
    statement: Statement
    in_new: bool  # whether the other version has no such function


_FIRST = {"changed": 0, "removed": 0, "nested": 0, "reordered": 0, "added": 1, "moved": 2}


def edits(there: Mapping[str, str], here: Mapping[str, str]) -> list[Edit]:
    """Return what differs, what may change a result first: changes, what is new, what has moved, what only prints.

    Args:
        there: files of the sound program by name, what they hold.
        here: likewise of the other one.
    """
    differing = {name for name in (*there, *here) if there.get(name) != here.get(name)}
    own, other = _code(here, there, differing), _code(there, here, differing)
    pairs = _pairs(own, other)
    other = _with_names(pairs, own, other)
    found: list[Edit] = []
    added: list[_Single] = []
    removed: list[_Single] = []
    for mine, its in pairs:
        for edit in _edits_within(mine, own[mine], other[its]):
            if isinstance(edit, Edit):
                found.append(edit)
            elif edit[0] is not None:
                added.append(_Single(mine, edit[0], in_new=False))
            elif edit[1] is not None:
                removed.append(_Single(its, edit[1], in_new=False))
    paired, its_paired = {mine for mine, _ in pairs}, {its for _, its in pairs}
    added += [_Single(at, one, in_new=True) for at, code in own.items() if at not in paired for one in code]
    removed += [_Single(at, one, in_new=True) for at, code in other.items() if at not in its_paired for one in code]
    found += _of_singles(added, removed, dict(pairs), (own, other))
    kept = [replace(one, seldom=_is_seldom(one)) for one in found if not _is_seed(one)]
    return sorted(kept, key=lambda one: (one.seldom, _FIRST[one.how], one.file, one.line))


def _code(files: Mapping[str, str], others: Mapping[str, str], names: Iterable[str]) -> Code:
    """Return the statements of files by function; the lines of what is no Python in either version."""
    found: Code = {}
    for name in sorted(names):
        text, other = files.get(name), others.get(name)
        if text is None:
            continue
        code = _statements(name, text) if other is None or _statements(name, other) is not None else None
        if code is None:
            code = {"": [*_lines(text)]}
        found |= {(name, place): statements for place, statements in code.items()}
    return found


@functools.lru_cache(maxsize=64)
def _statements(name: str, text: str) -> dict[str, list[Statement]] | None:
    """Return the statements of a file of code; magics of a notebook are no code."""
    if not name.endswith(".py"):
        return None
    found = statements_of(text)
    return statements_of(without_magics(text)) if found is None else found


def _lines(text: str) -> Iterator[Statement]:
    lines = text.splitlines()
    if len(lines) > MOST_LINES:
        checksum = zlib.crc32(text.encode(errors="surrogatepass"))
        yield Statement(f"... {len(lines):,} lines (CRC {checksum:08x})", 0, 1)
        return
    for at, line in enumerate(lines, 1):
        stripped = line.strip().rstrip(",")
        if stripped and not stripped.startswith("#"):
            yield Statement(stripped, len(line) - len(line.lstrip()), at)


def _pairs(own: Code, other: Code) -> list[tuple[Place, Place]]:
    """Return which functions are the same: by file and name, by name, else by what stands in them."""
    found = {at: at for at in own if at in other}
    taken = {*found}
    by_name: dict[str, list[Place]] = defaultdict(list)
    for at in other:
        if at not in taken and at[1]:
            by_name[at[1]].append(at)
    for at in own:
        if at not in found and len(matches := by_name.get(at[1], [])) == 1 and matches[0] not in taken:
            found[at] = matches[0]
            taken.add(matches[0])
    free = [at for at in other if at not in taken]
    if (len(own) - len(found)) * len(free) <= MOST_APART:
        shapes = {at: Counter(one.shape for one in other[at]) for at in free}
        for at in own:
            if at not in found and (match := _by_content(at, own[at], free, shapes)) is not None:
                found[at] = match
                free.remove(match)
    return [*found.items()]


def _by_content(at: Place, code: Block, free: Sequence[Place], shapes: Mapping[Place, Counter[str]]) -> Place | None:
    """Return the function that shares most statements, whatever the names of its variables."""
    mine = Counter(one.shape for one in code)
    best, most = None, 0.0
    for one in free:
        share = (mine & shapes[one]).total() / max(mine.total(), shapes[one].total())
        if share > most and mine.total() > 1 and bool(at[1]) == bool(one[1]):
            best, most = one, share
    return best if most >= SAME_FUNCTION else None


def _with_names(pairs: Sequence[tuple[Place, Place]], own: Code, other: Code) -> Code:
    """Return the other program with the names of this one: first those of all of it, then those of each function."""
    every = ([one for code in own.values() for one in code], [one for code in other.values() for one in code])
    names = _new_names([(own[mine], other[its]) for mine, its in pairs], *every, are_used=True)
    other = {at: [one.called(names) for one in code] for at, code in other.items()}
    for mine, its in pairs:
        names = _new_names([(own[mine], other[its])], own[mine], other[its], are_used=False)
        other[its] = [one.called(names) for one in other[its]]
    return other


def _new_names(pairs: Sequence[tuple[Block, Block]], own: Block, other: Block, *, are_used: bool) -> dict[str, str]:
    """Return names by those that they had: of what both give a value, and neither uses under the other's name.

    Args:
        pairs: functions that are the same.
        own: all statements in which a name must be free, of the one version.
        other: likewise of the other.
        are_used: whether a name must be used there too: a library calls what the program never calls by its name.
    """
    votes: Counter[tuple[str, str]] = Counter()
    for here, there in pairs:
        for block, its_block in _blocks(here, there):
            if len(block) != len(its_block):
                continue
            for one, two in zip(block, its_block, strict=True):
                if one.names and one.shape == two.shape:
                    votes.update(pair for pair in zip(two.names, one.names, strict=True) if pair[0] != pair[1])
    if not votes:
        return {}
    mine, its = (frozenset[str]().union(*(one.words for one in code)) for code in (own, other))
    found: dict[str, str] = {}
    for (old, new), _ in votes.most_common():
        is_free = old not in mine and new not in its and old not in found and new not in found.values()
        if is_free and _is_given(old, other, are_used=are_used) and _is_given(new, own, are_used=are_used):
            found[old] = new
    return found


def _is_given(name: str, code: Block, *, are_used: bool) -> bool:
    """Whether a name is given a value in some code, and used."""
    there = [one for one in code if name in one.words]
    bound = [one for one in there if name in one.bound]
    return bool(bound) and (not are_used or any(name in one.names and name not in one.bound for one in there))


def _blocks(here: Block, there: Block) -> Iterator[tuple[Block, Block]]:
    """Yield what stands in each place where two functions differ."""
    keys, its = ([(one.depth, one.text) for one in code] for code in (here, there))
    shorter = min(len(keys), len(its))
    begin = next((at for at in range(shorter) if keys[at] != its[at]), shorter)
    end = next((at for at in range(shorter - begin) if keys[-1 - at] != its[-1 - at]), shorter - begin)
    keys, its = keys[begin : len(keys) - end], its[begin : len(its) - end]
    is_long = max(len(keys), len(its)) > LONG_FUNCTION
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, its, keys, autojunk=is_long).get_opcodes():
        if tag != "equal":
            yield here[begin + j1 : begin + j2], there[begin + i1 : begin + i2]


def _edits_within(at: Place, here: Block, there: Block) -> Iterator[Edit | tuple[Statement | None, Statement | None]]:
    """Yield what differs in a function: edits, and statements that only one has as (None, its) or (mine, None)."""
    for block, its_block in _blocks(here, there):
        both = [*_likest(block, its_block)]
        wrapped = any(two is None and _is_head(one) for one, two in both)  # what is deeper lies in it
        unwrapped = any(one is None and _is_head(two) for one, two in both)
        for one, two in both:
            if one is None or two is None:
                yield (one, two)
            elif one.text != two.text:
                yield Edit(at[0], line_of_change(one, two), at[1], one.text, two.text, "changed", written=two.own)
            elif not (wrapped if one.depth > two.depth else unwrapped):
                where = around(here, one), around(there, two)
                yield Edit(at[0], one.line, at[1], one.text, two.text, "nested", written=two.own, around=where)


def _is_head(statement: Statement | None) -> bool:
    return statement is not None and statement.text.endswith((":", "try"))


def _likest(here: Block, there: Block) -> Iterator[tuple[Statement | None, Statement | None]]:
    """Yield the statements of two blocks in pairs that are alike, in order; None for what has no other one."""
    if len(here) == len(there) and len(here) * len(there) > MOST_PAIRS:
        yield from zip(here, there, strict=True)
        return
    pairs: list[tuple[float, int, int, int]] = []
    if len(here) * len(there) <= MOST_PAIRS:
        pairs = [
            (alike, -abs(i - j), i, j)
            for i, one in enumerate(here)
            for j, two in enumerate(there)
            if (alike := _alike(one.text, two.text)) >= ALIKE
        ]
    yield from _in_order(here, there, pairs)


def _in_order(
    here: Block, there: Block, pairs: list[tuple[float, int, int, int]], begin: tuple[int, int] = (0, 0)
) -> Iterator[tuple[Statement | None, Statement | None]]:
    """Yield pairs of statements, the likest first chosen, and then those before and behind it; see `_likest`.

    Args:
        here: what is left of the one block.
        there: likewise of the other.
        pairs: likeness, nearness, and the place of each in the whole blocks.
        begin: where what is left begins in the whole blocks.
    """
    if not pairs:
        yield from ((None, two) for two in there)
        yield from ((one, None) for one in here)
        return
    _, _, i, j = max(pairs)
    at, its = i - begin[0], j - begin[1]
    yield from _in_order(here[:at], there[:its], [one for one in pairs if one[2] < i and one[3] < j], begin)
    yield here[at], there[its]
    behind = [one for one in pairs if one[2] > i and one[3] > j]
    yield from _in_order(here[at + 1 :], there[its + 1 :], behind, (i + 1, j + 1))


def _alike(one: str, two: str) -> float:
    if one == two:
        return 1.0
    matcher = difflib.SequenceMatcher(None, one[:LONG], two[:LONG], autojunk=False)
    return matcher.ratio() if matcher.real_quick_ratio() >= ALIKE and matcher.quick_ratio() >= ALIKE else 0.0


def _of_singles(
    added: list[_Single], removed: list[_Single], pairs: Mapping[Place, Place], code: tuple[Code, Code]
) -> Iterator[Edit]:
    """Yield edits of statements that one version alone has where it has them: moved, changed on the way, new, gone."""
    yield from _moved(added, removed, pairs, code)
    if len(added) * len(removed) <= MOST_APART:
        yield from _changed_apart(added, removed)
    for how, singles in (("added", added), ("removed", removed)):
        for one in singles:
            yield _of_single(one, how)


def _of_single(one: _Single, how: How) -> Edit:
    (file, place), it = one.place, one.statement
    if how == "added":
        return Edit(file, it.line, place, it.text, None, how, depth=it.depth)
    return Edit(file, it.line, place, None, it.text, how, written=it.own, depth=it.depth)


def _moved(
    added: list[_Single], removed: list[_Single], pairs: Mapping[Place, Place], code: tuple[Code, Code]
) -> Iterator[Edit]:
    """Yield edits of statements that both have in other places, and take them from the lists."""
    by_text: dict[str, list[_Single]] = defaultdict(list)
    for one in removed:
        by_text[one.statement.text].append(one)
    for one in [*added]:
        matches = by_text.get(one.statement.text)
        if not matches:
            continue
        match = next((two for two in matches if pairs.get(one.place) == two.place), matches[0])
        matches.remove(match)
        added.remove(one)
        removed.remove(match)
        if one.place[1] == match.place[1] and _DEFINITION.match(one.statement.text):
            continue  # in whatever order or file
        how: How = "reordered" if pairs.get(one.place) == match.place else "moved"
        edit = Edit(one.place[0], one.statement.line, one.place[1], one.statement.text, match.statement.text, how)
        if how == "reordered":
            sides = zip(code, (one, match), strict=True)
            edit = replace(edit, around=tuple(around(each[it.place], it.statement) for each, it in sides))
        yield edit


def _changed_apart(added: list[_Single], removed: list[_Single]) -> Iterator[Edit]:
    """Yield edits of statements that changed on the way into or out of a function of their own."""
    for one in [*added]:
        alike: Callable[[_Single], float] = lambda two, one=one: _alike(one.statement.text, two.statement.text)  # noqa: E731
        near = [two for two in removed if one.in_new or two.in_new]
        match = max(near, key=alike, default=None)
        if match is not None and alike(match) >= ALIKE_AFAR:
            added.remove(one)
            removed.remove(match)
            here, there = one.statement, match.statement
            line = line_of_change(here, there)
            yield Edit(one.place[0], line, one.place[1], here.text, there.text, "changed", written=there.own)


def differ_by_seed(one: str, two: str) -> bool:
    """Whether two versions of a statement or a line differ by the number of a seed alone."""
    return one != two and _SEED.sub(r"\1", one) == _SEED.sub(r"\1", two)


def _is_seed(edit: Edit) -> bool:
    return edit.here is not None and edit.there is not None and differ_by_seed(edit.here, edit.there)


def _is_seldom(edit: Edit) -> bool:
    given = [one for one in (edit.here, edit.there) if one is not None]
    if all(_OUTPUT.match(one) for one in given):
        return True
    if len(given) == 2 and (names := names_that_differ(given[0], given[1])) and all(map(changes_nothing, names)):
        return True  # `Arguments(..., logging_steps=10)`
    if not all(_BESIDE.match(one) for one in given):
        return False
    if len(given) == 1 or edit.how in ("moved", "reordered"):
        return True
    names = [one.split()[-1] for one in given]  # of another module under the same name: what it does is another
    return names[0] != names[1] and all(_DEFINITION.match(one) for one in given)
