"""What differs between two recordings: a unified diff by file, long lines cut around their first difference."""

import difflib
import os
from collections.abc import Iterator
from pathlib import Path

_WIDTH, _BEFORE, _AROUND = 240, 60, 2
_LONG = 5000  # lines, of which the frequent ones are then looked at last: else it takes minutes


def differences(first: Path, second: Path, *, additions: bool = True) -> Iterator[str]:
    """Yield the lines of a diff of all files; nothing where the two recordings are equal.

    Args:
        first: a recording.
        second: another one.
        additions: also show what only the second has; without, a comma at the end of a line counts for nothing, too.
    """
    names = sorted({os.fspath(file.relative_to(folder)) for folder in (first, second) for file in _files(folder)})
    for name in names:
        one, other = first / name, second / name
        if not (one.is_file() and other.is_file()):
            if additions or one.is_file():
                yield f"only in {first if one.is_file() else second}: {name}"
        elif one.read_bytes() != other.read_bytes():
            lines = list(_file(_lines(one, additions), _lines(other, additions), additions))
            yield from [f"--- a/{name}", f"+++ b/{name}", *lines] if lines else []


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*.txt") if file.is_file()]


def _lines(file: Path, additions: bool) -> list[str]:
    lines = file.read_text(encoding="utf-8").split("\n")
    return lines if additions else [line.rstrip(",") for line in lines]


def _file(one: list[str], other: list[str], additions: bool) -> Iterator[str]:
    """Yield the blocks of changed lines, each with what stands around it."""
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=len(one) > _LONG)
    blocks = [block for block in matcher.get_opcodes() if block[0] != "equal"]
    for kind, first, last, begin, end in blocks:
        if kind != "insert" or additions:
            yield f"@@ line {first + 1} @@"
            yield from (f" {line[:_WIDTH]}" for line in one[max(0, first - _AROUND) : first])
            yield from _changed(one[first:last], other[begin:end])


def _changed(gone: list[str], came: list[str]) -> Iterator[str]:
    """Yield a block of changed lines; where as many go as come, cut each pair at the same place."""
    starts = [0] * max(len(gone), len(came))
    if len(gone) == len(came):
        starts = [max(0, _alike(*pair) - _BEFORE) for pair in zip(gone, came, strict=True)]
    for sign, lines in (("-", gone), ("+", came)):
        for start, line in zip(starts, lines, strict=False):
            cut = line if len(line) <= _WIDTH else f"{'…' * (start > 0)}{line[start : start + _WIDTH]}…"
            yield sign + cut


def _alike(one: str, other: str) -> int:
    """Return how many characters two lines begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))
