"""Where rows lie between the counts of a bar: at equal distances, if that fits all counts, else spread evenly."""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

_PLACED = 0.5  # of the rows must have a count of their own, or all must come every so many steps
_FEWEST = 3  # rows that say how often they come
_MOST_STEPS = 100_000  # between two rows


class Told(NamedTuple):
    """The steps of rows.

    Attributes:
        steps: by the rows' numbers.
        off: by how many steps they may be wrong.
    """

    steps: dict[int, int]
    off: int = 0


@dataclass
class Point:
    """A row between two counts of its bar.

    Attributes:
        row: its number.
        names: of its numbers.
        epoch: where it says one.
        in_bar: its numbers stand in the bar.
        bar_number: which of the bars of one kind it is.
        least: the first step that it can be of.
        most: the last one, included.
        is_sure: it is of the first one.
    """

    row: int
    names: frozenset[str]
    epoch: str | None
    in_bar: bool
    bar_number: int
    least: int
    most: int
    is_sure: bool = False


def placed(points: Sequence[Point]) -> Told | None:
    """Place rows between their counts; None where they do not fit there, or too many have one count in common."""
    kinds = dict[frozenset[str], list[Point]]()
    for point in points:
        kinds.setdefault(point.names, []).append(point)
    usual = max(kinds.values(), key=len, default=[])
    apart = len({point.least for point in points})
    in_bars = all(point.in_bar for point in usual)
    steps, off = dict[int, int](), 0
    for rows in kinds.values():
        found = _every_so_many(rows) or list(_spread(rows))
        shared = Counter((point.least, point.most) for point in rows if not point.is_sure)
        room = [most - least + 1 - count for (least, most), count in shared.items()]
        if min(room, default=0) < 0 and not in_bars:
            return None  # more lines than steps: they came in a burst
        steps |= {point.row: step for step, point in zip(found, rows, strict=True)}
        off = max([off, *room])
    former = 0
    for point in points:  # of two kinds each was placed without the other
        former = steps[point.row] = min(max(steps[point.row], former), max(point.most, point.least))
    if apart < 2 or not (apart >= _PLACED * len(points) or in_bars or _every_so_many(usual)):
        return None
    return Told(steps, off)


def _spread(rows: Sequence[Point]) -> Iterator[int]:
    """Yield steps that lie evenly between the counts that rows have in common."""
    for (least, most, is_sure), shared in itertools.groupby(rows, lambda row: (row.least, row.most, row.is_sure)):
        count = len(list(shared))
        width = most - least + 1
        # Several of one step in a bar: what is drawn last of it holds.
        yield from (least if is_sure else least + place * width // count for place in range(count))


def _every_so_many(rows: Sequence[Point]) -> list[int]:
    """Return steps that are equally far apart and lie between the counts of all rows, none where there are no such."""
    count = len(rows)
    if count < _FEWEST:
        return []
    place = np.arange(count)
    least, most = (np.array([getattr(row, name) for row in rows]) for name in ("least", "most"))
    shortest = max(1, -int((most[0] - least[-1]) // (count - 1)))
    longest = min(int((most[-1] - least[0]) // (count - 1)), shortest + _MOST_STEPS)
    fitting = []
    for every in range(shortest, longest + 1):
        first, last = int((least - every * place).max()), int((most - every * place).min())
        if first <= last:
            fitting.append((every, first, last))
    if not fitting:
        return []
    every, first, last = fitting[len(fitting) // 2]
    round_one = -(-first // every) * every  # `if step % every == 0`, as most loops have it
    return ((round_one if round_one <= last else first) + every * place).tolist()


def lies_between(told: Told, said: Iterable[tuple[int, int]]) -> bool:
    """Whether steps rise from row to row, with those that others say: a line may count from 0, a bar what is done."""
    known = sorted([*((row, step, step) for row, step in told.steps.items()), *((row, at, at + 1) for row, at in said)])
    rises = all(former[1] <= later[2] for former, later in itertools.pairwise(known))
    return rises and known[0][1] < known[-1][1]


def divided(told: Told, said: Sequence[tuple[int, int]]) -> Told:
    """Return the steps of rows beside a bar that counts several batches for each step that a line says."""
    row, last = max(said, default=(0, 0))
    done = max((step for at, step in told.steps.items() if at < row), default=0)
    each = max(1, round(done / max(1, last)))
    return Told({at: step // each for at, step in told.steps.items()}, told.off // each)
