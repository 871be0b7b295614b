"""Worker processes of this machine: that they stay, deaths, deadlines, and that none is left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from newllm.engines import local
from newllm.engines.local import Workers
from newllm.engines.pool import Died, Done, Ended, Failed


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


def test_workers_stay_and_are_prepared_once(jobs) -> None:
    with start(jobs, 2) as pool:
        for number in range(12):
            pool.submit(("state", number))
        states = {outcome.result for outcome in all_of(pool) if isinstance(outcome, Done)}
    assert 1 <= len({pid for pid, _ in states}) <= 2
    assert {prepared for _, prepared in states} == {1}
    assert os.getpid() not in {pid for pid, _ in states}


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


@pytest.mark.parametrize("sleep", ["sleep", "sleep_on"])
def test_a_deadline_passes_and_running_tasks_are_cancelled(jobs, tmp_path, monkeypatch, sleep: str) -> None:
    monkeypatch.setattr(local, "GRACE", 0.5)
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
from newllm.engines.local import Workers

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
