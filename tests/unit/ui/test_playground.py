"""The playground's server side, with real workers: one a model, few alive, and told in a line what is wrong."""

import asyncio
import contextlib
import http.client
import json
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

import newllm
from newllm.errors import UserError
from newllm.training.budget import Budget
from newllm.ui.app import build_app
from newllm.ui.guard import Access
from newllm.ui.players import MOST_ALIVE, Player, Players

Event = dict[str, Any]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, text: Path, tiny_settings: tuple[str, ...]) -> Path:
    """Three directories: two runs, and one that holds none."""
    root = tmp_path_factory.mktemp("runs")
    for number, body in enumerate(("stack", "cell")):
        settings = (*tiny_settings, f"model.body={body}", "data.tokenizer=bytes")
        newllm.train(str(text), preset="tiny", out=root / f"run-{number}", budget=Budget(steps=2), settings=settings)
    (root / "empty").mkdir()
    return root


async def events_of(lines: AsyncIterator[bytes]) -> list[Event]:
    return [json.loads(line) async for line in lines]


async def ask(player: Player, verb: str, **fields: Any) -> list[Event]:
    return await events_of(player.ask({"id": f"{verb}-{time.monotonic_ns()}", "verb": verb, **fields}))


def with_players(use: Callable[[Players], Awaitable[None]], idle: float = 60.0) -> None:
    """Run a test in an event loop; no worker outlives it."""

    async def run() -> None:
        players = Players(idle)
        try:
            await use(players)
        finally:
            await players.close()

    asyncio.run(asyncio.wait_for(run(), 120))


def pid_of(player: Player) -> int:
    assert player._process is not None
    return player._process.pid


@pytest.mark.slow
def test_one_worker_answers_for_a_run_and_keeps_its_branches(runs: Path) -> None:
    async def use(players: Players) -> None:
        player = await players.player(runs / "run-0", "best")
        assert (await ask(player, "branch", name="main"))[-1]["tokens_read"] == 1
        again = await players.player(runs / "run-0", "best")
        assert again is player
        assert (await ask(again, "read", branch="main", text="the whale"))[-1]["tokens_read"] == 10
        told = await ask(again, "write", branch="main", tokens=5)
        assert [event["event"] for event in told] == ["tokens"] * 5 + ["done"]
        assert await players.player(runs / "run-0", "0") is not player  # other weights, another worker

    with_players(use)


@pytest.mark.slow
def test_a_crash_is_told_in_one_line_and_the_next_request_starts_another(runs: Path) -> None:
    async def use(players: Players) -> None:
        player = await players.player(runs / "run-0", "best")
        await ask(player, "branch", name="main")
        writing = asyncio.ensure_future(ask(player, "write", branch="main", tokens=2000, temperature=0.01))
        await asyncio.sleep(0.3)
        os.kill(pid_of(player), signal.SIGKILL)
        last = (await writing)[-1]
        assert (last["event"], last["gone"]) == ("error", True)
        assert last["error"] == "the model's process ended (signal SIGKILL): ask again to start another"
        assert (await ask(player, "about"))[-1]["error"] == last["error"]  # who holds the dead one hears the same
        other = await players.player(runs / "run-0", "best")
        assert other is not player
        assert "there is no branch 'main'" in (await ask(other, "read", branch="main", text="a"))[-1]["error"]

    with_players(use)


@pytest.mark.slow
def test_a_run_that_holds_none_is_told_and_leaves_no_process(runs: Path) -> None:
    async def use(players: Players) -> None:
        player = await players.player(runs / "empty", "best")
        (event,) = await ask(player, "about")
        assert "holds no run" in event["error"]
        await asyncio.wait_for(player._tasks[0], 30)
        assert player.is_ended

    with_players(use)


@pytest.mark.slow
def test_of_three_models_the_one_that_was_asked_first_makes_room(runs: Path) -> None:
    assert MOST_ALIVE == 2

    async def use(players: Players) -> None:
        first = await players.player(runs / "run-0", "best")
        second = await players.player(runs / "run-1", "best")
        assert await players.player(runs / "run-0", "best") is first
        third = await players.player(runs / "run-0", "0")
        assert second.is_ended
        assert not first.is_ended
        waiting = [asyncio.ensure_future(ask(player, "about")) for player in (first, third)]
        await asyncio.sleep(0)
        with pytest.raises(UserError, match="2 other models are at work"):
            await players.player(runs / "run-1", "best")
        assert [events[-1]["event"] for events in await asyncio.gather(*waiting)] == ["done", "done"]

    with_players(use)


