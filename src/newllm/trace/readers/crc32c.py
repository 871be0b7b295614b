"""CRC-32C with TFRecord's mask, the check of TensorBoard's event files. `zlib` has the other polynomial only.

https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
"""

import functools

import numpy as np

_CHUNK = 1024  # bytes that are looked up at once


def _table() -> list[int]:
    table = []
    for byte in range(256):
        check = byte
        for _ in range(8):
            check = check >> 1 ^ (0x82F63B78 if check & 1 else 0)
        table.append(check)
    return table


_TABLE = _table()


def masked_crc32c(content: bytes) -> int:
    """Return the check that a record of this content bears."""
    check, rest = _of_chunks(content)
    for byte in rest:
        check = _TABLE[(check ^ byte) & 255] ^ check >> 8
    check ^= 0xFFFFFFFF
    return ((check >> 15 | check << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _of_chunks(content: bytes) -> tuple[int, bytes]:
    """Return the check of the whole chunks, and the bytes behind them: byte by byte a picture would take a while."""
    check, end = 0xFFFFFFFF, len(content) // _CHUNK * _CHUNK
    for at in range(0, end, _CHUNK):
        chunk = np.frombuffer(content, np.uint8, _CHUNK, at).copy()
        chunk[:4] ^= np.frombuffer(check.to_bytes(4, "little"), np.uint8)
        check = int(np.bitwise_xor.reduce(_by_position()[np.arange(_CHUNK), chunk]))
    return check, content[end:]


@functools.cache
def _by_position() -> np.ndarray:
    """Return what each value of each byte of a chunk adds to the check behind it, uint32, (place, value)."""
    added = np.empty((_CHUNK, 256), np.uint32)
    added[-1] = _TABLE
    for place in range(_CHUNK - 2, -1, -1):
        added[place] = added[-1][added[place + 1] & 255] ^ added[place + 1] >> 8
    return added
