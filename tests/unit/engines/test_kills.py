"""A study whose workers, or whose command, are killed at any moment: all is run, nothing twice, the same records."""

import importlib.util
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.unit.engines.tiny_study import TINY, content

from newllm.checksum import read_checked
from newllm.engines import ENGINES
from newllm.study import run_study

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("NEWLLM_KILLS", "3"))
CELLS, WORKERS = 4, 2
FURTHER = 24  # files and evaluations until a kill, below: an undisturbed study makes some 60 of them
AGENT = re.compile(rb"^ray::\w+Agent|/ray/dashboard/agent\.py|/ray/_private/runtime_env/agent/main\.py")
NEEDS = {"ray": "ray", "slurm": "submitit"}
WORKER = {"local": b"spawn_main", "ray": b"ray::run", "slurm": b"submitit"}  # in the command line


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    needed = NEEDS.get(request.param)
    if needed and importlib.util.find_spec(needed) is None:
        pytest.skip(f"{needed} is not installed: pip install 'newllm[{request.param}]'")
    return request.param


class Command:
    """`newllm study` on an engine, again and again into one directory; without a cluster to join."""

    def __init__(self, folder: Path, engine: str, moments: random.Random) -> None:
        self.folder, self.out, self._moments = folder, folder / "out", moments
        (folder / "tiny.py").write_text(TINY)
        others = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        self._surroundings = {**others, "NEWLLM_CACHE": str(folder / "cache"), "NEWLLM_SLURM": "local"}
        options = ["--workers", str(WORKERS), "--engine", engine, "--out", str(self.out), "--json"]
        self._command = [sys.executable, "-m", "newllm", "study", str(folder / "tiny.py"), *options]
        self._seen: set[int] = set()

    def start(self) -> subprocess.Popen[str]:
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        return subprocess.Popen(self._command, env=self._surroundings, text=True, **streams)

    def begun(self) -> list[tuple[str, str]]:
        """Return cell and step of each line of begun.log."""
        log = self.folder / "begun.log"
        lines = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
        arm = {"0.0001": "base", "1e-05": "slow"}
        return [(f"{arm[rate]}-seed{seed}", step) for rate, seed, step in lines]

    def finished(self) -> list[str]:
        """Return the cells that have a record."""
        return [place.parent.name for place in self.out.glob("cells/*/cell.json") if read_checked(place)]

    def wait_for_a_moment(self, process: subprocess.Popen[str]) -> None:
        """Wait for a random number of further files and evaluations, then for up to half a second; or for its end."""
        wanted = self._made() + self._moments.randrange(FURTHER)
        seconds = self._moments.uniform(0, 0.5)
        wait_until(lambda: process.poll() is not None or self._made() >= wanted, 240)
        self.processes()
        time.sleep(seconds)

    def _made(self) -> int:
        # Not by `rglob`, which may meet a folder that is no longer there.
        return sum(len(folders) + len(files) for _, folders, files in os.walk(self.out)) + len(self.begun())

    def processes(self, word: bytes = b"") -> list[int]:
        """Return what runs of the processes that the commands have started; with a word in their command line."""
        mark = f"NEWLLM_CACHE={self.folder}/cache".encode()
        parents = {}
        for place in Path("/proc").glob("[0-9]*"):
            try:
                state, parent = (place / "stat").read_text().rpartition(")")[2].split()[:2]
                if state == "Z":
                    continue
                parents[int(place.name)] = int(parent)
                if mark in (place / "environ").read_bytes():
                    self._seen.add(int(place.name))
            except OSError:  # it has just ended
                continue
        before = -1
        while len(self._seen) > before:  # some have another name, which hides their environment
            before = len(self._seen)
            self._seen |= {process for process, parent in parents.items() if parent in self._seen}
        return sorted(process for process in self._seen & parents.keys() if word in command_line(process))


def command_line(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def wait_for_the_end(command: Command, seconds: float = 20) -> None:
    """Wait until nothing runs any more of what the commands have started.

    But for Ray's two agents. They do nothing; where the node has been killed they end after a minute, in which they try
    to tell a store that is gone too.
    """
    deadline = time.monotonic() + seconds
    while left := {line for line in map(command_line, command.processes()) if not AGENT.search(line)}:
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def wait_until(is_so: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def command(engine: str, tmp_path: Path) -> Iterator[Command]:
    found = Command(tmp_path, engine, random.Random(24))
    yield found
    for process in found.processes():  # of a test that has failed
        os.kill(process, signal.SIGKILL)


@pytest.fixture
def plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What an undisturbed study writes."""
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "tiny.py").write_text(TINY)
    monkeypatch.setenv("NEWLLM_CACHE", str(tmp_path / "plain" / "cache"))
    run_study(str(tmp_path / "plain" / "tiny.py"), tmp_path / "plain" / "out")
    return content(tmp_path / "plain" / "out")


def test_a_command_killed_at_any_moment_goes_on_and_runs_no_finished_cell_again(
    command: Command, engine: str, plain: dict[str, object]
) -> None:
    killed = 0
    kept: dict[str, int] = {}  # cells with a record, and how many lines the log had when that was seen
    for number in range(KILLS):
        process = command.start()
        command.wait_for_a_moment(process)
        killed += process.poll() is None
        process.kill()
        process.communicate()
        for cell in command.finished():
            kept.setdefault(cell, len(command.begun()))
        if engine != "slurm" and number % 2 == 0:  # else the next begins at once
            wait_for_the_end(command)
    process = command.start()
    told = json.loads(process.communicate(timeout=300)[0])
    assert (process.returncode, told["failed"], told["worker_deaths"]) == (0, {}, [])
    assert content(command.out) == plain
    begun = command.begun()
    assert not [(cell, line) for cell, line in kept.items() if cell in {name for name, _ in begun[line:]}]
    assert sum(step == "0" for _, step in begun) <= CELLS + killed * WORKERS
    wait_for_the_end(command)


def test_workers_killed_at_any_moment_lose_nothing(command: Command, engine: str, plain: dict[str, object]) -> None:
    """Two of them: a third death of one cell would be the last."""
    process, killed = command.start(), 0
    moments = random.Random(25)
    for _ in range(2):
        command.wait_for_a_moment(process)
        wait_until(lambda: process.poll() is not None or bool(command.processes(WORKER[engine])), 240)
        if workers := command.processes(WORKER[engine]):
            os.kill(moments.choice(workers), signal.SIGKILL)
            killed += 1
    told = json.loads(process.communicate(timeout=300)[0])
    assert (process.returncode, told["failed"]) == (0, {})
    assert 1 <= len(told["worker_deaths"]) <= killed
    assert content(command.out) == plain
    assert sum(step == "0" for _, step in command.begun()) <= CELLS + killed
    wait_for_the_end(command)
