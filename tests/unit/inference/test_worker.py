"""The worker as a child process: its frames, what it refuses, and how it ends."""

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import newllm
from newllm.api.loaded import load
from newllm.frames import encode_frame, frame_of, read_frame
from newllm.generation import Sampling
from newllm.inference.batch import Batch
from newllm.inference.worker import Output, Worker
from newllm.training.budget import Budget

Frame = dict[str, Any]


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory, text: Path, tiny_settings: tuple[str, ...]) -> Path:
    """A trained run, of a model that never ends its text: some tests write until they are told to stop."""
    out = tmp_path_factory.mktemp("served") / "run"
    settings = (*tiny_settings, "model.ngram_rows=0")
    newllm.train(str(text), preset="tiny", out=out, budget=Budget(steps=3), settings=settings)
    return out


class Client:
    """A worker, and what it says."""

    def __init__(self, run: Path, *options: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "newllm.inference", *options, "--", str(run)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.given, self.said = self.process.stdin, self.process.stdout

    def send(self, header: Frame, blob: bytes = b"") -> None:
        self.give(encode_frame(header, blob))

    def give(self, content: bytes) -> None:
        self.given.write(content)
        self.given.flush()

    def hear(self) -> tuple[Frame, bytes]:
        frame = read_frame(self.said)
        assert frame is not None
        return frame

    def until(self, op: str, number: int | None = None) -> tuple[Frame, bytes, str]:
        """Hear up to a frame; return it with the text of a request's first choice."""
        text = ""
        while True:
            header, blob = self.hear()
            for said in header.get("events", []):
                text += said["text"] if (said["id"], said["choice"]) == (number, 0) else ""
            if header["op"] == op and header.get("id") == number:
                return header, blob, text

    def generate(self, number: int, blob: bytes = b"", **fields: Any) -> tuple[Frame, bytes, str]:
        self.send({"op": "generate", "id": number, "keep": True, **fields}, blob)
        return self.until("done", number)

    def error(self, number: int | None) -> tuple[str, str]:
        header, _, _ = self.until("error", number)
        assert "\n" not in header["error"]
        assert len(header["error"]) < 400
        return header["kind"], header["error"]

    def end(self) -> tuple[int, str]:
        """Close its input; return its exit code and what else it said."""
        _, error = self.process.communicate(timeout=60)
        return self.process.returncode, error.decode()


@pytest.fixture(scope="module")
def client(run: Path) -> Iterator[Client]:
    client = Client(run)
    assert client.hear()[0]["op"] == "ready"
    yield client
    assert client.end() == (0, "")


def test_it_tells_what_it_has_loaded(run: Path) -> None:
    client = Client(run, "--snapshot", "last", "--weights", "bf16")
    told, _ = client.hear()
    assert (told["op"], told["run"], told["snapshot_step"], told["weights"]) == ("ready", str(run), 3, "bf16")
    assert (told["vocabulary"], told["begin"], told["end"], told["positions"]) == (257, 256, 256, 0)
    assert told["state_bytes"] == 4 * (32 + 3 * 32) + 8
    assert len(told["fingerprint"]) == 64
    assert client.end() == (0, "")


def test_the_tokens_of_short_steps_are_told_of_together(client: Client) -> None:
    client.send({"op": "generate", "id": 50, "text": "the whale", "max_tokens": 2000, "temperature": 0.0})
    frames, tokens = 0, list[int]()
    while (frame := client.hear()[0])["op"] != "done":
        if frame["op"] == "events":
            frames += 1
            tokens += [said["tokens"] for said in frame["events"]]
    assert sum(tokens) == 2000
    assert 5 < frames < 1100


def test_a_text_goes_on_from_its_state_as_the_engine_does(client: Client, run: Path) -> None:
    loaded = load(run)
    whole = loaded.generate("the whale", 40, sampling=Sampling(0.9), seed=3).text
    sampling = {"temperature": 0.9, "seed": 3}
    first, blob, text = client.generate(1, text="the whale", max_tokens=15, **sampling)
    assert (first["prompt_tokens"], first["cached_tokens"], first["completion_tokens"]) == (9, 0, 15)
    second, _, more = client.generate(2, blob, max_tokens=25, **sampling)
    assert (second["prompt_tokens"], second["cached_tokens"], second["completion_tokens"]) == (24, 23, 25)
    assert text + more == whole
    stats, _, _ = client.until("stats")
    assert (stats["rows"], stats["waiting"]) == (0, 0)
    assert stats["tokens_written"] >= 40


def test_many_at_once_say_what_each_says_alone(client: Client) -> None:
    alone = [client.generate(100 + at, text="the sea " * at, max_tokens=30, seed=at)[2] for at in range(6)]
    for at in range(6):
        client.send({"op": "generate", "id": 200 + at, "text": "the sea " * at, "max_tokens": 30, "seed": at})
    texts, left = dict.fromkeys(range(200, 206), ""), 6
    while left:
        header, _ = client.hear()
        left -= header["op"] == "done"
        for said in header.get("events", []):
            texts[said["id"]] += said["text"]
    assert list(texts.values()) == alone


def test_a_cancelled_request_is_heard_of_no_more(client: Client) -> None:
    client.send({"op": "generate", "id": 7, "text": "the", "max_tokens": 10**9, "temperature": 0.0})
    while "events" not in client.hear()[0]:
        pass
    client.send({"op": "cancel", "id": 7})
    client.send({"op": "cancel", "id": 7})
    client.send({"op": "cancel", "id": 12345})
    client.generate(8, text="a", max_tokens=1)
    client.send({"op": "generate", "id": 9, "text": "the", "max_tokens": 50})
    while (header := client.hear()[0])["op"] != "done":
        assert all(said["id"] == 9 for said in header.get("events", []))


REFUSED: dict[str, tuple[Frame, str]] = {
    "both": ({"text": "a", "tokens": [1]}, "leave one out"),
    "no text": ({"text": 7}, "'text' is 7: give a text"),
    "half a surrogate": ({"text": "a\ud800"}, "give valid UTF-8"),
    "a token too high": ({"tokens": [3, 257]}, "token 257 is none of this model's: ids go from 0 to 256"),
    "a token below": ({"tokens": [-1]}, "token -1"),
    "no token": ({"tokens": [1.5]}, "no token id"),
    "temperature": ({"temperature": -1}, "temperature is -1"),
    "temperature as text": ({"temperature": "hot"}, "temperature is 'hot'"),
    "top_k": ({"top_k": 1.5}, "top_k is 1.5"),
    "n": ({"n": 0}, "'n' is 0: give a whole number from 1 to 128"),
    "too many": ({"n": 10**9}, "'n' is 1000000000"),
    "max_tokens": ({"max_tokens": -1}, "'max_tokens' is -1"),
    "seed": ({"seed": 1.5}, "'seed' is 1.5"),
    "seed too large": ({"seed": 10**400}, "'seed' is 1000"),
    "an empty stop": ({"stop": [""]}, "stop string ''"),
    "no stop": ({"stop": "a"}, "'stop' is 'a': give a list"),
    "a long stop": ({"stop": ["a" * 1025]}, "1 to 1024 characters"),
    "logprobs": ({"logprobs": 21}, "'logprobs' is 21"),
    "unknown": ({"temprature": 1}, "unknown field 'temprature': leave it out"),
    "keep": ({"keep": 1}, "'keep' is 1: give true or false"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_field_is_refused_in_one_line_and_the_next_request_as_ever(client: Client, case: str) -> None:
    fields, why = REFUSED[case]
    client.send({"op": "generate", "id": 20, **fields})
    kind, error = client.error(20)
    assert kind == "request"
    assert why in error
    assert client.generate(20, text="a", max_tokens=2)[0]["completion_tokens"] == 2


def test_what_is_no_request_is_answered_without_an_id(client: Client) -> None:
    for header in ({}, {"op": "dance", "id": 1}, {"op": "generate"}, {"op": "generate", "id": "a"}, {"op": "cancel"}):
        client.send(header)
        kind, error = client.error(header["id"] if type(header.get("id")) is int else None)
        assert kind == "request"
        assert "op" in error or "'id'" in error


def test_an_id_that_is_in_use_is_refused(client: Client) -> None:
    client.send({"op": "generate", "id": 30, "text": "the", "max_tokens": 10**9, "temperature": 0.0})
    client.send({"op": "generate", "id": 30, "text": "the", "max_tokens": 1})
    assert client.error(30) == ("request", "request 30 has not ended: give another id")
    client.send({"op": "cancel", "id": 30})


def test_a_state_that_is_damaged_is_refused(client: Client) -> None:
    _, blob, _ = client.generate(40, text="the", max_tokens=2)
    for wrong in (blob[:-1], blob[:20], b"x", blob + b"x", bytes([*blob[:-100], blob[-100] ^ 1, *blob[-99:]])):
        client.send({"op": "generate", "id": 41, "max_tokens": 1}, wrong)
        kind, error = client.error(41)
        assert kind == "state"
        assert "the state is damaged" in error
    assert client.generate(41, blob, max_tokens=1)[0]["cached_tokens"] == 4


@pytest.mark.parametrize(("letter", "times"), [("a", 100_000_000), ("猫", 1_000_000)])
def test_a_huge_prompt_keeps_nobody_waiting(client: Client, letter: str, times: int) -> None:
    client.send({"op": "generate", "id": 50, "text": "the", "max_tokens": 10**9, "temperature": 0.0})
    client.until("events")
    client.send({"op": "generate", "id": 51, "text": letter * times, "max_tokens": 1})
    ends, longest, before, refused = time.monotonic() + 2.0, 0.0, time.monotonic(), False
    while time.monotonic() < ends:
        header, _ = client.hear()
        refused |= header["op"] == "error"
        if "events" in header:
            longest, before = max(longest, time.monotonic() - before), time.monotonic()
    assert refused == (times > 2**24)
    assert longest < 3.0  # on a machine that has much else to do; alone it is a tenth of that
    for number in (50, 51):
        client.send({"op": "cancel", "id": number})
    assert client.generate(52, text="a", max_tokens=2)[2] is not None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "letters"), [("bpe", "abcdefghijklmnopqrstuvwxyz "), ("bpe", "ab"), ("word", "a ")], ids=str
)
def test_a_huge_prompt_of_which_tokens_are_made_slowly_keeps_nobody_waiting(
    text: Path, tiny_settings: tuple[str, ...], tmp_path: Path, name: str, letters: str
) -> None:
    settings = (*tiny_settings, f"data.tokenizer={name}", "data.vocabulary=400")
    newllm.train(str(text), preset="tiny", out=tmp_path / "run", budget=Budget(steps=3), settings=settings)
    client = Client(tmp_path / "run")
    client.hear()
    client.generate(1, text="the", max_tokens=2)
    client.send({"op": "generate", "id": 2, "text": "".join(random.Random(0).choices(letters, k=4_000_000))})
    longest, ends, number = 0.0, time.monotonic() + 6.0, 3
    while (before := time.monotonic()) < ends:
        client.generate(number, text="the", max_tokens=2)
        longest, number = max(longest, time.monotonic() - before), number + 1
    assert client.end() == (0, "")
    assert longest < 1.0  # it is a fifth of that; the tokens of the whole take several seconds


class Pipes:
    """A worker in this process, whose batch and intake a test may change."""

    def __init__(self, served: Any) -> None:
        pipes = [os.pipe(), os.pipe()]
        self._files = [(os.fdopen(end, "rb"), os.fdopen(to, "wb")) for end, to in pipes]
        (given, self._give), (self._said, said) = self._files
        output, self.intake = Output(said), served.intake
        served.answer_to(output.send)
        worker = Worker(given, output, served.intake, served.batch)

        def run() -> None:
            with said:  # who hears is told that it has ended
                worker.run()

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()

    def send(self, header: Frame) -> None:
        self._give.write(encode_frame(header))
        self._give.flush()

    def until(self, op: str, number: int) -> Frame:
        while (frame := read_frame(self._said)) is not None:
            if (frame[0]["op"], frame[0].get("id")) == (op, number):
                return frame[0]
        raise AssertionError("it has ended")

    def end(self) -> None:
        self._give.close()
        self._thread.join(20)
        assert not self._thread.is_alive()
        for file in (file for pair in self._files for file in pair):
            file.close()


@pytest.fixture
def piped(serve: Callable[..., Any]) -> Iterator[Pipes]:
    switched = sys.getswitchinterval()
    pipes = Pipes(serve("bytes"))
    yield pipes
    pipes.end()
    sys.setswitchinterval(switched)


@pytest.mark.parametrize("broken", ["step", "tell_in_time", "add"])
def test_a_defect_in_the_batch_ends_what_is_open_and_not_the_worker(
    piped: Pipes, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], broken: str
) -> None:
    def breaks(*_: Any) -> None:
        raise ValueError("it\nbreaks")

    piped.send({"op": "generate", "id": 1, "text": "the", "max_tokens": 10**6, "temperature": 0})
    piped.send({"op": "generate", "id": 2, "text": "a", "max_tokens": 1})
    piped.until("done", 2)
    with monkeypatch.context() as patched:
        patched.setattr(Batch, broken, breaks)
        piped.send({"op": "generate", "id": 3, "text": "the", "max_tokens": 1})
        error = piped.until("error", 1)
    assert (error["kind"], error["error"]) == ("internal", "defect of newllm: ValueError: it breaks")
    piped.send({"op": "generate", "id": 4, "text": "the", "max_tokens": 3})
    assert piped.until("done", 4)["completion_tokens"] == 3
    assert "ValueError: it" in capfd.readouterr().err


