"""Where a line of Japanese may end on a terminal (kinsoku); rich breaks at blanks, and a long word anywhere.

A line may end at a blank and beside any wide character. None begins with a closing bracket, a full stop, a small kana
or the like, and none ends with an opening bracket: the character before goes to the next line with it. Words and
numbers in Latin letters stay whole where a line has room for them.
"""

from collections.abc import Iterator

from rich.cells import cell_len
from rich.text import Text

_NOT_FIRST = frozenset(
    "、。，．・：；？！）］｝〕〉》」』】’”ー〜～…‥々ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ％,.:;?!)]}%/"
)
_NOT_LAST = frozenset("（［｛〔〈《「『【‘“([{")


def broken(text: Text, width: int) -> Text:
    """Return a text with the line breaks that it needs in so many cells; one without wide characters is rich's work."""
    if text.cell_len <= width or text.cell_len == len(text):
        return text
    lines = [part for line in text.split(allow_blank=True) for part in line.divide(_breaks(line.plain, width))]
    return Text("\n", text.style, justify=text.justify, overflow=text.overflow, end=text.end).join(lines)


def _breaks(line: str, width: int) -> Iterator[int]:
    """Yield where a line is broken, as indices into it."""
    begin = may = used = 0  # of the line at hand: its first character, its last that may begin the next, its cells
    for at, character in enumerate(line):
        if at and _may_break(line[at - 1], character):
            may = at
        used += cell_len(character)
        if used > width and not character.isspace():
            begin = may if may > begin else at
            yield begin
            used = cell_len(line[begin : at + 1])


def _may_break(before: str, after: str) -> bool:
    if before in _NOT_LAST or after in _NOT_FIRST or after.isspace() or not cell_len(after):
        return False
    return before.isspace() or 2 in (cell_len(before), cell_len(after))
