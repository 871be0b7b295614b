"""A guarded run that is killed, stopped or finds no room while it goes back: nothing is lost, and it ends alike."""

import contextlib
import dataclasses
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from newllm import api
from newllm.trace import load_recoveries, read_signal, read_trace
from newllm.training import pace
from newllm.training.budget import Budget
from newllm.training.observer import Observer
from newllm.training.run import RunDirectory
from newllm.training.schedule import Schedule

OPTIONS = [
    *("--set", "data.carry=true", "--set", "optimizer.learning_rate=1e-2", "--set", "optimizer.warmup=10"),
    *("--set", "model.ngram_rows=0"),  # with tables of n-grams so small a model does not spike
    *("--steps", 80, "--set", "training.evaluate_every=40", "--set", "training.snapshot_every=8", "--guard"),
]


@pytest.fixture(scope="module")
def undisturbed(newllm, spoilt, tiny, tmp_path_factory):
    run = tmp_path_factory.mktemp("undisturbed") / "run"
    newllm.run("train", spoilt, *tiny, *OPTIONS, "--out", run, "--quiet")
    (only,) = load_recoveries(run / "recoveries.json")
    assert only.action == "remedy"
    return run


def alike(run, result) -> dict[str, object]:
    """What must not hang on how often a run was stopped: a stop may leave one snapshot more, and clocks differ."""
    rows = (run / "recoveries/attempt-1.jsonl").read_bytes()
    return {**result(run), "snapshots": None, "rows": rows}


@pytest.mark.slow
def test_killed_again_and_again_it_comes_to_the_same_end(
    newllm, spoilt, tiny, tmp_path, undisturbed, result, assert_whole, kill_until_done
) -> None:
    start = time.monotonic()
    newllm.run("train", spoilt, *tiny, *OPTIONS, "--out", tmp_path / "timed", "--quiet")
    longest = 0.7 * (time.monotonic() - start)
    chance, killed, runs = random.Random("recovery"), 0, 0
    while killed < 8:
        runs += 1
        run = tmp_path / f"killed-{runs}"
        killed += kill_until_done(run, [spoilt, *tiny, *OPTIONS], chance, kills=8, longest=longest, check=assert_whole)
        assert alike(run, result) == alike(undisturbed, result)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_stopped_while_remedies_are_replayed_it_decides_again(
    number, newllm, spoilt, tiny, tmp_path, undisturbed, result, assert_whole, wait_until
) -> None:
    """The trace holds the row of the onset from the moment when the decision begins."""
    run, (only,) = tmp_path / "run", load_recoveries(undisturbed / "recoveries.json")
    process = newllm.start("train", spoilt, *tiny, *OPTIONS, "--out", run)
    row = f'{{"step": {only.detected}, "loss"'.encode()
    trace = run / "trace.jsonl"
    wait_until(lambda: trace.exists() and row in trace.read_bytes())
    process.send(number)
    assert process.wait() == 128 + number
    summary = json.loads((run / "summary.json").read_bytes())
    assert summary["message"] == f"stopped by {number.name} while remedies were replayed"
    assert not (run / "recoveries.json").exists()
    assert_whole(run)
    newllm.run("train", "--resume", run, "--quiet")
    assert alike(run, result) == alike(undisturbed, result)


@pytest.mark.slow
def test_without_room_for_the_decision_it_is_one_line_and_resume_decides_again(
    newllm, spoilt, tiny, tmp_path, undisturbed, result, assert_whole, wait_until
) -> None:
    run, disk = tmp_path / "disk/run", tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", disk], capture_output=True).returncode:
        pytest.skip("a file system may not be mounted here")
    try:
        (only,) = load_recoveries(undisturbed / "recoveries.json")
        process = newllm.start("train", spoilt, *tiny, *OPTIONS, "--out", run)
        row = f'{{"step": {only.detected}, "loss"'.encode()
        trace = run / "trace.jsonl"
        wait_until(lambda: trace.exists() and row in trace.read_bytes())
        filler = disk / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(1 << 20))
        with filler.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(512))
        assert process.wait() == 2
        assert process.stderr.splitlines()[-1].startswith("newllm: no room to write '")
        assert not (run / "recoveries.json").exists()
        assert_whole(run)
        filler.unlink()
        newllm.run("train", "--resume", run, "--quiet")
        assert alike(run, result) == alike(undisturbed, result)
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.slow
def test_what_was_given_up_stays_on_the_disk(undisturbed) -> None:
    (only,) = load_recoveries(undisturbed / "recoveries.json")
    assert only.back is not None
    rows = read_trace(undisturbed / "recoveries/attempt-1.jsonl").series("loss")
    assert rows.step.tolist() == list(range(only.back + 1, only.detected + 1))


class Clock(Observer):
    """Goes on by 40 s with every update, in place of `time`."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def stepped(self, report) -> None:  # noqa: ARG002 (an interface)
        self.now += 40.0


# Behind which change it is killed: its kind, what its path holds, and the how manyth of these.
MOMENTS = {
    "the rows that are given up are half written": ("write", "recoveries/.attempt-1", 1),
    "it is decided, and nothing is taken back": ("rename", ".recoveries.json", 1),
    "snapshots and rows are taken back, and that is not said": ("rename", ".trace.jsonl", 1),
    "all is taken back, and nothing is planned anew": ("rename", ".recoveries.json", 2),
}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="a process is forked and stopped")
@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_while_it_decides_a_run_by_the_clock_goes_on_by_a_schedule_that_holds(
    moment, newllm, spoilt, tiny, tmp_path, wait_until, monkeypatch
) -> None:
    run, hour = tmp_path / "run", ["--seconds", 3600, "--set", "training.snapshot_every=8"]
    options = [*tiny, *OPTIONS[:6], *hour, "--guard", "rollback-and-skip", "--quiet"]
    killed = newllm.start("train", spoilt, *options, "--out", run, stop=[str(run), *MOMENTS[moment]])
    stat = Path(f"/proc/{killed.pid}/stat")
    wait_until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T")
    killed.send(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    before = read_signal(run / "trace.jsonl", "learning_rate").value.tolist()
    clock = Clock()
    monkeypatch.setattr(pace, "time", clock)
    monkeypatch.setattr("newllm.api.training_curves.draw_training_curves", lambda *_, **__: None)
    ended = api.resume(run, [clock], budget=Budget(began=clock.now))
    (only,) = ended.summary.recoveries
    assert (ended.summary.status, only["action"]) == ("finished", "remedy")
    rates = read_signal(run / "trace.jsonl", "learning_rate")
    assert rates.step.tolist() == list(range(1, ended.summary.step + 1))
    assert rates.value.tolist() == [Schedule(ended.config).rate(step) for step in range(ended.summary.step)]
    assert rates.value.tolist()[: only["back"]] == before[: only["back"]]
    written = RunDirectory(run).load_config()  # what is decided at each start, "ddp" for one process, is not written
    assert dataclasses.replace(written, parallel=ended.config.parallel) == ended.config
    again = api.train(config=run / "config.toml", out=tmp_path / "again")
    last = f"snapshots/step-{ended.summary.step:08d}/optimizer.safetensors"
    assert (again.path / last).read_bytes() == (run / last).read_bytes()