def test_long_prompts_are_made_in_turns_and_given_up_where_they_are_cancelled(
    piped: Pipes, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, closed, request = threading.Event(), threading.Event(), piped.intake.request
    piece, piece_ends, piece_over = threading.Event(), threading.Event(), threading.Event()

    def endless(header: Frame, blob: bytes) -> Any:
        if header["id"] == 1:  # many pieces
            try:
                while True:
                    begun.set()
                    yield
            finally:
                closed.set()
        if header["id"] == 2:  # a text that is one piece
            piece.set()
            piece_ends.wait(20)
            piece_over.set()
        return (yield from request(header, blob))

    monkeypatch.setattr(piped.intake, "request", endless)
    piped.send({"op": "generate", "id": 1, "text": "a" * 100_000, "flow": "a"})
    piped.send({"op": "generate", "id": 2, "text": "a" * 1_100_000, "flow": "b"})
    assert begun.wait(20)
    assert piece.wait(20)
    for number, length in ((3, 70_000), (4, 1)):
        piped.send({"op": "generate", "id": number, "text": "a" * length, "max_tokens": 0, "flow": "c"})
        piped.until("done", number)
    assert not closed.is_set()
    assert not piece_over.is_set()
    piped.send({"op": "cancel", "id": 1})
    assert closed.wait(20)
    piped.send({"op": "cancel", "id": 2})
    piece_ends.set()


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(encode_frame({"op": "cancel", "id": 1})[:-3], id="cut"),
        pytest.param(b"hello, worker", id="no frame", marks=pytest.mark.slow),
        pytest.param(frame_of(b"[1, 2]"), id="a list", marks=pytest.mark.slow),
        pytest.param(frame_of(b"\xff\xfe"), id="no UTF-8", marks=pytest.mark.slow),
        pytest.param(b"\xff" * 8, id="too long", marks=pytest.mark.slow),
    ],
)
def test_garbage_ends_it_with_one_line(run: Path, garbage: bytes) -> None:
    client = Client(run)
    client.hear()
    client.send({"op": "generate", "id": 1, "text": "the", "max_tokens": 10**9})
    client.give(garbage)
    client.given.close()
    header, _, _ = client.until("failed")
    assert "frame" in header["error"]
    assert "\n" not in header["error"]
    assert client.process.wait(60) == 2
    client.said.close()
    assert client.process.stderr is not None
    client.process.stderr.close()


