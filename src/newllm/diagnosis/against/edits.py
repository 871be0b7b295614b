"""Which statements of a program differ between two versions of it, but for what cannot change a result.

Functions are held against functions of the same name, in whatever file and order they stand; a new name of a variable,
a function or an attribute is followed, and a statement that only went to another function is said to have moved. What
prints or logs comes last. Limit: code is read, not run, so that two ways to write the same are a difference.
"""

import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from newllm.diagnosis.against.statements import NAME, Statement, statements_of

How = Literal["changed", "added", "removed", "moved", "nested"]
ALIKE, ALIKE_AFAR = 0.5, 0.75  # of their characters: two statements of one function, and of two
SAME_FUNCTION = 0.5  # of their statements: a function of another name
MOST = 40  # statements of a block that are held against each other one by one
_DEFINITION = re.compile(r"@|def |async def |class |import |from ")
_SEED = re.compile(r"seed", re.IGNORECASE)
_NUMBER = re.compile(r"\d+")
_OUTPUT = re.compile(
    r"(print|pprint|assert|import|from|warnings\.warn|log|sys\.std\w+\.\w+|\w*(logger|logging|recorder|writer|wandb|bar|tqdm)\w*\.\w+)\b"
    r"|.*\b(newllm\.record|add_argument|set_postfix|set_description|add_scalar)\("
)
"""Statements that seldom change a result."""
Place = tuple[str, str]  # file, function
Block = Sequence[Statement]
Code = dict[Place, list[Statement]]


@dataclass(frozen=True)
class Edit:
    """One statement that differs.

    Attributes:
        file: of the run's program, of the sound run's where it was removed.
        line: in that file, from 1.
        place: the function or class that it stands in, by its dotted name; empty outside of any.
        here, there: the statement in the run and in the sound one; None where it has none.
        how: "nested" where only the compound statements around it are others, "moved" where only its function is.
        seldom: whether it prints, logs, imports or only takes an argument, which seldom changes a result.
    """

    file: str
    line: int
    place: str
    here: str | None
    there: str | None
    how: How
    seldom: bool = False


@dataclass(frozen=True)
class _Single:
    """A statement that one version alone has."""

    place: Place
    statement: Statement
    in_new: bool  # whether the other version has no such function


def edits(there: Mapping[str, str], here: Mapping[str, str]) -> list[Edit]:
    """Return what differs, what may change a result first, each in the order of files and lines.

    Args:
        there: files of the sound program by name, what they hold.
        here: likewise of the other one.
    """
    differing = {name for name in (*there, *here) if there.get(name) != here.get(name)}
    own, other = (_code(files, differing) for files in (here, there))
    pairs = _pairs(own, other)
    pairs, other = _with_names(pairs, own, other)
    found, added, removed = [], [], []
    for mine, its in pairs:
        for edit in _edits_within(mine, own[mine], other[its]):
            if isinstance(edit, Edit):
                found.append(edit)
            elif edit[0] is None:
                removed.append(_Single(its, edit[1], in_new=False))
            else:
                added.append(_Single(mine, edit[0], in_new=False))
    paired, its_paired = {mine for mine, _ in pairs}, {its for _, its in pairs}
    added += [_Single(at, one, in_new=True) for at, code in own.items() if at not in paired for one in code]
    removed += [_Single(at, one, in_new=True) for at, code in other.items() if at not in its_paired for one in code]
    found += _of_singles(added, removed)
    kept = [replace(one, seldom=_is_seldom(one)) for one in found if not _is_seed(one)]
    return sorted(kept, key=lambda one: (one.seldom, one.how == "moved", one.file, one.line))


def _code(files: Mapping[str, str], names: Iterable[str]) -> Code:
    """Return the statements of files by function; the lines of what is no Python."""
    found: Code = {}
    for name in sorted(names):
        text = files.get(name)
        if text is None:
            continue
        code = statements_of(text) if name.endswith(".py") else None
        if code is None:
            code = {"": [*_lines(text)]}
        found |= {(name, place): statements for place, statements in code.items()}
    return found


def _lines(text: str) -> Iterator[Statement]:
    for at, line in enumerate(text.splitlines(), 1):
        stripped = line.strip().rstrip(",")
        if stripped and not stripped.startswith("#"):
            yield Statement(stripped, len(line) - len(line.lstrip()), at)


def _pairs(own: Code, other: Code) -> list[tuple[Place, Place]]:
    """Return which functions are the same: by file and name, by name, else by what stands in them."""
    found = {at: at for at in own if at in other}
    for wanted in (_by_name, _by_content):
        free = [at for at in other if at not in found.values()]
        for at in own:
            if at not in found and (match := wanted(at, own, free, other)) is not None:
                found[at] = match
                free.remove(match)
    return [*found.items()]


def _by_name(at: Place, _: Code, free: Sequence[Place], __: Code) -> Place | None:
    matches = [one for one in free if at[1] and one[1] == at[1]]
    return matches[0] if len(matches) == 1 else None


def _by_content(at: Place, own: Code, free: Sequence[Place], other: Code) -> Place | None:
    """Return the function that shares most statements, whatever the names of its variables."""
    mine = Counter(_shape(one.text) for one in own[at])
    best, most = None, 0.0
    for one in free:
        its = Counter(_shape(statement.text) for statement in other[one])
        share = (mine & its).total() / max(mine.total(), its.total())
        if share > most and mine.total() > 1 and bool(at[1]) == bool(one[1]):
            best, most = one, share
    return best if most >= SAME_FUNCTION else None


def _shape(text: str) -> str:
    return NAME.sub("_", text)


