"""One row of a table or of JSON lines, taken in: its split and its tidy form are undone here."""

from collections.abc import Iterable
from typing import Any

from newllm.trace.readers.axes import axis_rank
from newllm.trace.readers.gathered import Gathered
from newllm.trace.readers.naming import clean, split_of
from newllm.trace.readers.numbers import number

_SPLIT_COLUMNS = ("split", "phase", "mode", "stage", "subset", "set", "dataset", "_split")
_NAME_COLUMNS = ("metric", "tag", "name", "key", "variable", "metric_name", "signal")
_RUN_COLUMNS = ("run", "run_name", "run_id", "run name", "run id", "experiment")
_VALUE_COLUMNS = ("value", "metric_value", "val")


def take_row(gathered: Gathered, row: int, cells: Iterable[tuple[str, Any]]) -> int:
    """Take in one row and return how many numbers it held.

    A cell that names a split ("phase": "val") tells which loss the row's loss is; a row that names its one metric
    ("metric": "loss", "value": 2.5) is that. One that names its run belongs to it.

    Args:
        gathered: takes the values in.
        row: its number.
        cells: column and what stands there; text that is no number is passed over.
    """
    numbers, texts, run = [], {}, ""
    for name, cell in cells:
        value = number(cell)
        if value is not None:
            numbers.append((name, value))
        elif cell and isinstance(cell, str):
            texts[name.strip().lower()] = cell
    if texts:
        numbers = _undone(numbers, texts)
        run = next((clean(texts[name]) for name in _RUN_COLUMNS if name in texts), "")
    for name, value in numbers:
        gathered.add(name, row, value, run)
    return len(numbers)


def _undone(numbers: list[tuple[str, float]], texts: dict[str, str]) -> list[tuple[str, float]]:
    """Put what the texts of a row say of its numbers into their names."""
    splits = (split_of(texts[name]) for name in _SPLIT_COLUMNS if name in texts)
    split = next((found for found in splits if found), None)
    tidy = next((texts[name] for name in _NAME_COLUMNS if name in texts), None)
    if tidy:
        numbers = [(tidy if name.strip().lower() in _VALUE_COLUMNS else name, value) for name, value in numbers]
    if split:
        numbers = [(name if axis_rank(name) else f"{split}/{name}", value) for name, value in numbers]
    return numbers
