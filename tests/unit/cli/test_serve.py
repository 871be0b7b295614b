"""`newllm serve`: what it says and refuses, without a server."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

ADDRESS = "http://127.0.0.1:8000/"


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Serve nothing: be ready at once."""
    asked: list[Any] = []

    def serve(settings: Any, ready: Any) -> None:
        asked.append(settings)
        ready(ADDRESS, [run.name for run in settings.runs])

    monkeypatch.setattr("newllm.serve.server.serve", serve)
    return asked


@pytest.mark.usefixtures("served")
def test_what_it_says_when_it_is_ready(call) -> None:
    done = call("serve", "runs/a", "runs/b")
    kept = "Responses are kept until it ends; --store DIR keeps them longer."
    assert (done.code, done.out, done.err) == (0, f"newllm serve: {ADDRESS}v1 (a, b)\n{kept}\n", "")
    assert call("serve", "runs/a", "--store", "dir").out == f"newllm serve: {ADDRESS}v1 (a)\n"
    assert call("serve", "runs/a", "--quiet").out == ""
    assert json.loads(call("serve", "runs/a", "--json").out) == {
        "schema": 1,
        "url": ADDRESS.rstrip("/"),
        "models": ["a"],
    }


def test_the_options(call, served) -> None:
    call("serve", "a")
    call(
        "serve", "a", "--host", "::1", "--port", 0, "--snapshot", "last", "--weights", "int8", "--store", "dir",
        "--store-bytes", 5000, "--key-bytes", 900, "--store-days", 0.5, "--keys", "k.toml",
        "--chat-template", "t", "--streams", 7, "--cors", "https://a.example", "--cors", "https://b.example",
    )  # fmt: skip
    plain, full = served
    assert (plain.host, plain.port, plain.store, plain.keys, plain.template) == ("127.0.0.1", 8000, None, None, None)
    assert (plain.worker, plain.streams, plain.origins) == (("--snapshot", "best", "--weights", "fp32"), 2048, ())
    assert (plain.limits.seconds, full.limits.seconds, full.limits.bytes) == (30 * 86400, 43200, 5000)
    assert (plain.limits.owner_bytes, full.limits.owner_bytes) == (None, 900)
    call("serve", "a", "--store-bytes", 4000)
    assert (served[2].limits.memory_bytes, served[2].limits.bytes) == (4000, plain.limits.bytes)
    assert (full.host, full.port, full.store, full.streams) == ("::1", 0, "dir", 7)
    assert (full.keys, full.template) == (Path("k.toml"), Path("t"))
    assert full.worker == ("--snapshot", "last", "--weights", "int8")
    assert full.origins == ("https://a.example", "https://b.example")


def test_a_new_key(call) -> None:
    first, _, *lines = call("serve", "--new-key", "alice").out.splitlines()
    assert first.startswith("The key of alice, shown this once: newllm-")
    assert tomllib.loads("\n".join(lines)).keys() == {"alice"}
    key, *lines = call("serve", "--new-key", "alice", "--quiet").out.splitlines()
    assert key.startswith("newllm-")
    assert lines[0] == "[alice]"
    printed = json.loads(call("serve", "--new-key", "alice", "--json").out)
    assert printed["name"] == "alice"
    assert printed["lines"].startswith("[alice]\nsha256 = ")


def test_mistakes_are_one_line(refused, tmp_path: Path) -> None:
    assert "no RUN is named: give the run directories to serve" in refused("serve")
    assert "--new-key makes a key and serves nothing: drop 'a'" in refused("serve", "a", "--new-key", "b")
    assert "--new-key: 'a b' is no name of a key" in refused("serve", "--new-key", "a b")
    assert "--port 65536: a port is a number from 0" in refused("serve", "a", "--port", 65536)
    assert "--streams 0: it must be 1 or more" in refused("serve", "a", "--streams", 0)
    assert "store limit memory_bytes 0: give a number above 0" in refused("serve", "a", "--store-bytes", 0)
    assert "--store-bytes: how much a Redis server keeps is its own maxmemory: set that" in refused(
        "serve", "a", "--store", "redis://localhost", "--store-bytes", 9000
    )
    assert "store limit seconds nan" in refused("serve", "a", "--store-days", "nan")
    assert "--host 0.0.0.0: others can reach it, so it needs --keys FILE" in refused("serve", "a", "--host", "0.0.0.0")
    assert "--cors '*' lets every page of the web ask" in refused("serve", "a", "--cors", "*")
    assert "--keys 'none.toml' cannot be read" in refused("serve", "a", "--keys", "none.toml")
    assert "two runs are called 'a'" in refused("serve", "x/a", "y/a")
    assert "chat template 'none.jinja' cannot be read" in refused("serve", "a", "--chat-template", "none.jinja")
    assert "there is no such address" in refused("serve", "a", "--host", "nowhere.invalid", "--keys", _keys(tmp_path))


def test_a_package_that_is_missing(call, refused, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("newllm.extras.is_installed", lambda package: package != "prometheus_client")
    assert "needs the package prometheus_client, which is not installed: pip install 'newllm[serve]'" in refused(
        "serve", "a"
    )
    assert call("serve", "--new-key", "a").code == 0


def test_a_port_that_is_in_use(refused) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as used:
        port = used.getsockname()[1]
        assert f"--port {port} is in use, or not yours to take" in refused("serve", "a", "--port", port)


def _keys(folder: Path) -> Path:
    from newllm.serve.keys import new_key

    (folder / "keys.toml").write_text(new_key("alice")[1])
    return folder / "keys.toml"
