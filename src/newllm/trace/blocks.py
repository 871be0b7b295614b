"""The older rows of a long trace as compressed columns: blocks appended to one file beside the JSON lines.

A block is a head (magic, size of the rest, size and CRC-32 of the index), the index (which columns, how large), and a
zstd frame for each column. The steps of columns that were recorded together stand there once. Numbers are float64 with
equal bytes put side by side, which loses nothing and lets zstd find the 29 zero bits of what was a float32 once.
Limits: a column is read by going from head to head, so that a file of many small blocks is slow to read.
"""

import io
import json
import struct
import zlib
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import zstandard

from newllm.errors import UserError
from newllm.files import read_bytes, write_bytes

Columns = Mapping[str, tuple[np.ndarray, np.ndarray]]

_HEAD = struct.Struct("<4sIII")
_COUNTS = struct.Struct("<II")
_MAGIC = b"NLB1"
_LEVEL = 3
_LARGEST_COLUMN = 1 << 28  # bytes, unpacked
_MOST_BYTES = 1 << 31  # of one trace, unpacked
_LARGEST = 1 << 40  # bytes of a file


class _Block(NamedTuple):
    """Where a block stands and what it holds.

    Attributes:
        start: of its head in the file, in bytes.
        end: of the block.
        names: place in `columns` by the name of a column.
        steps: place and size of each run of steps.
        columns: of each column the number of its steps, then place and size of its values.
    """

    start: int
    end: int
    names: dict[str, int]
    steps: list[tuple[int, int]]
    columns: list[tuple[int, int, int]]


def blocks_path(path: Path) -> Path:
    """Return where the blocks of a trace lie: `trace.jsonl` has `trace.blocks` beside it."""
    return path.with_suffix(".blocks")


def encode_block(columns: Columns) -> bytes:
    """Return a block.

    Args:
        columns: int64 steps and float64 values of the same length by name, in the order in which they were written.
    """
    steps: dict[bytes, int] = {}
    places = [steps.setdefault(np.diff(step, prepend=0).tobytes(), len(steps)) for step, _ in columns.values()]
    compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
    packed_steps = [compressor.compress(_turned(np.frombuffer(step, np.int64))) for step in steps]
    packed = [compressor.compress(_turned(value)) for _, value in columns.values()]
    numbers = [*map(len, packed_steps), *(x for pair in zip(places, map(len, packed), strict=True) for x in pair)]
    index = _COUNTS.pack(len(packed_steps), len(packed)) + np.array(numbers, "<u4").tobytes()
    index += json.dumps(list(columns)).encode()
    body = b"".join([index, *packed_steps, *packed])
    return _HEAD.pack(_MAGIC, len(body), len(index), zlib.crc32(index)) + body


