"""A table for a terminal whose rows may be followed by sentences across its whole width; rich has no such rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from newllm.plotting import colours

_GAPS = 2, 1  # cells between columns; the narrow one where a name would not fit
INDENT = 2


@dataclass(frozen=True)
class Column:
    """A column after the first: its heading, and whether it is set to the right."""

    heading: str
    right: bool = False


@dataclass(frozen=True)
class Row:
    """One row: its name, its cells, and the sentences below it, which only a row that counts has."""

    name: str
    cells: tuple[Text, ...]
    details: tuple[str, ...] = ()


def lay_out(columns: Sequence[Column], rows: Sequence[Row], width: int) -> Iterator[RenderableType]:
    """Yield the lines of a table, headings first, every column as wide as its widest cell.

    A name that leaves no room for its cells stands on a line of its own above them.

    Args:
        columns: beside the name.
        rows: each with a cell a column.
        width: of the page, in cells.
    """
    layout = _layout(columns, rows, width)
    yield layout.line(Text(), [Text(column.heading, style=colours.MUTED) for column in columns])
    for row in rows:
        name = Text(row.name, style="bold" if row.details else "")
        if name.cell_len > layout.first:
            yield name
            name = Text()
        yield layout.line(name, row.cells)
        for sentence in row.details:
            yield Padding(Text(sentence, style=colours.MUTED), (0, 0, 0, INDENT))


@dataclass(frozen=True)
class _Layout:
    """Widths in cells: of the first column, of the others, and of the gap before each of these."""

    first: int
    widths: tuple[int, ...]
    gap: int
    columns: Sequence[Column]

    def line(self, name: Text, cells: Sequence[Text]) -> Text:
        """Return a line of the table."""
        line = Text(no_wrap=True, overflow="crop").append_text(name)
        line.pad_right(self.first - line.cell_len)
        for cell, column, width in zip(cells, self.columns, self.widths, strict=True):
            blank = " " * (width - cell.cell_len)
            line.append(" " * self.gap + (blank if column.right else ""))
            line.append_text(cell)
            line.append("" if column.right else blank)
        line.rstrip()
        return line


def _layout(columns: Sequence[Column], rows: Sequence[Row], width: int) -> _Layout:
    """Return the layout in which most names fit, of such the one with the widest gaps."""
    widths = tuple(
        max(cell_len(column.heading), *(row.cells[at].cell_len for row in rows)) for at, column in enumerate(columns)
    )
    names = [cell_len(row.name) for row in rows]
    rooms = {gap: width - sum(widths) - gap * len(widths) for gap in _GAPS}
    gap = max(_GAPS, key=lambda gap: (sum(name <= rooms[gap] for name in names), gap))
    return _Layout(max((name for name in names if name <= rooms[gap]), default=0), widths, gap, columns)
