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

from newllm.trace.readers.bar_points import Point, Told, divided, lies_between, placed
from newllm.trace.readers.bar_texts import BarTexts
from newllm.trace.readers.progress_bars import Drawing, is_wiped_out

_DIGITS = 15  # of an epoch


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
        self._waiting: list[Point] = []

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

    def point(self, event: _Event, newer: int | None, *, is_sure: bool) -> Point:
        """Return a row at the count, or at a newer one where it is sure to be there."""
        step = self._before + (newer if newer is not None and is_sure else self.done)
        point = Point(event.line, event.names, event.epoch, event.bar >= 0, self.number, step, step, is_sure)
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
        told = None if points is None else placed(points)
        if told is None:
            return Told({})
        return next((one for one in (told, divided(told, said)) if lies_between(one, said)), Told({}))

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

    def _points(self, bar: int, *, lines: bool) -> list[Point] | None:
        """Return the rows between the counts of a bar, which counts on where it begins anew; None where it cannot."""
        label, of = next(key for key, number in self._bars.items() if number == bar)
        count, points, is_behind = _Count(of), list[Point](), False
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


def _is_one_training(points: Sequence[Point], last: int) -> bool:
    """Whether bars that come one after another are those of one training.

    Each but the last must hold a row as most are. Where a bar holds none, or other ones, it may be a validation's. One
    row an epoch that says its epoch needs no steps, and the bar may be one of epochs.
    """
    usual = Counter(point.names for point in points).most_common(1)
    rows = [point for point in points if usual and point.names == usual[0][0]]
    epochs = [point.epoch for point in rows]
    if len(set(epochs) - {None}) == len(rows) and (last or _counts_epochs(rows)):
        return False
    return {point.bar_number for point in rows} >= set(range(last))


def _counts_epochs(rows: Iterable[Point]) -> bool:
    return all(
        row.epoch is not None and row.epoch.isdigit() and row.least <= int(row.epoch[:_DIGITS]) <= row.most + 1
        for row in rows
    )
