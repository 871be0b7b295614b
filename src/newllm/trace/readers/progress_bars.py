"""Progress bars between the lines of a log, as tqdm draws them: `  3%|▎         | 10/300 [00:10<04:50,  1.00it/s]`.

Those of fastprogress, `Epoch 2/12 : |███-----| 6.45% [2/31 00:00<00:00... 2.2759]`, stand between the rows of fastai's
table.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from newllm.trace.readers.naming import without_escapes

_COUNT = r"(\d+|[\d.]+[kMG])"
_TIMES = r"\s*\[[\d:]+[^\]]{0,200}\]?"
_UNKNOWN = r"(\d+) ?[a-z]{1,20} ?\[\d\d:[\d:]+, [^\]]{0,200}\]?"  # "300it [00:12, 24.5it/s]"
_BAR = re.compile(rf"\d{{1,3}}%\|[^|]{{0,200}}\|\s*{_COUNT}/{_COUNT}{_TIMES}|(?<!\S){_UNKNOWN}")
# fastprogress: a bar, what is left of one that was wiped out by blanks, and the sign that it begins with.
_FASTAI = re.compile(
    r"\s*(?:Epoch \d+/\d+ : ?)?\|[█-]{9,}\| [\d.]+% \[\d+/\d+ [^\]]{0,200}\]\s*|Epoch \d+/\d+ :\s{20,}|[█\s]+"
)
_WORD = re.compile(r"(?<![\w.])(?!(?:nan|inf)\b)[^\W\d]\w*")
_NUMBER = re.compile(r"\d|\b(?:nan|inf)\b")
_LONGEST = 2000  # characters of a line that are looked at


class Bar(NamedTuple):
    """What a bar shows.

    Attributes:
        done: so many.
        of: so many in all, 0 where it does not say.
    """

    done: int
    of: int


class Drawing(NamedTuple):
    """A bar as it was drawn.

    Attributes:
        bar: what it counts.
        label: the words before it.
        text: what stands before it, and behind the rate in its brackets, where that holds numbers.
        behind: of that what stands in the brackets.
        alone: nothing stands behind it, so that the numbers of its line are its own.
    """

    bar: Bar
    label: str = ""
    text: str = ""
    behind: str = ""
    alone: bool = True


def without_bars(line: str) -> tuple[str, Bar | None]:
    """Take the bars out of a line.

    A bar whose brackets hold numbers with names ("loss=2.31", as Lightning's do) is a row of the log: it stays.

    Returns:
        what is left, and the last bar with whole counts, None without one.
    """
    if ("█" in line or "% [" in line or " :     " in line) and _FASTAI.fullmatch(line):
        return "", None
    if not _may_hold_bar(line):
        return line, None
    bars = [match for match in _BAR.finditer(line) if not _holds_numbers(match)]
    for match in reversed(bars):
        line = line[: match.start()] + " " + line[match.end() :]
    return line, _last_of(bars)


def _holds_numbers(bar: re.Match[str]) -> bool:
    return "=" in bar[0].rpartition("[")[2]


def _last_of(bars: Sequence[re.Match[str]]) -> Bar | None:
    """Return the last bar with whole counts, None without one."""
    counts = [(match[3], "0") if match[3] else (match[1], match[2]) for match in bars]
    whole = [count for count in counts if all(map(str.isdigit, count)) and max(map(len, count)) < 16]
    return Bar(*map(int, whole[-1])) if whole else None


def _may_hold_bar(line: str) -> bool:
    return "[" in line and ("%|" in line or "/s" in line or "s/" in line)


def drawing_of(line: str) -> Drawing | None:
    """Return the last bar of a line that has whole counts, as it was drawn."""
    if not _may_hold_bar(line):
        return None
    text = without_escapes(line[:_LONGEST])
    drawn = next((match for match in reversed([*_BAR.finditer(text)]) if (bar := _last_of([match]))), None)
    bar = _last_of([drawn]) if drawn else None
    if drawn is None or bar is None:
        return None
    before = text[: drawn.start()].strip()
    behind = drawn[0].rpartition("[")[2].rstrip("]").split(", ")[2:]  # "00:10<04:50, 1.00it/s, loss=2.31"
    told = " | ".join((before, *behind))
    return Drawing(
        bar,
        label=" ".join(_WORD.findall(before)),
        text=told if _NUMBER.search(told) else "",
        behind=", ".join(behind),
        alone=not text[drawn.end() :].strip(),
    )
