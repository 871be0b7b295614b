import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import sys
import urllib.request
from functools import partial

import pytest

from newllm.cli.main import main
from newllm.errors import UserError
from newllm.ui.app import build_app
from newllm.ui.connections import Connection
from newllm.ui.guard import Access
from newllm.ui.server import _address, _Server, bind, configured

NO_TORCH = """
import sys, threading, urllib.request, json, time
from pathlib import Path
from newllm.ui import serve
def ready(address):
    def ask():
        get = lambda path: urllib.request.urlopen(address + path).read()
        while not (runs := json.loads(get("api/runs"))["runs"]): time.sleep(0.05)
        id = runs[0]["id"]
        for path in ("", "studies", f"compare?runs={id}", f"run/{id}", f"api/run/{id}/sections"):
            get(path)
        for path in (f"api/compare?runs={id}", f"api/sparks?ids={id}"):
            get(path)
        import newllm.cli.ui
        print(json.dumps(sorted(name for name in sys.modules if name.split(".")[0] == "torch")), flush=True)
        import os, signal
        os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=ask).start()
try:
    serve(Path(sys.argv[1]), host="127.0.0.1", port=0, token="x", ready=ready)
except KeyboardInterrupt:
    pass
"""


def test_the_server_never_imports_torch(runs):
    done = subprocess.run([sys.executable, "-P", "-c", NO_TORCH, str(runs)], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr, done.returncode) == ("[]\n", "", 0)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_json_is_one_object_and_a_signal_ends_it_cleanly(runs, started, number):
    with started(str(runs), "--port", "0", "--json") as server:
        told = json.loads(server.stdout.readline())
        assert told.keys() == {"schema", "url"}
        with urllib.request.urlopen(told["url"]) as answer:
            assert answer.status == 200
        server.send_signal(number)
        assert server.communicate(timeout=20) == ("", "")
        assert server.returncode == 128 + number


def test_a_connection_that_was_accepted_a_moment_before_the_end_does_not_hold_it_up(runs, caplog):
    app, (client, accepted), late = build_app(runs, Access()), socket.socketpair(), []

    def ending() -> None:
        loop = asyncio.get_running_loop()
        made = partial(Connection, server.config, server.server_state, server.lifespan.state, _loop=loop)
        late.append(asyncio.ensure_future(loop.connect_accepted_socket(made, accepted)))
        app.state.ending()

    def ready() -> None:
        server.should_exit = True

    server = _Server(configured(app), ready, ending)
    with client, bind("127.0.0.1", 0) as bound:
        client.settimeout(20)
        server.run(sockets=[bound])
        assert (late[0].done(), client.recv(1)) == (True, b"")
    assert "timeout graceful shutdown exceeded" not in caplog.text


def test_one_line_tells_the_address_and_the_default_is_runs(tmp_path, make_run, started):
    make_run(tmp_path / "runs" / "one")
    make_run(tmp_path / "elsewhere")
    with started("--port", "0", cwd=tmp_path) as server:
        line = server.stdout.readline()
        assert line.startswith("newllm ui: http://127.0.0.1:")
        assert line.endswith("  (runs below ./runs)\n")
        address = line.split()[2]
        names: list[str] = []
        while not names:
            with urllib.request.urlopen(f"{address}api/runs") as answer:
                names = [run["name"] for run in json.load(answer)["runs"]]
        assert names == ["one"]


def test_without_runs_the_line_tells_which_directory_is_shown(tmp_path, started):
    with started("--port", "0", cwd=tmp_path) as server:
        line = server.stdout.readline()
        assert line.endswith(
            "/  (runs below the current directory, which has no folder 'runs'; newllm ui --demo shows packaged ones)\n"
        )


def test_bound_elsewhere_the_address_holds_a_token_also_when_quiet(runs, started):
    with started(str(runs), "--port", "0", "--host", "0.0.0.0", "--quiet") as server:
        address = server.stdout.readline().split()[-1]
        assert "?token=" in address
        port = address.split(":")[2].split("/")[0]
        token = address.split("token=")[1]
        assert len(token) >= 32
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/?token={token}") as answer:
            assert answer.status == 200


def test_the_next_free_port_is_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with bind("127.0.0.1", port) as found:
            assert port < found.getsockname()[1] <= port + 50


def test_two_that_start_at_once_take_two_ports():
    with bind("127.0.0.1", 0) as probe:
        port = probe.getsockname()[1]
    with bind("127.0.0.1", port) as one, bind("127.0.0.1", port) as other:
        assert one.getsockname()[1] != other.getsockname()[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no-such-directory"], "'no-such-directory' is no directory"),
        ([".", "--port", "70000"], "--port 70000"),
        ([".", "--host", "no such host"], "--host no such host"),
        ([".", "--host", "192.0.2.1"], "--host 192.0.2.1"),
    ],
)
def test_mistakes_are_one_line(tmp_path, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(tmp_path)
    assert main(["ui", *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_behind_the_last_port_there_is_none():
    with socket.socket() as last:
        last.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):  # somebody else has it
            last.bind(("127.0.0.1", 65535))
            last.listen()
        with pytest.raises(UserError, match="--port 65535: neither it nor one of the 50 after it is free"):
            bind("127.0.0.1", 65535)


@pytest.mark.parametrize(
    ("host", "access", "address"),
    [
        ("127.0.0.1", Access(), "http://127.0.0.1:7/"),
        ("::1", Access(), "http://[::1]:7/"),
        ("10.0.0.1", Access(token="t"), "http://10.0.0.1:7/?token=t"),
        ("0.0.0.0", Access(token="t"), f"http://{socket.gethostname()}:7/?token=t"),
        ("::", Access(token="t"), f"http://{socket.gethostname()}:7/?token=t"),
    ],
)
def test_the_address_to_open(host, access, address):
    assert _address(host, 7, access) == address
