"""Ray as newllm starts it, and as a cluster: nothing of it on the terminal, none of its processes left, its deaths."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import newllm

pytest.importorskip("ray", reason="Ray is not installed: pip install 'newllm[ray]'")
pytestmark = pytest.mark.slow

STUDY = """
import os
import signal
import time
from pathlib import Path

from newllm.study import Arm, Study

PLACE = Path(__file__).parent


def measure(config):
    print("a worker's own words")
    with (PLACE / "begun.log").open("a") as log:
        print(config.seed, file=log)
    if not (PLACE / "died").exists():
        (PLACE / "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    (PLACE / f"pid-{os.getpid()}").touch()
    while (PLACE / "hold").exists():
        time.sleep(0.05)
    loss = [2.0, 1.0]
    return {"epoch": [0, 1], "seconds": 0.1, "train": {"loss": [None, 1.0]},
            "probe": {"loss": loss}, "validation": {"loss": loss}}


STUDY = Study(
    name="small", title="Small.", arms=(Arm("base", "As it is.", "founding-baseline", (), 1),), claims=(), seeds=2,
    sets=("bundled:sentences",), measure=measure, outcomes=lambda record, control: {"last": 1.0},
)
"""

SPIKY = (
    *("model.width=16", "model.hidden=32", "model.context=16", "optimizer.learning_rate=0.01"),
    *("numerics.scan_backend=torch", "numerics.precision=fp32", "numerics.threads=1", "numerics.device=cpu"),
    *("training.snapshot_every=10", "training.keep=9", "training.evaluate_every=10", "training.steps=30"),
)


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    (tmp_path / "small.py").write_text(STUDY)
    place = [str(tmp_path / "small.py"), "--out", str(tmp_path / "out"), "--engine", "ray"]
    return [sys.executable, "-m", "newllm", "study", *place]


@pytest.fixture
def surroundings(tmp_path: Path) -> dict[str, str]:
    """No cluster to join, and a home in which Ray finds nothing."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return {**others, "NEWLLM_CACHE": str(tmp_path / "cache")}


@pytest.fixture
def nodes(surroundings) -> Iterator[list[int]]:
    """The processes of a cluster's two nodes of one CPU each, which commands join; no other Ray finds it."""
    with socket.socket() as free:
        free.bind(("", 0))
        port = free.getsockname()[1]
    surroundings |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "RAY_ADDRESS": f"127.0.0.1:{port}"}
    begin = [str(Path(sys.executable).with_name("ray")), "start", "--block", "--num-cpus=1"]
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp") as files, contextlib.ExitStack() as ended:
        head = [*begin, "--head", f"--port={port}", f"--temp-dir={files}", "--include-dashboard=false"]
        second = [*begin, f"--address=127.0.0.1:{port}", "--node-ip-address=127.0.0.2"]
        found = []
        for which in (head, second):
            node = subprocess.Popen(
                which, env=surroundings, stdout=subprocess.PIPE, text=True, stderr=subprocess.STDOUT
            )
            ended.callback(node.communicate, timeout=60)
            ended.callback(node.terminate)
            assert node.stdout is not None
            assert any("Ray runtime started" in line for line in node.stdout)
            found.append(node.pid)
        yield found


def session_processes(surroundings: dict[str, str]) -> set[int]:
    """Return the processes of Ray that were started in these surroundings; other tests have theirs at the same time."""
    mark, found = f"NEWLLM_CACHE={surroundings['NEWLLM_CACHE']}".encode(), set()
    for place in Path("/proc").glob("[0-9]*"):
        try:
            line, environment = (place / "cmdline").read_bytes(), (place / "environ").read_bytes()
        except OSError:
            continue
        if mark in environment and (line.startswith(b"ray::") or b"raylet" in line or b"gcs_server" in line):
            found.add(int(place.name))
    return found


