"""The thread that tidies."""

import threading
import time

from newllm.serve.store.housekeeping import Housekeeping


def test_it_tidies_at_once_when_asked_and_after_some_time() -> None:
    tidied = threading.Semaphore(0)
    house = Housekeeping(tidied.release, 1000)
    assert tidied.acquire(timeout=10)
    assert not tidied.acquire(timeout=0.1)
    house.ask()
    assert tidied.acquire(timeout=10)
    house.close()
    house = Housekeeping(tidied.release, 0.01)
    assert all(tidied.acquire(timeout=10) for _ in range(3))
    house.close()


def test_it_rests_longer_than_it_works_and_goes_on_after_an_error() -> None:
    times = []

    def tidy() -> None:
        times.append(time.monotonic())
        time.sleep(0.05)
        raise OSError("a file server that is away")

    house = Housekeeping(tidy, 1000)
    end = time.monotonic() + 1.6
    while time.monotonic() < end:
        house.ask()
        time.sleep(0.001)
    house.close()
    assert 2 <= len(times) <= 4


def test_it_ends_while_it_rests() -> None:
    house = Housekeeping(lambda: time.sleep(0.3), 1000)
    time.sleep(0.5)
    began = time.monotonic()
    house.close()
    assert time.monotonic() - began < 1
    assert not house._thread.is_alive()
