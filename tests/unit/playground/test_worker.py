"""The worker as a child process: its lines, what it refuses, and how it ends."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from newllm.playground.requests import LONGEST_LINE

Event = dict[str, Any]
Trained = Callable[..., Path]


class Worker:
    """A worker and what it says."""

    def __init__(self, run: Path, *options: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "newllm.playground", *options, "--", str(run)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        self._id = 0

    def send(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def hear(self) -> Event:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def until_end(self, own: Any) -> list[Event]:
        """The events of a request up to its last."""
        events = []
        while not events or events[-1]["event"] not in ("done", "error"):
            event = self.hear()
            assert event["id"] == own
            events.append(event)
        return events

    def ask(self, verb: str, **fields: Any) -> list[Event]:
        self._id += 1
        self.send(json.dumps({"id": self._id, "verb": verb, **fields}).encode())
        return self.until_end(self._id)

    def write(self, branch: str, tokens: int) -> str:
        events = self.ask("write", branch=branch, tokens=tokens, seed=4)
        assert events[-1]["event"] == "done", events[-1]
        return "".join(token["piece"] for event in events[:-1] for token in event["tokens"])

    def end(self) -> tuple[int, str]:
        """Close its input; return its exit code and what else it said."""
        _, error = self.process.communicate(timeout=60)
        return self.process.returncode, error.decode()


@pytest.fixture(scope="module")
def worker(trained: Trained) -> Iterator[Worker]:
    worker = Worker(trained())
    assert worker.hear()["event"] == "ready"
    yield worker
    assert worker.end() == (0, "")


def test_it_tells_what_it_has_loaded(worker: Worker) -> None:
    (about,) = worker.ask("about")
    assert (about["body"], about["rule"], about["step"]) == ("stack", "gated", 3)
    assert (about["layers"], about["channels"], about["rows"]) == (["block 1"], 32, 32)
    assert about["tokenizer"] == {"name": "bytes", "vocabulary": 257, "lossless": True}


@pytest.mark.slow
def test_a_restored_context_writes_in_another_process_what_the_branch_wrote(worker: Worker, trained: Trained) -> None:
    worker.ask("branch", name="main")
    assert worker.ask("read", branch="main", text="the whale")[-1]["tokens_read"] == 10
    worker.ask("save", branch="main", name="whale")
    wanted = worker.write("main", 30)
    assert wanted
    worker.ask("restore", branch="again", name="whale")
    assert worker.write("again", 30) == wanted
    other = Worker(trained())
    other.hear()
    other.ask("restore", branch="main", name="whale")
    assert other.write("main", 30) == wanted
    assert other.end() == (0, "")


def test_a_request_is_stopped_while_it_runs(worker: Worker) -> None:
    worker.ask("branch", name="long")
    worker.send(b'{"id": "w", "verb": "write", "branch": "long", "tokens": 2000, "temperature": 0.01}')
    assert worker.hear()["event"] == "tokens"
    worker.send(b'{"id": "s", "verb": "stop", "of": "w"}')
    events = [worker.hear()]
    while sum(event["event"] == "done" for event in events) < 2:
        events.append(worker.hear())
    last = {event["id"]: event for event in events if event["event"] == "done"}
    assert last["s"]["stopped"] is True
    assert last["w"]["stopped_by"] == "stop"
    assert last["w"]["tokens"] < 1500
    assert worker.ask("stop", of="w")[-1]["stopped"] is False  # it is over


@pytest.mark.parametrize(
    "line",
    [b"hello", b"[1, 2]", b"\xff\xfe\x00", b"{" * 100_000, b'{"verb": "about"}', b'{"id": null, "verb": "about"}',
     b'{"id": {"a": 1}, "verb": "about"}', b'{"id": true, "verb": "about"}', b'"' + b"a" * 300],
    ids=lambda line: line[:12].decode(errors="replace"),
)  # fmt: skip
def test_garbage_is_answered_in_one_line_and_the_next_request_as_ever(worker: Worker, line: bytes) -> None:
    worker.send(line)
    event = worker.hear()
    assert (event["id"], event["event"]) == (None, "error")
    assert "no request" in event["error"]
    assert len(event["error"]) < 400
    assert worker.ask("about")[-1]["event"] == "done"


def test_a_line_without_an_end_is_not_held(worker: Worker) -> None:
    worker.send(b'{"id": 9, "verb": "read", "text": "' + b"a" * (3 * LONGEST_LINE))
    event = worker.hear()
    assert (event["event"], event["error"]) == (
        "error", "a request of more than 8,388,608 bytes: give a shorter text"
    )  # fmt: skip
    assert worker.ask("about")[-1]["event"] == "done"


def test_a_verb_that_is_none_names_the_nearest(worker: Worker) -> None:
    assert "did you mean 'write'?" in worker.ask("wriet")[-1]["error"]
    assert worker.ask("write", branch="nobody", verbose=True)[-1]["event"] == "error"


def test_hostile_text_comes_back_as_it_went(worker: Worker) -> None:
    text = "</script><b>\u202e\x00\x1b[31m\n"
    worker.ask("branch", name="hostile")
    events = worker.ask("read", branch="hostile", text=text)
    assert "".join(token["piece"] for event in events if "channels" in event for token in event["tokens"]) == text


@pytest.mark.slow
def test_its_input_ends_it_in_the_middle_of_a_text(trained: Trained) -> None:
    worker = Worker(trained())
    worker.hear()
    worker.ask("branch", name="main")
    worker.send(b'{"id": 7, "verb": "write", "branch": "main", "tokens": 2000, "temperature": 0.01}')
    worker.hear()
    out, _ = worker.process.communicate(timeout=60)
    assert worker.process.returncode == 0
    events = [json.loads(line) for line in out.splitlines()]
    assert sum(len(event["tokens"]) for event in events if "channels" in event) < 1000


def test_it_ends_when_nobody_asks(trained: Trained) -> None:
    worker = Worker(trained(), "--idle", "0.2")
    worker.hear()
    worker.process.wait(timeout=30)  # its input is open still
    assert worker.end() == (0, "")


def test_a_run_that_cannot_be_loaded_is_told_in_one_line(tmp_path: Path) -> None:
    worker = Worker(tmp_path)
    event = worker.hear()
    assert (event["id"], event["event"]) == (None, "error")
    assert "holds no run" in event["error"]
    assert worker.end() == (2, "")
