import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import safetensors.numpy
import safetensors.torch

from newllm.data import load_tokenizer
from newllm.trace import Summary, load_recoveries, read_trace
from newllm.training.config_file import load_config
from newllm.training.snapshots import list_snapshots, snapshot_content, snapshot_tensors


class Process:
    """One `newllm` process of the server."""

    def __init__(self, server: "Server", folder: Path, pid: int) -> None:
        self._server, self._folder, self.pid = server, folder, pid

    def send(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait(self) -> int:
        """Wait for its end and return the exit code, negative for a signal."""
        return self._server.ask({"wait": self.pid})["code"]

    @property
    def stdout(self) -> str:
        return (self._folder / "stdout").read_text()

    @property
    def stderr(self) -> str:
        return (self._folder / "stderr").read_text()


class Server:
    """Forks `newllm` processes; see fork_server.py."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        if not (Path(__file__).parents[2] / "benchmarks/faults/campaign").is_dir():
            pytest.skip("a source distribution has no benchmarks/faults, whose calls the server makes")
        self._folder, self._count = folder, 0
        program = [sys.executable, str(Path(__file__).parent / "fork_server.py")]
        self._process = subprocess.Popen(
            program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self._answer()

    def ask(self, request: dict) -> dict:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def start(
        self,
        *arguments: object,
        file_bytes: int | None = None,
        stop: Sequence[object] | None = None,
        environment: dict[str, str] | None = None,
    ) -> Process:
        self._count += 1
        folder = self._folder / f"process-{self._count}"
        folder.mkdir()
        request = {
            "run": [str(item) for item in arguments],
            "folder": str(folder),
            "file_bytes": file_bytes,
            "stop": stop,
            "environment": environment or {},
        }
        return Process(self, folder, self.ask(request)["pid"])

    def run(self, *arguments: object, code: int = 0) -> Process:
        process = self.start(*arguments)
        assert process.wait() == code, process.stderr
        return process

    def close(self) -> None:
        self._process.communicate(timeout=10)


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {**os.environ, "NEWLLM_CACHE": str(tmp_path_factory.mktemp("cache"))}


@pytest.fixture(scope="session")
def newllm(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"), environment)
    yield server
    server.close()


@pytest.fixture(scope="session")
def start(newllm) -> Callable[..., list]:
    def free_port() -> int:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return free.getsockname()[1]

    def go(
        size: int,
        *arguments: object,
        each: Sequence[dict[str, str]] = (),
        file_bytes: Sequence[int | None] = (),
        stop: Sequence[Sequence[object] | None] = (),
    ) -> list:
        """Start so many processes as a launcher does; each has its own environment, limit and stop if need be."""
        common = {"WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
        own = [{**common, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(size)]
        for environment, more in zip(own, each, strict=False):
            environment.update(more)
        limits = [*file_bytes, *[None] * (size - len(file_bytes))]
        stops = [*stop, *[None] * (size - len(stop))]
        return [
            newllm.start(*arguments, environment=environment, file_bytes=limit, stop=where)
            for environment, limit, where in zip(own, limits, stops, strict=True)
        ]

    return go


@pytest.fixture(scope="session")
def train(start) -> Callable[..., list]:
    def go(size: int, *arguments: object, codes: set[int] | None = None) -> list:
        processes = start(size, "train", *arguments)
        ended = [process.wait() for process in processes]
        assert set(ended) == (codes or {0}), [process.stderr for process in processes]
        return processes

    return go


@pytest.fixture
def taken_back_as_one(train, newllm, result, tmp_path) -> Callable[..., None]:
    """A guard takes a training of several processes back, and comes to the bits of one that computes all parts."""

    def go(size: int, policy: str, options: Sequence[object]) -> None:
        train(size, *options, "--guard", policy, "--out", tmp_path / "together")
        newllm.run("train", "--config", tmp_path / "together/config.toml", "--out", tmp_path / "alone", "--quiet")
        found, expected = (result(tmp_path / name) for name in ("together", "alone"))
        assert found["recoveries"], "nothing was taken back: the test tests nothing"
        assert found["recoveries"][0]["back"] is not None
        assert bool(found["recoveries"][0]["tried"]) == (policy == "guard")
        assert found == expected

    return go


@pytest.fixture(scope="session")
def spiking(spoilt, tiny) -> list[object]:
    """What `train` is to be called with for a training of 80 updates that spikes."""
    return [
        *(spoilt, *tiny, "--set", "data.carry=true", "--set", "optimizer.learning_rate=1e-2", "--steps", 80),
        *("--set", "model.ngram_rows=0"),  # with tables of n-grams so small a model does not spike
        *("--set", "optimizer.warmup=10", "--quiet"),
    ]


@pytest.fixture(scope="session")
def assert_replayed(newllm) -> Callable[[Path], None]:
    def assert_replayed(run: Path) -> None:
        """Check that a replay in one process, with nothing changed, is the run to the bit."""
        said = newllm.start("replay", run, "--budget", 60, "--json")
        assert said.wait() in (0, 1), said.stderr
        null = json.loads(said.stdout)["null"]
        assert null["identical"], null

    return assert_replayed


def _assert_whole(run: Path) -> None:
    """Every file in a run directory is complete; hidden temporary files are nobody's but the writer's."""
    for name, check in (
        ("config.toml", load_config),
        ("data.json", lambda path: json.loads(path.read_bytes())),
        ("tokenizer.json", load_tokenizer),
        ("summary.json", Summary.load),
        ("trace.jsonl", read_trace),
    ):
        if (run / name).exists():
            check(run / name)
    if (run / "config.toml").exists():
        assert (run / "data.json").exists()
        assert (run / "tokenizer.json").exists()
    if (run / "training_curves.png").exists():
        assert (run / "training_curves.png").read_bytes().endswith(b"IEND\xaeB`\x82")
    for place in run.glob("snapshots/step-*"):
        state = json.loads((place / "state.json").read_bytes())
        assert place.name == f"step-{state['step']:08d}"
        names = {path.name for path in place.glob("*.safetensors")}
        assert names == state["sha256"].keys() - {"state.json"} != set()
        for name in names:
            content = (place / name).read_bytes()
            assert hashlib.sha256(content).hexdigest() == state["sha256"][name]
            safetensors.numpy.load(content)


@pytest.fixture(scope="session")
def assert_whole() -> Callable[[Path], None]:
    return _assert_whole


def _result(run: Path) -> dict[str, object]:
    """All that must not hang on how often a run was stopped: last snapshot, trace, summary without clocks."""
    last = max(run.glob("snapshots/step-*"))
    summary = json.loads((run / "summary.json").read_bytes())
    signals = {
        name: (series.step.tolist(), series.value.tobytes())
        for name, series in read_trace(run / "trace.jsonl").signals.items()
    }
    rows = [json.loads(line) for line in (run / "trace.jsonl").read_text().splitlines()]
    steps = [row["step"] for row in rows if "loss" in row]
    assert steps == list(range(1, summary["step"] + 1)), "a row is missing or stands there twice"
    files = {name: hashlib.sha256(content).hexdigest() for name, content in _files(last).items()}
    kept = ("status", "step", "tokens", "last_validation", "best_validation", "message")
    snapshots = sorted(place.name for place in run.glob("snapshots/step-*"))
    own = {"snapshots": snapshots, "recoveries": _recoveries(run)}
    return {**{name: summary[name] for name in kept}, **signals, **files, **own}


def _recoveries(run: Path) -> list[dict]:
    """What a guard did, without the seconds that it took: what it saw, tried and measured, and what it went on with."""
    at = run / "recoveries.json"
    recoveries = [one.as_dict() for one in load_recoveries(at)] if at.exists() else []
    for recovery in recoveries:
        for timed in (recovery, *recovery["tried"]):
            timed["seconds"] = 0
    return recoveries


def _files(snapshot: Path) -> dict[str, bytes]:
    """The two files of a snapshot; of one in shards those that one process would have written."""
    if not (snapshot / "model.safetensors").exists():
        weights, moments, carried = snapshot_tensors(snapshot)
        content = snapshot_content(weights, moments, carried)
        return {name: safetensors.torch.save(tensors) for name, tensors in content.items()}
    return {name: (snapshot / name).read_bytes() for name in ("model.safetensors", "optimizer.safetensors")}


@pytest.fixture(scope="session")
def pins() -> Callable[[Path], dict[str, object]]:
    def pins(run: Path) -> dict[str, object]:
        """Return the onsets of the spikes for which each snapshot is kept, by its name."""
        return {at.parent.name: json.loads(at.read_bytes())["onsets"] for at in run.glob("snapshots/*/pin.json")}

    return pins


@pytest.fixture(scope="session")
def result() -> Callable[[Path], dict[str, object]]:
    return _result


@pytest.fixture(scope="session")
def wait_until() -> Callable[[Callable[[], bool]], None]:
    def wait(holds: Callable[[], bool], seconds: float = 30.0) -> None:
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, "it never came"
            time.sleep(0.002)

    return wait


@pytest.fixture(scope="session")
def kill_until_done(newllm: Server) -> Callable[..., int]:
    """Kill a run after random waits until it finishes or was killed so many times; then let it finish."""

    def go(
        run: Path, options: Sequence[object], chance: random.Random, kills: int, longest: float, check: Callable
    ) -> int:
        killed = 0
        while True:
            begun = (run / "config.toml").exists()
            process = newllm.start("train", "--quiet", *(["--resume", run] if begun else [*options, "--out", run]))
            if killed < kills:
                time.sleep(chance.uniform(0.0, longest))
                with contextlib.suppress(ProcessLookupError):
                    process.send(signal.SIGKILL)
            code = process.wait()
            check(run)
            if code != -signal.SIGKILL:
                assert code == 0, process.stderr
                return killed
            killed += 1

    return go


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "none", place], capture_output=True)
    if done.returncode:
        pytest.skip("a file system may not be mounted here")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.fixture
def fill() -> Callable[[Path], Path]:
    """Fill a disk until not one byte more finds room; the file that fills it is returned."""

    def until_full(disk: Path) -> Path:
        filler = disk / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        return filler

    return until_full


@pytest.fixture(scope="session")
def wait_for_step(wait_until) -> Callable[[Path, int, int], None]:
    def wait(run: Path, leader: int, step: int) -> None:
        """Wait until the training that this process leads has come to a step, or is over."""
        wait_until(lambda: _status(run, leader) in ("running", "finished"), 60)
        wait_until(lambda: _done(run) >= step or _status(run, leader) != "running", 60)

    return wait


def _done(run: Path) -> int:
    """Return the last step in a run's trace."""
    try:
        return max(json.loads(line)["step"] for line in (run / "trace.jsonl").read_text().splitlines()[-3:])
    except (OSError, ValueError):
        return 0


def _status(run: Path, leader: int) -> str | None:
    try:
        summary = json.loads((run / "summary.json").read_bytes())
    except (OSError, ValueError):
        return None
    return summary["status"] if summary["pid"] == leader else None


@pytest.fixture(scope="session")
def kill_at_any_step(start, train, wait_for_step) -> Callable[..., None]:
    def go(size: int, options: Sequence[object], steps: int, run: Path, kills: int, expected: dict) -> None:
        """Kill one of so many processes; a copy goes on to what is expected, the run itself until the next kill."""
        chance, copy, killed = random.Random(size), run.with_name("copy"), 0
        victims = chance.sample(range(size), size)
        while killed < kills:
            begun = (run / "config.toml").exists()
            processes = start(size, "train", "--quiet", *(["--resume", run] if begun else [*options, "--out", run]))
            leader, last = processes[0].pid, max(list_snapshots(run / "snapshots"), default=0)
            wait_for_step(run, leader, chance.randrange(last + 1, steps))
            victim = processes[victims[killed % size]]
            victim.send(signal.SIGKILL)
            since = time.monotonic()
            codes = [process.wait() for process in processes]
            assert time.monotonic() - since < 10, "the others wait for one that is gone"
            if _status(run, leader) == "finished":
                shutil.rmtree(run)  # the kill came too late
                continue
            assert set(codes) == {-signal.SIGKILL, 2}
            killed += 1
            shutil.copytree(run, copy)
            train(size, "--resume", copy, "--quiet")
            assert _result(copy) == expected
            shutil.rmtree(copy)

    return go
