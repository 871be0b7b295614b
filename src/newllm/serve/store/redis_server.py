"""Responses in a Redis server, which any number of servers may share. It needs the extra `redis`.

    newllm:{OWNER}:resp_ID  the response, which Redis itself expires
    newllm:{OWNER}:stored   its owner's responses as ID:BYTES, by the time when they were stored; "bytes", by minus the
                            sum of these

All keys of an owner are in one slot of a cluster. How much there is of all owners is the business of Redis (`maxmemory`
and its policy), and so is whether it survives a crash of Redis (`appendonly`). So Redis may evict any key at any time:
the sum is in the key of what it sums up, and of an owner's oldest responses those that Redis has evicted stop counting
before others go for the quota. What goes first is the oldest, used or not, and never what was just put. Where Redis
evicts a list itself, its responses stay until they expire, but count no more.

Nothing is held in the memory of this process.
"""

import contextlib
import importlib
from collections.abc import Iterator, Mapping
from typing import Any

from newllm.errors import UserError
from newllm.extras import check_installed
from newllm.serve.store.content import packed, unpacked
from newllm.serve.store.eviction import FREE, Backlog
from newllm.serve.store.store import Limits, Stats, StoredResponse, StoreError, StoreFull, entry_name, new_entry_name

_SECONDS = 5.0  # that a server may take to answer
_LARGEST = 512 << 20  # bytes of a value that Redis takes
_LONGEST = 10**14  # milliseconds that it takes
_LOOK = 1000  # entries of an owner that are looked at in one piece: nobody else is answered meanwhile

_FORGET = """
local function forget(entry)
  if redis.call('ZREM', KEYS[2], entry) == 1 then
    redis.call('ZINCRBY', KEYS[2], string.match(entry, '%d+$'), 'bytes')
  end
end
local function forget_response(id, size)
  if size > 0 then forget(id .. ':' .. size) end
end
"""
_PUT = f"""{_FORGET}
local id, content, life, quota, prefix = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local clock = redis.call('TIME')
local now = clock[1] * 1e6 + clock[2]
local function bytes() return -redis.call('ZSCORE', KEYS[2], 'bytes') end
local function entries(before, most)
  return redis.call('ZRANGEBYSCORE', KEYS[2], '(0', before, 'LIMIT', 0, most)
end
forget_response(id, redis.call('STRLEN', KEYS[1]))
redis.call('SET', KEYS[1], content, 'PX', life)
redis.call('ZADD', KEYS[2], now, id .. ':' .. #content)
redis.call('ZINCRBY', KEYS[2], -#content, 'bytes')
for _, entry in ipairs(entries(now - life * 1000, -1)) do forget(entry) end
local evicted = 0
while quota > 0 and bytes() > quota do
  local oldest, there = entries('+inf', {_LOOK}), {{}}
  if #oldest < 2 then break end
  for _, entry in ipairs(oldest) do
    local one, size = string.match(entry, '^([^:]+):(%d+)$')
    if redis.call('STRLEN', prefix .. one) ~= tonumber(size) then
      forget(entry)
    elseif one ~= id then
      there[#there + 1] = {{one, entry}}
    end
  end
  for _, found in ipairs(there) do
    if bytes() <= quota - quota / {FREE} then break end
    evicted = evicted + redis.call('DEL', prefix .. found[1])
    forget(found[2])
  end
end
redis.call('PEXPIRE', KEYS[2], life)
return evicted
"""
_DELETE = f"""{_FORGET}
forget_response(ARGV[1], redis.call('STRLEN', KEYS[1]))
return redis.call('DEL', KEYS[1])
"""


class RedisStore:
    """A `Store` in a Redis server.

    Args:
        address: "redis://HOST:PORT/DATABASE", "rediss://" with TLS, "unix://PATH".
        limits: `seconds` and `owner_bytes`; the others are not asked.

    Raises:
        UserError: the package is not installed, the address is none, or no server answers there.
    """

    def __init__(self, address: str, limits: Limits) -> None:
        check_installed("redis", "redis", "6.0", "9")
        self._redis = importlib.import_module("redis")
        self._limits = limits
        self._backlog = Backlog(limits, _LARGEST)
        self._place = _without_password(address)
        try:
            self._client = self._redis.Redis.from_url(
                address, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS, health_check_interval=30
            )
        except ValueError as error:
            raise UserError(f"'{self._place}' is no address of Redis: give redis://HOST:PORT/DATABASE") from error
        self._put, self._delete = self._client.register_script(_PUT), self._client.register_script(_DELETE)
        self._evicted = 0
        with self._failing():
            self._client.ping()

    def put(self, response: str, record: Mapping[str, Any], blob: bytes, owner: str = "") -> None:
        """As `Store.put`; Redis has it before this returns."""
        name = new_entry_name(response, owner)
        content = packed(name, record, blob)
        self._backlog.check(len(content))
        keys = _keys(name)
        life, quota = min(max(1, int(1000 * self._limits.seconds)), _LONGEST), self._limits.owner_bytes or 0
        prefix = keys[0].removesuffix(response)
        with self._failing():
            self._evicted += self._put(keys=keys, args=[response, content, life, quota, prefix])

    def get(self, response: str, owner: str = "") -> StoredResponse | None:
        """As `Store.get`."""
        name = entry_name(response, owner)
        if name is None:
            return None
        with self._failing():
            content = self._client.get(_keys(name)[0])
        return None if content is None else unpacked(name, content)

    def delete(self, response: str, owner: str = "") -> bool:
        """As `Store.delete`."""
        name = entry_name(response, owner)
        if name is None:
            return False
        with self._failing():
            return self._delete(keys=_keys(name), args=[response]) == 1

    def stats(self) -> Stats:
        """As `Store.stats`: Redis counts for itself, among other things that it may hold."""
        return Stats(None, None, 0, 0, self._evicted)

    def close(self) -> None:
        """As `Store.close`."""
        self._client.close()

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        """Turn what Redis says into one line."""
        try:
            yield
        except self._redis.exceptions.OutOfMemoryError as error:
            line = f"no room in store '{self._place}' ({_line(error)}): raise its maxmemory, or let it evict"
            raise StoreFull(line) from error
        except self._redis.exceptions.RedisError as error:
            raise StoreError(f"cannot use store '{self._place}' ({_line(error)}): look at the Redis server") from error


def _keys(name: str) -> list[str]:
    owner, _, response = name.partition("/")
    return [f"newllm:{{{owner}}}:{last}" for last in (response, "stored")]


def _without_password(address: str) -> str:
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{rest.partition('?')[0].rpartition('@')[2]}"


def _line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
