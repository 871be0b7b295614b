import contextlib
import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from newllm.trace import Summary, TraceWriter
from newllm.trace.summary import Status
from newllm.ui import build_app
from newllm.ui.guard import Access
from newllm.ui.server import bind, configured

CONFIG = 'schema = 1\npreset = "tiny"\nseed = {seed}\n\n[model]\nbody = "stack"\nrule = "{rule}"\nnorm = "none"\n'


def make_run(place: Path, *, steps: int = 50, rule: str = "ema", seed: int = 0, status: Status = "finished") -> Path:
    """Write a run directory, without snapshots."""
    place.mkdir(parents=True)
    (place / "config.toml").write_text(CONFIG.format(rule=rule, seed=seed))
    summary = Summary(steps=steps, parameters=123, scan_backend="numba", precision="fp32", device="cpu")
    summary.step, summary.tokens, summary.seconds, summary.status = steps, steps * 64, 2.0, status
    summary.validated(steps, 2.5, 1.25)
    with TraceWriter(place / "trace.jsonl") as writer:
        for step in range(1, steps + 1):
            writer.write(step, loss=4.0 - step / steps, gradient_norm=1.0 + step % 3, learning_rate=1e-3)
            if step % 10 == 0:
                writer.write(step, validation_loss=4.2 - step / steps)
    summary.save(place / "summary.json")
    return place


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Served:
    """A server that answers."""

    port: int
    app: Any = None

    def ask(self, path: str, method: str = "GET", body: Any = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body=body, headers=sent)
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())

    def post(self, path: str, content: Any, **headers: str) -> Answer:
        return self.ask(path, "POST", json.dumps(content).encode(), **({"Content_Type": "application/json"} | headers))

    def id_of(self, name: str) -> str:
        def listed() -> str | None:  # a run that has just begun is not in the first list
            return next((run["id"] for run in self.ask("/api/runs").json()["runs"] if run["name"] == name), None)

        return wait_for(listed)

    @contextlib.contextmanager
    def events(self, path: str) -> Iterator["Events"]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request("GET", path)
            yield Events(connection.getresponse())


class Events:
    """A stream of server-sent events."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.answer, self.seen = answer, list[tuple[str, Any]]()

    def until(self, name: str, is_it: Any = None) -> Any:
        """Read on until an event of that name, and give its content."""
        event, ends = "", time.monotonic() + 60
        while (line := self.answer.readline().decode()) and time.monotonic() < ends:
            if line.startswith("event: "):
                event = line[7:].strip()
            elif line.startswith("data: "):
                content = json.loads(line[6:])
                self.seen.append((event, content))
                if event == name and (is_it is None or is_it(content)):
                    return content
        raise AssertionError(f"the stream ended without {name}: {self.seen}")


@contextlib.contextmanager
def serving(root: Path, access: Access | None = None, grace: int = 3, *, demo: bool = False) -> Iterator[Served]:
    """Serve a directory from a thread; requests that do not end are cut off `grace` seconds after it was told to."""
    app, bound = build_app(root, access or Access(), demo=demo), bind("127.0.0.1", 0)
    config = configured(app)
    config.timeout_graceful_shutdown = grace
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    try:
        wait_for(lambda: server.started)
        yield Served(bound.getsockname()[1], app)
    finally:
        app.state.ending()
        server.should_exit = True
        thread.join(90)
        bound.close()
    assert not thread.is_alive()


@contextlib.contextmanager
def started(*arguments: str, cwd: Path | None = None) -> Iterator[subprocess.Popen[str]]:
    """Start `newllm ui` as a process of its own."""
    command = [sys.executable, "-P", "-m", "newllm.cli.main", "ui", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def wait_for(is_it: Any, seconds: float = 20.0) -> Any:
    """Return what `is_it` gives as soon as that is something."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if found := is_it():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come")


@pytest.fixture(scope="session", name="make_run")
def _make_run() -> Any:
    return make_run


@pytest.fixture(scope="session", name="serving")
def _serving() -> Any:
    return serving


@pytest.fixture(scope="session", name="started")
def _started() -> Any:
    return started


@pytest.fixture(scope="session", name="wait_for")
def _wait_for() -> Any:
    return wait_for


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs, one of them with a hostile name, and what lies beside them."""
    root = tmp_path_factory.mktemp("served") / "runs"
    make_run(root / "plain")
    make_run(root / "deep" / "<img src=x onerror=alert(1)> \u202e", rule="gated")
    (root.parent / "secret.txt").write_text("secret")
    return root


@pytest.fixture(scope="session")
def served(runs: Path) -> Iterator[Served]:
    with serving(runs) as server:
        yield server
