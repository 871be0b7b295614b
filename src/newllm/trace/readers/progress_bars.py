"""Progress bars between the lines of a log, as tqdm draws them: `  3%|▎         | 10/300 [00:10<04:50,  1.00it/s]`.

Those of fastprogress, `Epoch 2/12 : |███-----| 6.45% [2/31 00:00<00:00... 2.2759]`, stand between the rows of fastai's
table.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from newllm.trace.readers.naming import without_escapes

_COUNT = r"(\d+|[\d.]+[kMG])"
_BAR = re.compile(rf"(?:\d{{1,3}}%\|[^|]{{0,200}}\|\s*{_COUNT}/{_COUNT}|(?<!\S)\d+it)\s*\[[\d:]+[^\]]{{0,200}}\]?")
# fastprogress: a bar, what is left of one that was wiped out by blanks, and the sign that it begins with.
_FASTAI = re.compile(
    r"\s*(?:Epoch \d+/\d+ : ?)?\|[█-]{9,}\| [\d.]+% \[\d+/\d+ [^\]]{0,200}\]\s*|Epoch \d+/\d+ :\s{20,}|[█\s]+"
)
_WORD = re.compile(r"(?<![\w.])(?!(?:nan|inf)\b)[^\W\d]\w*")
_LONGEST = 2000  # characters of a line that are looked at


class Bar(NamedTuple):
    """What a bar shows.

    Attributes:
        done: so many.
        of: so many in all.
    """

    done: int
    of: int


class Drawing(NamedTuple):
    """A bar as it was drawn.

    Attributes:
        bar: what it counts.
        label: the words before it.
        text: what stands before it, and behind the rate in its brackets, where that holds numbers.
        alone: nothing stands behind it, so that the numbers of its line are its own.
    """

    bar: Bar
    label: str = ""
    text: str = ""
    alone: bool = True


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


def drawing_of(line: str) -> Drawing | None:
    """Return the last bar of a line that has whole counts, as it was drawn."""
    if "%|" not in line:
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
        " ".join(_WORD.findall(before)),
        told if any(map(str.isdigit, told)) else "",
        not text[drawn.end() :].strip(),
    )


def is_bare(drawing: Drawing | None) -> bool:
    """Whether a line is a bar without numbers of its own."""
    return drawing is not None and drawing.alone and not drawing.text
