import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import newllm
from newllm.training.budget import Budget

STUB_SERVER = Path(__file__).with_name("stub_server.py")
TEMPLATE = """\
{%- set stop = ["\\nUser:"] -%}
{%- for message in messages %}{{ message.role | capitalize }}: {{ message.content }}
{% endfor -%}
{%- if add_generation_prompt %}Assistant: {% endif -%}
"""


@dataclass
class Answer:
    """A response of HTTP."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """Its error's line."""
        message = self.json()["error"]["message"]
        assert "\n" not in message
        return message


@dataclass
class Served:
    """A server in a process of its own, its log, and its port."""

    process: subprocess.Popen[str]
    port: int
    log: list[dict[str, Any]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)  # what is no line of the log

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def ask(self, path: str, content: Any = None, method: str = "", **headers: str) -> Answer:
        body = content if content is None or isinstance(content, bytes) else json.dumps(content).encode()
        sent = {"Content-Type": "application/json"} if body is not None else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request(method or ("GET" if body is None else "POST"), path, body, sent)
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())

    def complete(self, prompt: Any = "ab", **fields: Any) -> Answer:
        return self.ask("/v1/completions", {"prompt": prompt, **fields})

    def metric(self, name: str) -> float:
        """The sum of a metric's numbers."""
        lines = self.ask("/metrics").body.decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))

    def logged(self, event: str, count: int = 1) -> dict[str, Any]:
        """The count-th line of an event, as soon as it is there."""
        return wait_for(lambda: [line for line in self.log if line["event"] == event][count - 1 : count])[0]


def wait_for(is_it: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Return what `is_it` gives as soon as that is something."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if found := is_it():
            return found
        time.sleep(0.01)
    raise AssertionError("it did not come")


@contextlib.contextmanager
def serving(*arguments: object, stub: bool = False, environment: dict[str, str] | None = None) -> Iterator[Served]:
    """Run `newllm serve` until the block ends."""
    program = [str(STUB_SERVER)] if stub else ["-m", "newllm"]
    command = [sys.executable, *program, "serve", *map(str, arguments), "--port", "0", "--json"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})},
    )  # fmt: skip
    served = Served(process, 0)
    output, lines = process.stdout, process.stderr
    assert output is not None
    assert lines is not None

    def hear() -> None:
        for line in lines:
            if line.startswith("{"):
                served.log.append(json.loads(line))
            else:
                served.said.append(line)

    listener = threading.Thread(target=hear)
    listener.start()
    try:
        first = output.readline()
        assert first, served.said
        served.port = int(json.loads(first)["url"].rstrip("/").rpartition(":")[2])
        yield served
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()
        listener.join()
        output.close()
        lines.close()


@pytest.fixture(scope="session", name="serving")
def _serving() -> Any:
    return serving


@pytest.fixture(scope="session", name="wait_for")
def _wait_for() -> Any:
    return wait_for


@contextlib.contextmanager
def asking_slowly(served: Served) -> Iterator[tuple[int, Callable[[int], int]]]:
    """Ask a stub for an answer that no buffer holds: how long it is, and what reads so many bytes of it a second."""
    body = json.dumps({"prompt": "a" * 9_000_000, "max_tokens": 1, "return_state": True}).encode()
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        connection.settimeout(20)
        connection.connect(("127.0.0.1", served.port))
        head = "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        first = connection.recv(4096)
        length = int(first.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        total = first.index(b"\r\n\r\n") + 4 + length

        def read(speed: int) -> int:
            """Return how much came."""
            came = len(first)
            with contextlib.suppress(OSError):
                while came < total and (more := connection.recv(1 << 18)):
                    came += len(more)
                    time.sleep(len(more) / speed)
            return came

        yield total, read


@pytest.fixture(scope="session")
def ask_slowly() -> Any:
    return asking_slowly


@pytest.fixture(scope="session")
def make_run(tmp_path_factory: pytest.TempPathFactory, text: Path, tiny_settings: tuple[str, ...]) -> Any:
    """Train a tiny run."""

    def make(name: str, seed: int = 0, steps: int = 3) -> Path:
        out = tmp_path_factory.mktemp("served") / name
        newllm.train(
            str(text), preset="tiny", out=out, budget=Budget(steps=steps), settings=(*tiny_settings, f"seed={seed}")
        )
        return out

    return make


@pytest.fixture(scope="session")
def run(make_run: Any) -> Path:
    """A tiny run with a chat template."""
    return make_run("talker")


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "chat.jinja"
    path.write_text(TEMPLATE)
    return path


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Served]:
    """A server whose model is a stub."""
    with serving(tmp_path_factory.mktemp("stub") / "stub", "--chat-template", template, stub=True) as served:
        yield served
