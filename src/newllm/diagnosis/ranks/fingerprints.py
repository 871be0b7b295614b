"""Whether the ranks of a training hold the same weights and moments: the fingerprints that each wrote, compared.

And whether they read or draw the same, which ranks whose gradients are averaged should not; whether they cut up the
same batches, which those of `newllm train` should; and which one the others wait for.

`newllm.record` writes one file a rank (`recorder.ranks`). What was equal on all ranks when it was first seen is meant
to be equal; of a parameter that is sharded, on all that hold the same piece. Where anything of a layer differs from the
start without a wrapper that shares it, each rank holds a part of that layer, or one of its own, and the layer is not
compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from newllm.diagnosis.ranks.files import (
    BY_LOOP,
    BY_MODEL,
    FOLDER,
    MOMENTS,
    MOST,
    NUMBERS,
    SECONDS,
    WEIGHTS,
    RankFile,
    read_rank_files,
)
from newllm.diagnosis.ranks.signals import RankSignals, Straggler, find_straggler, series_of
from newllm.messages import message
from newllm.trace.remark import Remark, unread_file

_V = TypeVar("_V")
_FEWEST = 3  # steps whose inputs are compared
_NEARLY_EACH = 0.9


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
class DrawnAlike:
    """A generator that is in the same state on all ranks whenever one of them draws from it.

    Attributes:
        name: "torch", "cuda", "numpy" or "random".
        by_model: whether the model draws from it in its pass; else the loop does, before each.
        steps: that were compared.
    """

    name: str
    by_model: bool
    steps: tuple[int, ...]


@dataclass(frozen=True)
class OtherBatches:
    """A rank that draws other batches than most.

    Attributes:
        rank: which.
        than: the first of most.
        first: by this step it has.
        steps: how many comparisons differ, each over all batches since the one before.
        compared: of so many.
    """

    rank: int
    than: int
    first: int
    steps: int
    compared: int


@dataclass(frozen=True)
class Ranks:
    """What the ranks' fingerprints say.

    Attributes:
        count: of ranks that were compared.
        compared: parameters that were.
        apart: what differs, the first first.
        alike: steps whose inputs were compared and the same on all ranks, where those of all of them were.
        same_batch: ranks that were given the same at every step that is known, where others were not; and the steps.
        other_batches: ranks that draw other batches than most, where all cut up the same.
        drawn: generators that all ranks draw from in the same state.
        signals: the numbers of each rank, None where there are none to compare.
    """

    count: int
    compared: int
    apart: tuple[Apart, ...] = ()
    alike: tuple[int, ...] = ()
    same_batch: tuple[tuple[int, int], ...] = ()
    other_batches: tuple[OtherBatches, ...] = ()
    drawn: tuple[DrawnAlike, ...] = ()
    signals: RankSignals | None = None

    @property
    def straggler(self) -> Straggler | None:
        """A rank that computes for longer than the others nearly always, None where there is none."""
        return None if self.signals is None else find_straggler(self.signals)


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
        ranks = list(read_rank_files(run / FOLDER))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        return None, (unread_file(FOLDER, error),)
    remarks = _not_compared(ranks)
    if len(ranks) < 2:
        return None, tuple(remarks)
    found, own, signals, other = None, 0, _signals(ranks), _other_batches(ranks)
    if len({rank.names for rank in ranks}) > 1:
        remarks.append(Remark("note", message("remark-ranks-of-other-models")))
    elif ranks[0].names:
        found, own = _compared(ranks)
    if own:
        remarks.append(Remark("note", message("remark-ranks-own", count=own)))
    if signals is not None or other:
        found = replace(found or Ranks(len(ranks), 0), other_batches=other, signals=signals)
    return found, tuple(remarks)


def _not_compared(ranks: Sequence[RankFile]) -> list[Remark]:
    """Return what is to be said of parameters and ranks that are not compared."""
    sharded, world = max((rank.left_out for rank in ranks), default=0), ranks[0].world if ranks else 0
    remarks = [Remark("note", message("remark-ranks-sharded", count=sharded))] if sharded else []
    if len(ranks) < min(world, MOST):
        remarks.append(Remark("note", message("remark-ranks-missing", count=len(ranks), ranks=world)))
    return remarks


def _signals(ranks: Sequence[RankFile]) -> RankSignals | None:
    """Return the numbers that can be compared: those of what each rank reads only where it reads rows of its own."""
    own_rows = all(rank.own_rows for rank in ranks)
    of_all = [key for key in NUMBERS if (own_rows or key == SECONDS) and all(rank.numbers[key] for rank in ranks)]
    if not of_all:
        return None
    series = {key: tuple(series_of(rank.numbers[key]) for rank in ranks) for key in of_all}
    recording = frozenset(rank.number for rank in ranks if rank.records)
    return RankSignals(tuple(rank.number for rank in ranks), series, recording)


def _compared(ranks: Sequence[RankFile]) -> tuple[Ranks, int]:
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
    same = _same_batch(ranks) if wrapped else ()
    drawn = _drawn_alike(ranks) if wrapped else ()
    return Ranks(len(ranks), compared, tuple(found), alike, same, drawn=drawn), len(names) - len(shared)


def _alike_in(ranks: Sequence[RankFile], index: int) -> list[list[RankFile]]:
    """Return the ranks that hold the same of a parameter, together."""
    pieces = {rank.pieces[index]: [] for rank in ranks}
    for rank in ranks:
        pieces[rank.pieces[index]].append(rank)
    return list(pieces.values())


def _differ(ranks: Sequence[RankFile], step: int, index: int) -> bool:
    return len({rank.rows[step][WEIGHTS][index] for rank in ranks}) > 1


def _joined(pieces: Sequence[Apart]) -> Apart:
    """Return how a parameter comes to differ, of which several pieces do."""
    first = min(pieces, key=lambda one: one.step)
    ranks = sorted(rank for one in pieces if one.step == first.step for rank in one.ranks)
    return replace(first, ranks=tuple(ranks), again=all(one.again for one in pieces))


def _alike(ranks: Sequence[RankFile]) -> tuple[int, ...]:
    """Return the steps at which all ranks were given the same, if they were at each that is known.

    Nothing is said of a training on one batch again and again (it is learnt by heart on purpose, or is all the data).
    """
    steps = sorted(set[int].intersection(*(set(rank.inputs) for rank in ranks)))
    values = [{rank.inputs[step] for rank in ranks} for step in steps]
    is_so = len(steps) >= _FEWEST and all(len(each) == 1 for each in values) and len(set[int].union(*values)) > 1
    return tuple(steps) if is_so else ()


def _drawn_alike(ranks: Sequence[RankFile]) -> tuple[DrawnAlike, ...]:
    """Return the generators that all ranks have in the same state at each known step at which one of them draws.

    Other states tell nothing: a generator that nobody draws from stays as it was made. And the loop must draw from it
    before nearly each pass, as an augmentation does: of a data loader, which draws a number at each epoch, or a shuffle
    of files that each rank then takes its part of, all ranks draw the same on purpose.
    """
    steps = sorted(set[int].intersection(*(set(rank.rows) for rank in ranks)))
    names = sorted({name for rank in ranks for drawn in rank.generators.values() for name in drawn})
    known = [[rank.generators.get(step, {}) for rank in ranks] for step in steps]
    found = []
    for name in names:
        for by in (BY_MODEL, BY_LOOP):
            of_all = [[one.get(name, (None, 0)) for one in each] for each in known]
            each_step = zip(steps, of_all, strict=True)
            drawn = [(step, each) for step, each in each_step if any(who & by for _, who in each)]
            states = [{state if who & by else None for state, who in each} for _, each in drawn]
            often = len(drawn) >= _FEWEST and (by == BY_MODEL or len(drawn) >= _NEARLY_EACH * (len(steps) - 1))
            if often and all(len(one) == 1 for one in states) and len(set().union(*states)) > 1:
                found.append(DrawnAlike(name, by == BY_MODEL, tuple(step for step, _ in drawn)))
    return tuple(found)


def _same_batch(ranks: Sequence[RankFile]) -> tuple[tuple[int, int], ...]:
    """Return the ranks that were always given the same, and at how many steps; none where more than half were."""
    known = [rank for rank in ranks if len(rank.inputs) >= _FEWEST]
    found = tuple((rank.number, len(rank.inputs)) for rank in known if len(set(rank.inputs.values())) == 1)
    return found if 2 * len(found) <= len(ranks) and len(known) == len(ranks) else ()


def _other_batches(ranks: Sequence[RankFile]) -> tuple[OtherBatches, ...]:
    """Return the ranks that draw other batches than most; than the first rank, where there is no most."""
    steps = sorted(set[int].intersection(*(set(rank.batches) for rank in ranks)))
    apart: dict[int, list[tuple[int, int]]] = {}  # of a rank, the steps, and a rank of most there
    for step in steps:
        values = [rank.batches[step] for rank in ranks]
        most = _most(values)
        than = ranks[values.index(most)].number
        for rank, value in zip(ranks, values, strict=True):
            if value != most:
                apart.setdefault(rank.number, []).append((step, than))
    return tuple(
        OtherBatches(number, of_rank[0][1], of_rank[0][0], len(of_rank), len(steps))
        for number, of_rank in sorted(apart.items())
    )


def _most(values: Sequence[_V]) -> _V:
    """Return what most ranks have; what the first has, where there is no most."""
    return max(values, key=lambda value: (values.count(value), value == values[0]))


def _apart(name: str, part: str, ranks: Sequence[RankFile], steps: Sequence[int], index: int) -> Apart | None:
    """Return how a series of fingerprints, one a rank at each step, comes to differ; None where it does not."""
    rows = [(step, [rank.rows[step][part][index] for rank in ranks]) for step in steps]
    known = [(step, values) for step, values in rows if None not in values]
    differing = [(step, values) for step, values in known if len(set(values)) > 1]
    if not differing or (part == MOMENTS and differing[0] == known[0]):
        return None  # moments that differ as soon as there are any are divided between the ranks, or follow the weights
    step, values = differing[0]
    equal = max((one for one, _ in known if one < step), default=None)
    most = _most(values)
    apart = tuple(rank.number for rank, value in zip(ranks, values, strict=True) if value != most)
    return Apart(name, part, equal, step, apart, again=len(differing) < sum(one >= step for one, _ in known))
