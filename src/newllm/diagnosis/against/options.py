"""A command line by option: options, flags, settings as NAME=VALUE, and words without a name.

How a program reads its command line is not known. An option is taken to have the words behind it up to the next one.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

_NEGATIVE = re.compile(r"-\.?\d")
_ASSIGNED = re.compile(r"([A-Za-z_+~][\w.+/@-]*)=")


@dataclass(frozen=True)
class Group:
    """An option with its values, or one word.

    Attributes:
        name: empty of a word without one.
        at: which one of its name it is, from 0.
        words: as they stand on the command line.
    """

    name: str
    at: int
    words: tuple[str, ...]

    @property
    def values(self) -> tuple[str, ...]:
        """What the option is given, however it is written."""
        first, equals, value = self.words[0].partition("=")
        if self.name and equals and first == self.name:
            return (value, *self.words[1:])
        return self.words[1:] if self.name else self.words


def groups_of(arguments: Iterable[str]) -> list[Group]:
    """Return the words of a command line by option."""
    found: list[tuple[str, list[str]]] = []
    for word in arguments:
        if is_option(word):
            found.append((word.partition("=")[0], [word]))
        elif found and _takes(*found[-1], word):
            found[-1][1].append(word)
        else:
            assigned = _ASSIGNED.match(word)
            found.append((assigned[1] if assigned else "", [word]))
    seen: Counter[str] = Counter()
    groups = []
    for name, words in found:
        groups.append(Group(name, seen[name], tuple(words)))
        seen[name] += 1
    return groups


def _takes(name: str, words: list[str], word: str) -> bool:
    """Whether a word is a value of the option before it: "x=1" only the first, as of `--set x=1`."""
    is_open = name.startswith("-") and "=" not in words[0]
    return is_open and (len(words) == 1 or not _ASSIGNED.match(word))


def is_option(word: str) -> bool:
    """Whether a word of a command line is the name of an option, not a value or a negative number."""
    return word.startswith("-") and len(word) > 1 and not _NEGATIVE.match(word)
