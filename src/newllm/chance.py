"""Named streams of chance: each use has its own, so that changing one thing changes nothing else.

A stream is addressed by the run's seed, its name and any further coordinates (a step, an epoch, a
parameter's name). It is a pure function of that address: there is no state to save, and step 1000 can
be had without steps 0 to 999.
"""

import hashlib

import numpy as np


def stream_seed(seed: int, stream: str, *coordinates: int | str) -> int:
    """Return the 63-bit seed of one stream at one address.

    Args:
        seed: the run's seed.
        stream: the use ("initialisation", "order", "dropout", "sampling").
        coordinates: where in the stream, for example the step or the parameter's name.
    """
    address = repr((int(seed), stream, *coordinates)).encode()
    return int.from_bytes(hashlib.sha256(address).digest()[:8], "little") >> 1


def numpy_stream(seed: int, stream: str, *coordinates: int | str) -> np.random.Generator:
    """Return a numpy generator (Philox) at one address of a stream."""
    return np.random.Generator(np.random.Philox(stream_seed(seed, stream, *coordinates)))
