"""Whether the ranks of a training hold the same weights and moments: the fingerprints that each wrote, compared.

And whether they read the same, which ranks whose gradients are averaged should not; and which one the others wait for.

`newllm.record` writes one file a rank (`recorder.ranks`). What was equal on all ranks when it was first seen is meant
to be equal; of a parameter that is sharded, on all that hold the same piece. Where anything of a layer differs from the
start without a wrapper that shares it, each rank holds a part of that layer, or one of its own, and the layer is not
compared.
"""

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from newllm.files import read_bytes
from newllm.messages import message
from newllm.trace.remark import Remark, unread_file

FOLDER = "ranks"
_LARGEST = 256 * 2**20  # bytes of all files
_MOST = 64  # ranks that are read: enough to see that one differs
_LARGEST_NUMBER = 2**53  # past it a float does not count any more
WEIGHTS, MOMENTS, INPUTS, SECONDS, PIECES = "weights", "moments", "inputs", "seconds", "pieces"
_FEWEST = 3  # steps whose inputs are compared
_FEWEST_TIMED = 10  # steps whose times are compared
_MOSTLY, _CLEARLY = 0.9, 1.25  # of the steps a straggler is the slowest, times as slow as the others


@dataclass(frozen=True)
class Apart:
    """A parameter, or its moments, that the ranks no longer share.

    Attributes:
        name: of the parameter.
        part: "weights" or "moments".
        equal: the last step at which the ranks had it in common; None where they never had.
        step: the first at which they did not.
        ranks: that differ from most, or from the first where there is no most.
        again: whether they had it in common once more later.
    """

    name: str
    part: str
    equal: int | None
    step: int
    ranks: tuple[int, ...]
    again: bool


@dataclass(frozen=True)
class Straggler:
    """A rank that all others wait for.

    Attributes:
        rank: its number.
        ratio: median over the steps of its time to that of the others' median.
        slowest: steps at which it was the slowest.
        steps: that were compared, the first and the last of them.
    """

    rank: int
    ratio: float
    slowest: int
    steps: int
    first: int
    last: int


@dataclass(frozen=True)
class Ranks:
    """What the ranks' fingerprints say.

    Attributes:
        count: of ranks that were compared.
        compared: parameters that were.
        apart: what differs, the first first.
        alike: steps whose inputs were compared and the same on all ranks, where those of all of them were.
        straggler: a rank that computes for longer than the others nearly always, None where there is none.
    """

    count: int
    compared: int
    apart: tuple[Apart, ...] = ()
    alike: tuple[int, ...] = ()
    straggler: Straggler | None = None


@dataclass(frozen=True)
class _Rank:
    number: int
    names: tuple[str, ...]
    pieces: tuple[int | None, ...]
    left_out: int
    world: int
    wrapped: bool
    rows: Mapping[int, Mapping[str, Sequence[int | None]]]
    inputs: Mapping[int, int]
    seconds: Mapping[int, float]


def read_ranks(run: Path) -> tuple[Ranks | None, tuple[Remark, ...]]:
    """Read and compare the fingerprints of a recording's ranks.

    Args:
        run: its directory.

    Returns:
        What they say, None where there is nothing to compare; and why something was not compared.
    """
    if not (run / FOLDER).is_dir():
        return None, ()
    try:
        ranks = list(_read(run / FOLDER))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        return None, (unread_file(FOLDER, error),)
    if not ranks:
        return None, ()
    world, sharded = ranks[0].world, max(rank.left_out for rank in ranks)
    remarks = []
    if sharded:
        remarks.append(Remark("note", message("remark-ranks-sharded", count=sharded)))
    if len(ranks) < min(world, _MOST):
        remarks.append(Remark("note", message("remark-ranks-missing", count=len(ranks), ranks=world)))
    if len({rank.names for rank in ranks}) > 1:
        return None, (*remarks, Remark("note", message("remark-ranks-of-other-models")))
    if len(ranks) < 2 or not ranks[0].names:
        return None, tuple(remarks)
    found, own = _compared(ranks)
    if own:
        remarks.append(Remark("note", message("remark-ranks-own", count=own)))
    return found, tuple(remarks)


def _read(folder: Path) -> Iterator[_Rank]:
    files = sorted(folder.glob("rank-*.jsonl"))[:_MOST]
    if sum(file.stat().st_size for file in files) > _LARGEST:
        raise ValueError(f"more than {_LARGEST // 2**20} MB")
    for file in files:
        lines = read_bytes(file, _LARGEST).decode().split("\n")[:-1]  # what was cut off by a kill is no line
        if not lines:
            continue
        head, *rows = map(json.loads, lines)
        names = tuple(map(str, head["parameters"]))
        pieces = tuple(None if one is None else _whole(one) for one in head.get(PIECES, [None] * len(names)))
        if len(pieces) != len(names):
            raise ValueError(f"{file.name} says of other parameters which pieces they are")
        by_step = {_whole(row["step"]): {part: list(row[part]) for part in (WEIGHTS, MOMENTS)} for row in rows}
        for values in (values for row in by_step.values() for values in row.values()):
            if len(values) != len(names):
                raise ValueError(f"{file.name} has a row of another length")
            if not {int, type(None)}.issuperset(map(type, values)):
                raise ValueError(f"{file.name} has a row of something else than fingerprints")
        inputs = {row["step"]: _whole(row[INPUTS]) for row in rows if row.get(INPUTS) is not None}
        seconds = {row["step"]: _time(row[SECONDS]) for row in rows if row.get(SECONDS) is not None}
        rank, left_out, world = (_whole(head[key]) for key in ("rank", "left_out", "ranks"))
        yield _Rank(rank, names, pieces, left_out, world, bool(head["wrapped"]), by_step, inputs, seconds)


