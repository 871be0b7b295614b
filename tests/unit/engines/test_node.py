"""What runs a task elsewhere: it begins only where it sees the driver's file, and ends soon after that has gone."""

import os
import pickle
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from newllm.engines import node
from newllm.engines.node import Driver

SCRIPT = """
import pickle, sys
from newllm.engines import node
print(node.run(pickle.loads(sys.stdin.buffer.read()), pickle.dumps(eval(sys.argv[1]))), flush=True)
"""


@pytest.fixture
def driver(jobs: ModuleType, tmp_path: Path) -> Driver:
    """A driver that has written its file."""
    file = tmp_path / "driver"
    file.write_text("mine")
    return Driver(file, "mine", str(tmp_path), tuple(sys.path), pickle.dumps((jobs.work, jobs.prepare)))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "_SHARED", 0.3)
    monkeypatch.chdir(Path.cwd())  # a task changes it


def elsewhere(driver: Driver, task: tuple[str, Any]) -> subprocess.Popen[bytes]:
    """Run a task in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, repr(task)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    process.stdin.write(pickle.dumps(driver))
    process.stdin.close()
    process.stdin = None
    return process


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_machine_that_does_not_see_the_driver_s_file_runs_nothing(driver: Driver, tmp_path: Path) -> None:
    driver.file.unlink()
    assert node.run(driver, pickle.dumps(("note_and_die", str(tmp_path / "begun")))) == (
        "unshared", platform.node().encode()
    )  # fmt: skip
    assert not (tmp_path / "begun").exists()


def test_nor_does_a_task_that_begins_when_another_driver_is_there(driver: Driver, tmp_path: Path) -> None:
    driver.file.write_text("another")
    assert node.run(driver, pickle.dumps(("note_and_die", str(tmp_path / "begun"))))[0] == "unshared"
    assert not (tmp_path / "begun").exists()


def test_a_machine_with_another_installation_says_what_it_lacks(driver: Driver) -> None:
    lacking = Driver(driver.file, driver.token, driver.directory, driver.path, b"cno_such_module\nwork\n.")
    kind, why = node.run(lacking, pickle.dumps(("square", 1)))
    assert kind == "unusable"
    assert why.decode().endswith("(ModuleNotFoundError: No module named 'no_such_module')")


@pytest.mark.slow
@pytest.mark.parametrize("change", [Path.unlink, lambda file: file.write_text("another")])
@pytest.mark.parametrize(("sleep", "code"), [("sleep", -signal.SIGTERM), ("sleep_on", 1)])
def test_a_task_ends_when_its_driver_has_gone_or_is_another(driver, tmp_path, change, sleep, code) -> None:
    with elsewhere(driver, (sleep, str(tmp_path / "sleeps"))) as process:
        wait_for(tmp_path / "sleeps")
        time.sleep(1.5)
        assert process.poll() is None, "as long as the file is there it goes on"
        change(driver.file)
        assert process.wait(20) == code


def test_a_task_that_a_signal_stops_dies_with_its_process(driver: Driver) -> None:
    with elsewhere(driver, ("stop", 0)) as process:
        assert process.wait(20) == 1
        assert process.stdout is not None
        assert process.stdout.read() == b""


def test_a_disk_that_cannot_be_read_for_a_while_ends_nothing(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> str:
        raise OSError(116, "Stale file handle")

    monkeypatch.setattr(Path, "read_text", fail)
    assert node._is_ours(driver)


def test_its_process_is_prepared_once_and_works_where_the_driver_does(driver: Driver, tmp_path: Path) -> None:
    before = set(sys.path)
    answers = [
        pickle.loads(node.run(driver, pickle.dumps(task))[1]) for task in (("state", 0), ("state", 0), ("place", 0))
    ]
    assert answers == [(True, (os.getpid(), 1))] * 2 + [(True, str(tmp_path))]
    assert set(sys.path) == before
