"""A guarded run that is killed, stopped or finds no room while it goes back: nothing is lost, and it ends alike."""

import contextlib
import json
import random
import signal
import subprocess
import time

import pytest

from newllm.trace import load_recoveries, read_trace

OPTIONS = [
    *("--set", "data.carry=true", "--set", "optimizer.learning_rate=1e-2", "--set", "optimizer.warmup=10"),
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
    recoveries = [one.as_dict() for one in load_recoveries(run / "recoveries.json")]
    for one in recoveries:
        one["seconds"] = 0
        for tried in one["tried"]:
            tried["seconds"] = 0
    rows = (run / "recoveries/attempt-1.jsonl").read_bytes()
    return {**result(run), "snapshots": None, "recoveries": recoveries, "rows": rows}


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
