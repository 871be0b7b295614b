"""What runs replays: it begins none when its time is up, and ends what runs."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from newllm.engines import Engine
from newllm.errors import UserError
from newllm.replays.replica.trajectory import Trajectory, Until
from newllm.replays.session.runner import Runner
from newllm.replays.session.store import Store
from newllm.replays.session.task import Replayer, Task
from newllm.replays.subjects.loop import Loop
from newllm.time_limit import OutOfTime, TimeLimit

# What workers replay must stand in a module that they can import: its batches never come to an end.
ENDLESS = """
import time

import torch

from newllm.replays.subjects.loop import Loop


def build(seed):
    model = torch.nn.Linear(2, 1)
    return model, torch.optim.SGD(model.parameters(), 0.1)


def batch(step):
    while step:
        time.sleep(0.1)
    return torch.ones(4, 2)


def loss(model, given):
    return (model(given) ** 2).mean()


loop = Loop(build, batch, loss, 10)
"""


WHOLE = Trajectory(0, [1], [1.0], [1.0], probe_steps=[0], probe=[1.0]).as_dict()


def _task(replay: int) -> Task:
    return Task("", 0, replay, Until(None, 10, 10, 5), 5, 6, (0, 4, 6))


def _nothing(step: int) -> None:  # noqa: ARG001 (the form of what gives states)
    return None


@pytest.fixture
def endless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Loop:
    (tmp_path / "endless_training.py").write_text(ENDLESS)
    monkeypatch.syspath_prepend(tmp_path)
    import endless_training  # type: ignore[import-not-found]

    return endless_training.loop


@pytest.mark.slow
def test_a_worker_that_is_at_it_when_the_time_is_up_is_ended(endless: Loop, ticks: Callable[[], Callable[[], float]]):
    heard: list[Task] = []
    limit = TimeLimit(20, ticks())
    with Runner(
        Replayer(endless, _nothing), Store(None, {}), Engine("local", 2), lambda task, _: heard.append(task), limit
    ) as runner:
        runner.run([_task(replay) for replay in range(3)], limit.end)
        assert limit.left <= 0
        assert runner._pool is not None
        assert runner._pool.unfinished == 0  # what ran is gone
        runner.run([_task(3)], limit.end)  # nothing begins any more
    assert heard == []


def test_what_an_earlier_command_ran_is_heard_of_once_when_it_is_asked_for(endless: Loop):
    store, heard, limit = Store(None, {}), [], TimeLimit(20, itertools.repeat(0.0).__next__)
    tasks = [_task(0), _task(1)]
    for task in tasks:
        store.put(task, WHOLE)
    runner = Runner(Replayer(endless, _nothing), store, None, lambda task, _: heard.append(task), limit)
    assert runner.missing(tasks[:1]) == []
    assert heard == []
    runner.run(tasks, limit.end)
    assert heard == tasks
    runner.run(tasks, limit.end)
    assert heard == tasks


def test_nothing_begins_after_its_stage():
    def fail(_: Task, before_update: Callable[[], object]) -> dict[str, object]:
        raise AssertionError(before_update)

    limit = TimeLimit(100, itertools.count(step=10).__next__)
    runner = Runner(fail, Store(None, {}), None, lambda *_: None, limit)  # type: ignore[arg-type]
    runner.run([_task(0)], by=0)
    assert runner.get(_task(0)) is None


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_a_time_of_nothing_is_refused(seconds: float):
    with pytest.raises(UserError, match=f"--budget {seconds}: give seconds above 0"):
        TimeLimit(seconds)


def test_time_runs_from_where_it_began_and_leaves_some_for_the_verdict():
    now = 1000.0
    limit = TimeLimit(120, lambda: now)
    assert (limit.spent, limit.end) == (0.0, 114.0)
    now = 1113.0
    limit.check()
    now = 1114.0
    with pytest.raises(OutOfTime):
        limit.check()
    assert TimeLimit(3600, lambda: now).end == 3590.0
