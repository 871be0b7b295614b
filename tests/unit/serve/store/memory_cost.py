"""What the sessions in a store cost a process: `python memory_cost.py SESSIONS DIRECTORY`, which must be empty.

Prints JSON: bytes of the process' memory a session after all were put, the same as the store counts them, how many of
these a GiB holds, seconds of a put, of a get from memory and of one from the disk, and of one tidying.
"""

import json
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

from newllm.serve.store import Limits, new_response_id
from newllm.serve.store.directory import DirectoryStore

STATE, RECORD = 16_384, 600  # bytes of preset small's state, of a record as JSON
SOME = 2000  # gets that are timed
GIB = 1 << 30


def resident() -> int:
    """Return the bytes of this process that are in memory (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that some work takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measured(sessions: int, directory: Path) -> dict[str, float]:
    """Put so many sessions, and get some of them."""
    store = DirectoryStore(directory, Limits(bytes=1 << 40, memory_bytes=1 << 40))
    record = {"id": "", "model": "small", "text": "a" * (RECORD - 40)}
    store.put(new_response_id(), record, bytes(STATE))
    store.tidy()
    before, ids = resident(), []
    for _ in range(sessions):
        ids.append(new_response_id())
        store.put(ids[-1], {**record, "id": ids[-1]}, random.randbytes(STATE))
    put = sorted(timed(lambda: store.put(new_response_id(), record, random.randbytes(STATE))) for _ in range(SOME))
    grown = resident() - before
    tidy = timed(store.tidy)
    grown = max(grown, resident() - before)
    some = random.sample(ids, min(SOME, sessions))
    get = sorted(timed(lambda one=one: store.get(one)) for one in some)
    stats = store.stats()
    other = DirectoryStore(directory, Limits())
    cold = sorted(timed(lambda one=one: other.get(one)) for one in some)
    store.close()
    other.close()
    each = grown / (sessions + SOME)
    return {
        "sessions": sessions,
        "bytes a session": each,
        "counted": stats.memory_bytes / stats.memory_entries,
        "sessions a GiB": GIB / each,
        "put median": put[len(put) // 2],
        "put p99": put[len(put) * 99 // 100],
        "get median": get[len(get) // 2],
        "get p99": get[len(get) * 99 // 100],
        "get from disk median": cold[len(cold) // 2],
        "tidy": tidy,
    }


if __name__ == "__main__":
    print(json.dumps(measured(int(sys.argv[1]), Path(sys.argv[2]))))
