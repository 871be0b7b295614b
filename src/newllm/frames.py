"""Frames between two processes over a pipe: a JSON object, and bytes beside it.

    4 bytes, little-endian: length of the header | 4 bytes: length of the blob | header: JSON in UTF-8 | blob

The lengths stand first, so that nothing is searched for, and what is too long is refused before it is read.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import IO, Any, NoReturn

LONGEST_HEADER = 128 << 20
"""Bytes of a header."""

LONGEST_BLOB = 1 << 30
"""Bytes of a blob."""

Frame = tuple[dict[str, Any], bytes]

_LENGTHS = 8  # bytes


def encode_frame(header: Mapping[str, Any], blob: bytes = b"") -> bytes:
    """Return a frame as bytes.

    Raises:
        ValueError: it is too long, or the header has what JSON cannot hold, a number that is not finite for example.
    """
    # In ASCII, so that half a surrogate pair comes through to where it can be refused.
    return frame_of(json.dumps(header, separators=(",", ":"), allow_nan=False).encode(), blob)


def frame_of(header: bytes, blob: bytes = b"") -> bytes:
    """Return a frame of a header that is JSON already.

    Raises:
        ValueError: it is too long.
    """
    _check(len(header), len(blob))
    return b"".join((len(header).to_bytes(4, "little"), len(blob).to_bytes(4, "little"), header, blob))


def write_frame(stream: IO[bytes], header: Mapping[str, Any], blob: bytes = b"") -> None:
    """Write one frame, and flush.

    Raises:
        ValueError: as `encode_frame`.
    """
    stream.write(encode_frame(header, blob))
    stream.flush()


def read_frame(stream: IO[bytes]) -> Frame | None:
    """Return the header and the blob of the next frame; None at the end.

    Args:
        stream: a buffered one, which returns as much as is asked for unless it ends.

    Raises:
        ValueError: the stream ends inside a frame, the frame is too long, or its header is no JSON object.
    """
    start = stream.read(_LENGTHS)
    if not start:
        return None
    header_length, blob_length = _lengths(start)
    header = stream.read(header_length)
    blob = stream.read(blob_length) if blob_length else b""
    return _frame(header, blob, header_length, blob_length)


async def read_frame_async(stream: asyncio.StreamReader) -> Frame | None:
    """Do what `read_frame` does, on a stream of asyncio."""
    try:
        start = await stream.readexactly(_LENGTHS)
    except asyncio.IncompleteReadError as error:
        if not error.partial:
            return None
        start = error.partial
    header_length, blob_length = _lengths(start)
    header, blob = b"", b""
    try:
        header = await stream.readexactly(header_length)
        blob = await stream.readexactly(blob_length)
    except asyncio.IncompleteReadError as error:
        header, blob = (header, error.partial) if len(header) == header_length else (error.partial, b"")
    return _frame(header, blob, header_length, blob_length)


def _lengths(start: bytes) -> tuple[int, int]:
    if len(start) < _LENGTHS:
        raise ValueError(f"the stream ends inside a frame: {len(start)} of the {_LENGTHS} bytes of its lengths came")
    header, blob = int.from_bytes(start[:4], "little"), int.from_bytes(start[4:], "little")
    _check(header, blob)
    return header, blob


def _check(header: int, blob: int) -> None:
    for what, length, most in (("header", header, LONGEST_HEADER), ("blob", blob, LONGEST_BLOB)):
        if length > most:
            raise ValueError(f"a frame's {what} of {length:,} bytes: at most {most:,} can be sent")


def _frame(header: bytes, blob: bytes, header_length: int, blob_length: int) -> Frame:
    came, wanted = len(header) + len(blob), header_length + blob_length
    if came < wanted:
        raise ValueError(f"the stream ends inside a frame: {came:,} of its {wanted:,} bytes came")
    try:
        content = json.loads(header, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"a frame's header is no JSON: {header[:60]!r}") from error
    if not isinstance(content, dict):
        raise ValueError(f"a frame's header is no JSON object: {header[:60]!r}")
    return content, blob


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")
