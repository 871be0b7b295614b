"""The real server in a child with few file descriptors: whoever opens connections and says nothing silences nobody."""

import asyncio
import contextlib
import itertools
import json
import signal
import socket
import struct
import subprocess
import sys
import urllib.request
from types import SimpleNamespace

import pytest
import uvicorn
from uvicorn.server import ServerState

from newllm.ui import connections
from newllm.ui.connections import most_connections

pytest.importorskip("resource", reason="the system counts no file descriptors")

CHILD = """
import resource, sys
from newllm.cli.main import main
from newllm.ui import connections, guard
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
connections.Connection.header_seconds, guard.BODY_SECONDS = map(float, sys.argv[2:])
sys.exit(main(["ui", sys.argv[1], "--port", "0", "--json"]))
"""
NEVER = "600"  # seconds


@contextlib.contextmanager
def child(runs, header=NEVER, body=NEVER):
    """Start the server; at its end it must have said nothing, whatever was done to it. Gives its address and port."""
    command = [sys.executable, "-P", "-c", CHILD, str(runs), header, body]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            url = json.loads(process.stdout.readline())["url"]
            yield url, int(url.rstrip("/").rpartition(":")[2])
            assert is_answered(url)
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=120) == ("", "")
        finally:
            process.kill()


def is_answered(url):
    with urllib.request.urlopen(url, timeout=120) as answer:
        return answer.status == 200


def first_run(url):
    """Return the id of a run, None as long as the list is not made."""
    with urllib.request.urlopen(f"{url}api/runs", timeout=120) as answer:
        return next((run["id"] for run in json.load(answer)["runs"]), None)


def opened(port, content=b""):
    connection = socket.create_connection(("127.0.0.1", port), timeout=120)
    connection.sendall(content)
    return connection


def request(port, path="/api/runs", more=""):
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{more}\r\n".encode()


def test_four_hundred_half_open_connections_silence_nobody(runs):
    with child(runs) as (url, port), contextlib.ExitStack() as held:
        for number in range(400):
            held.enter_context(opened(port, b"GET / HTTP/1.1\r\nHost: " if number % 2 else b""))
        assert is_answered(url)
        assert is_answered(url)


@pytest.mark.slow
def test_four_hundred_requests_whose_body_does_not_come_silence_nobody(runs, wait_for):
    with child(runs) as (url, port), contextlib.ExitStack() as held:
        run = wait_for(lambda: first_run(url), 120)
        head = f"POST /api/run/{run}/jobs HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Type: application/json\r\n"
        for _ in range(400):
            with contextlib.suppress(ConnectionError):
                post = f"{head}Content-Length: 100\r\nExpect: 100-continue\r\n\r\n"
                held.enter_context(opened(port, post.encode())).recv(12)  # it is waited for
        assert is_answered(url)
        assert is_answered(url)


@pytest.mark.slow
def test_four_hundred_streams_silence_nobody(runs, wait_for):
    with child(runs) as (url, port), contextlib.ExitStack() as held:
        run = wait_for(lambda: first_run(url), 120)
        for _ in range(400):
            with contextlib.suppress(ConnectionError):
                stream = held.enter_context(opened(port, request(port, f"/api/run/{run}/live")))
                stream.recv(12)  # it is being answered
        assert is_answered(url)
        assert is_answered(url)


@pytest.mark.slow
def test_who_waits_for_an_answer_is_not_sent_away_for_others(runs, wait_for):
    with child(runs) as (url, port), contextlib.ExitStack() as held:
        run = wait_for(lambda: first_run(url), 120)
        stream = held.enter_context(opened(port, request(port, f"/api/run/{run}/live")))
        assert stream.recv(12) == b"HTTP/1.1 200"
        for _ in range(200):
            held.enter_context(opened(port))
        assert is_answered(url)
        stream.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                assert stream.recv(1 << 16) != b""  # it has not ended


@pytest.mark.slow
def test_the_head_of_a_request_must_come_in_time_that_of_a_second_one_too(runs):
    with child(runs, header="0.5") as (_, port):
        for before in (b"", b"GET / HT", request(port), request(port) + b"G"):
            answer = b""
            with opened(port, before) as connection:
                while more := connection.recv(1 << 16):
                    answer += more
            assert answer.startswith(b"HTTP/1.1 200" if before.startswith(request(port)) else b"")
            assert bool(answer) == before.startswith(request(port))


