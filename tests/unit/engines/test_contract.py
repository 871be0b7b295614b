"""What every engine keeps to, on each that is installed: order, failures, deaths, deadlines, and none left behind."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from newllm.engines import Died, Done, Ended, Engine, Failed, Pool
from newllm.errors import UserError

Start = Callable[..., Pool[tuple[str, Any], Any]]


@pytest.fixture
def start(jobs: ModuleType, engine_name: str, tmp_path: Path) -> Start:
    return lambda number=1: Engine(engine_name, number).pool(jobs.work, jobs.prepare, tmp_path / "results")


def all_of(pool: Pool[tuple[str, Any], Any]) -> list[Ended[tuple[str, Any], Any]]:
    heard = []
    while pool.unfinished:
        outcome = pool.next(60)
        assert outcome is not None, "nothing came in a minute"
        heard.append(outcome)
    return heard


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def test_results_come_in_order_and_further_tasks_may_be_added(start: Start) -> None:
    with start() as pool:
        assert pool.next() is None
        for number in (1, 2, 3):
            pool.submit(("square", number))
        assert pool.unfinished == 3
        assert pool.next() == Done(("square", 1), 1)
        pool.submit(("square", 4))
        assert pool.unfinished == 3
        assert all_of(pool) == [Done(("square", number), number**2) for number in (2, 3, 4)]
        assert pool.unfinished == 0
        assert pool.next(0) is None


def test_two_workers_work_at_the_same_time_and_no_more_than_were_asked_for(start: Start, tmp_path: Path) -> None:
    with start(2) as pool:
        assert pool.workers == 2
        pool.submit(("sleep", str(tmp_path / "sleeps")))
        wait_for(tmp_path / "sleeps")
        pool.submit(("square", 3))
        pool.submit(("sleep", str(tmp_path / "sleeps too")))
        pool.submit(("sleep", str(tmp_path / "waits")))
        assert pool.next(60) == Done(("square", 3), 9)
        wait_for(tmp_path / "sleeps too")
        assert pool.next(1) is None
        assert not (tmp_path / "waits").exists()


def test_workers_are_prepared_and_work_where_the_driver_does(start: Start) -> None:
    with start() as pool:
        pool.submit(("state", 0))
        pool.submit(("place", 0))
        (state, place) = all_of(pool)
    assert isinstance(state, Done)
    assert state.result[0] != os.getpid()
    assert state.result[1] == 1
    assert place == Done(("place", 0), str(Path.cwd()))


def test_a_task_that_fails_is_told_and_the_others_go_on(start: Start) -> None:
    with start() as pool:
        for task in (("fail", "mistake"), ("fail", "defect"), ("gone", 0), ("unpicklable", 0), ("square", 5)):
            pool.submit(task)
        mistake, defect, gone, unpicklable, last = all_of(pool)
    assert mistake == Failed(("fail", "mistake"), "this one cannot be")
    assert defect == Failed(("fail", "defect"), "KeyError: 'this one cannot be'")
    assert gone == Failed(("gone", 0), "KeyError: 'gone'")
    assert isinstance(unpicklable, Failed)
    assert "lambda" in unpicklable.why
    assert last == Done(("square", 5), 25)


def test_mistakes_of_the_call_are_told(start: Start) -> None:
    with pytest.raises(UserError, match="--workers 0: it must be at least 1"):
        start(0)
    with start() as pool:
        with pytest.raises((AttributeError, TypeError, ValueError), match="lambda"):
            pool.submit(("square", lambda: 0))
        assert pool.unfinished == 0
    with pytest.raises(ValueError, match="closed"):
        pool.submit(("square", 1))
    assert pool.next() is None
    pool.close()


def test_a_worker_that_is_killed_is_replaced_and_its_task_comes_first(
    start: Start, engine_name: str, tmp_path: Path
) -> None:
    task = ("die_once", str(tmp_path / "died"))
    with start() as pool:
        pool.submit(task)
        pool.submit(("square", 2))
        died, *others = all_of(pool)
    assert died == Died(task, -signal.SIGKILL if engine_name == "local" else None)
    assert others == [Done(task, "alive"), Done(("square", 2), 4)]


def test_a_task_of_which_three_workers_died_is_given_up(start: Start, tmp_path: Path) -> None:
    task = ("note_and_die", str(tmp_path / "begun"))
    with start() as pool:
        pool.submit(task)
        pool.submit(("square", 2))
        *deaths, failed, last = all_of(pool)
    assert [type(death) for death in deaths] == [Died] * 3
    assert [failed, last] == [Failed(task, "its worker died 3 times"), Done(("square", 2), 4)]
    assert (tmp_path / "begun").read_text().splitlines() == ["begun"] * 3


@pytest.mark.parametrize("sleep", ["sleep", "sleep_on"])
def test_closing_ends_what_runs_and_what_waits(start: Start, tmp_path: Path, sleep: str) -> None:
    with start() as pool:
        pool.submit((sleep, str(tmp_path / "sleeps")))
        pool.submit(("square", 1))
        wait_for(tmp_path / "sleeps")
        worker = int((tmp_path / "sleeps").read_text())
        begun = time.monotonic()
        assert pool.next(0.2) is None
        assert pool.next(-1) is None
        assert pool.unfinished == 2
        assert is_alive(worker)
    assert time.monotonic() - begun < 30
    while is_alive(worker) and time.monotonic() - begun < 30:  # Ray says that it has gone a moment before it has
        time.sleep(0.1)
    assert not is_alive(worker)
    assert pool.unfinished == 0
    assert pool.next() is None
    assert not (tmp_path / "results" / ".engine").exists()
