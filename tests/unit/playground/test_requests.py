"""Requests in lines and their answers, without a model: in this process, over a pipe."""

import json
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from newllm.errors import UserError
from newllm.playground.requests import MOST_WAITING, Requests
from newllm.playground.task import Task


class Asked:
    """A reader of requests with a verb that waits until it is let go or stopped."""

    def __init__(self) -> None:
        (given, self._given), (self._answers, answers) = os.pipe(), os.pipe()
        self._ours, self._theirs = os.fdopen(self._given, "wb"), os.fdopen(self._answers, "rb")
        self._streams = os.fdopen(given, "rb"), os.fdopen(answers, "wb")
        self.requests = Requests(*self._streams)
        self.go = threading.Event()
        self._thread = threading.Thread(target=self.requests.answer_all, args=(self.verbs, 60.0))
        self._thread.start()

    @property
    def verbs(self) -> dict[str, Any]:
        return {"wait": self._wait, "echo": lambda task: {"said": task.text()}, "fail": self._fail}

    def _wait(self, task: Task) -> dict[str, Any]:
        task.emit("begun", {})
        while not self.go.wait(0.001) and not task.stopped():
            pass
        return {"stopped_early": task.stopped()}

    def _fail(self, task: Task) -> dict[str, Any]:
        raise {"mistake": UserError, "defect": KeyError}[task.text()]("two\nlines")

    def send(self, *lines: Any) -> None:
        for line in lines:
            self._ours.write((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n")
        self._ours.flush()

    def hear(self) -> dict[str, Any]:
        return json.loads(self._theirs.readline())

    def end(self) -> None:
        self._ours.close()
        self._thread.join(60)
        assert not self._thread.is_alive()
        self._theirs.close()
        for stream in self._streams:
            stream.close()


@pytest.fixture
def asked() -> Iterator[Asked]:
    asked = Asked()
    yield asked
    asked.go.set()
    asked.end()


def test_each_request_has_one_answer_in_its_turn(asked: Asked) -> None:
    asked.send(b"", b"  ", {"id": 1, "verb": "echo", "text": "a"}, {"id": "x", "verb": "echo", "text": "é"})
    assert asked.hear() == {"id": 1, "event": "done", "said": "a"}
    assert asked.hear() == {"id": "x", "event": "done", "said": "é"}
    asked.send({"id": 1, "verb": "echo", "text": "its id is free again"})
    assert asked.hear()["said"] == "its id is free again"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{", "no request: '{\\n'; give one JSON object a line"), (b"[1]", "no request: '[1]\\n'"),
        ({"verb": "echo"}, "no request: "), ({"id": True, "verb": "echo"}, "no request: "),
        ({"id": 1.5, "verb": "echo"}, "no request: "), ({"id": "x" * 65, "verb": "echo"}, "no request: "),
        (b"x" * 70, f"no request: '{'x' * 60}'; give one"),
    ],
)  # fmt: skip
def test_what_is_no_request_is_quoted(asked: Asked, line: Any, said: str) -> None:
    asked.send(line)
    told = asked.hear()
    assert (told["id"], told["event"]) == (None, "error")
    assert told["error"].startswith(said)


def test_a_verb_that_is_none_and_one_that_fails(asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    asked.send({"id": "x" * 64, "verb": "ehco"}, {"id": 1}, {"id": 2, "verb": "fail", "text": "mistake"})
    assert asked.hear() == {
        "id": "x" * 64, "event": "error",
        "error": "unknown verb 'ehco': did you mean 'echo'? known: echo, fail, stop, wait",
    }  # fmt: skip
    assert asked.hear()["error"].startswith("unknown verb 'None'")
    assert asked.hear() == {"id": 2, "event": "error", "error": "two lines"}
    asked.send({"id": 3, "verb": "fail", "text": "defect"})
    assert asked.hear()["error"] == "defect of newllm in 'fail': KeyError: 'two\\nlines'"
    assert "KeyError" in capsys.readouterr().err


def test_a_stop_is_heard_at_once_and_of_what_is_over_it_is_none(asked: Asked) -> None:
    asked.send({"id": 1, "verb": "wait"})
    assert asked.hear() == {"id": 1, "event": "begun"}
    asked.send({"id": 1, "verb": "echo", "text": "a"})
    assert asked.hear() == {"id": None, "event": "error", "error": "request 1 is not finished: give another id"}
    asked.send({"id": 2, "verb": "stop", "of": 9}, {"id": 3, "verb": "stop", "of": [1]}, {"id": 4, "verb": "stop"})
    assert [asked.hear() for _ in range(3)] == [{"id": at, "event": "done", "stopped": False} for at in (2, 3, 4)]
    asked.send({"id": 5, "verb": "stop", "of": 1})
    answers = sorted((asked.hear() for _ in range(2)), key=lambda one: one["id"])
    assert answers == [
        {"id": 1, "event": "done", "stopped_early": True}, {"id": 5, "event": "done", "stopped": True}
    ]  # fmt: skip
    asked.send({"id": 1, "verb": "wait"})  # its id is free, and nobody stopped this one
    assert asked.hear() == {"id": 1, "event": "begun"}
    asked.go.set()
    assert asked.hear() == {"id": 1, "event": "done", "stopped_early": False}


def test_so_many_may_wait_and_the_end_of_the_input_stops_what_runs(asked: Asked) -> None:
    asked.send({"id": "first", "verb": "wait"})
    assert asked.hear()["event"] == "begun"
    asked.send(*({"id": at, "verb": "echo", "text": ""} for at in range(MOST_WAITING + 1)))
    assert asked.hear() == {
        "id": 64, "event": "error", "error": "64 requests wait already: wait for their answers"
    }  # fmt: skip
    asked.send({"id": 64, "verb": "stop", "of": 64})
    assert asked.hear() == {"id": 64, "event": "done", "stopped": False}
    asked._ours.close()
    assert asked.hear() == {"id": "first", "event": "done", "stopped_early": True}


def test_who_is_asked_nothing_ends() -> None:
    (given, ours), (theirs, answers) = os.pipe(), os.pipe()
    with os.fdopen(given, "rb") as asks, os.fdopen(answers, "wb") as says:
        Requests(asks, says).answer_all({}, 0.01)
        os.close(ours)
    os.close(theirs)
