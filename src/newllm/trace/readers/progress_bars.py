"""Progress bars between the lines of a log, as tqdm draws them: `  3%|▎         | 10/300 [00:10<04:50,  1.00it/s]`.

Hugging Face's Trainer prints its numbers without a step; the bar that is drawn again right after them says it. Those of
fastprogress, `Epoch 2/12 : |███-----| 6.45% [2/31 00:00<00:00... 2.2759]`, stand between the rows of fastai's table.
"""

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

_COUNT = r"(\d+|[\d.]+[kMG])"
_BAR = re.compile(rf"(?:\d{{1,3}}%\|[^|]{{0,200}}\|\s*{_COUNT}/{_COUNT}|(?<!\S)\d+it)\s*\[[\d:]+[^\]]{{0,200}}\]?")
# fastprogress: a bar, what is left of one that was wiped out by blanks, and the sign that it begins with.
_FASTAI = re.compile(
    r"\s*(?:Epoch \d+/\d+ : ?)?\|[█-]{9,}\| [\d.]+% \[\d+/\d+ [^\]]{0,200}\]\s*|Epoch \d+/\d+ :\s{20,}|[█\s]+"
)
_PLACED = 0.5  # of the rows must have a step of their own, or the bars count something else


class Bar(NamedTuple):
    """What a bar shows.

    Attributes:
        done: so many.
        of: so many in all.
    """

    done: int
    of: int


class Row(NamedTuple):
    """A row of a log between two bars.

    Attributes:
        row: its number.
        before: the bar that was drawn last.
        after: the bar that comes right after it, where one does.
    """

    row: int
    before: Bar | None
    after: Bar | None


def without_bars(line: str) -> tuple[str, Bar | None]:
    """Take the bars out of a line.

    A bar whose brackets hold numbers with names ("loss=2.31", as Lightning's do) is a row of the log: it stays.

    Returns:
        what is left, and the last bar with whole counts, None without one.
    """
    if ("█" in line or "% [" in line or " :     " in line) and _FASTAI.fullmatch(line):
        return "", None
    if "[" not in line or ("%|" not in line and "it [" not in line):
        return line, None
    bars = [match for match in _BAR.finditer(line) if not _holds_numbers(match)]
    for match in reversed(bars):
        line = line[: match.start()] + " " + line[match.end() :]
    return line, _last_of(bars)


def _holds_numbers(bar: re.Match[str]) -> bool:
    return "=" in bar[0].rpartition("[")[2]


def _last_of(bars: Sequence[re.Match[str]]) -> Bar | None:
    """Return the last bar with whole counts, None without one."""
    counts = [(match[1], match[2]) for match in bars if match[1] and match[1].isdigit() and match[2].isdigit()]
    return Bar(*map(int, counts[-1])) if counts and max(map(len, counts[-1])) < 16 else None


def bar_with_numbers(line: str) -> Bar | None:
    """Return the last bar of a line that holds numbers with names, where it has whole counts."""
    if "%|" not in line:
        return None
    return _last_of([match for match in _BAR.finditer(line) if _holds_numbers(match)])


def steps_of_numbered_bars(bars: Sequence[tuple[int, Bar]], steps: Sequence[tuple[int, int]]) -> dict[int, int]:
    """Return the step of each row that is a bar with numbers; none where bars count something else.

    They must be of one training, whose counts rise, and lie between the steps of other rows in the order of writing.

    Args:
        bars: rows that are such bars, and what these show.
        steps: rows that say their step, and what it is.
    """
    if len({bar.of for _, bar in bars}) != 1:
        return {}
    told = [*((row, bar.done, bar.done) for row, bar in bars), *((row, step, step + 1) for row, step in steps)]
    told.sort()
    # A line may count from 0 where a bar counts what is done.
    rises = all(former[1] <= later[2] for former, later in itertools.pairwise(told))
    return {row: bar.done for row, bar in bars} if rises and told[0][1] < told[-1][1] else {}


def steps_of_bars(rows: Sequence[Row]) -> dict[int, int]:
    """Return the step of each row by its number, as the bar of the training shows it; none where no bar does.

    A bar that is drawn again after a row is as new as the row; one before it may be a moment old. Which of several bars
    is the training's is told by where the rows stand: most of them stand at it. Bars that begin anew on the way, as one
    an epoch does, tell no step.
    """
    nearest = [(row.after or row.before) for row in rows]
    totals = Counter(bar.of for bar in nearest if bar is not None)
    if not totals:
        return {}
    total = totals.most_common(1)[0][0]
    steps = {}
    for row in rows:
        bar = next((bar for bar in (row.after, row.before) if bar is not None and bar.of == total), None)
        if bar is not None:
            steps[row.row] = bar.done
    done = list(steps.values())
    rises = all(former <= later for former, later in itertools.pairwise(done))
    return steps if rises and len(set(done)) >= max(2, _PLACED * len(rows)) else {}
