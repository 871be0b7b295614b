"""CSV, TSV and their kin: any delimiter, any order of columns, a header or none, sparse rows.

Lightning's metrics.csv, the CSV exports of Weights & Biases, MLflow and TensorBoard, Keras' CSVLogger are such tables.
"""

import itertools
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from newllm.errors import UserError
from newllm.trace.readers.axes import axis_rank
from newllm.trace.readers.clip_limit import clip_limit_of
from newllm.trace.readers.delimiters import MOST_COLUMNS, cutter
from newllm.trace.readers.gathered import Gathered, most_values
from newllm.trace.readers.naming import clean, meaning
from newllm.trace.readers.numbers import number
from newllm.trace.readers.progress_bars import without_bars
from newllm.trace.readers.rows import take_row
from newllm.trace.readers.text import lines_of
from newllm.trace.remark import left_out, note
from newllm.trace.series import Trace, rank_trend

_BIG = 1e100  # beyond which the shape of a table is not guessed from a number
_FALLS, _FEWEST = -0.8, 8  # a rank correlation with the rows, and of how many
_LOOKED_AT = 20  # rows from which the shape of a table is guessed
_EXPORTED = re.compile(r"(.+) - (\S.*)")  # Weights & Biases: "run - metric", and again with __MIN and __MAX


def read_table(gathered: Gathered, run: str | None = None) -> Trace:
    """Read a table.

    Args:
        gathered: names the source, takes the values in.
        run: which of several runs of one exported table.

    Raises:
        UserError: the file may not be read, is no text, or holds no numbers.
    """
    header, rows, usual = _header(gathered)
    if header is None:
        start = list(itertools.islice(rows, _LOOKED_AT))
        if not start:
            remarks = gathered.remarks()
            what = f"holds no line that can be read (left out: {remarks[0]})" if remarks else "is empty"
            raise UserError(f"'{gathered.source}' {what}: give a log with a loss by step or epoch")
        header, rows = _guessed_header(start, gathered), itertools.chain(start, rows)
    if any(map(_EXPORTED.fullmatch, header)):
        header, run = _single_run(gathered, header, run), None
    _take(gathered, _named_by_file(_of_spacy(_of_validation(header)), gathered.source), rows, usual)
    return gathered.by_row(run)


def _take(gathered: Gathered, header: list[str], rows: Iterator[list[str]], usual: int) -> None:
    """Take the rows in, of which most have `usual` cells; what a row lacks at its end is missing."""
    for row, cells in enumerate(rows):
        if gathered.full:
            break
        if not min(usual, len(header)) <= len(cells) <= len(header):
            gathered.note(left_out("remark-row-unlike-header"))
        if len(cells) != len(header):
            cells = cells[:-1] if gathered.torn and len(cells) < len(header) else cells
        taken = take_row(gathered, row, ((name, cell) for name, cell in zip(header, cells, strict=False) if name))
        if not taken and any(cells):
            gathered.note(left_out("remark-row-without-number"))


def _header(gathered: Gathered) -> tuple[list[str] | None, Iterator[list[str]], int]:
    """Return the names of the columns, None where there are none, the rows below them, and how many cells are usual."""
    bare = (without_bars(line) for line in lines_of(gathered))
    lines = (line for line in bare if line.strip() and not line.lower().startswith("sep="))
    start = list(itertools.islice(lines, _LOOKED_AT))
    if start and start[0].startswith("#"):
        start[0] = start[0].lstrip("# ")
    cut = cutter(start)
    rows = [cut(line) for line in start]
    width = Counter(map(len, rows)).most_common(1)[0][0] if rows else 0
    first = next((place for place, cells in enumerate(rows) if len(cells) == width or _names_more(cells, width)), 0)
    if first:
        gathered.note(left_out("remark-line-above-table"), first)
        for line in start[:first]:
            take_row(gathered, 0, clip_limit_of(line))
    rest = itertools.chain(rows[first:], (cut(line) for line in lines if not line.startswith("#")))
    if not rows or all(number(cell) is not None for cell in rows[first] if cell.strip()):
        return None, rest, width
    return _unique(next(rest), gathered), rest, width


def _names_more(cells: list[str], width: int) -> bool:
    """Say whether a line is a header whose last columns most rows leave out: `step,loss,validation` over `1,0.5`."""
    return width > 1 and len(cells) > width and all(cell.strip() and number(cell) is None for cell in cells)


