"""Requests that take long to make: in turns, and not at all once nobody wants them."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from newllm.inference.preparing import Preparing, Steps, at_once


class Workshop:
    """A thread that makes requests, whose pieces are noted; it begins at `open`."""

    def __init__(self) -> None:
        self.made, self.pieces = list[Any](), list[str]()
        self._all, self._opened = threading.Condition(), threading.Event()
        self.preparing = Preparing(self._take)
        self.add("gate", 0, "gate", steps=self._gate())
        threading.Thread(target=self.preparing.run, daemon=True).start()

    def add(self, name: str, number: int, flow: str, pieces: int = 1, steps: Steps | None = None) -> None:
        self.preparing.add(number, flow, steps or self._steps(name, pieces))

    def open(self) -> None:
        self._opened.set()

    def wait_for(self, *names: str) -> None:
        with self._all:
            assert self._all.wait_for(lambda: {*names} <= {one["name"] for one in self.made}, 20)

    def _take(self, made: Any) -> None:
        with self._all:
            self.made.append(made)
            self._all.notify_all()

    def _gate(self) -> Steps:
        self._opened.wait(20)
        yield from ()
        return {"name": "gate"}

    def _steps(self, name: str, pieces: int) -> Steps:
        for _ in range(pieces - 1):
            self.pieces.append(name)
            yield
        self.pieces.append(name)
        return {"name": name}


@pytest.fixture
def workshop() -> Iterator[Workshop]:
    workshop = Workshop()
    yield workshop
    workshop.open()


def test_flows_take_turns_and_so_do_those_of_a_flow(workshop: Workshop) -> None:
    for number, name in enumerate(("one", "two", "three"), 1):
        workshop.add(name, number, "greedy", 5)
    workshop.add("patient", 9, "other", 3)
    assert len(workshop.preparing) == 5
    workshop.open()
    workshop.wait_for("one", "two", "three", "patient")
    assert workshop.pieces[:6] == ["one", "patient", "two", "patient", "three", "patient"]
    assert workshop.pieces[6:9] == ["one", "two", "three"]
    assert [one["name"] for one in workshop.made] == ["gate", "patient", "one", "two", "three"]
    assert not len(workshop.preparing)


def test_what_is_cancelled_is_not_made(workshop: Workshop) -> None:
    workshop.add("gone", 1, "a", 5)
    workshop.add("wanted", 2, "a")
    workshop.add("gone too", 3, "b", 5)
    for number in (1, 3, 77):
        workshop.preparing.cancel(number)
    assert len(workshop.preparing) == 2
    workshop.open()
    workshop.wait_for("wanted")
    assert workshop.pieces == ["wanted"]


def test_what_is_cancelled_halfway_is_given_up(workshop: Workshop) -> None:
    begun, cancelled = threading.Event(), threading.Event()

    def steps() -> Steps:
        begun.set()
        cancelled.wait(20)
        yield
        raise AssertionError("a second piece of what nobody wants")

    workshop.add("", 1, "a", steps=steps())
    workshop.open()
    begun.wait(20)
    workshop.preparing.cancel(1)
    workshop.add("again", 1, "a")  # the same id anew
    cancelled.set()
    workshop.wait_for("again")
    assert [one["name"] for one in workshop.made] == ["gate", "again"]


def test_at_once_goes_to_the_end(workshop: Workshop) -> None:
    assert at_once(workshop._steps("all", 4)) == {"name": "all"}
    assert workshop.pieces == ["all"] * 4
