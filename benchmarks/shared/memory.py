"""What a piece of work takes of the machine's memory: the highest resident size of this process above where it began.

Everything counts, whoever allocated it: weights, gradients, optimizer, activations, buffers of a library. Linux tells
and forgets the highest size on request; elsewhere only the highest of the whole life is known, imports included, and
the work is what goes beyond it.
"""

import contextlib
import ctypes
import gc
import resource
import sys
from pathlib import Path

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Peak:
    """Starts to watch when it is made; what is free but kept by then is given back first, as far as C's library can."""

    def __init__(self) -> None:
        gc.collect()
        if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "malloc_trim"):
            library.malloc_trim(0)
        with contextlib.suppress(OSError):
            _CLEAR.write_text("5")  # forget the highest size
        self._start = _kibibytes("VmRSS")

    def mebibytes(self) -> float:
        """Return how far the process went above its start."""
        return (_kibibytes("VmHWM") - self._start) / 1024


def limit(share: float) -> float | None:
    """Have allocations fail that would take this process past a share of the memory that is free now.

    A machine that swaps or kills tells nothing; an error does.

    Returns:
        The limit in GiB, or None where the system cannot tell what is free.
    """
    free = _free_kibibytes()
    if free is None:
        return None
    most = int((free * share + _kibibytes("VmRSS")) * 1024)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    return most / 2**30


def _free_kibibytes() -> int | None:
    place = Path("/proc/meminfo")
    return _line(place, "MemAvailable") if place.exists() else None


def _kibibytes(name: str) -> int:
    if _STATUS.exists():
        return _line(_STATUS, name)
    highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return highest // 1024 if sys.platform == "darwin" else highest


def _line(place: Path, name: str) -> int:
    lines = place.read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{name}:")).split()[1])
