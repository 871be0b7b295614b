"""What differs between two recordings: a unified diff by file, long lines cut around their first difference."""

import difflib
import os
from collections.abc import Iterator
from pathlib import Path

_WIDTH, _BEFORE = 240, 60


def differences(first: Path, second: Path) -> Iterator[str]:
    """Yield the lines of a diff of all files; nothing where the two recordings are equal."""
    names = sorted({os.fspath(file.relative_to(folder)) for folder in (first, second) for file in _files(folder)})
    for name in names:
        one, other = first / name, second / name
        if not (one.is_file() and other.is_file()):
            yield f"only in {first if one.is_file() else second}: {name}"
        elif one.read_bytes() != other.read_bytes():
            yield from _file(name, _lines(one), _lines(other))


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*.txt") if file.is_file()]


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").split("\n")


def _file(name: str, one: list[str], other: list[str]) -> Iterator[str]:
    yield f"--- a/{name}"
    yield f"+++ b/{name}"
    gone: list[str] = []
    came: list[str] = []
    for line in [*list(difflib.unified_diff(one, other, lineterm="", n=2))[2:], ""]:
        if line[:1] == "-":
            gone.append(line[1:])
        elif line[:1] == "+":
            came.append(line[1:])
        else:
            yield from _changed(gone, came)
            gone, came = [], []
            if line:
                yield line[:_WIDTH]


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
