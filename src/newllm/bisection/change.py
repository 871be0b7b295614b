"""One thing that differs between the programs of two runs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

Kind = Literal["lines", "file", "option"]


@dataclass(frozen=True)
class Change:
    """One change from the sound program to the other one.

    Attributes:
        kind: lines of a file, a whole file that only one of them has, or an option of the command line.
        name: of the file; of the option ("--lr"), empty of words without one.
        here, there: the lines, or the words, of the run and of the sound one.
        line: of lines the first in the run's file, from 1.
        span: of lines their place in the sound file, as indices; of an option its place among those of its name.
        number: from 1, in the order in which the changes are tried.
    """

    kind: Kind
    name: str
    here: tuple[str, ...]
    there: tuple[str, ...]
    line: int | None = None
    span: tuple[int, int] = (0, 0)
    number: int = 0

    @property
    def place(self) -> str:
        """Where it is: "train.py:41", or the words of an option."""
        if self.kind == "option":
            return self.name or " ".join(self.here or self.there)
        return self.name if self.line is None else f"{self.name}:{self.line}"

    def numbered(self, number: int) -> "Change":
        """Return it with a number."""
        return replace(self, number=number)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "number": self.number,
            "kind": self.kind,
            "name": self.name,
            "line": self.line,
            "here": [one.rstrip("\r\n") for one in self.here],
            "there": [one.rstrip("\r\n") for one in self.there],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Change":
        """Return what `as_dict` gave, without its span.

        Raises:
            ValueError, KeyError, TypeError: it is something else.
        """
        if data["kind"] not in ("lines", "file", "option"):
            raise ValueError("no change")
        line = data["line"]
        return cls(
            kind=data["kind"],
            name=str(data["name"]),
            here=tuple(map(str, data["here"])),
            there=tuple(map(str, data["there"])),
            line=None if line is None else int(line),
            number=int(data["number"]),
        )
