"""A table for a terminal whose rows may be followed by sentences across its whole width; rich has no such rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from newllm.plotting import colours

_GAP = 2
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
    widths = [
        max(cell_len(column.heading), *(row.cells[at].cell_len for row in rows)) for at, column in enumerate(columns)
    ]
    room = width - sum(widths) - _GAP * len(widths)
    first = max((cell_len(row.name) for row in rows if cell_len(row.name) <= room), default=max(0, room))
    head = [Text(column.heading, style=colours.MUTED) for column in columns]
    yield _line(Text(), head, columns, first, widths)
    for row in rows:
        name = Text(row.name, style="bold" if row.details else "")
        if cell_len(row.name) > first:
            yield name
            name = Text()
        yield _line(name, row.cells, columns, first, widths)
        for sentence in row.details:
            yield Padding(Text(sentence, style=colours.MUTED), (0, 0, 0, INDENT))


def _line(
    name: Text, cells: Sequence[Text], columns: Sequence[Column], first: int, widths: Sequence[int]
) -> RenderableType:
    line = name.copy()
    line.pad_right(first - line.cell_len)
    for cell, column, width in zip(cells, columns, widths, strict=True):
        blank = " " * (width - cell.cell_len)
        line.append(" " * _GAP + (blank if column.right else ""))
        line.append_text(cell)
        line.append("" if column.right else blank)
    line.rstrip()
    line.no_wrap, line.overflow = True, "crop"
    return line
