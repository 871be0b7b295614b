"""The changes of files: each separate hunk of lines that differs, and a file that only one of two programs has.

Left out are hunks that change no statement (comments, blanks, type hints), and those that only change a seed's number.
A hunk that has as many lines in both versions is taken line by line where each of them can be changed by itself.
"""

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from newllm.bisection.change import Change
from newllm.diagnosis.against.edits import differ_by_seed
from newllm.diagnosis.against.places import neutral
from newllm.diagnosis.against.statements import statements_of

_COMMENT = ("#", ";", "//")  # of settings
_SETTING = re.compile(r"""\s*["']?[\w.-]+["']?\s*[:=]""")  # "width: 16", of settings
MOST_SINGLES = 20  # lines in a row that are tried one by one


def changes_of_files(
    there: Mapping[str, str], here: Mapping[str, str], places: Collection[str] = ()
) -> tuple[list[Change], list[Change]]:
    """Return the changes of files, and those that only change a seed, each in the order of files and lines.

    Args:
        there: the sound program's files by name, what they hold.
        here: likewise of the other program.
        places: what each calls the directory that it recorded to: another one is no change.
    """
    changes, seeds = [], []
    for name in sorted({*there, *here}):
        own, other = here.get(name), there.get(name)
        if own == other:
            continue
        if own is None or other is None:
            lines = {"here": _lines(own or ""), "there": _lines(other or "")}
            if not is_same_code(name, own or "", other or ""):
                changes.append(Change("file", name, **lines))
            continue
        for change in _hunks(name, other, own):
            if is_same_code(name, neutral(with_lines(other, [change]), places), neutral(other, places)):
                continue
            (seeds if _is_seed(change) else changes).append(change)
    return changes, seeds


def with_lines(text: str, changes: Iterable[Change]) -> str:
    """Return a sound file with some changes of its lines."""
    lines, found, at = _lines(text), [], 0
    for change in sorted(changes, key=lambda one: one.span):
        found += [*lines[at : change.span[0]], *change.here]
        at = change.span[1]
    return "".join([*found, *lines[at:]])


def is_same_code(name: str, one: str, two: str) -> bool:
    """Whether two versions of a file have the same statements; of settings the same lines without comments."""
    if not name.endswith(".py"):
        return [*_said(one)] == [*_said(two)]
    own, other = statements_of(one), statements_of(two)
    if own is None or other is None:
        return one == two
    flat = [
        {place: [(each.text, each.depth) for each in code] for place, code in found.items()} for found in (own, other)
    ]
    return flat[0] == flat[1]


def _hunks(name: str, there: str, here: str) -> Iterator[Change]:
    other, own = _lines(there), _lines(here)
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, other, own, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        singles = [
            Change("lines", name, own[j : j + 1], other[i : i + 1], j + 1, (i, i + 1))
            for i, j in zip(range(i1, i2), range(j1, j2), strict=False)
        ]
        if 1 < len(singles) == i2 - i1 == j2 - j1 <= MOST_SINGLES and all(
            _stands_alone(name, there, one) for one in singles
        ):
            yield from (one for one in singles if one.here != one.there)
        else:
            yield Change("lines", name, own[j1:j2], other[i1:i2], j1 + 1, (i1, i2))


def _stands_alone(name: str, text: str, change: Change) -> bool:
    """Whether a program can be read with this change alone; of settings whether it is another value of one name."""
    if name.endswith(".py"):
        return statements_of(with_lines(text, [change])) is not None
    own, other = (_SETTING.match(lines[0]) for lines in (change.here, change.there))
    return own is not None and other is not None and own[0] == other[0]


def _is_seed(change: Change) -> bool:
    """Whether only numbers of seeds differ."""
    if len(change.here) != len(change.there):
        return False
    pairs = [(one, two) for one, two in zip(change.here, change.there, strict=True) if one != two]
    return bool(pairs) and all(differ_by_seed(one, two) for one, two in pairs)


def _lines(text: str) -> tuple[str, ...]:
    return tuple(text.splitlines(keepends=True))


def _said(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if line.strip() and not line.strip().startswith(_COMMENT):
            yield line.rstrip()
