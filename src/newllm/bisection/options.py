"""The changes of command lines."""

import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from newllm.bisection.change import Change
from newllm.diagnosis.against.options import Group, groups_of

_SEED = re.compile(r"(^|[._-])seed($|[._-])", re.IGNORECASE)
_PLACE = re.compile(
    r"(^|[._-])(out|output|outdir|save|savedir|log|logs|logdir|logging|run|runs|rundir|exp|experiment|project|name|id"
    r"|tags?|notes?|comment)($|[._-])",
    re.IGNORECASE,
)
"""Names of options that say where a run goes or what it is called, as `--out`, `--log-dir`, `--run_name`.

Narrower than what the doctor leaves out of settings: `--train-file` may be the cause."""


def is_place(name: str) -> bool:
    """Whether an option of this name says where a run goes or what it is called."""
    return bool(_PLACE.search(name.lstrip("-+~")))


def changes_of_options(
    there: Sequence[str],
    here: Sequence[str],
    places: tuple[Collection[str], Collection[str]] = ((), ()),
) -> tuple[list[Change], list[Change]]:
    """Return the options that differ, and those of them that are seeds; places of runs are left out.

    Args:
        there: the words of the sound command line.
        here: of the other one.
        places: the words by which each names the directory that it recorded to, in the same order.
    """
    own, other = ({(one.name, one.at): one for one in groups_of(words)} for words in (here, there))
    changes, seeds = [], []
    for key in dict.fromkeys((*other, *own)):
        mine, its = own.get(key), other.get(key)
        if (mine and mine.values) == (its and its.values) or is_place(key[0]):
            continue
        if mine and its and set(mine.values) <= set(places[1]) and set(its.values) <= set(places[0]):
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
