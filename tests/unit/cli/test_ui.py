"""`newllm ui`: what it says of the page that it opens, without opening one."""

import json
import webbrowser
from pathlib import Path
from typing import Any

import pytest

from newllm.demo import SET

ADDRESS = "http://127.0.0.1:8321/"


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Serve nothing: be ready at once, at the address with a token where the host is another."""
    asked: list[dict[str, Any]] = []

    def serve(root: Path, *, host: str, port: int, token: str, ready: Any, demo: bool) -> None:
        asked.append({"root": root, "host": host, "port": port, "token": token, "demo": demo})
        ready(ADDRESS if host == "127.0.0.1" else f"{ADDRESS}?token=t")

    monkeypatch.setattr("newllm.ui.serve", serve)
    return asked


def test_where_it_looks_is_said_where_nobody_named_it(call, served) -> None:
    where = "runs below the current directory, which has no folder 'runs'; newllm ui --demo shows packaged ones"
    assert call("ui").out == f"newllm ui: {ADDRESS}  ({where})\n"
    Path("runs").mkdir()
    done = call("ui")
    assert (done.code, done.out, done.err) == (0, f"newllm ui: {ADDRESS}  (runs below ./runs)\n", "")
    assert call("ui", "runs", "--port", 65535).out == f"newllm ui: {ADDRESS}\n"
    assert [one["root"] for one in served] == [Path(), Path("runs"), Path("runs")]
    assert [one["port"] for one in served] == [8321, 8321, 65535]
    assert {one["host"] for one in served} == {"127.0.0.1"}
    assert len({one["token"] for one in served}) == 3
    assert all(len(one["token"]) == 32 for one in served)  # 24 bytes in base64


def test_the_demo(call, served) -> None:
    assert call("ui", "--demo").out == f"newllm ui: {ADDRESS}  (the packaged demo, read-only)\n"
    call("ui")
    assert [(one["root"], one["demo"]) for one in served] == [(SET, True), (Path(), False)]


def test_quiet_tells_an_address_that_nobody_could_guess_and_json_any(call, served) -> None:
    assert call("ui", "--quiet").out == ""
    assert call("ui", "--quiet", "--host", "0.0.0.0", "--port", 0).out == f"newllm ui: {ADDRESS}?token=t\n"
    assert json.loads(call("ui", "--json", "--quiet").out) == {"schema": 1, "url": ADDRESS}
    assert served[1]["port"] == 0


@pytest.mark.usefixtures("served")
def test_it_opens_a_browser_where_it_is_asked_to(call, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: opened.append(address) or len(opened) < 2)
    assert call("ui").err == ""
    assert opened == []
    assert call("ui", "--open").err == ""
    assert "no browser could be opened: open the address yourself" in call("ui", "--open").err
    assert opened == [ADDRESS] * 2


@pytest.mark.usefixtures("served")
def test_mistakes_are_one_line(refused) -> None:
    assert "'nowhere' is no directory: name the one that holds your runs" in refused("ui", "nowhere")
    for port in (-1, 65536):
        assert f"--port {port}: a port is a number from 0" in refused("ui", "--port", port)
