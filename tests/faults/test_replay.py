"""What can go wrong around a replay: the run is never touched, nothing is lost, one line says what is the matter."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import newllm
from newllm.checksum import read_checked, write_checked
from newllm.replays.watcher import Watcher
from newllm.time_limit import TimeLimit

SETTINGS = (
    *("model.width=64", "model.hidden=64", "model.context=64", "model.layers=6", "optimizer.learning_rate=1e-3"),
    *("training.steps=60", "training.snapshot_every=60", "training.keep=1", "numerics.threads=1"),
)
ONLY = ("half-learning-rate", "residual-fnn")


class Counted(Watcher):
    def __init__(self) -> None:
        self.seconds: list[float] = []

    def replayed(self, stage: str, name: str, replay: int, spiked: bool | None, seconds: float) -> None:  # noqa: ARG002 (a watcher's form)
        if stage != "reproduction":  # that the run is what it was is found out each time
            self.seconds.append(seconds)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small founding run with a spike, on a text of its own. Not to be changed: copy it."""
    place = tmp_path_factory.mktemp("founding")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEWLLM_CACHE", str(place / "cache"))
        return newllm.train(preset="seed-baseline", out=place / "run", settings=SETTINGS).path


@pytest.fixture
def run(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEWLLM_CACHE", str(tmp_path / "cache"))
    shutil.copytree(kept, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def little(ticks: type) -> Callable[[], TimeLimit]:
    """Time for the null replays and a replay or two more, by a clock that only work moves."""
    return lambda: TimeLimit(430, ticks())


def digests(run: Path) -> dict[str, str]:
    """The content of every file of a run but the replays' and the lock."""
    files = [path for path in sorted(run.rglob("*")) if path.is_file() and path.name != ".lock"]
    return {
        str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.relative_to(run).parts[0] != "replays"
    }


@pytest.mark.slow
def test_the_run_is_not_touched_and_nothing_is_replayed_twice(run: Path, little: Callable[[], TimeLimit]):
    before = digests(run)
    first, again = Counted(), Counted()
    one = newllm.replay(run, only=ONLY[:1], budget=little(), workers=1, watcher=first)
    two = newllm.replay(run, only=ONLY[:1], budget=little(), workers=1, watcher=again)
    assert digests(run) == before
    assert one.reproduction["identical"] is True
    assert one.reproduction["weights"] is True
    assert set(first.seconds) <= set(again.seconds)  # what was measured the first time was not run again
    (place,) = (run / "replays").glob("step-*")
    assert json.loads((place / "verdict.json").read_text())["sentences"] == list(two.sentences)


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.slow
def test_a_kill_loses_at_most_what_was_running(run: Path, little: Callable[[], TimeLimit]):
    before = digests(run)
    command = [
        sys.executable,
        "-m",
        "newllm.cli.main",
        "replay",
        str(run),
        "--only",
        *ONLY,
        "--budget",
        "60",
        "--quiet",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    trajectories = run / "replays"
    deadline = time.monotonic() + 60
    while len(list(trajectories.rglob("*-replay-*.json"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = {path.name for path in trajectories.rglob("*-replay-*.json")}
    assert len(done) >= 3
    assert all(json.loads(path.read_text()) for path in trajectories.rglob("*-replay-*.json"))
    assert digests(run) == before
    told = Counted()
    newllm.replay(run, only=ONLY, budget=little(), workers=0, watcher=told)
    assert {path.name for path in trajectories.rglob("*-replay-*.json")} >= done


@pytest.mark.slow
def test_a_changed_text_is_told(run: Path, tmp_path: Path):
    text = tmp_path / "sentences.txt"
    lines = [f"the {a} {b} the {c}" for a in ("cat", "dog", "bird") for b in ("saw", "met") for c in ("sun", "sea")]
    text.write_text("\n".join(lines) + "\n")
    steps = (*SETTINGS, "training.steps=60")
    made = newllm.train(str(text), preset="seed-baseline", out=tmp_path / "own", settings=steps).path
    text.write_text(text.read_text().replace("sun", "moon"))
    with pytest.raises(newllm.UserError, match="is not the text that this run began with") as raised:
        newllm.replay(made, budget=5)
    assert "\n" not in str(raised.value)
    assert not (made / "replays").exists()
    assert run.exists()


@pytest.mark.slow
def test_replays_of_another_run_are_not_mixed_in(run: Path, little: Callable[[], TimeLimit]):
    newllm.replay(run, only=ONLY[:1], budget=little(), workers=0)
    (place,) = (run / "replays").glob("step-*")
    file = place / "replay.json"
    said = read_checked(file)
    write_checked(file, said | {"run": "another"})
    with pytest.raises(newllm.UserError, match="another run or version"):
        newllm.replay(run, only=ONLY[:1], budget=little(), workers=0)
    file.write_text("{")
    with pytest.raises(newllm.UserError, match="is damaged"):
        newllm.replay(run, only=ONLY[:1], budget=little(), workers=0)


@pytest.mark.slow
def test_a_damaged_trajectory_is_replayed_again(run: Path, little: Callable[[], TimeLimit]):
    newllm.replay(run, only=ONLY[:1], budget=little(), workers=0)
    file = next((run / "replays").rglob("null-*.json"))
    whole = json.loads(file.read_text())
    file.write_text(file.read_text()[:100])
    newllm.replay(run, only=ONLY[:1], budget=little(), workers=0)
    assert json.loads(file.read_text())["loss"] == whole["loss"]


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_leaves_the_run(
    run: Path, small_disk: Path, fill: Callable[[Path], Path], little: Callable[[], TimeLimit]
):
    shutil.copytree(run, small_disk / "run")
    before = digests(small_disk / "run")
    filler = fill(small_disk)
    with pytest.raises(newllm.UserError, match="no room to write") as raised:
        newllm.replay(small_disk / "run", only=ONLY[:1], budget=little(), workers=0)
    assert "\n" not in str(raised.value)
    assert digests(small_disk / "run") == before
    filler.unlink()
    assert newllm.replay(small_disk / "run", only=ONLY[:1], budget=little(), workers=0).identical


def test_a_run_without_a_spike_and_what_is_no_run(tmp_path: Path):
    with pytest.raises(newllm.UserError, match="holds no run"):
        newllm.replay(tmp_path)