@pytest.mark.slow
def test_the_body_of_a_request_must_come_in_time(runs, wait_for):
    with child(runs, body="0.3") as (url, port):
        run = wait_for(lambda: first_run(url), 120)
        head = f"POST /api/run/{run}/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        with opened(port, f"{head}Content-Length: 100\r\n\r\n{{".encode()) as connection:
            assert connection.recv(12) == b"HTTP/1.1 408"


def test_who_hangs_up_or_speaks_no_http_is_no_line_on_the_terminal(runs, wait_for):
    with child(runs) as (url, port):
        run = wait_for(lambda: first_run(url), 120)
        post = f"POST /api/run/{run}/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        for content in (
            b"", b"\x16\x03\x01\x00\xff" * 20, b"GET\r\n\r\n", request(port), request(port, f"/api/run/{run}/live"),
            f"{post}Content-Length: 100\r\n\r\n{{".encode(), f"{post}Transfer-Encoding: chunked\r\n\r\nzz".encode(),
            request(port, more="Connection: Upgrade\r\nUpgrade: websocket\r\n"), b"GET / HTTP/1.1\r\n" + b"x" * 100_000,
        ):  # fmt: skip
            for reset in (False, True):
                with contextlib.suppress(ConnectionError), opened(port, content) as connection:
                    if reset:
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            assert is_answered(url)


def test_what_follows_an_answer_and_is_no_http_is_no_line_on_the_terminal(runs, wait_for):
    """The head is whole, so that the answer is on its way when the body turns out to be none."""
    with child(runs) as (url, port):
        run = wait_for(lambda: first_run(url), 120)
        for host, name in (("localhost", run), ("localhost", "0"), ("evil", "0")):
            head = f"POST /api/run/{name}/jobs HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            chunked = f"{head}Transfer-Encoding: chunked\r\n\r\n".encode()
            for first, then in ((chunked, b"zz\r\nnonsense\r\n"), (chunked + b"zz\r\n", b"")):
                with contextlib.suppress(ConnectionError), opened(port, first) as one:
                    if name == "0" and then:
                        assert one.recv(1) == b"H"
                    one.sendall(then)
                    while one.recv(1 << 16):
                        pass


@pytest.mark.parametrize(
    ("descriptors", "most"), [(-1, 512), (10, 1), (34, 1), (36, 2), (256, 112), (1056, 512), (1054, 511), (4096, 512)]
)
def test_half_of_the_descriptors_are_for_connections(monkeypatch, descriptors, most):
    monkeypatch.setattr("resource.getrlimit", lambda _: (descriptors, 1 << 20))
    assert most_connections() == most


class Line(asyncio.Transport):
    """Stands in for what a connection is made over."""

    def __init__(self):
        super().__init__()
        self.aborted = False

    def is_closing(self):
        return self.aborted

    def abort(self):
        self.aborted = True

    def get_write_buffer_size(self):
        return 0


@pytest.mark.parametrize(
    ("busy", "aborted"),
    [("bb.", 0), ("b..", 1), (".b.", 0), ("...", 0), ("..", None)],
)
def test_of_too_many_who_waits_longest_makes_room_or_whose_answer_takes_longest(monkeypatch, busy, aborted):
    """The last that came is never sent away for others."""
    monkeypatch.setattr(connections, "most_connections", lambda: 2)

    async def made():
        state, lines, now = ServerState(), [], itertools.count()
        config = uvicorn.Config(lambda: None, log_level="error", lifespan="off", ws="none", http="h11")
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: float(next(now)))
        for state_of in busy:
            connection, line = connections.Connection(config, state, {}), Line()
            connection.connection_made(line)
            if state_of == "b":
                connection.cycle = SimpleNamespace(response_complete=False)  # pyrefly: ignore
            lines.append((connection, line))
        for connection, _ in lines:
            connection._deadline.cancel()
        return [line.aborted for _, line in lines]

    assert asyncio.run(made()) == [place == aborted for place in range(len(busy))]
