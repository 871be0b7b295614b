"""A smallest set of changes that brings an outcome about: minimising delta debugging.

`ddmin` of Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (2002), whose test has a third
outcome, as a part of a renaming ends in an error. Before it halves, the first few changes are tried one by one.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Literal

Outcome = Literal["parts", "otherwise", "sound", "failed"]
"""What a trial came to.

It shows the symptom; it is otherwise unlike the sound run; it is like it; it ended with an error. For the search the
second and the last one are unresolved."""

SINGLES = 3  # changes that are tried one by one before halves are


def smallest(changes: Sequence[int], parts: Callable[[Sequence[int]], bool], singles: int = SINGLES) -> list[int]:
    """Return a set of changes with the symptom, of which none can be left out.

    Args:
        changes: that have the symptom together, the likeliest first; at least one.
        parts: whether the program with some of them shows it; without any it does not. Each set is asked for once.
        singles: how many are tried one by one first.
    """
    known: dict[frozenset[int], bool] = {frozenset(): False, frozenset(changes): True}

    def has_it(some: Sequence[int]) -> bool:
        key = frozenset(some)
        if key not in known:
            known[key] = parts(some)
        return known[key]

    for one in changes[:singles]:
        if has_it([one]):
            return [one]
    left, count = list(changes), 2
    while len(left) > 1:
        found = _reduced(left, count, has_it)
        if found is not None:
            left, count = found
        elif count < len(left):
            count = min(len(left), 2 * count)
        else:
            break
    return left


def _reduced(left: Sequence[int], count: int, has_it: Callable[[Sequence[int]], bool]) -> tuple[list[int], int] | None:
    """Return a smaller set with the symptom, and into how many chunks it is cut next; None where there is none."""
    chunks = _chunks(left, count)
    for chunk in chunks:
        if has_it(chunk):
            return chunk, 2
    for chunk in chunks if count > 2 else ():  # of two the rest is the other one
        rest = [one for one in left if one not in chunk]
        if has_it(rest):
            return rest, max(count - 1, 2)
    return None


def _chunks(changes: Sequence[int], count: int) -> list[list[int]]:
    """Return the changes in so many chunks of about the same size, in their order."""
    edges = [round(at * len(changes) / count) for at in range(count + 1)]
    return [list(changes[begin:end]) for begin, end in itertools.pairwise(edges) if end > begin]
