"""The rows of a trace as text: one strict JSON object a line.

A row is `{"step": 12, "loss": 3.25, "context_norm": "Infinity", "crc32": "#9f8a3c01"}`. A number that is not finite
is data too, the most telling there is, and strict JSON has no word for it, so it stands there as a string. The last
cell is the CRC-32 of the line up to there, no number to any reader; rows of an older newllm have none. A line counts
once its newline is there: what a killed process left half written is no row. A carriage return before it, as git and
zip may put there, does no harm.
"""

import json
import math
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, SupportsFloat

from newllm.errors import UserError

_START = re.compile(rb'\{"step": (-?\d{1,18}), ')
_VALUE = re.compile(rb'(?:"(NaN|Infinity|-Infinity)"|(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?))[,}]')
_CHECK = b', "crc32": "#'  # then 8 digits, a quote and a brace
_CHECKED = len(_CHECK) + 10  # bytes of a checksum
_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def encode_row(step: int, signals: Mapping[str, SupportsFloat]) -> bytes:
    """Return one row as a line, its newline included. Every number reads back to the same bits."""
    row = {"step": int(step)} | {name: encode_number(float(value)) for name, value in signals.items()}
    return sealed_line(json.dumps(row, allow_nan=False))


def sealed_line(text: str) -> bytes:
    """Return the strict JSON of an object as a line, with its checksum at the end and a newline."""
    line = text.encode()[:-1]
    return line + _CHECK + b'%08x"}\n' % zlib.crc32(line)


def opened_line(line: bytes) -> Any:
    """Return what a line says, without its checksum; a line without one is from before there were any.

    Raises:
        ValueError: it is no JSON, or not what was written.
        RecursionError: it is nested too deep.
    """
    return json.loads(_whole(line).decode())


def length_of_whole_lines(content: bytes) -> int:
    """Return how many bytes of `content` are whole lines."""
    return content.rfind(b"\n") + 1


def rows_of(path: Path, content: bytes) -> Iterator[tuple[bytes, int, dict[str, float]]]:
    """Yield each whole line of a trace, without its newline, with its step and its signals.

    Args:
        path: for the message only.
        content: of the file.

    Raises:
        UserError: a line is no row of a trace.
    """
    for number, line in enumerate(content[: length_of_whole_lines(content)].split(b"\n")[:-1], start=1):
        try:
            row = opened_line(line)
            step = row.pop("step")
            if type(step) is not int or not -(2**63) <= step < 2**63:
                raise TypeError("a step is a whole number")
            signals = {name: decode_number(value) for name, value in row.items()}
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError) as error:
            raise UserError(
                f"'{path}' line {number} is not a row of a trace: {line[:60].decode(errors='replace')!r}: "
                "remove that line, or train again"
            ) from error
        yield line, step, signals


def step_of(line: bytes) -> int | None:
    """Return the step that a line begins with, damaged or not; None where none can be read."""
    found = _START.match(line)
    return int(found[1]) if found else None


def signal_of(path: Path, content: bytes, name: str) -> Iterator[tuple[int, float]]:
    """Yield the steps and the values of one signal. Of lines in the form of `encode_row` nothing else is understood.

    Args:
        path: for the message only.
        content: of the file.
        name: of the signal.

    Raises:
        UserError: a line that holds the name is no row of a trace.
    """
    key = json.dumps(name).encode()
    field = b", " + key + b": "
    for line in content[: length_of_whole_lines(content)].split(b"\n"):
        if not _is_sound(line):  # whichever cell is damaged: it may be the name that is looked for
            list(rows_of(path, content))
        found = line.find(field)
        start = _START.match(line) if found >= 0 else None
        if start:
            text = _VALUE.match(line, found + len(field))
            if text:
                yield int(start[1]), _NOT_FINITE[text[1].decode()] if text[1] else float(text[2])
                continue
        if key in line:
            for _, step, signals in rows_of(path, line + b"\n"):
                if name in signals:
                    yield step, signals[name]


def _is_sound(line: bytes) -> bool:
    """Say whether a line is the one that was written; one without a checksum is from before there were any."""
    line = line.removesuffix(b"\r")
    if not line.startswith(_CHECK, len(line) - _CHECKED):
        return True
    return line[-10:] == b'%08x"}' % zlib.crc32(line[:-_CHECKED])


def _whole(line: bytes) -> bytes:
    """Return a row without its checksum.

    Raises:
        ValueError: the line is not the one that was written.
    """
    line = line.removesuffix(b"\r")
    if not line.startswith(_CHECK, len(line) - _CHECKED):
        return line
    if not _is_sound(line):
        raise ValueError("not what was written")
    return line[:-_CHECKED] + b"}"


def encode_number(value: float) -> float | str:
    """Return a number as it stands in a row: what strict JSON has no word for as a string."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def decode_number(value: Any) -> float:
    """Return the number that `encode_number` wrote; KeyError or TypeError for what it did not write."""
    if type(value) is float or type(value) is int:
        return float(value)
    return _NOT_FINITE[value]
