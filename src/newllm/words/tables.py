"""Tables as data, for a terminal, Markdown, CSV and pages alike; here as Markdown for people and CSV for programs."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from newllm.words.plain import plain

TABLES = "tables.json"
"""A study's own tables as data, beside its results."""

_SHORTEST_RULE = 3
_MOST = 500  # rows that are read from a file
_HEADER, _CELL, _TEXT = 200, 400, 4000  # characters likewise


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

    def as_dict(self) -> dict[str, Any]:
        """Return plain data, as JSON holds it."""
        return {
            "name": self.name, "title": self.title, "texts": list(self.texts), "header": list(self.header),
            "rows": [list(row) for row in self.rows], "words": list(self.words),
        }  # fmt: skip

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Table":
        """Return the sound part of what a file holds, harmless and not too long; it may lack anything."""
        header = [plain(cell, _HEADER) for cell in _listed(data.get("header"))]
        sound = [row for row in _listed(data.get("rows"))[:_MOST] if isinstance(row, list) and len(row) == len(header)]
        rows = [[plain(cell, _CELL) for cell in row] for row in sound]
        columns = data.get("words")  # all of them hold words where the file does not say
        words = [at for at in columns if isinstance(at, int)] if isinstance(columns, list) else range(len(header))
        texts = [plain(text, _TEXT) for text in _listed(data.get("texts"))]
        return cls(_text(data.get("name")), plain(_text(data.get("title")), _HEADER), header, rows, texts, words)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


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
