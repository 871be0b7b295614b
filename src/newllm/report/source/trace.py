"""The trace of one of our runs, also one that is damaged: what can still be read of it, and a sentence on the rest."""

from collections import defaultdict
from pathlib import Path

import numpy as np

from newllm.errors import UserError
from newllm.report.source.files import RunFiles, reason
from newllm.trace import Series, Trace, read_trace
from newllm.trace.blocks import blocks_path, read_blocks
from newllm.trace.rows import length_of_whole_lines, rows_of
from newllm.trace.series import merged

_NAME = "trace.jsonl"
_LARGEST_LINES = 1 << 29  # bytes; a trace of ours packs its lines at 8 MB
_LARGEST_BLOCKS = 1 << 34

_Columns = dict[str, list[tuple[np.ndarray, np.ndarray]]]


def own_trace(files: RunFiles) -> Trace:
    """Return the trace of a run directory, empty where it has none."""
    packed = blocks_path(Path(_NAME)).name
    has_blocks = files.sound(packed, _LARGEST_BLOCKS)
    if not has_blocks and (files.run / packed).is_symlink():
        return Trace()  # said; reading the lines would follow it
    if not files.sound(_NAME, _LARGEST_LINES):
        return _saved(files, b"") if has_blocks else Trace()
    try:
        return read_trace(files.run / _NAME)
    except (UserError, OSError):  # what it was is said of the part that it is in
        return _saved(files, _content(files))


def _content(files: RunFiles) -> bytes:
    try:
        return (files.run / _NAME).read_bytes()
    except OSError as error:
        files.say("problem-unread", file=_NAME, reason=reason(error))
        return b""


def _saved(files: RunFiles, content: bytes) -> Trace:
    """Return what is whole of a damaged trace."""
    found: _Columns = defaultdict(list)
    _save_blocks(files, found)
    _save_lines(files, content, found)
    return Trace({name: _series(parts) for name, parts in found.items()})


def _save_blocks(files: RunFiles, found: _Columns) -> None:
    place = blocks_path(files.run / _NAME)
    if not place.is_file():
        return
    try:
        for name, step, value in read_blocks(place, None):
            found[name].append((step, value))
    except UserError as error:
        files.say("problem-damaged-blocks", file=place.name, reason=str(error))


def _save_lines(files: RunFiles, content: bytes, found: _Columns) -> None:
    rows: dict[str, tuple[list[int], list[float]]] = {}
    damaged = 0
    for line in content[: length_of_whole_lines(content)].split(b"\n")[:-1]:
        try:
            for _, step, signals in rows_of(files.run / _NAME, line + b"\n"):
                for name, value in signals.items():
                    steps, values = rows.setdefault(name, ([], []))
                    steps.append(step)
                    values.append(value)
        except UserError:
            damaged += 1
    for name, (steps, values) in rows.items():
        found[name].append((np.array(steps, np.int64), np.array(values, np.float64)))
    if damaged:
        files.say("problem-damaged-lines", file=_NAME, count=damaged)


def _series(parts: list[tuple[np.ndarray, np.ndarray]]) -> Series:
    return merged(np.concatenate([step for step, _ in parts]), np.concatenate([value for _, value in parts]))
