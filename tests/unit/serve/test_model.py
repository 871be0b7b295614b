"""Which worker a model has after deaths and reloads, with workers that are no processes."""

import asyncio
import io
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from newllm.serve import model as module
from newllm.serve.log import Log
from newllm.serve.metrics import Metrics
from newllm.serve.model import Model
from newllm.serve.worker import Ready, WorkerOptions


class Stub:
    """A worker that loads when it is told to, or at once; `all` are those of a test, `best` is their best snapshot."""

    all: list["Stub"]
    at_once = True
    best = 20

    def __init__(self, _: str, options: WorkerOptions, *__: Any) -> None:
        self.wanted = options.arguments[-1]
        self.ready: Ready | None = None
        self.ended, self.closed, self.loads = asyncio.Event(), False, asyncio.Event()
        self.why, self.is_busy = "it died", False
        self.all.append(self)

    async def start(self) -> Ready:
        if not self.at_once:
            await self.loads.wait()
        self.ready = Ready(self.best if self.wanted == "best" else int(self.wanted), "f", 256, 1, 8, "fp32")
        return self.ready

    async def close(self) -> None:
        self.closed = True
        self.ended.set()

    @property
    def lives(self) -> bool:
        return not self.ended.is_set()


Test = Callable[[Model], Coroutine[Any, Any, None]]


@pytest.fixture
def run_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Test], list[dict[str, Any]]]:
    """Run a test with a model that is not loaded yet; return what was logged."""
    monkeypatch.setattr(module, "Worker", Stub)
    monkeypatch.setattr(module, "_FIRST_PAUSE", 0.02)
    monkeypatch.setattr(Stub, "all", [], raising=False)
    told = io.StringIO()

    async def running(test: Test) -> None:
        options = WorkerOptions(tmp_path, ("--snapshot", "best"))
        model = Model("it", options, Log(told), Metrics())
        try:
            await asyncio.wait_for(test(model), 5)
        finally:
            await model.close()

    def run(test: Test) -> list[dict[str, Any]]:
        asyncio.run(running(test))
        return [json.loads(line) for line in told.getvalue().splitlines()]

    return run


async def until(is_it: Callable[[], Any]) -> None:
    while not is_it():
        await asyncio.sleep(0.001)


def test_a_reload_while_a_dead_worker_waits_leaves_one(run_with) -> None:
    async def test(model: Model) -> None:
        await model.start()
        Stub.all[0].ended.set()
        await asyncio.sleep(0.005)
        await model.reload()
        await asyncio.sleep(0.1)
        assert [one.lives for one in Stub.all] == [False, True]
        Stub.all[1].ended.set()  # it is watched
        await until(lambda: len(Stub.all) == 3 and model.ready)

    events = [line["event"] for line in run_with(test) if line["event"] != "snapshot_gone"]
    assert events == [*["loaded", "worker_ended"] * 2, "loaded"]


def test_a_reload_while_it_is_loaded_leaves_one(run_with, monkeypatch) -> None:
    async def test(model: Model) -> None:
        monkeypatch.setattr(Stub, "at_once", False)
        loading = [asyncio.create_task(work()) for work in (model.start, model.reload)]
        while not all(task.done() for task in loading):
            await asyncio.sleep(0.005)
            Stub.all[-1].loads.set()  # the last one first
            await asyncio.sleep(0.005)
            Stub.all[0].loads.set()
        await until(lambda: [one.lives for one in Stub.all] == [False, True])
        assert model.ready is Stub.all[1].ready

    run_with(test)


def test_after_a_death_the_same_snapshot_is_served_until_a_reload(run_with, monkeypatch, tmp_path) -> None:
    async def test(model: Model) -> None:
        async def dies() -> int:
            before = len(Stub.all)
            Stub.all[-1].ended.set()
            await until(lambda: len(Stub.all) > before and model.ready)
            return model.check_ready().snapshot_step

        for step in (20, 60):
            (place := tmp_path / "snapshots" / f"step-{step:08d}").mkdir(parents=True)
            (place / "state.json").touch()
        await model.start()
        monkeypatch.setattr(Stub, "best", 60)
        assert [await dies(), await dies()] == [20, 20]
        await model.reload()
        assert model.check_ready().snapshot_step == 60
        monkeypatch.setattr(Stub, "best", 80)
        assert await dies() == 60
        (tmp_path / "snapshots" / "step-00000060" / "state.json").unlink()
        assert await dies() == 80

    gone = [line for line in run_with(test) if line["event"] == "snapshot_gone"]
    assert [(line["model"], line["step"]) for line in gone] == [("it", 60)]