def _with_names(pairs: list[tuple[Place, Place]], own: Code, other: Code) -> tuple[list[tuple[Place, Place]], Code]:
    """Return the other program with the names of this one: first those of all of it, then those of each function."""
    every = ([one for code in own.values() for one in code], [one for code in other.values() for one in code])
    names = _new_names([(own[mine], other[its]) for mine, its in pairs], *every)
    other = {at: [_called(one, names) for one in code] for at, code in other.items()}
    for mine, its in pairs:
        names = _new_names([(own[mine], other[its])], own[mine], other[its])
        other[its] = [_called(one, names) for one in other[its]]
    return pairs, other


def _new_names(
    pairs: Sequence[tuple[Block, Block]],
    own: Block,
    other: Block,
) -> dict[str, str]:
    """Return names by those that they had: of what both give a value, and neither uses under the other's name."""
    mine, its = ({name for one in code for name in NAME.findall(one.text)} for code in (own, other))
    bound, its_bound = (frozenset().union(*(one.bound for one in code)) for code in (own, other))
    votes: Counter[tuple[str, str]] = Counter()
    for here, there in pairs:
        for block, its_block in _blocks(here, there):
            if len(block) != len(its_block):
                continue
            for one, two in zip(block, its_block, strict=True):
                if _shape(one.text) == _shape(two.text):
                    votes.update(zip(NAME.findall(two.text), NAME.findall(one.text), strict=True))
    found: dict[str, str] = {}
    for (old, new), _ in votes.most_common():
        is_free = old not in mine and new not in its and old not in found and new not in found.values()
        if is_free and old in its_bound and new in bound:
            found[old] = new
    return found


def _called(statement: Statement, names: Mapping[str, str]) -> Statement:
    return (
        replace(statement, text=NAME.sub(lambda one: names.get(one[0], one[0]), statement.text)) if names else statement
    )


def _blocks(here: Block, there: Block) -> Iterator[tuple[Block, Block]]:
    """Yield what stands in each place where two functions differ."""
    keys, its = ([(one.depth, one.text) for one in code] for code in (here, there))
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, its, keys, autojunk=False).get_opcodes():
        if tag != "equal":
            yield here[j1:j2], there[i1:i2]


def _edits_within(at: Place, here: Block, there: Block) -> Iterator[Edit | tuple[Statement | None, Statement]]:
    """Yield what differs in a function: edits, and statements that only one has as (None, its) or (mine, None)."""
    for block, its_block in _blocks(here, there):
        both = [*_likest(block, its_block)]
        wraps = any((one is None or two is None) and _is_head(one or two) for one, two in both)
        for one, two in both:
            if one is None or two is None:
                yield (one, two)  # type: ignore[misc]
            elif one.text != two.text:
                yield Edit(at[0], one.line, at[1], one.text, two.text, "changed")
            elif not wraps:
                yield Edit(at[0], one.line, at[1], one.text, two.text, "nested")


def _is_head(statement: Statement | None) -> bool:
    return statement is not None and statement.text.endswith((":", "try"))


def _likest(here: Block, there: Block) -> Iterator[tuple[Statement | None, Statement | None]]:
    """Yield the statements of two blocks in pairs that are alike, in order; None for what has no other one."""
    best = max(
        (
            (_alike(one.text, two.text), -abs(i - j), i, j)
            for i, one in enumerate(here[:MOST])
            for j, two in enumerate(there[:MOST])
        ),
        default=(0.0, 0, 0, 0),
    )
    share, _, i, j = best
    if share < ALIKE:
        yield from ((None, two) for two in there)
        yield from ((one, None) for one in here)
        return
    yield from _likest(here[:i], there[:j])
    yield here[i], there[j]
    yield from _likest(here[i + 1 :], there[j + 1 :])


def _alike(one: str, two: str) -> float:
    return 1.0 if one == two else difflib.SequenceMatcher(None, one, two, autojunk=False).ratio()


def _of_singles(added: list[_Single], removed: list[_Single]) -> Iterator[Edit]:
    """Yield edits of statements that one version alone has where it has them: moved, changed on the way, new, gone."""
    yield from _matched(added, removed, "moved", lambda one, two: one.statement.text == two.statement.text)
    yield from _matched(
        added,
        removed,
        "changed",
        lambda one, two: (one.in_new or two.in_new) and _alike(one.statement.text, two.statement.text) >= ALIKE_AFAR,
    )
    for one in added:
        yield Edit(one.place[0], one.statement.line, one.place[1], one.statement.text, None, "added")
    for one in removed:
        yield Edit(one.place[0], one.statement.line, one.place[1], None, one.statement.text, "removed")


def _matched(
    added: list[_Single], removed: list[_Single], how: How, are_same: Callable[[_Single, _Single], bool]
) -> Iterator[Edit]:
    """Yield edits of statements that both have, in other places, and take them from the lists."""
    for one in [*added]:
        match = next((two for two in removed if are_same(one, two)), None)
        if match is not None:
            added.remove(one)
            removed.remove(match)
            here, there = one.statement, match.statement
            if one.place[1] == match.place[1] and _DEFINITION.match(here.text):
                continue  # in whatever order or file
            yield Edit(one.place[0], here.line, one.place[1], here.text, there.text, how)


def _is_seed(edit: Edit) -> bool:
    """Whether only the numbers of a seed differ."""
    if edit.here is None or edit.there is None or not _SEED.search(edit.here):
        return False
    return edit.how == "changed" and _NUMBER.sub("", edit.here) == _NUMBER.sub("", edit.there)


def _is_seldom(edit: Edit) -> bool:
    return all(_OUTPUT.match(one) for one in (edit.here, edit.there) if one is not None)
