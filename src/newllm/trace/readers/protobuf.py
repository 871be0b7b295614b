"""Protocol buffers, as far as logs need them: the fields of a message, without its schema.

https://protobuf.dev/programming-guides/encoding
"""

import struct
from collections.abc import Iterator

_DOUBLE, _FLOAT = struct.Struct("<d"), struct.Struct("<f")


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield the number and the content of each field: an int for a varint, else bytes.

    Raises:
        ValueError: it is no message.
    """
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        size = 8 if kind == 1 else 4 if kind == 5 else -1
        if kind == 2:
            size, at = _varint(message, at)
        if size < 0 or at + size > end:
            raise ValueError("a field breaks off, or is of a kind that is no more")
        yield key >> 3, message[at : at + size]
        at += size


def number_of(content: int | bytes) -> float:
    """Return a field of fixed size as a float: 8 bytes are a double, 4 a float.

    Raises:
        ValueError: it is of another size.
    """
    if isinstance(content, int) or len(content) not in (4, 8):
        raise ValueError("a number of 4 or 8 bytes was due")
    return (_DOUBLE if len(content) == 8 else _FLOAT).unpack(content)[0]


def signed(value: int) -> int:
    """Return a varint as the signed 64-bit number that it stands for."""
    return value - (1 << 64) if value >= 1 << 63 else value


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(at, min(at + 10, len(message))):
        byte = message[place]
        value |= (byte & 127) << (7 * (place - at))
        if byte < 128:
            return value & 0xFFFFFFFFFFFFFFFF, place + 1
    raise ValueError("a number breaks off")
