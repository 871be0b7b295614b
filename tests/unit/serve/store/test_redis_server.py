"""What is different about Redis: its own expiry and memory, its errors, its keys."""

import importlib.metadata
import time

import pytest

from newllm.errors import UserError
from newllm.serve.store import Limits, StoreError, StoreFull, new_response_id, open_store
from newllm.serve.store.redis_server import RedisStore

LARGE = bytes(20_000)  # three of them and no fourth are in 80,000


@pytest.fixture
def client(redis_address):
    import redis

    with redis.Redis.from_url(redis_address) as client:
        client.flushall()
        yield client


def test_an_owners_keys_are_in_one_slot_do_not_name_it_and_expire(client, redis_address) -> None:
    store, response = RedisStore(redis_address, Limits(seconds=1000)), new_response_id()
    store.put(response, {}, b"x", "anna")
    keys = [key.decode() for key in client.keys("*")]
    [owner] = {key.split(":")[1] for key in keys}
    assert sorted(key.split(":")[2] for key in keys) == [response, "stored"]
    assert (owner[0], owner[-1], len(owner)) == ("{", "}", 34)
    assert all(990_000 < client.pttl(key) <= 1_000_000 for key in keys)
    store.close()


def test_an_owners_bytes_are_counted_right_after_deletions_and_expiry(client, redis_address) -> None:
    store, ids = RedisStore(redis_address, Limits(seconds=1.5)), [new_response_id() for _ in range(4)]
    for response in [*ids, ids[0]]:
        store.put(response, {}, bytes(1000))
    store.delete(ids[1])

    def counted() -> list[int]:
        [stored], responses = client.keys("*stored"), client.keys("*resp_*")
        listed = [-int(client.zscore(stored, "bytes")), client.zcard(stored) - 1]
        return [*listed, sum(map(client.strlen, responses)), len(responses)]

    size, count, *real = counted()
    assert ([size, count], count) == (real, 3)
    time.sleep(0.9)
    store.put(new_response_id(), {}, b"")
    time.sleep(0.9)
    store.put(new_response_id(), {}, b"")
    size, count, *real = counted()
    assert ([size, count], count) == (real, 2)
    store.close()


@pytest.mark.parametrize("seconds", [1e-9, 1e18])
def test_any_time_is_one_that_redis_takes(redis_address, seconds) -> None:
    store, response = RedisStore(redis_address, Limits(seconds=seconds)), new_response_id()
    store.put(response, {}, b"x")
    time.sleep(0.01)
    assert (store.get(response) is not None) == (seconds > 1)
    store.close()


def test_two_responses_of_one_millisecond_keep_their_order(client, redis_address) -> None:
    store, ids = RedisStore(redis_address, Limits()), [new_response_id() for _ in range(200)]
    for response in ids:
        store.put(response, {}, b"")
    [stored] = client.keys("*stored")
    assert [entry.decode().partition(":")[0] for entry in client.zrange(stored, 1, -1)] == ids
    store.close()


def test_what_redis_has_evicted_counts_for_no_quota(client, redis_address) -> None:
    store, ids = RedisStore(redis_address, Limits(owner_bytes=80_000)), [new_response_id() for _ in range(5)]
    for response in ids[:3]:
        store.put(response, {}, LARGE)
    client.delete(*client.keys(f"*{ids[1]}"))
    store.put(ids[3], {}, LARGE)
    assert [store.get(response) is not None for response in ids] == [True, False, True, True, False]
    store.put(ids[4], {}, LARGE)
    assert [store.get(response) is not None for response in ids] == [False, False, True, True, True]
    assert store.stats().evicted == 1
    store.close()


def test_where_redis_has_evicted_the_list_what_is_put_is_there_and_has_its_quota(client, redis_address) -> None:
    store = RedisStore(redis_address, Limits(owner_bytes=80_000))
    for response in [new_response_id() for _ in range(3)]:
        store.put(response, {}, LARGE)
    before = set(client.keys("*resp_*"))
    client.delete(*client.keys("*stored"))
    for response in [new_response_id() for _ in range(8)]:
        store.put(response, {}, LARGE)
        assert store.get(response) == ({}, LARGE)
    assert len(set(client.keys("*resp_*")) - before) == 3
    store.close()


def test_what_was_just_put_is_never_what_goes(client, redis_address) -> None:
    store, ids = RedisStore(redis_address, Limits(owner_bytes=80_000)), [new_response_id() for _ in range(4)]
    for response in ids[:3]:
        store.put(response, {}, LARGE)
    [stored] = client.keys("*stored")
    later = {entry: time.time() * 1e6 + 1e9 for entry in client.zrange(stored, 1, -1)}  # Redis' clock was set back
    client.zadd(stored, later)
    store.put(ids[3], {}, LARGE)
    assert store.get(ids[3]) == ({}, LARGE)
    assert store.stats().evicted == 1
    store.close()


def test_one_large_response_displaces_more_than_are_looked_at_at_once(client, redis_address) -> None:
    store, large = RedisStore(redis_address, Limits(owner_bytes=400_000)), new_response_id()
    for _ in range(1200):
        store.put(new_response_id(), {}, b"")
    store.put(large, {}, bytes(370_000))
    assert store.get(large) == ({}, bytes(370_000))
    left = client.keys("*resp_*")
    assert len(left) < 100
    assert sum(map(client.strlen, left)) <= 400_000
    store.close()


def test_no_room_in_redis_is_told(redis_server) -> None:
    store, stored = RedisStore(redis_server("--maxmemory", "3mb", "--maxmemory-policy", "noeviction"), Limits()), []

    def fill() -> None:
        for _ in range(500):
            stored.append(new_response_id())
            store.put(stored[-1], {}, bytes(20_000))

    with pytest.raises(StoreFull, match=r"no room in store 'unix://.*maxmemory"):
        fill()
    assert len(stored) > 4
    assert [store.get(one) is not None for one in stored] == [True] * (len(stored) - 1) + [False]
    store.close()


@pytest.mark.usefixtures("redis_server")
def test_a_server_that_is_not_there_is_one_line_without_the_password() -> None:
    with pytest.raises(StoreError) as told:
        RedisStore("redis://:geheim@127.0.0.1:1/0?password=geheim", Limits())
    assert str(told.value).startswith("cannot use store 'redis://127.0.0.1:1/0' (")
    assert "geheim" not in str(told.value)
    assert "\n" not in str(told.value)


def test_a_server_that_goes_away_is_one_line_each_time(redis_server) -> None:
    import redis

    address = redis_server()
    store, response = RedisStore(address, Limits()), new_response_id()
    store.put(response, {}, b"x")
    with redis.Redis.from_url(address) as client:
        client.shutdown(nosave=True)
    for work in (lambda: store.get(response), lambda: store.put(response, {}, b""), lambda: store.delete(response)):
        with pytest.raises(StoreError, match="look at the Redis server") as told:
            work()
        assert not isinstance(told.value, StoreFull)
    store.close()


@pytest.mark.usefixtures("redis_server")
@pytest.mark.parametrize("address", ["redis://host:port/0", "redis://[::1/0"])
def test_what_is_no_address_is_told(address) -> None:
    with pytest.raises(UserError, match="is no address of Redis: give redis://HOST:PORT/DATABASE"):
        RedisStore(address, Limits())


def test_without_the_package_one_line_says_what_to_install(monkeypatch) -> None:
    def absent(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    with pytest.raises(UserError, match=r"package redis, which is not installed: pip install 'newllm\[redis\]'"):
        open_store("redis://localhost", Limits())