def _whole(value: object) -> int:
    if type(value) is not int or not 0 <= value <= _LARGEST_NUMBER:
        raise ValueError("a count is no whole number from 0 up")
    return value


def _time(value: object) -> float:
    if not isinstance(value, float) or not 0 <= value < math.inf:
        raise ValueError("a time is no number of seconds")
    return value


def _compared(ranks: Sequence[_Rank]) -> tuple[Ranks, int]:
    """Return what differs, and how many parameters each rank has of its own."""
    steps = sorted(set[int].intersection(*(set(rank.rows) for rank in ranks)))
    names = ranks[0].names
    wrapped = all(rank.wrapped for rank in ranks)
    own = {
        name.rpartition(".")[0]
        for index, name in enumerate(names)
        if not wrapped and steps and any(_differ(alike, steps[0], index) for alike in _alike_in(ranks, index))
    }
    shared = [(index, name) for index, name in enumerate(names) if name.rpartition(".")[0] not in own]
    each = [
        [_apart(name, part, alike, steps, index) for alike in _alike_in(ranks, index)]
        for index, name in shared
        for part in (WEIGHTS, MOMENTS)
    ]
    found = [_joined(of_pieces) for of_pieces in ([one for one in some if one] for some in each) if of_pieces]
    found.sort(key=lambda one: one.step)
    alike = _alike(ranks) if wrapped else ()
    compared = len(shared) if steps else 0
    return Ranks(len(ranks), compared, tuple(found), alike, _straggler(ranks)), len(names) - len(shared)


def _alike_in(ranks: Sequence[_Rank], index: int) -> list[list[_Rank]]:
    """Return the ranks that hold the same of a parameter, together."""
    pieces = {rank.pieces[index]: [] for rank in ranks}
    for rank in ranks:
        pieces[rank.pieces[index]].append(rank)
    return list(pieces.values())


def _differ(ranks: Sequence[_Rank], step: int, index: int) -> bool:
    return len({rank.rows[step][WEIGHTS][index] for rank in ranks}) > 1


def _joined(pieces: Sequence[Apart]) -> Apart:
    """Return how a parameter comes to differ, of which several pieces do."""
    first = min(pieces, key=lambda one: one.step)
    ranks = sorted(rank for one in pieces if one.step == first.step for rank in one.ranks)
    return replace(first, ranks=tuple(ranks), again=all(one.again for one in pieces))


def _alike(ranks: Sequence[_Rank]) -> tuple[int, ...]:
    """Return the steps at which all ranks were given the same, if they were at each that is known.

    Nothing is said of a training on one batch again and again (it is learnt by heart on purpose, or is all the data).
    """
    steps = sorted(set[int].intersection(*(set(rank.inputs) for rank in ranks)))
    values = [{rank.inputs[step] for rank in ranks} for step in steps]
    is_so = len(steps) >= _FEWEST and all(len(each) == 1 for each in values) and len(set[int].union(*values)) > 1
    return tuple(steps) if is_so else ()


def _straggler(ranks: Sequence[_Rank]) -> Straggler | None:
    """Return the rank that is nearly always the slowest, and clearly; chance makes now one slow, now another."""
    steps = sorted(set[int].intersection(*(set(rank.seconds) for rank in ranks)))
    if len(steps) < _FEWEST_TIMED:
        return None
    slowest = [max(ranks, key=lambda rank: rank.seconds[step]).number for step in steps]
    number, times = Counter(slowest).most_common(1)[0]
    own = next(rank for rank in ranks if rank.number == number)
    others = [rank for rank in ranks if rank.number != number]
    usual = [median(rank.seconds[step] for rank in others) for step in steps]
    ratio = median(own.seconds[step] / max(one, 1e-9) for step, one in zip(steps, usual, strict=True))
    if times < _MOSTLY * len(steps) or ratio < _CLEARLY:
        return None
    return Straggler(number, ratio, times, len(steps), steps[0], steps[-1])


def _apart(name: str, part: str, ranks: Sequence[_Rank], steps: Sequence[int], index: int) -> Apart | None:
    """Return how a series of fingerprints, one a rank at each step, comes to differ; None where it does not."""
    rows = [(step, [rank.rows[step][part][index] for rank in ranks]) for step in steps]
    known = [(step, values) for step, values in rows if None not in values]
    differing = [(step, values) for step, values in known if len(set(values)) > 1]
    if not differing or (part == MOMENTS and differing[0] == known[0]):
        return None  # moments that differ as soon as there are any are divided between the ranks, or follow the weights
    step, values = differing[0]
    equal = max((one for one, _ in known if one < step), default=None)
    most = max(values, key=lambda value: (values.count(value), value == values[0]))
    apart = tuple(rank.number for rank, value in zip(ranks, values, strict=True) if value != most)
    return Apart(name, part, equal, step, apart, again=len(differing) < sum(one >= step for one, _ in known))
