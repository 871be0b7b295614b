"""Tables as data, for a terminal, Markdown, CSV and pages alike; here as Markdown for people and CSV for programs."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

_SHORTEST_RULE = 3


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        name: of its file.
        title: one line; "" where it belongs to the table before.
        header: of its columns.
        rows: text, one cell a column.
        texts: paragraphs before it.
        words: columns that hold words beside the first, not numbers.
    """

    name: str
    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    texts: Sequence[str] = ()
    words: Sequence[int] = ()


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table whose columns line up as plain text too; no line end after the last line.

    A `|` in a cell is escaped; a line break becomes a space, since a row is one line.

    Raises:
        ValueError: a row has more or fewer cells than the header.
    """
    lines = [[_escaped(cell) for cell in line] for line in _checked(header, rows)]
    widths = [max(_SHORTEST_RULE, *map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(f"| {' | '.join(map(str.ljust, line, widths))} |" for line in lines)


def csv_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    r"""Return a CSV table, each line ended by "\n", and so are lines within a cell.

    Raises:
        ValueError: a row has more or fewer cells than the header.
    """
    text = io.StringIO(newline="")
    lines = [[re.sub(r"\r\n?", "\n", cell) for cell in line] for line in _checked(header, rows)]
    csv.writer(text, lineterminator="\n").writerows(lines)  # a lone "\r" would go unquoted and break the row
    return text.getvalue()


def _checked(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[Sequence[str]]:
    for row in rows:
        if len(row) != len(header):
            raise ValueError(f"a row of {len(row)} cells under {len(header)} columns: {row!r}")
    return [header, *rows]


def _escaped(cell: str) -> str:
    r"""Escape each "|", and what backslashes precede it, which would otherwise escape each other."""
    return re.sub(r"(\\*)\|", r"\1\1\\|", re.sub(r"\s*[\r\n]+\s*", " ", cell))
