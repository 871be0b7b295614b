"""Have the C library keep the memory that a training step frees: the next step asks for the same again.

glibc gives every array of more than some megabytes its own pages and takes them back when it is freed. A step then
spends up to a third of its time in the kernel of the operating system, which clears pages and maps them anew. Kept,
the pages are simply used again. No number changes. The price: the process keeps its largest size until it ends.
"""

import ctypes
import functools
import platform

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4  # of mallopt(3)
_PAD = 64 * 2**20  # bytes that are asked for beyond the need, each time the heap grows


@functools.cache
def keep_freed_memory() -> bool:
    """Keep it from now on, in this process; return whether this C library can."""
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    # A trim threshold of -1 never trims; without maps of their own all arrays come from the heap.
    return all(
        mallopt(option, value) == 1 for option, value in ((_TRIM_THRESHOLD, -1), (_TOP_PAD, _PAD), (_MMAP_MAX, 0))
    )
