"""What a program calls the directory that it recorded to: another one for each run, and no difference."""

import re
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from newllm.trace.program import Program

NEUTRAL = "OUT"
_NUMBER = re.compile(r"[-+]?[\d._]+(e[-+]?\d+)?", re.IGNORECASE)


def place_names(program: Program) -> frozenset[str]:
    """Return what a program may call the directory that it recorded to; nothing where that was not kept."""
    if not program.out:
        return frozenset()
    out, directory = Path(program.out), Path(program.directory)
    names = {str(out)}
    if out.is_relative_to(directory) and out != directory:
        below = out.relative_to(directory).as_posix()
        names |= {below, f"./{below}", f"{below}/"}
    return frozenset(names)


def words_of_place(program: Program) -> frozenset[str]:
    """Return what a command line may call it: its name alone, too, but for a number, which may be anything's."""
    name = Path(program.out).name
    return place_names(program) | ({name} if name and not _NUMBER.fullmatch(name) else frozenset())


def without_places(one: Program, two: Program) -> tuple[Program, Program]:
    """Return two programs with a neutral word where their code or command lines name where either recorded to.

    Either, as a default of one that was called with another place is where the other one recorded to.
    """
    names, words = place_names(one) | place_names(two), words_of_place(one) | words_of_place(two)
    return _without(one, names, words), _without(two, names, words)


def _without(program: Program, names: Collection[str], words: Collection[str]) -> Program:
    arguments = tuple(neutral_word(one, words) for one in program.arguments)
    files = {name: neutral(text, names) for name, text in program.files.items()}
    return replace(program, arguments=arguments, files=files)


def neutral(text: str, names: Collection[str]) -> str:
    """Return text with a neutral word in place of some names, where they stand in quotes."""
    if not names:
        return text
    either = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    return re.sub(rf"""(["'])(?:{either})\1""", rf"\1{NEUTRAL}\1", text)


def neutral_word(word: str, names: Collection[str]) -> str:
    """Return a word of a command line with a neutral one in place of some names."""
    option, equals, value = word.rpartition("=")
    return f"{option}{equals}{NEUTRAL}" if value in names else word
