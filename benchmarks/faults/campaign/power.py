"""Power cuts: what a disk may hold afterwards, made from the calls of a run that was recorded.

The model is a journaling file system that promises no order. At the moment of the cut

    data      that was not synced is lost, cut off at any byte, or has holes of zeros where blocks never came
    names     (created, renamed, removed) are as they were when their directory was last synced; each change since then
              is there or lost by itself, or, in half of the cases, all up to a moment and none after it

Limits: a rename is there whole or not at all; synced data stays as it was synced; devices that lie are not modelled.
"""

import random
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from campaign.calls import Call

_BLOCK = 512


@dataclass
class _File:
    durable: bytes = b""
    pending: list[Call] = field(default_factory=list)


@dataclass
class _Change:
    """Of names: `removed` go, then `added` comes, in directories by their number."""

    removed: tuple[tuple[int, str], ...]
    added: tuple[int, str, int] | None
    durable: bool = False

    @property
    def directories(self) -> set[int]:
        added = set() if self.added is None else {self.added[0]}
        return added | {directory for directory, _ in self.removed}


Names = dict[int, dict[str, int]]  # by directory: number of a file or a directory by its name


class Disk:
    """A disk before and during a run.

    Args:
        before: what it holds, all of it durable.
    """

    def __init__(self, before: Path) -> None:
        self._files: dict[int, _File] = {}
        self._live: Names = {0: {}}
        self._start: Names = {0: {}}
        self._changes: list[_Change] = []
        self._count = 0
        for path in sorted(before.rglob("*")):
            where, name = self._at(str(path.relative_to(before)))
            number = self._new(directory=path.is_dir())
            if path.is_file():
                self._files[number].durable = path.read_bytes()
            self._live[where][name] = number
            if path.is_dir():
                self._start[number] = {}
            self._start[where][name] = number

    def make(self, call: Call) -> None:
        """Let a call happen; it stands in memory alone until it is synced."""
        where, name = self._at(call.path)
        known = self._live[where].get(name)
        if call.kind in ("create", "mkdir"):
            self._change(added=(where, name, self._new(directory=call.kind == "mkdir")))
        elif call.kind in ("unlink", "rmdir"):
            self._change((where, name))
        elif call.kind == "rename":
            assert known is not None
            target = self._at(call.to)
            self._change((where, name), added=(*target, known))
        elif call.kind in ("write", "truncate") and known is not None:
            self._files[known].pending.append(call)
        elif call.kind == "sync":
            self._sync(0 if call.path == "." else known)

    def cut(self, chance: random.Random) -> dict[str, bytes | None]:
        """Return what the disk may hold after a power cut now: content by path, None for a directory."""
        names = {number: dict(entries) for number, entries in self._start.items()}
        for number in self._live:
            names.setdefault(number, {})
        for change in self._surviving(chance):
            for directory, name in change.removed:
                names[directory].pop(name, None)
            if change.added is not None:
                directory, name, number = change.added
                names[directory][name] = number
        found: dict[str, bytes | None] = {}
        self._collect(names, 0, "", found, {number: _torn(file, chance) for number, file in self._files.items()})
        return found

    def _surviving(self, chance: random.Random) -> list[_Change]:
        if chance.random() < 0.5:
            last = max((place for place, one in enumerate(self._changes) if one.durable), default=-1)
            return self._changes[: chance.randint(last + 1, len(self._changes))]
        share = chance.choice((0.0, 0.5, 0.9))
        return [one for one in self._changes if one.durable or chance.random() < share]

    def _collect(self, names: Names, number: int, path: str, found: dict, contents: dict[int, bytes]) -> None:
        for name, inner in names[number].items():
            place = f"{path}{name}"
            if inner in contents:
                found[place] = contents[inner]
            elif place not in found:
                found[place] = None
                self._collect(names, inner, f"{place}/", found, contents)

    def _sync(self, number: int | None) -> None:
        if number in self._files:
            file = self._files[number]
            for call in file.pending:
                file.durable = _applied(file.durable, call)
            file.pending.clear()
        else:
            for change in self._changes:
                change.durable |= number in change.directories

    def _change(self, *removed: tuple[int, str], added: tuple[int, str, int] | None = None) -> None:
        for directory, name in removed:
            self._live[directory].pop(name, None)
        if added is not None:
            self._live[added[0]][added[1]] = added[2]
        self._changes.append(_Change(removed, added))

    def _new(self, *, directory: bool) -> int:
        self._count += 1
        if directory:
            self._live[self._count] = {}
        else:
            self._files[self._count] = _File()
        return self._count

    def _at(self, path: str) -> tuple[int, str]:
        *parents, name = PurePosixPath(path).parts or (".",)
        number = 0
        for parent in parents:
            number = self._live[number][parent]
        return number, name


def _applied(content: bytes, call: Call) -> bytes:
    if call.kind == "truncate":
        return content[: call.at].ljust(call.at, b"\0")
    return content[: call.at].ljust(call.at, b"\0") + call.data + content[call.at + len(call.data) :]


def _torn(file: _File, chance: random.Random) -> bytes:
    """Return what is left of a file."""
    content = file.durable
    reached = chance.randint(0, len(file.pending))
    for call in file.pending[:reached]:
        content = _applied(content, call)
    if reached < len(file.pending) and chance.random() < 0.5 and file.pending[reached].data:
        call = file.pending[reached]
        content = _applied(content, call._replace(data=call.data[: chance.randint(0, len(call.data))]))
    if reached and chance.random() < 0.3:  # the size was written, some of the blocks were not
        holes = bytearray(content)
        for start in range(_common(file.durable, content), len(content), _BLOCK):
            if chance.random() < 0.5:
                size = min(_BLOCK, len(content) - start)
                holes[start : start + size] = bytes(size)
        return bytes(holes)
    return content


def _common(one: bytes, other: bytes) -> int:
    """Return how many bytes at the beginning are the same: those are durable."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
