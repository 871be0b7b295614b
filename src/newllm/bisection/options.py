"""The changes of command lines: options, flags, settings as NAME=VALUE, and words without a name.

How a program reads its command line is not known. An option is taken to have the words behind it up to the next one.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from newllm.bisection.change import Change

_NEGATIVE = re.compile(r"-\.?\d")
_ASSIGNED = re.compile(r"([A-Za-z_+~][\w.+/@-]*)=")
_SEED = re.compile(r"(^|[._-])seed($|[._-])", re.IGNORECASE)
_PLACE = re.compile(
    r"(^|[._-])(out|output|outdir|save|savedir|log|logs|logdir|logging|run|runs|rundir|exp|experiment|project|name|id"
    r"|tags?|notes?|comment)($|[._-])",
    re.IGNORECASE,
)
"""Names of options that say where a run goes or what it is called, as `--out`, `--log-dir`, `--run_name`.

Narrower than what the doctor leaves out of settings: `--train-file` may be the cause."""


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
        elif found and found[-1][0].startswith("-") and "=" not in found[-1][1][0]:
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


def is_option(word: str) -> bool:
    """Whether a word of a command line is the name of an option, not a value or a negative number."""
    return word.startswith("-") and len(word) > 1 and not _NEGATIVE.match(word)


def is_place(name: str) -> bool:
    """Whether an option of this name says where a run goes or what it is called."""
    return bool(_PLACE.search(name.lstrip("-+~")))


def changes_of_options(there: Sequence[str], here: Sequence[str]) -> tuple[list[Change], list[Change]]:
    """Return the options that differ, and those of them that are seeds; places of runs are left out.

    Args:
        there: the words of the sound command line.
        here: of the other one.
    """
    own, other = ({(one.name, one.at): one for one in groups_of(words)} for words in (here, there))
    changes, seeds = [], []
    for key in dict.fromkeys((*other, *own)):
        mine, its = own.get(key), other.get(key)
        if (mine and mine.values) == (its and its.values) or is_place(key[0]):
            continue
        words = [() if one is None else one.words for one in (mine, its)]
        change = Change("option", key[0], words[0], words[1], None, (key[1], key[1] + 1))
        (seeds if _SEED.search(key[0].lstrip("-+~")) else changes).append(change)
    return changes, seeds


def with_options(there: Sequence[str], changes: Iterable[Change]) -> tuple[str, ...]:
    """Return the sound command line with some changes."""
    changed = {(one.name, one.span[0]): one.here for one in changes}
    words: list[str] = []
    for group in groups_of(there):
        words += changed.pop((group.name, group.at), group.words)
    return (*words, *(word for added in changed.values() for word in added))


def redirected(arguments: Sequence[str], place: Path, own: Iterable[Path]) -> tuple[str, ...]:
    """Return a command line whose places outside of the program's directories are below another directory.

    Args:
        arguments: the words.
        place: the directory.
        own: the program's directories: what lies there has a copy of its own.
    """
    own = [*own]

    def moved(group: Group, word: str) -> str:
        name, equals, value = word.partition("=")
        head, path = (f"{name}=", value) if equals and name == group.name else ("", word)
        is_far = path.startswith(("/", "~")) and not any(Path(path).is_relative_to(one) for one in own)
        return f"{head}{place / Path(path).name}" if is_far else word

    return tuple(
        moved(group, word) if is_place(group.name) else word for group in groups_of(arguments) for word in group.words
    )
