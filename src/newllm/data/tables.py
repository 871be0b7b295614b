"""Texts in a column of a CSV: `FILE.csv#COLUMN` reads one, and a table that seems to hold texts is told apart."""

import csv
import io
import os
from collections import Counter
from collections.abc import Iterator

from newllm.data.documents import Document
from newllm.errors import UserError

TABLES = (".csv", ".tsv")
_MARK = "#"
_DELIMITERS = ",;\t|"
_LONGEST_CELL = 2**31 - 1  # characters
_LOOKED_AT = 50  # rows from which it is guessed whether a table holds texts
_NAMES = {
    "text",
    "texts",
    "content",
    "sentence",
    "review",
    "body",
    "message",
    "comment",
    "document",
    "article",
    "story",
}
_WORDS = 3  # of a cell that is text, in the middle


def split_column(name: str) -> tuple[str, str | None]:
    """Part `FILE.csv#COLUMN`, unless a file has that very name."""
    place, mark, column = name.rpartition(_MARK)
    # Of a name that is too long Path.exists raises.
    if not mark or os.path.exists(name) or not any(suffix in place.lower() for suffix in TABLES):  # noqa: PTH110
        return name, None
    return place, column


def column_documents(name: str, text: bytes, column: str) -> list[Document]:
    """Return one document for every row whose cell in a column is not empty.

    Args:
        name: the file with its column, for messages.
        text: valid UTF-8, a header and rows.
        column: the header's name.

    Raises:
        UserError: there is no such column, or a row that has no such cell; the message gives its number.
    """
    rows = _rows(name, text)
    header = next(rows, [])
    if column not in header:
        shown = ", ".join(repr(cell) for cell in header[:40]) or "none"
        raise UserError(f"{name!r} has no column {column!r}: columns present: {shown}")
    place, documents = header.index(column), []
    for number, row in enumerate(rows, start=2):
        if not row:
            continue
        if len(row) <= place:
            raise UserError(f"{name!r} row {number} has {len(row)} of {len(header)} cells: mend the table")
        if row[place].strip():
            documents.append(Document(name, row[place].encode()))
    return documents


def text_column(text: bytes) -> tuple[str, list[str]] | None:
    """Return the column of a table that holds texts, and all its columns; None where there is no table with one."""
    try:
        rows = [row for _, row in zip(range(_LOOKED_AT), _rows("", text), strict=False) if row]
    except UserError:
        return None
    header, body = (rows[0], rows[1:]) if rows else ([], [])
    named = len(header) == len(set(header)) and all(cell.strip() and len(cell) < 60 for cell in header)
    if len(header) < 2 or not body or not named or any(len(row) != len(header) for row in body):
        return None
    words = {name: sorted(len(row[place].split()) for row in body) for place, name in enumerate(header)}
    known = [name for name in header if name.strip().lower() in _NAMES and not _is_number(body[0][header.index(name)])]
    longest = max(header, key=lambda name: words[name][len(body) // 2])
    if known:
        return known[0], header
    return (longest, header) if words[longest][len(body) // 2] >= _WORDS else None


def _rows(name: str, text: bytes) -> Iterator[list[str]]:
    decoded = text.decode()
    head = decoded[: decoded.find("\n") % (len(decoded) + 1)]
    counts = Counter(sign for sign in head if sign in _DELIMITERS)
    delimiter = counts.most_common(1)[0][0] if counts else ","
    reader = csv.reader(io.StringIO(decoded, newline=""), delimiter=delimiter)
    while True:
        others = csv.field_size_limit(_LONGEST_CELL)  # of the whole process: only as long as a row is read
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise UserError(f"{name!r} is no table that can be read ({error}): mend it, or give plain text") from error
        finally:
            csv.field_size_limit(others)
        if row is None:
            return
        yield row


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
