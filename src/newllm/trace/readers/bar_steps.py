"""Which step the rows of a log are of, as the progress bars between them count.

A bar is drawn again ten times a second at most, and what it says is then a moment old: in `for batch in tqdm(loader)` a
line that is printed, or a description that is set, stands at the count of the last drawing, in a loop that calls
`bar.update()` at its own. Which of the two it is shows in the drawings: only in the second do count and text change at
once. In the first the step lies between two counts; lines that come every so many steps are placed so, if that fits all
counts, others evenly between two. What is printed without a flush comes in bursts, far from where it was written: it
tells no step.
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from newllm.trace.readers.bar_texts import BarTexts
from newllm.trace.readers.progress_bars import Drawing, is_wiped_out

_PLACED = 0.5  # of the rows must have a count of their own, or all must come every so many steps
_FEWEST = 3  # rows that say how often they come
_DIGITS = 15  # of an epoch
_MOST_STEPS = 100_000  # between two rows


class Told(NamedTuple):
    """The steps of rows.

    Attributes:
        steps: by the rows' numbers.
        off: by how many steps they may be wrong.
    """

    steps: dict[int, int]
    off: int = 0


@dataclass(frozen=True)
class _Event:
    """A row, a drawing, or both: the drawing's bar holds the row's numbers.

    Attributes:
        line: its number in the log.
        bar: which of the log's bars is drawn, -1 for none; a kind of bar is its label and what it counts up to.
        done: its count.
        is_row: it holds numbers.
        names: of the row's numbers.
        epoch: the row's, where it says one.
        after: the drawing comes right after a row.
        wiped: blanks were drawn over the bar before, as where it makes room for a line or goes for good.
    """

    line: int = -1
    bar: int = -1
    done: int = 0
    is_row: bool = False
    names: frozenset[str] = frozenset()
    epoch: str | None = None
    after: bool = False
    wiped: bool = False


@dataclass
class _Point:
    """A row between two counts of its bar: `least` and `most`, both included."""

    event: _Event
    bar_number: int
    least: int
    most: int
    is_sure: bool = False


class _Count:
    """The count of a bar, and of those of its kind that come before it.

    Attributes:
        done: what the bar shows.
        number: of the bar.
        has_begun: it was drawn.
        is_wiped: blanks were drawn over it since.
    """

    def __init__(self, of: int) -> None:
        self.done, self.number, self.has_begun, self.is_wiped = 0, 0, False, False
        self._of, self._before, self._widest = of, 0, 1
        self._waiting: list[_Point] = []

    def draw(self, done: int) -> bool:
        """See the bar with a count; False where that goes on from nothing that was seen.

        It is another process's then, or of a training that was started again, or a loop broke off.
        """
        if done < self.done:
            if done or not self._is_over():
                return False
            steps = self._of or self.done
            self._end(steps - 1)
            self._before, self.number = self._before + steps, self.number + 1
        elif done > self.done:
            self._widest = max(self._widest, done - self.done) if self.has_begun else self._widest
            self._end(done - 1)
        self.done, self.is_wiped, self.has_begun = done, False, True
        return True

    def _is_over(self) -> bool:
        """Whether the bar was drawn with its last count; one without a total is when it is left standing."""
        if not self._of:
            return not self.is_wiped
        return self.done == self._of or (self.is_wiped and self.done + self._widest >= self._of)

    def point(self, event: _Event, newer: int | None, *, is_sure: bool) -> _Point:
        """Return a row at the count, or at a newer one where it is sure to be there."""
        step = self._before + (newer if newer is not None and is_sure else self.done)
        point = _Point(event, self.number, step, step, is_sure)
        if not is_sure:
            self._waiting.append(point)
        return point

    def end(self) -> None:
        """See no further drawing: the rows since the last one are within as many steps as lay between two at most."""
        self._end(min(self._of or self.done + self._widest, self.done + self._widest) - 1)

    def _end(self, most: int) -> None:
        for point in self._waiting:
            point.most = max(point.least, self._before + most)
        self._waiting = []


class BarSteps:
    """The rows of a log, and the bars between them, in the order of writing.

    Attributes:
        texts: what the bars show.
    """

    def __init__(self) -> None:
        self.texts = BarTexts()
        self._events: list[_Event] = []
        self._bars: dict[tuple[str, int], int] = {}
        self._is_newest = self._wiped = False

    def pass_line(self, line: int, drawing: Drawing | None, text: str, *, holds: bool) -> None:
        """Take a line of the log: with a bar or without, and with numbers of its own or without."""
        if drawing is None:
            self._wiped |= is_wiped_out(text)
            self._is_newest &= not text.strip()
            return
        if drawing.is_rounded:
            return
        bar = self._number(drawing)
        event = _Event(line, bar, drawing.bar.done, after=self._is_newest and not holds, wiped=self._wiped)
        former = self._events[-1] if self._events else None
        if event.after or event.wiped or former is None or (former.bar, former.done) != (bar, event.done):
            self._events.append(event)
        self._is_newest = self._wiped = False

    def take(self, line: int, drawing: Drawing | None, names: Iterable[str], epoch: str | None) -> None:
        """Take a row: its numbers stand in the bar that was drawn last, or in a line of their own."""
        own = drawing if drawing and drawing.alone and not drawing.is_rounded else None
        bar, done = (self._number(own), own.bar.done) if own else (-1, 0)
        self._events.append(_Event(line, bar, done, True, frozenset(names), epoch, wiped=self._wiped))
        self._is_newest, self._wiped = own is None, False

    def rows_set_again(self) -> Iterator[tuple[int, Mapping[str, str]]]:
        """Yield rows of which only the whole log tells that they are some, and their numbers."""
        by_line = {event.line: event for event in self._events if event.is_row}
        for again in self.texts.set_again():
            if first := by_line.get(again.first):
                self._events.append(replace(first, line=again.row, done=again.done, wiped=False))
            yield again.row, again.cells
        self._events.sort(key=lambda event: event.line)

    def _number(self, drawing: Drawing) -> int:
        return self._bars.setdefault((drawing.label, drawing.bar.of), len(self._bars))

    def told(self, *, lines: bool, said: Sequence[tuple[int, int]] = ()) -> Told:
        """Return the steps of the rows, none where the bars do not tell them.

        Args:
            lines: also of the rows that are lines, not only of those that stand in a bar.
            said: rows that say their step, and what it is; the bars' must lie between them.
        """
        bar = self._training_bar(lines=lines)
        points = None if bar is None else self._points(bar, lines=lines)
        placed = None if points is None else _placed(points)
        if placed is None:
            return Told({})
        return next((told for told in (placed, _divided(placed, said)) if _lies_between(told, said)), Told({}))

    def _training_bar(self, *, lines: bool) -> int | None:
        """Return the bar that most rows stand at."""
        nearest: Counter[int] = Counter()
        last = -1
        for event, next_one in itertools.pairwise([*self._events, _Event()]):
            last = event.bar if event.bar >= 0 else last
            if event.is_row and (lines or event.bar >= 0):
                nearest[next_one.bar if next_one.after else last] += 1
        del nearest[-1]
        return nearest.most_common(1)[0][0] if nearest else None

    def _points(self, bar: int, *, lines: bool) -> list[_Point] | None:
        """Return the rows between the counts of a bar, which counts on where it begins anew; None where it cannot."""
        label, of = next(key for key, number in self._bars.items() if number == bar)
        count, points, is_behind = _Count(of), list[_Point](), False
        is_fresh, is_redrawn_at_once = self.texts.is_fresh(label, of), self._is_redrawn_at_once(bar)
        for event, follows in itertools.pairwise([*self._events, _Event()]):
            count.is_wiped |= event.wiped
            if event.bar == bar and not count.draw(event.done):
                return None
            newer = follows.done if follows.after and follows.bar == bar else None
            if not event.is_row or not (lines or event.bar == bar) or not (count.has_begun or newer is not None):
                continue
            if event.bar == bar:
                newer, is_sure = None, is_fresh
            else:
                # What makes room for a line draws itself again at once; else the next drawing came by chance.
                at_once = event.wiped and is_redrawn_at_once
                is_behind |= not count.has_begun  # each row comes before the bar that counts it
                is_sure = newer is not None and (at_once or (is_behind and newer - count.done == 1))
            points.append(count.point(event, newer, is_sure=is_sure))
        count.end()
        return points if _is_one_training(points, count.number) else None

    def _is_redrawn_at_once(self, bar: int) -> bool:
        """Whether a bar that makes room for a line comes back with a newer count, so that it has the newest one."""
        done = 0
        for event, follows in itertools.pairwise(self._events):
            done = event.done if event.bar == bar else done
            if event.is_row and event.wiped and follows.after and follows.bar == bar and follows.done > done:
                return True
        return False


def _lies_between(told: Told, said: Iterable[tuple[int, int]]) -> bool:
    """Whether steps rise from row to row, with those that others say: a line may count from 0, a bar what is done."""
    known = sorted([*((row, step, step) for row, step in told.steps.items()), *((row, at, at + 1) for row, at in said)])
    rises = all(former[1] <= later[2] for former, later in itertools.pairwise(known))
    return rises and known[0][1] < known[-1][1]


def _divided(placed: Told, said: Sequence[tuple[int, int]]) -> Told:
    """Return the steps of rows beside a bar that counts several batches for each step that a line says."""
    row, last = max(said, default=(0, 0))
    done = max((step for at, step in placed.steps.items() if at < row), default=0)
    each = max(1, round(done / max(1, last)))
    return Told({at: step // each for at, step in placed.steps.items()}, placed.off // each)


def _is_one_training(points: Sequence[_Point], last: int) -> bool:
    """Whether bars that come one after another are those of one training.

    Each but the last must hold a row as most are. Where a bar holds none, or other ones, it may be a validation's. One
    row an epoch that says its epoch needs no steps, and the bar may be one of epochs.
    """
    usual = Counter(point.event.names for point in points).most_common(1)
    rows = [point for point in points if usual and point.event.names == usual[0][0]]
    epochs = [point.event.epoch for point in rows]
    if len(set(epochs) - {None}) == len(rows) and (last or _counts_epochs(rows)):
        return False
    return {point.bar_number for point in rows} >= set(range(last))


def _counts_epochs(rows: Iterable[_Point]) -> bool:
    return all(
        row.event.epoch is not None
        and row.event.epoch.isdigit()
        and row.least <= int(row.event.epoch[:_DIGITS]) <= row.most + 1
        for row in rows
    )


def _placed(points: Sequence[_Point]) -> Told | None:
    """Place rows between their counts; None where they do not fit there, or too many have one count in common."""
    kinds = dict[frozenset[str], list[_Point]]()
    for point in points:
        kinds.setdefault(point.event.names, []).append(point)
    usual = max(kinds.values(), key=len, default=[])
    apart = len({point.least for point in points})
    in_bars = all(point.event.bar >= 0 for point in usual)
    steps, off = dict[int, int](), 0
    for rows in kinds.values():
        found = _every_so_many(rows) or list(_spread(rows))
        shared = Counter((point.least, point.most) for point in rows if not point.is_sure)
        room = [most - least + 1 - count for (least, most), count in shared.items()]
        if min(room, default=0) < 0 and not in_bars:
            return None  # more lines than steps: they came in a burst
        steps |= {point.event.line: step for step, point in zip(found, rows, strict=True)}
        off = max([off, *room])
    former = 0
    for point in points:  # of two kinds each was placed without the other
        former = steps[point.event.line] = min(max(steps[point.event.line], former), max(point.most, point.least))
    if apart < 2 or not (apart >= _PLACED * len(points) or in_bars or _every_so_many(usual)):
        return None
    return Told(steps, off)


def _spread(rows: Sequence[_Point]) -> Iterator[int]:
    """Yield steps that lie evenly between the counts that rows have in common."""
    for (least, most, is_sure), shared in itertools.groupby(rows, lambda row: (row.least, row.most, row.is_sure)):
        count = len(list(shared))
        width = most - least + 1
        # Several of one step in a bar: what is drawn last of it holds.
        yield from (least if is_sure else least + place * width // count for place in range(count))


def _every_so_many(rows: Sequence[_Point]) -> list[int]:
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
