"""All stores, opened one like the other. Redis is started for the tests where its server and its package are installed.

Without them its tests are skipped, and the reason told; NEWLLM_REDIS=required makes that a failure.
"""

import importlib.util
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from newllm.serve.store import Limits, Store, open_store
from newllm.serve.store.directory import DirectoryStore
from newllm.serve.store.memory import MemoryStore
from newllm.serve.store.store import entry_name


class Clock:
    """Seconds since 1970 that stand still until a test lets them go on.

    They stay behind the system's: a file has the system's date until the store has dated it, and must not look older
    than all others to a thread that tidies up meanwhile.
    """

    def __init__(self) -> None:
        self.now = time.time() - 86_400.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


class Shelf:
    """A kind of store: opens it, again and again on the same contents, and lets time pass.

    Attributes:
        kind: its name.
        shared: several servers find the same contents.
        place: what `open_store` is given.
    """

    def __init__(self, kind: str, place: str | None, clock: Clock) -> None:
        self.kind, self.place, self.clock = kind, place, clock
        self.shared = place is not None
        self._opened: list[Store] = []

    def open(self, **limits: float) -> Store:
        """Open one more server's store. Where there is no fake clock, `seconds` pass as fast as they do."""
        given = Limits(**limits)  # pyrefly: ignore[bad-argument-type]
        if self.kind == "redis":
            store = open_store(self.place, given)
        elif self.place is None:
            store = MemoryStore(given, self.clock)
        else:
            store = DirectoryStore(Path(self.place), given, self.clock)
        self._opened.append(store)
        return store

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        if self.kind == "redis":
            time.sleep(seconds)
        self.clock.wait(seconds)

    def settle(self, store: Store) -> None:
        """Let a store evict what is too much."""
        if isinstance(store, DirectoryStore):
            store.tidy()

    def content(self, store: Store, response: str, change: Callable[[bytes], bytes]) -> None:
        """Change the bytes of a response of the owner "" behind a store's back."""
        name = entry_name(response, "") or ""
        if isinstance(store, MemoryStore):
            held = store._cache.get(name)
            assert held is not None
            store._cache.put(name, change(held.content), held.mark)
        elif isinstance(store, DirectoryStore):
            path = Path(f"{self.place}/{name}.safetensors")
            path.write_bytes(change(path.read_bytes()))
        else:
            import redis

            with redis.Redis.from_url(str(self.place)) as client:
                [key] = client.keys(f"*{response}")
                client.set(key, change(client.get(key)))

    def close(self) -> None:
        for store in self._opened:
            store.close()


def _without(reason: str) -> NoReturn:
    if os.environ.get("NEWLLM_REDIS") == "required":
        pytest.fail(f"NEWLLM_REDIS=required, but {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """`redis_server(*options)`: starts one more Redis server that keeps nothing on disk, and returns its address."""
    program = shutil.which("redis-server")
    if program is None:
        _without("no redis-server on PATH: apt install redis-server")
    if importlib.util.find_spec("redis") is None:
        _without("no package redis: pip install 'newllm[redis]'")
    started = []

    def start(*options: str) -> str:
        folder = tmp_path_factory.mktemp("redis")
        socket = folder / "s"
        command = [
            f"{program}",
            "--port",
            "0",
            "--unixsocket",
            f"{socket}",
            "--dir",
            f"{folder}",
            "--save",
            "",
            *options,
        ]
        started.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))
        for _ in range(200):
            if socket.exists():
                return f"unix://{socket}"
            time.sleep(0.05)
        raise TimeoutError("redis-server does not answer")

    yield start
    for process in started:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="session")
def redis_address(redis_server: Callable[..., str]) -> str:
    """A Redis server for all tests."""
    return redis_server()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "directory", "redis"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Shelf]:
    """Each kind of store, empty."""
    place = None
    if request.param == "directory":
        place = str(tmp_path / "store")
    elif request.param == "redis":
        place = request.getfixturevalue("redis_address")
        import redis

        with redis.Redis.from_url(place) as client:
            client.flushall()
    shelf = Shelf(request.param, place, clock)
    yield shelf
    shelf.close()
