"""Responses in memory: which go, and when."""

import pytest

from newllm.serve.store import Limits, new_response_id
from newllm.serve.store.cache import OVERHEAD, Cache
from newllm.serve.store.memory import MemoryStore


def test_the_least_recently_used_go_first() -> None:
    cache = Cache(3 * (100 + OVERHEAD))
    for name in "abc":
        cache.put(name, bytes(100), 0)
    assert cache.get("a")
    cache.put("d", bytes(100), 0)
    assert [name for name, _ in cache.entries()] == ["c", "a", "d"]
    assert (len(cache), cache.bytes, cache.evicted) == (3, 3 * (100 + OVERHEAD), 1)


def test_what_is_larger_than_all_of_it_takes_nobodys_place() -> None:
    cache = Cache(100 + OVERHEAD)
    cache.put("a", bytes(100), 0)
    cache.put("b", bytes(101), 0)
    assert [name for name, _ in cache.entries()] == ["a"]
    cache.put("a", bytes(101), 0)  # what stood there is no longer true
    assert (len(cache), cache.bytes) == (0, 0)


def test_a_dropped_entry_makes_room() -> None:
    cache = Cache(2 * (100 + OVERHEAD))
    for name in "ab":
        cache.put(name, bytes(100), 0)
    assert cache.drop("a")
    assert not cache.drop("a")
    cache.put("c", bytes(100), 0)
    assert [name for name, _ in cache.entries()] == ["b", "c"]


@pytest.mark.parametrize("how", ["put", "stats"])
def test_what_is_too_old_leaves_memory_within_a_minute_of_use(clock, how) -> None:
    store = MemoryStore(Limits(seconds=10), clock)
    store.put(new_response_id(), {}, b"x")
    clock.wait(61)
    if how == "put":
        store.put(new_response_id(), {}, b"y")
        assert len(store._cache) == 1
    assert store.stats().entries == (how == "put")
    assert store.stats().evicted == 1


def test_memory_is_never_above_its_limit(clock) -> None:
    store = MemoryStore(Limits(memory_bytes=100_000), clock)
    ids = [new_response_id() for _ in range(20)]
    for response in ids:
        store.put(response, {}, bytes(20_000))
        assert store.stats().memory_bytes <= 100_000
    assert [store.get(response) is not None for response in ids] == [False] * 16 + [True] * 4


def test_a_closed_store_is_empty(clock) -> None:
    store = MemoryStore(Limits(), clock)
    store.put(new_response_id(), {}, b"x")
    store.close()
    assert store.stats().memory_bytes == 0
