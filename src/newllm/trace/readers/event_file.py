"""TensorBoard's event files, every scalar of them: records of a length, a check and an Event message.

TensorBoard's own page samples 1000 points a tag; here none is dropped. Read without TensorBoard or TensorFlow:
https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto/event.proto, summary.proto, tensor.proto
"""

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from newllm.trace.readers.crc32c import masked_crc32c
from newllm.trace.readers.gathered import Gathered
from newllm.trace.readers.naming import words
from newllm.trace.readers.protobuf import fields, number_of, signed
from newllm.trace.readers.text import reading
from newllm.trace.remark import left_out
from newllm.trace.series import Trace

_HEADER = struct.Struct("<QI")
_CHECK = struct.Struct("<I")
_LONGEST_RECORD = 1 << 20  # bytes; pictures, graphs and histograms are longer and are passed over
_MOST_BYTES = 1 << 32  # of records looked at
_FLOAT, _DOUBLE = 1, 2  # tensor.proto's DataType
_LARGEST_STEP = 1 << 53


def is_event_file(head: bytes) -> bool:
    """Whether a file that begins so is a TensorBoard event file: its first record's length bears its check."""
    return len(head) >= _HEADER.size and _length(head[: _HEADER.size]) is not None


def read_event_files(gathered: Gathered, files: Sequence[Path], prefixes: Sequence[str] = ()) -> Trace:
    """Read the event files of one run.

    Args:
        gathered: takes the values in.
        files: in the order in which they were written.
        prefixes: for each file what to put before its tags ("validation/"); none where it is not given.

    Raises:
        UserError: a file may not be read, or there is not one number in them.
    """
    tags: set[str] = set()
    for place, path in enumerate(files):
        prefix = prefixes[place] if prefixes else ""
        with reading(path), path.open("rb") as file:
            for record in _records(file, gathered):
                tags |= _take(gathered, prefix, record)
    # Keras calls its tags epoch_loss and counts epochs.
    by_epoch = bool(tags) and all(words(tag)[:1] == ["epoch"] for tag in tags)
    return gathered.by_step("epoch" if by_epoch else "step")


def _records(file: BinaryIO, gathered: Gathered) -> Iterator[bytes]:
    while file.tell() < _MOST_BYTES and not gathered.full:
        header = file.read(_HEADER.size)
        length = _length(header)
        if length is None:
            if header:
                gathered.note(left_out("remark-event-file-breaks-off"))
            return
        if length > _LONGEST_RECORD:
            gathered.note(left_out("remark-large-event", megabytes=_LONGEST_RECORD >> 20))
            file.seek(length + _CHECK.size, 1)
            continue
        record = file.read(length + _CHECK.size)
        if len(record) < length + _CHECK.size:
            gathered.note(left_out("remark-event-file-breaks-off"))
            return
        if _CHECK.pack(masked_crc32c(record[:length])) == record[length:]:
            yield record[:length]
        else:
            gathered.note(left_out("remark-damaged-event"))
    if file.tell() >= _MOST_BYTES:
        gathered.note(left_out("remark-long-event-file", gigabytes=_MOST_BYTES >> 30))


def _take(gathered: Gathered, prefix: str, record: bytes) -> set[str]:
    """Take in one Event and return its scalar tags."""
    try:
        step, summaries = 0, []
        for place, content in fields(record):
            if place == 2 and isinstance(content, int):
                step = signed(content)
            elif place == 5 and isinstance(content, bytes):
                summaries.append(content)
        found = [pair for summary in summaries for pair in _scalars(summary)]
    except (ValueError, UnicodeDecodeError):
        gathered.note(left_out("remark-no-event"))
        return set()
    if abs(step) > _LARGEST_STEP:
        gathered.note(left_out("remark-large-step"))
        return set()
    for tag, value in found:
        gathered.add(prefix + tag, step, value)
    return {tag for tag, _ in found}


def _scalars(summary: bytes) -> Iterator[tuple[str, float]]:
    for place, content in fields(summary):
        if place != 1 or not isinstance(content, bytes):
            continue
        tag, value = "", None
        for inner, part in fields(content):
            if inner == 1 and isinstance(part, bytes):
                tag = part.decode(errors="replace")
            elif inner == 2:
                value = number_of(part)
            elif inner == 8 and isinstance(part, bytes):
                value = _tensor(part)
        if tag and value is not None:
            yield tag, value


def _tensor(content: bytes) -> float | None:
    """Return the one number of a tensor, None where it holds several or none."""
    kind, parts = 0, {}
    for place, part in fields(content):
        if place == 1 and isinstance(part, int):
            kind = part
        elif isinstance(part, bytes):
            parts[place] = part
    size, own = (4, 5) if kind == _FLOAT else (8, 6)  # float_val and double_val
    held = parts.get(4) or parts.get(own)
    return number_of(held) if kind in (_FLOAT, _DOUBLE) and held is not None and len(held) == size else None


def _length(header: bytes) -> int | None:
    """Return a record's length, None where its check is not right."""
    if len(header) < _HEADER.size:
        return None
    length, stored = _HEADER.unpack(header)
    return length if masked_crc32c(header[:8]) == stored and length < 1 << 40 else None