@pytest.mark.slow
def test_who_stops_listening_stops_the_request(runs: Path) -> None:
    async def use(players: Players) -> None:
        player = await players.player(runs / "run-0", "best")
        await ask(player, "branch", name="main")
        writing = player.ask({"id": "w", "verb": "write", "branch": "main", "tokens": 2000, "temperature": 0.01})
        await anext(writing)
        with pytest.raises(UserError, match="'w' is not finished"):
            await anext(player.ask({"id": "w", "verb": "about"}))
        await writing.aclose()
        assert not player.is_busy
        read = await ask(player, "read", branch="main", text="")
        assert read[-1]["tokens_read"] < 1500

    with_players(use)


@pytest.mark.slow
def test_a_worker_that_nobody_asks_ends_and_says_why(runs: Path) -> None:
    async def use(players: Players) -> None:
        player = await players.player(runs / "run-0", "best")
        await ask(player, "about")
        await asyncio.wait_for(player._tasks[0], 30)
        assert "nobody had asked it for a while" in (await ask(player, "about"))[-1]["error"]

    with_players(use, idle=0.3)


class Served:
    """A real server on a free port."""

    def __init__(self, root: Path) -> None:
        self.app = build_app(root, Access())
        self.server = uvicorn.Server(uvicorn.Config(self.app, port=0, log_level="warning", ws="none"))
        self._thread = threading.Thread(target=self.server.run)
        self._thread.start()
        while not self.server.started:
            time.sleep(0.02)
        self.port = self.server.servers[0].sockets[0].getsockname()[1]
        while not self.app.state.index.ready:
            time.sleep(0.02)

    def run(self, name: str) -> str:
        _, entries, _ = self.app.state.index.since(0)
        return next(entry.id for entry in entries if entry.name == name)

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        given = {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
        connection.request(method, path, body, given)
        answer = connection.getresponse()
        with contextlib.closing(connection):
            return answer.status, answer.read()

    def play(self, name: str, request: Any, **headers: str) -> tuple[int, list[Event]]:
        status, content = self.ask("POST", f"/api/run/{self.run(name)}/play", json.dumps(request).encode(), **headers)
        return status, [json.loads(line) for line in content.splitlines()]

    def close(self) -> None:
        self.server.should_exit = True
        self._thread.join(20)
        assert not self._thread.is_alive()


@pytest.fixture(scope="module")
def served(runs: Path) -> Iterator[Served]:
    served = Served(runs)
    yield served
    players = list(served.app.state.players._players.values())
    served.close()
    assert all(player.is_ended for player in players)


def test_a_request_is_passed_on_and_its_events_come_back(served: Served) -> None:
    assert served.play("run-0", {"id": "a", "verb": "branch", "name": "main"})[0] == 200
    status, events = served.play("run-0", {"id": "b", "verb": "write", "branch": "main", "tokens": 3})
    assert status == 200
    assert [event["event"] for event in events] == ["tokens"] * 3 + ["done"]
    assert events[-1]["tokens_read"] == 4


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ([], "the request has no id"),
        ({"verb": "about"}, "the request has no id"),
        ({"id": "x" * 41, "verb": "about"}, "the request has no id"),
    ],
)
def test_what_is_no_request_is_refused_in_one_line(served: Served, request_: Any, says: str) -> None:
    status, (event,) = served.play("run-0", request_)
    assert status == 400
    assert says in event["error"]


def test_a_mistake_is_an_event_so_that_a_page_tells_it_in_its_place(served: Served) -> None:
    for mistake, says in (({"snapshot": "../best"}, "give best, last or a step"), ({"verb": "abuot"}, "'about'?")):
        status, (event,) = served.play("run-0", {"id": "x", "verb": "about", **mistake})
        assert (status, event["id"], event["event"]) == (200, "x", "error")
        assert says in event["error"]


def test_neither_other_origins_nor_forms_nor_other_paths_reach_a_model(served: Served) -> None:
    about = {"id": "x", "verb": "about"}
    address, body = f"/api/run/{served.run('run-0')}/play", json.dumps(about).encode()
    assert served.ask("POST", address, body, Origin="http://evil.example")[0] == 403
    assert served.ask("POST", address, body, Host="evil.example")[0] == 403
    assert served.ask("POST", address, body, Content_Type="text/plain")[0] == 415
    assert served.ask("GET", address)[0] == 405
    assert served.ask("POST", address, b"{}" * 2**20)[0] == 413
    assert served.ask("POST", "/api/run/..%2F..%2Fetc/play", body)[0] == 404
    assert served.ask("POST", address, b"{")[0] == 400


def test_the_page_says_whose_it_is_and_loads_only_what_is_ours(served: Served) -> None:
    for lang, title in (("en", "Playground"), ("ja", "プレイグラウンド")):
        status, page = served.ask("GET", f"/run/{served.run('run-1')}/play?lang={lang}")
        assert status == 200
        assert f"<title>run-1 · {title} · newllm</title>" in page.decode()
    assert served.ask("GET", "/run/nobody/play")[0] == 404