def test_it_ends_with_its_input_whatever_runs(run: Path) -> None:
    client = Client(run)
    client.hear()
    client.send({"op": "generate", "id": 1, "text": "the", "max_tokens": 10**9, "temperature": 0.0})
    client.until("events")
    assert client.end() == (0, "")


def test_it_ends_when_nobody_listens(run: Path) -> None:
    client = Client(run)
    client.hear()
    client.send({"op": "generate", "id": 1, "text": "the", "max_tokens": 10**9, "temperature": 0.0})
    client.said.close()
    assert client.process.wait(60) == 0
    client.given.close()
    assert client.process.stderr is not None
    assert client.process.stderr.read() == b""
    client.process.stderr.close()


def test_a_state_outlives_the_worker_that_made_it(run: Path) -> None:
    client = Client(run)
    client.hear()
    _, blob, text = client.generate(1, text="the", max_tokens=9, temperature=0.0)
    client.send({"op": "generate", "id": 2, "text": "the", "max_tokens": 10**9})
    client.process.kill()
    client.process.communicate()
    other = Client(run)
    other.hear()
    _, _, more = other.generate(1, blob, max_tokens=9, temperature=0.0)
    _, _, whole = other.generate(2, text="the", max_tokens=18, temperature=0.0)
    assert text + more == whole
    assert other.end() == (0, "")


def test_a_run_that_is_none_is_told_in_one_frame(tmp_path: Path) -> None:
    client = Client(tmp_path / "nothing")
    header, _ = client.hear()
    assert header["op"] == "failed"
    assert "nothing" in header["error"]
    assert client.end() == (2, "")