def wait_until(is_so, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_its_words_stay_out_of_what_is_printed(command, surroundings) -> None:
    done = subprocess.run(
        [*command, "--json", "--workers", "1"],
        env=surroundings,
        capture_output=True,
        text=True,
        timeout=200,
        check=True,
    )
    told = json.loads(done.stdout)
    assert told["worker_deaths"] == ["a worker was lost at base, seed 0"]
    assert [kind["engines"] for kind in told["processors"]] == [["ray"]]
    assert done.stderr.splitlines()[0] == "2 runs"
    assert [line for line in done.stderr.splitlines() if "runs   running" not in line] == [
        "2 runs", "note: a worker was lost at base, seed 0; this run is repeated",
    ]  # fmt: skip
    wait_until(lambda: not session_processes(surroundings), 20)


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_its_tasks_end_with_the_command(command, surroundings, tmp_path: Path, sent: signal.Signals, code: int) -> None:
    (tmp_path / "died").touch()
    (tmp_path / "hold").touch()
    with subprocess.Popen([*command, "--quiet"], env=surroundings, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: list(tmp_path.glob("pid-*")))
        worker = int(next(tmp_path.glob("pid-*")).name.removeprefix("pid-"))
        assert len(session_processes(surroundings)) >= 3
        process.send_signal(sent)
        assert process.wait(60) == code
        assert process.stderr is not None
        assert process.stderr.read() == ("" if sent is signal.SIGKILL else "newllm: stopped\n")
    wait_until(lambda: not Path(f"/proc/{worker}").exists(), 20)
    wait_until(lambda: not session_processes(surroundings), 20)


def test_a_cluster_that_does_not_answer_is_one_line(command, surroundings, tmp_path: Path) -> None:
    surroundings["RAY_ADDRESS"] = "127.0.0.1:9"
    done = subprocess.run(
        [*command, "--quiet"], env=surroundings, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("newllm: --engine ray: no Ray cluster answers at RAY_ADDRESS='127.0.0.1:9' (")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out" / ".engine").exists()


@pytest.mark.parametrize(("killed", "said"), [
    ((b"raylet", b"ray::DashboardAgent"), r"no raylet at \S+ any more, its logs are in /tmp/ray"),  # it ends without it
    ((b"raylet",), r"no raylet at \S+ any more, its logs are in /tmp/ray"),
    ((b"gcs_server",), r"no GCS at \S+ for 20 s, its logs are in /tmp/ray on that machine"),
])  # fmt: skip
def test_a_ray_that_has_ended_is_one_line_and_the_same_command_goes_on(
    command, surroundings, tmp_path: Path, killed: tuple[bytes, ...], said: str
) -> None:
    """Not three deaths of each cell: none of them is to blame."""
    (tmp_path / "died").touch()
    (tmp_path / "hold").touch()
    with subprocess.Popen([*command, "--quiet"], env=surroundings, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: list(tmp_path.glob("pid-*")), 180)
        os.kill(descendant(process.pid, *killed), signal.SIGKILL)
        assert process.wait(90) == 2
        assert process.stderr is not None
        assert re.fullmatch(
            rf"newllm: --engine ray: Ray has ended \({said}\): the same command goes on\n", process.stderr.read()
        )
    (tmp_path / "hold").unlink()
    wait_until(lambda: not session_processes(surroundings), 60)
    subprocess.run([*command, "--quiet"], env=surroundings, timeout=200, check=True)


def test_a_node_that_dies_is_one_lost_worker_and_its_cell_runs_on_the_other(
    command, surroundings, nodes: list[int], tmp_path: Path
) -> None:
    (tmp_path / "died").touch()
    (tmp_path / "hold").touch()
    with subprocess.Popen([*command, "--json"], env=surroundings, stdout=subprocess.PIPE, text=True) as process:
        wait_until(lambda: len(list(tmp_path.glob("pid-*"))) == 2, 180)
        raylet = descendant(nodes[1], b"raylet")
        (worker,) = (child for child, _ in children(raylet) if (tmp_path / f"pid-{child}").exists())
        os.kill(raylet, signal.SIGKILL)
        wait_until(lambda: not Path(f"/proc/{worker}").exists())
        time.sleep(20)  # the other is busy, and for a while Ray takes the dead one as alive
        (tmp_path / "hold").unlink()
        told = json.loads(process.communicate(timeout=180)[0])
    assert process.returncode == 0
    (seed,) = (death.removeprefix("a worker was lost at base, seed ") for death in told["worker_deaths"])
    assert sorted((tmp_path / "begun.log").read_text().split()) == sorted(["0", "1", seed])
    assert (told["failed"], [kind["runs"] for kind in told["processors"]]) == ({}, [2])


def test_a_replay_uses_both_nodes_of_the_cluster_that_it_runs_in(
    surroundings, nodes: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEWLLM_CACHE", surroundings["NEWLLM_CACHE"])
    newllm.train(preset="seed-baseline", settings=SPIKY, out=tmp_path / "run")
    raylets = [descendant(node, b"raylet") for node in nodes]
    replay = [sys.executable, "-m", "newllm", "replay", str(tmp_path / "run"), "--only", "half-learning-rate"]
    at_work = set()
    with subprocess.Popen([*replay, "--engine", "ray", "--quiet"], env=surroundings) as process:
        while process.poll() is None:
            at_work.add(sum(any(line.startswith(b"ray::run") for _, line in children(one)) for one in raylets))
            time.sleep(0.05)
    assert process.returncode == 0
    assert max(at_work) == 2
    kept = [json.loads(place.read_text()) for place in tmp_path.glob("run/replays/*/trajectories/*.json")]
    assert {trajectory["place"]["engine"] for trajectory in kept} == {"ray"}


def descendant(process: int, *words: bytes) -> int:
    """Return the child of a process whose command has the first word, its child with the second, and so on."""
    for word in words:
        (process,) = (child for child, line in children(process) if word in line)
    return process


def children(process: int) -> list[tuple[int, bytes]]:
    """Return the children of a process, each with its command, without arguments."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int((place / "stat").read_text().rpartition(")")[2].split()[1]) == process:
                found.append((int(place.name), (place / "cmdline").read_bytes().split(b"\0")[0]))
    return found
