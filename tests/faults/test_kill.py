"""Kill -9 at random moments, again and again: the end is that of a run that nobody disturbed, bit for bit."""

import random
import signal
import subprocess
import sys
import time

import pytest

from newllm.checksum import read_checked, write_checked

STEPS = 60
KILLS = 9  # of each variant
VARIANTS = {
    "stack": ["--rule", "gated"],
    "carried-dropout": ["--set", "data.carry=true", "--set", "model.dropout=0.1", "--rule", "dual"],
    "cell": ["--body", "cell", "--set", "data.window=8", "--rule", "lstm"],
}
# Evaluations and snapshots at different steps, so that a kill falls between them too.
OFTEN = ["--steps", STEPS, "--set", "training.snapshot_every=3", "--set", "training.evaluate_every=7"]


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_run_killed_again_and_again_ends_like_an_undisturbed_one(
    variant, newllm, text, tiny, tmp_path, result, assert_whole, kill_until_done
) -> None:
    options = [text, *tiny, *VARIANTS[variant], *OFTEN]
    start = time.monotonic()
    newllm.run("train", *options, "--out", tmp_path / "undisturbed", "--quiet")
    longest = 0.5 * (time.monotonic() - start)
    expected = result(tmp_path / "undisturbed")
    chance = random.Random(f"kill {variant}")
    killed = runs = 0
    while killed < KILLS:
        runs += 1
        run = tmp_path / f"killed-{runs}"
        killed += kill_until_done(run, options, chance, kills=KILLS, longest=longest, check=assert_whole)
        assert result(run) == expected


@pytest.mark.slow
def test_a_kill_before_the_run_has_begun_does_not_stand_in_the_way(
    newllm, text, tiny, tmp_path, result, assert_whole
) -> None:
    """However early the kill: either --resume goes on, or the same call begins again."""
    options = ["train", text, *tiny, "--steps", 3, "--quiet"]
    newllm.run(*options, "--out", tmp_path / "undisturbed")
    chance = random.Random("early")
    for number in range(6):
        run = tmp_path / f"run-{number}"
        process = newllm.start(*options, "--out", run)
        time.sleep(chance.uniform(0.0, 0.06))
        process.send(signal.SIGKILL)
        process.wait()
        assert_whole(run)
        newllm.run("train", "--resume", run) if (run / "config.toml").exists() else newllm.run(*options, "--out", run)
        assert result(run) == result(tmp_path / "undisturbed")


@pytest.mark.slow
@pytest.mark.parametrize("there", [[], ["tokenizer.json"], ["tokenizer.json", "data.json"], [".config.toml.x.tmp"]])
def test_what_a_start_left_half_done_is_replaced(there, newllm, text, tiny, tmp_path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for name in [".lock", *there]:
        (run / name).touch()
    newllm.run("train", text, *tiny, "--steps", 2, "--out", run, "--quiet")
    assert not list(run.glob(".*.tmp"))


@pytest.mark.slow
def test_of_processes_that_start_together_one_has_the_place(newllm, text, tiny, tmp_path, result, assert_whole) -> None:
    options = ["train", text, *tiny, "--steps", 5, "--quiet"]
    newllm.run(*options, "--out", tmp_path / "undisturbed")
    for number in range(4):
        run = tmp_path / f"run-{number}"
        # Two of them fail at their texts: whatever they made, they may take nothing of another's away.
        bad = ["train", tmp_path / "no.txt", *tiny, "--quiet", "--out", run]
        starts = [bad if place in (1, 2) else [*options, "--out", run] for place in range(5)]
        processes = [newllm.start(*start) for start in starts]
        codes = [process.wait() for process in processes]
        assert [codes[1], codes[2]] == [2, 2]
        assert codes.count(0) <= 1
        for process, code in zip(processes, codes, strict=True):
            assert process.stderr.count("\n") == (1 if code else 0), process.stderr
        if 0 in codes:
            assert_whole(run)
            assert result(run) == result(tmp_path / "undisturbed")
        else:
            assert not (run / "config.toml").exists()


def test_a_half_started_run_says_how_to_go_on(newllm, tmp_path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / ".lock").touch()
    process = newllm.run("train", "--resume", run, code=2)
    assert process.stderr.count("\n") == 1
    assert f"'{run}' holds no run" in process.stderr


@pytest.mark.slow
def test_a_kill_after_the_last_snapshot_leaves_a_run_that_resume_finishes(newllm, text, tiny, tmp_path) -> None:
    """The last snapshot is there, the summary still says running: what a kill between the two leaves."""
    run = tmp_path / "run"
    newllm.run("train", text, *tiny, "--steps", 5, "--out", run, "--quiet")
    summary = run / "summary.json"
    write_checked(summary, read_checked(summary) | {"status": "running"})
    newllm.run("train", "--resume", run, "--quiet")
    assert '"status": "finished"' in summary.read_text()


def test_rows_of_the_trace_are_on_disk_before_the_snapshot_that_holds_their_step(
    newllm, text, tiny, tmp_path, wait_until
) -> None:
    """Otherwise a kill loses them for good: resume begins behind them."""
    run = tmp_path / "run"
    options = ["--steps", 2000, "--set", "training.snapshot_every=5", "--set", "training.evaluate_every=2000"]
    process = newllm.start("train", text, *tiny, *options, "--out", run, "--quiet")
    wait_until(lambda: len(list(run.glob("snapshots/step-*"))) >= 2)
    process.send(signal.SIGKILL)
    process.wait()
    last = int(max(run.glob("snapshots/step-*")).name.removeprefix("step-"))
    assert (run / "trace.jsonl").read_text().count('"loss"') >= last


@pytest.mark.slow
def test_processes_of_their_own_are_killed_too(text, tiny, tmp_path, environment, result, assert_whole) -> None:
    """The same without the fork server: the command as a person starts it."""
    options = ["train", str(text), *tiny, "--steps", "30", "--set", "training.snapshot_every=2", "--quiet"]

    def start(*arguments: object) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "newllm.cli.main", *map(str, arguments)], env=environment, stdout=subprocess.DEVNULL
        )

    assert start(*options, "--out", tmp_path / "undisturbed").wait() == 0
    run, chance = tmp_path / "killed", random.Random("own processes")
    arguments: list[object] = [*options, "--out", run]
    for _ in range(2):
        process = start(*arguments)
        snapshots = len(list(run.glob("snapshots/step-*")))
        while process.poll() is None and len(list(run.glob("snapshots/step-*"))) <= snapshots:
            time.sleep(0.002)
        time.sleep(chance.uniform(0.0, 0.02))
        process.kill()
        process.wait()
        assert_whole(run)
        arguments = ["train", "--resume", run, "--quiet"]
    assert start(*arguments).wait() == 0
    assert result(run) == result(tmp_path / "undisturbed")
