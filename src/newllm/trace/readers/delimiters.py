"""How the lines of a table are cut into cells: its delimiter, its decimal sign, its quotes."""

import csv
import re
from collections import Counter
from collections.abc import Callable, Sequence

MOST_COLUMNS = 20_000
_DELIMITERS = "\t;|,"
_COMMA = re.compile(r"\s*[-+]?\d+,\d+(?:[eE][-+]?\d+)?\s*")
_POINT = re.compile(r"\s*[-+]?\d*\.\d+(?:[eE][-+]?\d+)?\s*")
_BLANKS = re.compile(r"\s+")
_WIDE = re.compile(r"\s{2,}")
_FEWEST_LINES = 5  # of which a sign that parts cells stands in more than one
_WORD = re.compile(r"\S+")
_FEWEST_BELOW = 2  # rows that end where their header's words do
_SIX_DECIMALS = re.compile(r"-?\d+\.\d{6}")  # "%f": numbers wider than their columns stand side by side without a blank


def cutter(lines: Sequence[str]) -> Callable[[str], list[str]]:
    """Return what cuts a line into cells; those past the columns that are read stay one cell.

    Args:
        lines: the first of the table.
    """
    ends = _ends(lines)
    delimiter = None if ends else _delimiter(lines)
    usual = Counter(len(line.split()) for line in lines).most_common(1)[0][0] if lines else 0

    def cut(line: str) -> list[str]:
        if ends and len(line.split()) != len(ends):
            return _placed(line, ends) or [line]
        if delimiter is None:
            cells = _BLANKS.split(line.strip(), MOST_COLUMNS)
            wide = _WIDE.split(line.strip(), MOST_COLUMNS)
            cells = wide if len(cells) != usual == len(wide) else cells  # names of several words
            return [part for cell in cells for part in _apart(cell)]
        if '"' not in line:
            return line.split(delimiter, MOST_COLUMNS)
        try:
            cells = next(csv.reader((line,), delimiter=delimiter, skipinitialspace=True), [])
            return cells[: MOST_COLUMNS + 1]
        except csv.Error:  # a cell longer than the csv module takes
            return line.split(delimiter, MOST_COLUMNS)

    if delimiter == ",":
        return cut
    sample = [cell for line in lines for cell in cut(line)]
    if not any(map(_COMMA.fullmatch, sample)) or any(map(_POINT.fullmatch, sample)):
        return cut
    return lambda line: [cell.replace(",", ".") if _COMMA.fullmatch(cell) else cell for cell in cut(line)]


def _ends(lines: Sequence[str]) -> list[int]:
    """Return where the columns of a table end whose cells are set to the right below a header; nothing of others."""
    header = next((line for line in lines if len(line.split()) > 1), "")
    ends = [match.end() for match in _WORD.finditer(header)]
    is_names = not any(character.isdigit() for character in header)
    below = [line for line in lines if len(line.split()) == len(ends) - 1 and _placed(line, ends)]
    return ends if is_names and len(ends) > 2 and len(below) >= _FEWEST_BELOW else []


def _placed(line: str, ends: Sequence[int]) -> list[str]:
    """Return the cells of a row that leaves some out, each below the header's word that ends where it ends."""
    cells = {match.end(): match[0] for match in _WORD.finditer(line)}
    return [cells.get(end, "") for end in ends] if cells and cells.keys() < set(ends) else []


def _apart(cell: str) -> list[str]:
    """Part numbers that run into each other, "13504.84472791.914917"; any other cell is one."""
    numbers = _SIX_DECIMALS.findall(cell) if cell.count(".") > 1 else []
    return numbers if "".join(numbers) == cell else [cell]


def _delimiter(lines: Sequence[str]) -> str | None:
    """Return the sign that most lines hold equally often, None for blanks or nothing."""
    best, most = None, 0.0
    for delimiter in _DELIMITERS:
        counts = Counter(re.sub(r'"[^"]*"', "", line).count(delimiter) for line in lines)
        del counts[0]
        often = max(counts.values(), default=0)
        if often == 1 and len(lines) >= _FEWEST_LINES:
            continue  # of one line above the table
        share = often / max(1, len(lines))
        if share > most:
            best, most = delimiter, share
    return best
