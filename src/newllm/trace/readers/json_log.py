"""JSON in the shapes that training writes: lines, a list of rows, Hugging Face's trainer_state.json, Keras' history.

Every shape but the last is read row by row, so that a file that breaks off is read up to there and memory is bounded.
"""

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from newllm.errors import UserError
from newllm.trace.readers.gathered import Gathered
from newllm.trace.readers.naming import LONGEST_NAME, clean
from newllm.trace.readers.planned import total_of_trainer
from newllm.trace.readers.rows import take_row
from newllm.trace.readers.text import LONGEST_LINE, chunks_of, lines_of
from newllm.trace.remark import left_out
from newllm.trace.series import Trace

_DEEPEST = 4  # levels of a row's objects; their names are joined by "/"
_LARGEST = 1 << 25  # characters of one object of lists
_MOST_CELLS = 20_000  # of one row
_ROWS = re.compile(r'"(?:log_history|history|logs|rows|metrics)"\s*:\s*\[')
_NUMBERS = re.compile(r"\[[-+\s\d.,eENaInfityul]*\]?\s*")  # a list of losses, or its beginning
_BARE_LOSSES = re.compile(r"\s*\[\s*[-\dNI]")
_FIRST, _BETWEEN = re.compile(r"\s*\["), re.compile(r"[\s,]*")
_BARE = {2: ("step", "loss"), 3: ("timestamp", "step", "loss")}  # the second is TensorBoard's export
_ERRORS = (ValueError, RecursionError)  # json's own error is a ValueError


def is_document(text: str) -> bool:
    """Whether a file that begins with this text, and with a brace, is one object and not one a line."""
    first, end, _ = text.partition("\n")
    try:
        content = json.loads(first)
    except _ERRORS:
        return bool(end or _ROWS.search(first) or re.match(r'\{\s*"[^"]*"\s*:\s*[\[{]', first))
    if not isinstance(content, dict) or not content:
        return False
    cells = list(content.values())
    rows = any(isinstance(cell, list) and cell and isinstance(cell[0], dict) for cell in cells)
    return rows or all(isinstance(cell, list) for cell in cells) or (not end and isinstance(cells[0], dict))


def is_json(text: str) -> bool:
    """Whether a text begins as JSON of rows does, not as a line of Python's or one that tells the time in brackets."""
    return bool(re.match(r"\{(?!\s*')|\[\s*(?:[\[{\]]|$)", text)) or bool(_NUMBERS.fullmatch(text))


def read_json_lines(gathered: Gathered, run: str | None = None) -> Trace:
    """Read a file with one JSON object a line; of several runs in it one.

    Raises:
        UserError: the file may not be read, is no text, or holds no numbers.
    """
    for row, line in enumerate(lines_of(gathered)):
        if gathered.full:
            break
        if not line.strip():
            continue
        try:
            content = json.loads(line)
        except _ERRORS:
            gathered.note(left_out("remark-no-json-line"))
            continue
        _take(gathered, row, content)
    return gathered.by_row(run)


def read_json(gathered: Gathered, run: str | None = None) -> Trace:
    """Read a JSON document: a list of rows, an object that holds one (trainer_state.json), or an object of lists.

    Raises:
        UserError: the file may not be read, is no text, or holds no numbers.
    """
    chunks = chunks_of(gathered)
    start, rows = "", None
    for chunk in chunks:
        begin, start = max(0, len(start) - 64), start + chunk
        rows = _FIRST.match(start) or _ROWS.search(start, begin)
        if rows or len(start) > _LARGEST:
            break
    found = _objects(start[rows.end() :], chunks, gathered) if rows else _columns(start, gathered)
    losses = _BARE_LOSSES.match(start) is not None
    for row, content in enumerate(found):
        if gathered.full:
            break
        _take(gathered, row, {"loss": content} if losses and isinstance(content, float | int) else content)
    return gathered.by_row(run)


def _objects(text: str, chunks: Iterator[str], gathered: Gathered) -> Iterator[Any]:
    """Yield the items of a list whose text begins after its bracket."""
    decoder, at = json.JSONDecoder(), 0
    while True:
        between = _BETWEEN.match(text, at)
        at = between.end() if between else at
        if text.startswith("]", at):
            if total := total_of_trainer(text[at:] + next(chunks, "")):
                gathered.totals["run"] = {total}
            return
        try:
            content, end = decoder.raw_decode(text, at)
            if end == len(text) and isinstance(content, float | int):  # its digits may go on in the next piece
                raise ValueError
        except RecursionError:
            gathered.note(left_out("remark-nested-too-deep"))
            return
        except ValueError:
            more = next(chunks, "") if len(text) - at < 4 * LONGEST_LINE else ""
            if not more:
                gathered.note(left_out("remark-json-breaks-off"))
                return
            text, at = text[at:] + more, 0
            continue
        at = end
        yield content


def _columns(text: str, gathered: Gathered) -> Iterator[Any]:
    """Yield the rows of an object of lists, or the object itself as the one row."""
    if len(text) > _LARGEST:
        raise UserError(f"'{gathered.source}' is a JSON object of more than {_LARGEST >> 20} MB: give JSON lines")
    try:
        content = json.loads(text)
    except _ERRORS as error:
        problem = "nested too deep" if isinstance(error, RecursionError) else clean(str(error))
        raise UserError(f"'{gathered.source}' is no JSON ({problem}): give CSV or JSON lines") from error
    if not isinstance(content, dict):
        return
    inner = [content, *(part for part in content.values() if isinstance(part, dict))]
    lists = {name: cells for part in inner for name, cells in part.items() if isinstance(cells, list)}
    if not lists:
        yield content
    for row in range(max(map(len, lists.values()), default=0)):
        yield {name: cells[row] for name, cells in lists.items() if row < len(cells)}


def _take(gathered: Gathered, row: int, content: Any) -> None:
    if isinstance(content, list) and len(content) in _BARE:
        content = dict(zip(_BARE[len(content)], content, strict=True))
    if not isinstance(content, dict):
        gathered.note(left_out("remark-no-json-object"))
        return
    if any(name.endswith("train_runtime") for name in content):  # the last row of HF's Trainer: means of the whole run
        return
    take_row(gathered, row, itertools.islice(_flat("", content, 0), _MOST_CELLS))


def _flat(prefix: str, content: Mapping[str, Any], depth: int) -> Iterator[tuple[str, Any]]:
    if "_type" in content:  # a picture or a histogram in a history of Weights & Biases
        return
    for name, cell in content.items():
        if not isinstance(cell, dict):
            yield prefix + name, cell
        elif depth < _DEEPEST:
            yield from _flat(f"{(prefix + name)[:LONGEST_NAME]}/", cell, depth + 1)
