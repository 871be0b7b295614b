"""The uniform numbers of many texts in one compiled call, bit for bit those of `hashlib` and torch's generator.

Of a text's number three things are needed: the address of its stream (`chance.stream_seed`), the first 64 bits of
that address's SHA-256 (FIPS 180-4), and the first two outputs of a Mersenne Twister (Matsumoto & Nishimura 1998) that
is seeded with 32 of them. An address fits into one block of SHA-256, and two outputs need 399 of the twister's 624
words: that is why this takes less than a microsecond a text, and a generator of torch's own five.

Importing this needs numba. Shapes: B texts.
"""

import numpy as np

from newllm.kernels.machine_code import compiled

BLOCK = 64
"""Bytes of a block of SHA-256."""

LONGEST_PREFIX = 38
"""Bytes of an address before its last coordinate: 16 digits, a bracket and the end of a message fill up a block."""

WORDS = 399
"""Of a twister, that its first two outputs need."""

_PRIMES = [n for n in range(2, 312) if all(n % d for d in range(2, int(n**0.5) + 1))]


def _root_bits(number: int, degree: int) -> int:
    """Return the first 32 bits behind the point of a root, by whole numbers."""
    scaled, low, high = number << (32 * degree), 0, 1 << 40
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**degree <= scaled else (low, middle)
    return low & 0xFFFFFFFF


_ROUNDS = np.array([_root_bits(prime, 3) for prime in _PRIMES[:64]], dtype=np.uint32)
_START = np.array([_root_bits(prime, 2) for prime in _PRIMES[:8]], dtype=np.uint32)


def prefix_table(prefixes: list[bytes]) -> np.ndarray:
    """Return the beginnings of addresses as `fill` takes them: a row each, its length in the last byte."""
    table = np.zeros((len(prefixes), BLOCK), dtype=np.uint8)
    for row, prefix in enumerate(prefixes):
        table[row, : len(prefix)] = np.frombuffer(prefix, dtype=np.uint8)
        table[row, BLOCK - 1] = len(prefix)
    return table


@compiled
def _write_block(prefix, place, block):
    """Write a padded block of SHA-256: the prefix, a number in decimal digits, and a closing bracket."""
    length, width, left = np.int64(prefix[BLOCK - 1]), 1, place // 10
    while left > 0:
        width += 1
        left //= 10
    block[:] = 0
    block[:length] = prefix[:length]
    for at in range(length + width - 1, length - 1, -1):
        block[at] = 48 + place % 10
        place //= 10
    length += width
    block[length], block[length + 1] = 41, 0x80  # the bracket, and the bit that ends a message
    length += 1
    block[BLOCK - 2], block[BLOCK - 1] = (8 * length) >> 8, (8 * length) & 255


@compiled
def _turned(x, by):
    return np.uint32((x >> np.uint32(by)) | (x << np.uint32(32 - by)))


@compiled
def _from_bytes(block, first):
    """Return four bytes as a word, the highest first."""
    high = (np.uint32(block[first]) << np.uint32(24)) | (np.uint32(block[first + 1]) << np.uint32(16))
    return high | (np.uint32(block[first + 2]) << np.uint32(8)) | np.uint32(block[first + 3])


@compiled
def _reversed(x):
    """Return a word with its bytes the other way round."""
    outer = (x << np.uint32(24)) | (x >> np.uint32(24))
    # Without this, numba would keep what is shifted beyond 32 bits.
    return np.uint32(outer | ((x & np.uint32(0xFF00)) << np.uint32(8)) | ((x >> np.uint32(8)) & np.uint32(0xFF00)))


@compiled
def _seed(block, schedule):
    """Return the lower 32 bits of the seed that the SHA-256 of a block is."""
    for at in range(16):
        schedule[at] = _from_bytes(block, 4 * at)
    for at in range(16, 64):
        x, y = schedule[at - 15], schedule[at - 2]
        x = _turned(x, 7) ^ _turned(x, 18) ^ (x >> np.uint32(3))
        y = _turned(y, 17) ^ _turned(y, 19) ^ (y >> np.uint32(10))
        schedule[at] = schedule[at - 16] + x + schedule[at - 7] + y
    a, b, c, d = _START[0], _START[1], _START[2], _START[3]
    e, f, g, h = _START[4], _START[5], _START[6], _START[7]
    for at in range(64):
        x = _turned(e, 6) ^ _turned(e, 11) ^ _turned(e, 25)
        x = np.uint32(h + x + ((e & f) ^ (~e & g)) + _ROUNDS[at] + schedule[at])
        y = np.uint32((_turned(a, 2) ^ _turned(a, 13) ^ _turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c)))
        h, g, f, e = g, f, e, np.uint32(d + x)
        d, c, b, a = c, b, a, np.uint32(x + y)
    # Its first eight bytes as a number, the lowest first, and that halved.
    low, high = _reversed(np.uint32(_START[0] + a)), _reversed(np.uint32(_START[1] + b))
    return (low >> np.uint32(1)) | (high << np.uint32(31))


@compiled
def _output(word, following, far):
    """Return an output of the twister from three words of its state."""
    x = (word & np.uint32(0x80000000)) | (following & np.uint32(0x7FFFFFFF))
    x = far ^ (x >> np.uint32(1)) ^ (np.uint32(0x9908B0DF) if following & np.uint32(1) else np.uint32(0))
    x ^= x >> np.uint32(11)
    x ^= (x << np.uint32(7)) & np.uint32(0x9D2C5680)
    x ^= (x << np.uint32(15)) & np.uint32(0xEFC60000)
    return np.uint32(x ^ (x >> np.uint32(18)))


@compiled
def fill(table, places, words, numbers):
    """Write a number for each text.

    Args:
        table: of `prefix_table`.
        places: `[B]`, int64, the last coordinate of each address.
        words: `[WORDS, B]`, uint32, memory of ours.
        numbers: `[B]`, float64.
    """
    count, block, schedule = len(places), np.empty(BLOCK, np.uint8), np.empty(64, np.uint32)
    for row in range(count):
        _write_block(table[row], places[row], block)
        words[0, row] = _seed(block, schedule)
    for at in range(1, WORDS):
        for row in range(count):  # one word of every text: vectors of the processor do several at once
            x = words[at - 1, row]
            words[at, row] = np.uint32(1812433253) * (x ^ (x >> np.uint32(30))) + np.uint32(at)
    for row in range(count):
        high = np.uint64(_output(words[0, row], words[1, row], words[397, row]))
        low = np.uint64(_output(words[1, row], words[2, row], words[398, row]))
        both = ((high << np.uint64(32)) | low) & np.uint64((1 << 53) - 1)
        numbers[row] = np.float64(both) * 2.0**-53