def read_blocks(path: Path, name: str | None) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield name, steps and values of every column, or of those of one name, in the order of the blocks.

    Args:
        path: of the blocks.
        name: the one column to read; None for all.

    Raises:
        UserError: the file may not be read, or is damaged.
    """
    try:
        with path.open("rb") as file:
            rest = _MOST_BYTES
            for block in _blocks(file, path):
                for key in block.names if name is None else [name] if name in block.names else []:
                    step, value = _column(file, block, key, path)
                    rest -= step.nbytes + value.nbytes
                    if rest < 0:
                        raise UserError(f"'{path}' holds more than {_MOST_BYTES >> 30} GB of numbers: {_MEND}")
                    yield key, step, value
    except OSError as error:
        raise UserError(f"cannot read '{path}' ({error.strerror}): give a run that you may read") from error


def read_blocks_after(
    path: Path, start: int, names: Container[str] | None = None
) -> Iterator[tuple[int, list[tuple[str, np.ndarray, np.ndarray]]]]:
    """Yield of every block that begins at `start` or after it where it ends, and name, steps and values of its columns.

    Args:
        path: of the blocks.
        start: where a block ends or the file begins, in bytes.
        names: of the columns that are wanted; None: of all.

    Raises:
        UserError: the file may not be read, or is damaged.
    """
    try:
        with path.open("rb") as file:
            for block in _blocks(file, path, start):
                known: dict[int, np.ndarray] = {}
                wanted = [name for name in block.names if names is None or name in names]
                yield block.end, [(name, *_column(file, block, name, path, known)) for name in wanted]
    except OSError as error:
        raise UserError(f"cannot read '{path}' ({error.strerror}): give a run that you may read") from error


def end_of_blocks(path: Path) -> int:
    """Return where the last whole block ends, in bytes.

    Raises:
        UserError: what stands there is no block.
    """
    end = 0
    with path.open("rb") as file:
        for block in _blocks(file, path):
            end = block.end
    return end


def truncated_blocks(path: Path, step: int) -> bytes | None:
    """Return the content of a file of blocks without the steps after `step`, None where it has none.

    Raises:
        UserError: the file may not be read, is damaged, or something else stands there.
    """
    kept, changed = [], False
    try:
        content = read_bytes(path, _LARGEST)
    except OSError as error:
        raise UserError(f"cannot read '{path}' ({error.strerror}): {_MEND}") from error
    with io.BytesIO(content) as file:
        for block in _blocks(file, path):
            columns = {name: _column(file, block, name, path) for name in block.names}
            if all((at <= step).all() for at, _ in columns.values()):
                kept.append(content[block.start : block.end])
                continue
            changed = True
            left = {name: (at[at <= step], value[at <= step]) for name, (at, value) in columns.items()}
            left = {name: pair for name, pair in left.items() if len(pair[0])}
            kept.append(encode_block(left) if left else b"")
    return b"".join(kept) if changed else None


def cut_damaged_block(path: Path, step: int, first: int | None) -> bool:
    """Cut off a damaged last block where nothing is lost by that; return whether it was cut.

    A power cut may leave holes in the block that was being written. Its rows are later than the last snapshot, or the
    lines that it was made from are there still.

    Args:
        path: of the blocks.
        step: of the last snapshot.
        first: step of the first row that stands in a line, None without one.

    Raises:
        UserError: there is no room, or the file may not be written.
    """
    sound, damaged = list[_Block](), False
    with path.open("rb") as file:
        try:
            for block in _blocks(file, path):
                sound.append(block)
        except UserError:
            damaged = True
        last = _last_step(file, sound[-1], path) if sound else 0
        if last is None:
            sound.pop()
            damaged, last = True, _last_step(file, sound[-1], path) if sound else 0
    if not damaged or last is None or not (last >= step or (first is not None and first <= last + 1)):
        return False
    write_bytes(path, path.read_bytes()[: sound[-1].end if sound else 0])
    return True


def _last_step(file: BinaryIO, block: _Block, path: Path) -> int | None:
    """Return the last step of a block, None where any of its columns is damaged."""
    try:
        return max(int(_column(file, block, name, path)[0].max()) for name in block.names)
    except UserError:
        return None


_MEND = "move the file away to read the rows that are left, or train again"


def _blocks(file: BinaryIO, path: Path, start: int = 0) -> Iterator[_Block]:
    """Yield the blocks of a file from byte `start` on. One that breaks off at its end is none: a kill left it there.

    If another block follows one that seems to break off, its size is damaged: what follows is not to be lost.

    Args:
        file: open for reading.
        path: for the message.
        start: where a block begins.

    Raises:
        UserError: what stands there is no block.
    """
    size = file.seek(0, 2)
    known: dict[bytes, dict[str, int]] = {}
    while start + _HEAD.size <= size:
        file.seek(start)
        magic, rest, length, check = _HEAD.unpack(file.read(_HEAD.size))
        end = start + _HEAD.size + rest
        if magic == _MAGIC and end > size and not _another_follows(file, start):
            return
        index = file.read(length) if length <= rest and end <= size else b""
        if magic != _MAGIC or len(index) < _COUNTS.size or zlib.crc32(index) != check:
            raise UserError(f"'{path}' holds no block of a trace at byte {start}: {_MEND}")
        try:
            yield _located(start, end, index, known)
        except (ValueError, TypeError, LookupError, AttributeError, struct.error, RecursionError) as error:
            raise UserError(f"'{path}' holds no block of a trace at byte {start}: {_MEND}") from error
        start = end


def _another_follows(file: BinaryIO, start: int) -> bool:
    """Say whether a sound head of a block stands anywhere after the one at `start`."""
    file.seek(start)
    content = file.read()
    at = content.find(_MAGIC, 1)
    while 0 < at <= len(content) - _HEAD.size:
        _, rest, length, check = _HEAD.unpack_from(content, at)
        first = at + _HEAD.size
        if length <= rest <= len(content) - first and zlib.crc32(content[first : first + length]) == check:
            return True
        at = content.find(_MAGIC, at + 1)
    return False


def _column(
    file: BinaryIO, block: _Block, name: str, path: Path, known: dict[int, np.ndarray] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the steps and the values of one column.

    Args:
        file: open for reading.
        block: that holds the column.
        name: of the column.
        path: for the message.
        known: the steps of this block that were unpacked already, taken and kept.

    Raises:
        UserError: they are damaged.
    """
    group, place, size = block.columns[block.names[name]]
    step = None if known is None else known.get(group)
    if step is None:
        step = np.cumsum(_unpacked(file, *block.steps[group], np.int64, path))
    if known is not None:
        known[group] = step
    value = _unpacked(file, place, size, np.float64, path)
    if len(step) != len(value):
        raise UserError(f"'{path}' is damaged at byte {block.start}: {_MEND}")
    return step, value


def _located(start: int, end: int, index: bytes, known: dict[bytes, dict[str, int]]) -> _Block:
    groups, count = _COUNTS.unpack_from(index)
    text = _COUNTS.size + 4 * (groups + 2 * count)
    numbers = np.frombuffer(index[_COUNTS.size : text], "<u4").astype(np.int64)
    names = known.get(index[text:])
    if names is None:  # most blocks of a file have the same columns
        names = known.setdefault(index[text:], {name: place for place, name in enumerate(json.loads(index[text:]))})
    if len(names) != count or any(type(name) is not str for name in names) or (numbers[groups::2] >= groups).any():
        raise ValueError("names, columns and steps do not belong together")
    sizes = np.concatenate([numbers[:groups], numbers[groups + 1 :: 2]])
    at = start + _HEAD.size + len(index) + np.cumsum(sizes) - sizes
    places = list(zip(at.tolist(), sizes.tolist(), strict=True))
    columns = [(group, *place) for group, place in zip(numbers[groups::2].tolist(), places[groups:], strict=True)]
    return _Block(start, end, names, places[:groups], columns)


def _turned(values: np.ndarray) -> bytes:
    return np.ascontiguousarray(values).view(np.uint8).reshape(-1, 8).T.tobytes()


def _unpacked(file: BinaryIO, offset: int, size: int, kind: type, path: Path) -> np.ndarray:
    file.seek(offset)
    try:
        packed = file.read(size)
        if not 0 <= zstandard.frame_content_size(packed) <= _LARGEST_COLUMN:
            raise zstandard.ZstdError("too large")
        content = zstandard.ZstdDecompressor().decompress(packed)
        if len(content) % 8:
            raise zstandard.ZstdError("no numbers")
    except zstandard.ZstdError as error:
        raise UserError(f"'{path}' is damaged at byte {offset} ({error}): {_MEND}") from error
    return np.ascontiguousarray(np.frombuffer(content, np.uint8).reshape(8, -1).T).view(kind).reshape(-1)
