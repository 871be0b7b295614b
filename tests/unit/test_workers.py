"""Worker processes: what comes back, deaths, deadlines, and that none is left behind."""

import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from newllm import workers
from newllm.workers import Died, Done, Ended, Failed, Workers

# What workers do must stand in a module that they can import.
SOURCE = """
import os
import signal
import time

from newllm.errors import UserError

prepared = 0


def prepare():
    global prepared
    prepared += 1


def work(task):
    name, value = task
    return globals()[name](value)


def square(number):
    return number * number


def state(_):
    return os.getpid(), prepared


def fail(kind):
    raise {"mistake": UserError, "defect": KeyError}[kind]("this one cannot be")


def unpicklable(_):
    return lambda: 0


def die(code):
    os._exit(code)


def die_once(place):
    if not os.path.exists(place):
        open(place, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


def interrupt(_):
    os.kill(os.getpid(), signal.SIGINT)
    return "still here"


def sleep(place):
    open(place, "w").close()
    time.sleep(120)


def sleep_on(place):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sleep(place)
"""


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    (tmp_path / "jobs_of_workers.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("jobs_of_workers")
    del sys.modules["jobs_of_workers"]


def start(jobs: ModuleType, number: int = 1) -> Workers[tuple[str, Any], Any]:
    return Workers(jobs.work, number, jobs.prepare)


def all_of(pool: Workers[tuple[str, Any], Any]) -> list[Ended[tuple[str, Any], Any]]:
    heard = []
    while (outcome := pool.next()) is not None:
        heard.append(outcome)
    return heard


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_results_come_in_order_and_further_tasks_may_be_added(jobs) -> None:
    with start(jobs) as pool:
        assert pool.next() is None
        for number in (1, 2, 3):
            pool.submit(("square", number))
        assert pool.unfinished == 3
        assert pool.next() == Done(("square", 1), 1)
        pool.submit(("square", 4))
        assert pool.unfinished == 3
        assert all_of(pool) == [Done(("square", number), number**2) for number in (2, 3, 4)]
        assert pool.unfinished == 0


def test_workers_stay_and_are_prepared_once(jobs) -> None:
    with start(jobs, 2) as pool:
        for number in range(12):
            pool.submit(("state", number))
        states = {outcome.result for outcome in all_of(pool) if isinstance(outcome, Done)}
    assert 1 <= len({pid for pid, _ in states}) <= 2
    assert {prepared for _, prepared in states} == {1}
    assert os.getpid() not in {pid for pid, _ in states}


def test_two_workers_work_at_the_same_time(jobs, tmp_path) -> None:
    with start(jobs, 2) as pool:
        pool.submit(("sleep", str(tmp_path / "sleeps")))
        pool.submit(("square", 3))
        pool.submit(("square", 4))
        assert [pool.next(), pool.next()] == [Done(("square", 3), 9), Done(("square", 4), 16)]


def test_a_task_that_fails_is_told_and_the_others_go_on(jobs) -> None:
    with start(jobs) as pool:
        for task in (("fail", "mistake"), ("fail", "defect"), ("gone", 0), ("unpicklable", 0), ("square", 5)):
            pool.submit(task)
        mistake, defect, gone, unpicklable, last = all_of(pool)
    assert mistake == Failed(("fail", "mistake"), "this one cannot be")
    assert defect == Failed(("fail", "defect"), "KeyError: 'this one cannot be'")
    assert gone == Failed(("gone", 0), "KeyError: 'gone'")
    assert isinstance(unpicklable, Failed)
    assert "lambda" in unpicklable.why
    assert last == Done(("square", 5), 25)


def test_mistakes_of_the_call_are_told(jobs) -> None:
    with pytest.raises(ValueError, match="0 workers"):
        start(jobs, 0)
    with start(jobs) as pool:
        with pytest.raises((AttributeError, TypeError, ValueError), match="lambda"):
            pool.submit(("square", lambda: 0))
        assert pool.unfinished == 0
    with pytest.raises(ValueError, match="closed"):
        pool.submit(("square", 1))
    assert pool.next() is None


def test_a_worker_that_dies_is_replaced_and_its_task_comes_first(jobs, tmp_path) -> None:
    task = ("die_once", str(tmp_path / "died"))
    with start(jobs) as pool:
        pool.submit(task)
        pool.submit(("square", 2))
        assert all_of(pool) == [Died(task, -signal.SIGKILL), Done(task, "alive"), Done(("square", 2), 4)]


def test_a_task_of_which_three_workers_died_is_given_up(jobs) -> None:
    task = ("die", 7)
    with start(jobs) as pool:
        pool.submit(task)
        pool.submit(("square", 2))
        heard = all_of(pool)
        assert pool.unfinished == 0
    assert heard == [*[Died(task, 7)] * 3, Failed(task, "its worker died 3 times"), Done(("square", 2), 4)]


def test_a_worker_that_died_idle_costs_nothing_but_a_start(jobs) -> None:
    with start(jobs) as pool:
        pool.submit(("state", 0))
        first = pool.next()
        assert isinstance(first, Done)
        os.kill(first.result[0], signal.SIGKILL)
        pool.submit(("square", 2))
        assert all_of(pool)[-1] == Done(("square", 2), 4)


def test_ctrl_c_is_not_the_workers(jobs) -> None:
    with start(jobs) as pool:
        pool.submit(("interrupt", 0))
        assert all_of(pool) == [Done(("interrupt", 0), "still here")]


@pytest.mark.parametrize("sleep", ["sleep", "sleep_on"])
def test_a_deadline_passes_and_running_tasks_are_cancelled(jobs, tmp_path, monkeypatch, sleep: str) -> None:
    monkeypatch.setattr(workers, "_GRACE", 0.5)
    with start(jobs) as pool:
        pool.submit((sleep, str(tmp_path / "sleeps")))
        pool.submit(("square", 1))
        wait_for(tmp_path / "sleeps")
        start_time = time.monotonic()
        assert pool.next(0.2) is None
        assert pool.next(-1) is None
        assert pool.unfinished == 2
        process = pool._workers[0].process
    assert not process.is_alive()
    assert pool.unfinished == 0
    assert time.monotonic() - start_time < 20


def test_a_worker_is_asked_to_end_before_it_is_killed(jobs) -> None:
    with start(jobs) as pool:
        pool.submit(("square", 1))
        assert pool.next() == Done(("square", 1), 1)
        process = pool._workers[0].process
    assert process.exitcode == -signal.SIGTERM


SCRIPT = """
import sys
import jobs_of_workers as jobs
from newllm.workers import Workers

print("once", flush=True)
with Workers(jobs.work, 2, jobs.prepare) as pool:
    pool.submit(eval(sys.argv[1]))
    print(pool.next(), flush=True)
"""


def run_script(folder: Path, task: tuple[str, Any]) -> subprocess.Popen[str]:
    (folder / "script.py").write_text(SCRIPT)
    return subprocess.Popen([sys.executable, folder / "script.py", repr(task)], stdout=subprocess.PIPE, text=True)


@pytest.mark.usefixtures("jobs")
def test_a_script_that_starts_workers_is_not_run_again_in_them(tmp_path) -> None:
    with run_script(tmp_path, ("square", 3)) as process:
        printed, _ = process.communicate(timeout=60)
    assert printed.splitlines() == ["once", "Done(task=('square', 3), result=9)"]
    assert process.returncode == 0


@pytest.mark.usefixtures("jobs")
def test_workers_end_when_the_parent_is_killed(tmp_path) -> None:
    with run_script(tmp_path, ("sleep", str(tmp_path / "sleeps"))) as process:
        wait_for(tmp_path / "sleeps")
        process.kill()
        process.communicate(timeout=30)  # standard output ends when nobody holds it any more
