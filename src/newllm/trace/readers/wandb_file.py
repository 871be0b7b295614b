"""A .wandb file, which Weights & Biases keeps of every run beside its upload: records in LevelDB's log format.

Read without the wandb package: https://github.com/wandb/wandb/blob/main/wandb/proto/wandb_internal.proto and
https://github.com/google/leveldb/blob/main/doc/log_format.md, with W&B's own header of 7 bytes.
"""

import json
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from newllm.trace.readers.gathered import Gathered
from newllm.trace.readers.protobuf import fields, signed
from newllm.trace.readers.rows import take_row
from newllm.trace.readers.text import reading
from newllm.trace.remark import left_out
from newllm.trace.series import Trace

_HEADER, _BLOCK = 7, 32768
_PIECE = struct.Struct("<IHB")  # CRC-32 of kind and content, length, kind
_DAMAGED, _FULL, _FIRST, _LAST = 0, 1, 2, 4  # 3 is a piece in the middle
_LONGEST_RECORD = 1 << 22
_MOST_BLOCKS = 1 << 15  # of 32 KB


def is_wandb_file(head: bytes) -> bool:
    """Whether a file that begins so is a .wandb file."""
    return head.startswith(b":W&B")


def read_wandb_file(gathered: Gathered) -> Trace:
    """Read the history of a .wandb file, of a run that goes on, too.

    Raises:
        UserError: the file may not be read, or holds no history.
    """
    row = 0
    with reading(gathered.source), gathered.source.open("rb") as file:
        for record in _records(file, gathered):
            try:
                histories = [content for place, content in fields(record) if place == 2]
                for history in histories:
                    take_row(gathered, row, list(_items(history)))
                    row += 1
            except ValueError:
                gathered.note(left_out("remark-no-wandb-record"))
            if gathered.full:
                break
    return gathered.by_row()


def _items(history: int | bytes) -> Iterator[tuple[str, object]]:
    """Yield the names and values of one row of the history."""
    for place, content in fields(history) if isinstance(history, bytes) else ():
        if place == 2 and isinstance(content, bytes):  # HistoryStep
            yield from (("_step", signed(number)) for at, number in fields(content) if at == 1 and type(number) is int)
        if place != 1 or not isinstance(content, bytes):
            continue
        names, text = [], ""
        for inner, part in fields(content):
            if isinstance(part, bytes) and inner in (1, 2):
                names.append(part.decode(errors="replace"))
            elif isinstance(part, bytes) and inner == 16 and len(part) < 100:
                text = part.decode(errors="replace").strip()
        yield "/".join(filter(None, names)), _value(text)


def _value(text: str) -> object:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, int | float | str) else None


def _records(file: BinaryIO, gathered: Gathered) -> Iterator[bytes]:
    """Put the pieces of each record together; one of which a piece is missing or damaged is left out."""
    record: bytearray | None = None  # None between two, and in one that is passed over
    passed_over = False
    for kind, content in _pieces(file, gathered):
        begins = kind in (_FULL, _FIRST)
        if kind == _DAMAGED or (record is not None if begins else record is None and not passed_over):
            gathered.note(left_out("remark-damaged-piece"))
        if begins:
            record = bytearray()
        elif record is None or kind == _DAMAGED:
            record, passed_over = None, True
            continue
        record += content
        if len(record) > _LONGEST_RECORD:
            gathered.note(left_out("remark-large-record", megabytes=_LONGEST_RECORD >> 20))
            record, passed_over = None, True
        elif kind in (_FULL, _LAST):
            yield bytes(record)
            record, passed_over = None, False


def _pieces(file: BinaryIO, gathered: Gathered) -> Iterator[tuple[int, bytes]]:
    """Yield kind and content of the pieces of all blocks. Behind a damaged length nothing of a block is found."""
    file.seek(0)
    for number in range(_MOST_BLOCKS):
        block = file.read(_BLOCK)
        at = 0 if number else _HEADER
        while at + _PIECE.size <= len(block):
            check, length, kind = _PIECE.unpack_from(block, at)
            start, at = at + _PIECE.size, at + _PIECE.size + length
            if not _FULL <= kind <= _LAST or at > len(block):
                if len(block) == _BLOCK:
                    yield _DAMAGED, b""
                break  # else a piece that is still being written
            sound = zlib.crc32(block[start:at], zlib.crc32(bytes((kind,)))) == check
            yield (kind, block[start:at]) if sound else (_DAMAGED, b"")
        if len(block) < _BLOCK:
            return
    gathered.note(left_out("remark-long-file", megabytes=_MOST_BLOCKS * _BLOCK >> 20))
