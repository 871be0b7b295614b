"""Progress bars between the lines of a log, as tqdm draws them: `  3%|▎         | 10/300 [00:10<04:50,  1.00it/s]`.

Lightning draws rich's, too. Those of fastprogress, `Epoch 2/12 : |███-----| 6.45% [2/31 00:00<00:00... 2.2759]`, stand
between the rows of fastai's table.
"""

import re
from typing import NamedTuple

from newllm.trace.readers.naming import without_escapes

_COUNT = r"(\d+|\d+\.?\d*[kMG])"
_TIMES = r"\s*\[[\d:]+[^\]]{0,1500}\]?"
_UNKNOWN = r"(\d+) ?[a-z]{1,20} ?\[\d\d:[\d:]+, [^\]]{0,1500}\]?"  # "300it [00:12, 24.5it/s]"
_BAR = re.compile(rf"\d{{1,3}}%\|[^|]{{0,200}}\|\s*{_COUNT}/{_COUNT}{_TIMES}|(?<!\S){_UNKNOWN}")
# rich's, as Lightning draws it: "Epoch 1/4 ━━╸━━ 12/40 0:00:01 • 0:00:02 62.4it/s train_loss: 0.44"
_RICH = re.compile(r"[━╸╺][━╸╺ ]* (\d{1,15})/(\d{1,15})\s+[\d:]+ • [\d:-]+ [\d.]+it/s\s*")
# fastprogress: a bar, what is left of one that was wiped out by blanks, and the sign that it begins with.
_FASTAI = re.compile(
    r"\s*(?:Epoch \d+/\d+ : ?)?\|[█-]{9,}\| [\d.]+% \[\d+/\d+ [^\]]{0,200}\]\s*|Epoch \d+/\d+ :\s{20,}|[█\s]+"
)
_WORD = re.compile(r"(?<![\w.])(?!(?:nan|inf)\b)[^\W\d]\w*")
_NUMBER = re.compile(r"\d|\b(?:nan|inf)\b")
_MOST_DIGITS = 15  # of a count
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
        text: what stands before it, and behind the rate in its brackets, where that holds numbers: of "Steps: 2%|"
            not the share that is done.
        behind: of that what stands in the brackets.
        alone: nothing stands behind it, so that the numbers of its line are its own.
        is_rounded: its counts are, as "1.02k/2.05k".
    """

    bar: Bar
    label: str = ""
    text: str = ""
    behind: str = ""
    alone: bool = True
    is_rounded: bool = False


def without_bars(line: str) -> str:
    """Take the bars out of a line.

    A bar whose brackets hold numbers with names ("loss=2.31", as Lightning's do) is a row of the log: it stays.
    """
    if ("█" in line or "% [" in line or " :     " in line) and _FASTAI.fullmatch(line):
        return ""
    if not _may_hold_bar(line):
        return line
    for match in reversed([match for match in _BAR.finditer(line) if not _holds_numbers(match)]):
        line = line[: match.start()] + " " + line[match.end() :]
    return line


def _holds_numbers(bar: re.Match[str]) -> bool:
    return "=" in bar[0].rpartition("[")[2]


def _counted(count: str) -> int:
    """Return a count as a number: 1020 for "1.02k"."""
    return int(count) if count.isdigit() else round(float(count[:-1]) * 1000 ** (1 + "kMG".index(count[-1])))


def _may_hold_bar(line: str) -> bool:
    return "[" in line and ("%|" in line or "/s" in line or "s/" in line)


def is_wiped_out(line: str) -> bool:
    """Whether a line holds the blanks that are drawn over a bar."""
    blanks = without_escapes(line) if "\x1b" in line else line
    return bool(blanks) and blanks.isspace()


def drawing_of(line: str) -> Drawing | None:
    """Return the last bar of a line, as it was drawn."""
    if "━" not in line and not _may_hold_bar(line):
        return None
    text = without_escapes(line[:_LONGEST])
    if "━" in text and (rich := _RICH.search(text)):
        before, behind = text[: rich.start()].strip(), text[rich.end() :].strip()
        return _drawing(Bar(int(rich[1]), int(rich[2])), before, behind)
    drawn = next(reversed([*_BAR.finditer(text)]), None)
    if drawn is None or any(len(count or "") > _MOST_DIGITS for count in drawn.groups()):
        return None
    done, of = (drawn[3], "0") if drawn[3] else (drawn[1], drawn[2])
    behind = drawn[0].rpartition("[")[2].rstrip("]").split(", ")[2:]  # "00:10<04:50, 1.00it/s, loss=2.31"
    drawing = _drawing(Bar(_counted(done), _counted(of)), text[: drawn.start()].strip(), ", ".join(behind))
    return drawing._replace(alone=not text[drawn.end() :].strip(), is_rounded=not (done + of).isdigit())


def _drawing(bar: Bar, before: str, behind: str) -> Drawing:
    told = f"{before} | {behind}"
    return Drawing(bar, " ".join(_WORD.findall(before)), told if _NUMBER.search(told) else "", behind)
