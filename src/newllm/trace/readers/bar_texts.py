"""Which drawings of a bar are rows of a log: those whose numbers were set anew, not those that show them once more.

A bar is drawn when its numbers are set, and again as time goes by, with a newer count and the numbers of before. A loss
that is set every 20 steps may stand in five drawings: they are one row. Where a number does not change, the drawings
tell in two ways that it was set again. In a loop over a bar, something draws the bar at a count at which it was drawn
before; as a description does so, too, which is set in each step beside a loss that is not, this must happen far more
often than with other numbers of the bar. A bar that is moved by hand is drawn with the newest count: there numbers
that come every so many steps show it.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from statistics import median_low
from typing import NamedTuple

from newllm.trace.readers.naming import meaning, words
from newllm.trace.readers.progress_bars import Drawing

_FEWEST = 3  # numbers that tell how often a bar is drawn with one that is set once
_STANDS = 2  # times as often: what is set once may be drawn so at two counts


class SetAgain(NamedTuple):
    """A row with the numbers of an earlier one.

    Attributes:
        row: its number.
        done: the count of its bar.
        first: the number of the earlier row.
        cells: the numbers by name.
    """

    row: int
    done: int
    first: int
    cells: Mapping[str, str]


class _Again(NamedTuple):
    """A drawing that says what the one before it did.

    Attributes:
        row: its number.
        done: its count.
        is_newer: that is a newer one.
    """

    row: int
    done: int
    is_newer: bool


@dataclass
class _Numbers:
    """What a bar shows for as long as that does not change.

    Attributes:
        first: the row at which it was drawn first.
        done: the count there.
        cells: the numbers by name.
        again: how it was drawn again.
    """

    first: int
    done: int
    cells: Mapping[str, str] = field(default_factory=dict)
    again: list[_Again] = field(default_factory=list)


@dataclass
class _Shown:
    """A bar as it was drawn last.

    Attributes:
        last: the drawing.
        numbers: all that it showed.
        pending: the drawing, where it said what the one before did.
        wipes: how often bars had been wiped out by then.
        is_carried_over: it began anew, and still has the numbers of before.
        is_fresh: it was seen to be drawn with a newer count and new numbers at once.
        of_epochs: the last numbers by name of those that come once an epoch.
    """

    last: Drawing
    numbers: list[_Numbers] = field(default_factory=list)
    pending: _Again | None = None
    wipes: int = 0
    is_carried_over: bool = False
    is_fresh: bool = False
    of_epochs: dict[str, str] = field(default_factory=dict)

    def draw(self, row: int, drawing: Drawing, wipes: int) -> bool:
        """See the bar drawn; return whether its numbers are new."""
        last, done, former = self.last, drawing.bar.done, self.last.bar.done
        behind_stays = bool(drawing.behind) and drawing.behind == last.behind
        self.is_carried_over = behind_stays and (done < former or (self.is_carried_over and done == 0))
        is_same = bool(self.numbers) and drawing.text == last.text
        is_news = bool(drawing.text) and not self.is_carried_over and not is_same
        # Not the last drawing of all, for closing a bar draws it; nor one that is drawn at once with new numbers.
        if self.pending and (done > former or (done == former and not is_news)):
            self.numbers[-1].again.append(self.pending)
        self.is_fresh |= is_news and bool(last.text) and done > former
        if is_news:
            self.numbers.append(_Numbers(row, done))
        is_drawn_again = is_same and (done > former or (done == former and wipes == self.wipes))
        self.pending = _Again(row, done, done > former) if is_drawn_again else None
        self.last, self.wipes = drawing, wipes
        return is_news

    def set_again(self) -> Iterator[tuple[_Numbers, _Again]]:
        """Yield drawings at which numbers were set anew without a change."""
        if self.is_fresh:
            every = self._every()
            newer = ((one, again) for one in self.numbers for again in one.again if again.is_newer and every)
            yield from ((one, again) for one, again in newer if (again.done - one.done) % every == 0)
            return
        twice = [[again for again in one.again if not again.is_newer] for one in self.numbers]
        usual = median_low(map(len, twice)) if len(twice) >= _FEWEST else 0
        for one, drawings in zip(self.numbers, twice, strict=True):
            if len(drawings) > _STANDS * usual:
                yield from ((one, again) for again in drawings[max(0, usual - 1) :: max(1, usual)])

    def _every(self) -> int:
        """Return every how many steps numbers come, 0 where that is not clear."""
        spans = [later.done - one.done for one, later in itertools.pairwise(self.numbers) if later.done > one.done]
        shortest = min(spans, default=0)
        return shortest if len(spans) >= _FEWEST and 2 * spans.count(shortest) >= len(spans) else 0


class BarTexts:
    """What each of a log's bars shows, in the order of writing."""

    def __init__(self) -> None:
        self._shown: dict[tuple[str, int], _Shown] = {}
        self._wipes = 0

    def wipe(self) -> None:
        """See that bars were wiped out: they come back as they were."""
        self._wipes += 1

    def is_news(self, row: int, drawing: Drawing) -> bool:
        """Whether a bar's drawing has other numbers than the one before."""
        return self._of(drawing).draw(row, drawing, self._wipes)

    def is_fresh(self, label: str, of: int) -> bool:
        """Whether a kind of bar was seen to be drawn with a newer count and new numbers at once."""
        shown = self._shown.get((label, of))
        return shown is not None and shown.is_fresh

    def take(self, drawing: Drawing, cells: Mapping[str, str]) -> dict[str, str]:
        """Take the new numbers of a drawing, and return them but those of an epoch that stand there still."""
        shown = self._of(drawing)
        kept = {name: value for name, value in cells.items() if shown.of_epochs.get(name) != value}
        of_steps = {name: value for name, value in kept.items() if not comes_once_an_epoch(name)}
        shown.of_epochs |= {name: value for name, value in kept.items() if name not in of_steps}
        if shown.numbers:
            shown.numbers[-1].cells = of_steps
        return kept

    def set_again(self) -> Iterator[SetAgain]:
        """Yield the rows at which numbers were set anew without a change."""
        for shown in self._shown.values():
            for one, again in shown.set_again():
                yield SetAgain(again.row, again.done, one.first, one.cells)

    def _of(self, drawing: Drawing) -> _Shown:
        return self._shown.setdefault((drawing.label, drawing.bar.of), _Shown(drawing))


@lru_cache(maxsize=4096)
def comes_once_an_epoch(name: str) -> bool:
    """Whether a number is one that a validation finds, or the mean of an epoch: bars show it until the next one."""
    found = meaning(name)
    return "epoch" in words(name) or (found is not None and found.signal.startswith("validation"))
