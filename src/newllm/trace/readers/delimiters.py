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
_SIX_DECIMALS = re.compile(r"-?\d+\.\d{6}")  # "%f": numbers wider than their columns stand side by side without a blank


def cutter(lines: Sequence[str]) -> Callable[[str], list[str]]:
    """Return what cuts a line into cells; those past the columns that are read stay one cell.

    Args:
        lines: the first of the table.
    """
    delimiter = _delimiter(lines)

    def cut(line: str) -> list[str]:
        if delimiter is None:
            cells = _BLANKS.split(line.strip(), MOST_COLUMNS)
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
        share = max(counts.values(), default=0) / max(1, len(lines))
        if share > most:
            best, most = delimiter, share
    return best
