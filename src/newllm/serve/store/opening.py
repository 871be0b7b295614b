"""Which store is meant by the word behind `--store`."""

import importlib
import re
from pathlib import Path
from typing import cast

from newllm.serve.store.directory import DirectoryStore
from newllm.serve.store.memory import MemoryStore
from newllm.serve.store.store import Limits, Store

_REDIS = re.compile("(redis|rediss|unix)://")


def open_store(place: str | Path | None, limits: Limits) -> Store:
    """Open a store.

    Args:
        place: a directory; the address of a Redis server, "redis://HOST:PORT/DATABASE"; None for this process' memory.
        limits: how much is kept.

    Raises:
        UserError: it cannot be written, or needs a package that is not installed.
    """
    if place is None:
        return MemoryStore(limits)
    if is_redis(place):
        module = importlib.import_module("newllm.serve.store.redis_server")
        return cast(Store, module.RedisStore(str(place), limits))
    return DirectoryStore(Path(place), limits)


def is_redis(place: str | Path | None) -> bool:
    """Whether a place is the address of a Redis server."""
    return _REDIS.match(str(place)) is not None