def _unique(cells: list[str], gathered: Gathered) -> list[str]:
    """Give columns of one name different ones, and no name to a column that only counts the rows."""
    if len(cells) > MOST_COLUMNS:
        gathered.note(left_out("remark-many-columns", count=MOST_COLUMNS))
    names: list[str] = []
    seen: Counter[str] = Counter()
    for cell in cells[:MOST_COLUMNS]:
        name = cell.strip()
        seen[name] += 1
        name = "" if not name or re.fullmatch(r"unnamed: \d+", name.lower()) else name
        names.append(f"{name} ({seen[name]})" if name and seen[name] > 1 else name)
    return names


def _named_by_file(header: list[str], path: Path) -> list[str]:
    """TensorBoard exports one signal as "Wall time,Step,Value": its name stands in the file's."""
    others = [name for name in header if name and not axis_rank(name)]
    if [name.lower() for name in others] != ["value"]:
        return header
    tag = clean(path.name.partition(".")[0].rpartition("tag-")[2])
    return [(tag if meaning(tag) else "loss") if name == others[0] else name for name in header]


def _of_validation(header: list[str]) -> list[str]:
    """Say of the metrics of fastai, and of transformers' Trainer in a notebook, that they are of the validation set.

    Both measure there only, and do not say so in the names.
    """
    is_fastai = header[:3] == ["epoch", "train_loss", "valid_loss"] and header[-1] == "time"
    if not is_fastai and header[1:3] != ["Training Loss", "Validation Loss"]:
        return header
    return [
        *header[:3],
        *(f"valid {name}" if meaning(name) and meaning(f"valid {name}") else name for name in header[3:]),
    ]


def _of_spacy(header: list[str]) -> list[str]:
    """Name what spaCy counts in its first columns, "E" and "#"."""
    return ["epoch", "step", *header[2:]] if header[:2] == ["E", "#"] else header


def _single_run(gathered: Gathered, header: list[str], run: str | None) -> list[str]:
    """Of columns by run keep the metrics of one: the one asked for, else that with the most values."""
    parts = [_EXPORTED.fullmatch(name) for name in header]
    if not all(match or not name or axis_rank(name) for name, match in zip(header, parts, strict=True)):
        return header
    spread = [bool(match) and match[2].endswith(("__MIN", "__MAX")) for match in parts]
    counts: Counter[str] = Counter({match[1]: 0 for match in parts if match})
    _, rows, _ = _header(gathered.anew())  # a pass to count
    for cells in rows:
        for cell, match, aside in zip(cells, parts, spread, strict=False):
            if match and cell and not aside:
                counts[match[1]] += 1
    chosen = most_values(counts.items(), run, gathered)
    ours = [bool(match) and match[1] == chosen and not aside for match, aside in zip(parts, spread, strict=True)]
    return [
        name if match is None else match[2] if mine else ""
        for name, match, mine in zip(header, parts, ours, strict=True)
    ]


def _guessed_header(rows: list[list[str]], gathered: Gathered) -> list[str]:
    """Name the columns of a table without a header: steps if they rise, the loss, perhaps that of validation.

    The loss is the first number of a row, unless only a later one falls: scripts print seconds there, too.
    """
    width = min(MOST_COLUMNS, *map(len, rows)) if rows else 0
    numbers = [[number(cell) for cell in cells[:width]] for cells in rows]
    table = np.clip(np.array(numbers, np.float64).reshape(len(rows), width), -_BIG, _BIG)
    columns = [column[~np.isnan(column)] for column in table.T]
    names = [f"column {place + 1}" for place in range(width)]
    first = columns[0] if width > 1 else np.empty(0)
    place = int(bool(len(first) and np.all(first == np.round(first)) and np.all(np.diff(first) >= 0)))
    if place:
        names[0] = "step"
    place += _first_that_falls(columns[place:])
    if width > place:
        names[place] = "loss"
    if width > place + 1 and len(columns[place]) and len(columns[place + 1]):
        alike = _are_alike(columns[place], columns[place + 1])
        names[place + 1] = "validation_loss" if alike else names[place + 1]
    shown = ", ".join(names[:4]) + (", ..." if width > 4 else "")
    gathered.note(note("remark-no-header", columns=shown))
    return names


def _first_that_falls(columns: list[np.ndarray]) -> int:
    """Return which column falls, where the first is of another size and rises as often as it falls; else 0.

    A learning rate falls at each point, which a loss hardly does.
    """
    if len(columns) < 2 or len(columns[0]) < _FEWEST or rank_trend(columns[0]) < _FALLS:
        return 0
    falls = [rank_trend(column) < _FALLS and bool((np.diff(column) > 0).any()) for column in columns]
    at = falls.index(True) if True in falls else 0
    return at if at and not _are_alike(columns[0], columns[at]) else 0


def _are_alike(column: np.ndarray, other: np.ndarray) -> bool:
    """Whether two columns may be the losses of training and validation."""
    one = float(np.median(column))
    return bool(one / 3 < np.median(other) < 3 * one)
