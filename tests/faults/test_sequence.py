"""Several processes that share each row of a training: the bits of one that reads the pieces in turn."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from newllm.training.config_file import load_config

NGRAMS = ["--set", "model.ngram_rows=50"]
PAIRS = [*NGRAMS, "--set", "model.ngram_longest=2", "--set", "optimizer.ngram_decay=3"]
SOME = ["--set", "data.batch=4", "--set", "data.window=24", "--set", "training.steps=16", "--set", "model.layers=2"]
EVERY = ["--set", "training.snapshot_every=8", "--set", "parallel.sequence=2"]
VARIANTS = {
    "stack": (2, ["--set", "model.dropout=0.1", "--set", "data.resets=true", *NGRAMS]),
    "three, carried": (
        3,
        ["--set", "data.carry=true", "--set", "parallel.sequence=3", "--rule", "dual,gated", *PAIRS],
    ),
    "matrices, accumulated": (
        4,
        ["--rule", "delta", *("--set", "data.carry=true"), *("--set", "training.accumulate=2")],
    ),
    "recomputed, bf16": (
        3,
        ["--set", "parallel.sequence=3", "--set", "training.recompute=true", "--set", "numerics.precision=bf16"],
    ),
    "cell": (2, ["--body", "cell", "--set", "model.dropout=0.1", "--set", "data.carry=true"]),
    "lstm": (3, ["--body", "lstm", "--set", "parallel.sequence=3", "--set", "model.dropout=0.1"]),
    "at once, mixed": (
        3,
        [
            *("--rule", "gated,delta,ema", "--set", "model.layers=3", "--set", "parallel.sequence=3"),
            *("--set", "numerics.handover=parallel", "--set", "training.accumulate=2", "--set", "data.carry=true"),
        ],
    ),
    "at once": (4, ["--set", "numerics.handover=parallel", "--set", "data.resets=true", "--set", "model.dropout=0.1"]),
    "compiled": (2, ["--rule", "delta,gated", "--set", "numerics.scan_backend=auto"]),
}
QUICK = ("three, carried",)
KILLS = int(os.environ.get("NEWLLM_KILLS", "3"))


@pytest.mark.parametrize(
    "variant", [one if one in QUICK else pytest.param(one, marks=pytest.mark.slow) for one in VARIANTS]
)
def test_ranks_that_share_rows_come_to_the_bits_of_one_process(
    variant, train, newllm, text, tiny, tmp_path, result, assert_whole
) -> None:
    """And to its trace."""
    size, options = VARIANTS[variant]
    together, alone = tmp_path / "together", tmp_path / "alone"
    told = train(size, text, *tiny, *SOME, *EVERY, *options, "--out", together, "--json")
    assert json.loads(told[0].stdout)["ranks"] == size
    assert_whole(together)
    newllm.run("train", "--config", together / "config.toml", "--out", alone, "--quiet")
    assert result(together) == result(alone)
    rows = [(together / f"ranks/rank-{rank:05}.jsonl").read_text().splitlines() for rank in range(size)]
    rows = [[row for row in map(json.loads, one[1:]) if "weights" in row] for one in rows]  # others have numbers alone
    weights = [[row["weights"] for row in one] for one in rows]
    assert not any("loss" in row for one in rows for row in one), "pieces of rows are not alike"
    assert len(weights[0]) > 3
    assert all(one == weights[0] for one in weights), "every process holds the same weights"


@pytest.mark.slow
def test_a_run_of_shared_rows_is_gone_on_with_by_ranks_with_rows_of_their_own(
    train, start, text, tiny, tmp_path
) -> None:
    run = tmp_path / "run"
    train(2, text, *tiny, *SOME, *EVERY, "--set", "data.carry=true", "--steps", 8, "--out", run, "--quiet")
    config = (run / "config.toml").read_text()
    (run / "config.toml").write_text(config.replace("sequence = 2", "sequence = 1"))
    resumed = start(2, "train", "--resume", run, "--steps", 12)
    assert [process.wait() for process in resumed] == [0, 0], resumed[0].stderr
    assert "from step 8 on rows are whole (2 pieces before): the same batches" in resumed[0].stderr
    assert load_config(run / "config.toml").numerics.sequence == ((0, 2), (8, 1))


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1, 2])
def test_a_killed_process_changes_no_bit(victim, start, train, text, tiny, tmp_path, result, wait_until) -> None:
    options = [text, *tiny, *SOME, *EVERY, "--set", "data.carry=true", "--set", "parallel.sequence=3", "--quiet"]
    options += ["--set", "training.steps=60"]
    train(3, *options, "--out", tmp_path / "undisturbed")
    run = tmp_path / "run"
    processes = start(3, "train", *options, "--out", run)
    wait_until(lambda: (run / "trace.jsonl").exists() and '{"step": 20,' in (run / "trace.jsonl").read_text(), 240)
    processes[victim].send(signal.SIGKILL)
    since = time.monotonic()
    codes = [process.wait() for process in processes]
    assert time.monotonic() - since < 30, "the others wait for one that is gone"
    assert codes[victim] == -signal.SIGKILL
    assert {code for rank, code in enumerate(codes) if rank != victim} == {2}, [one.stderr for one in processes]
    resumed = start(1 if victim == 2 else 3, "train", "--resume", run, "--quiet")  # one process goes on with it, too
    assert {process.wait() for process in resumed} == {0}
    assert result(run) == result(tmp_path / "undisturbed")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "pieces", "handover"), [(2, 2, "serial"), (3, 3, "parallel"), (4, 2, "serial"), (4, 2, "parallel")]
)
def test_processes_killed_again_and_again_change_no_bit(
    size, pieces, handover, train, text, tiny, tmp_path, kill_at_any_step, result
) -> None:
    options = [text, *tiny, *SOME, *EVERY, "--set", f"parallel.sequence={pieces}", "--set", "training.steps=30"]
    options += ["--set", f"numerics.handover={handover}", "--set", "data.carry=true", "--set", "model.dropout=0.1"]
    train(size, *options, "--quiet", "--out", tmp_path / "undisturbed")
    kill_at_any_step(size, options, 30, tmp_path / "run", KILLS, result(tmp_path / "undisturbed"))


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1, 2])
def test_a_process_that_hands_nothing_on_is_named(victim, start, text, tiny, tmp_path, wait_until) -> None:
    """The others wait for different ones of them, in a chain: the one at its beginning is named."""
    run = tmp_path / "run"
    options = [text, *tiny, *SOME, "--set", "parallel.sequence=3", "--set", "training.steps=40000", "--quiet"]
    processes = start(3, "train", *options, "--out", run, each=[{"NEWLLM_HANG_SECONDS": "8"}] * 3)
    wait_until(lambda: (run / "trace.jsonl").exists() and '{"step": 10,' in (run / "trace.jsonl").read_text(), 240)
    processes[victim].send(signal.SIGSTOP)
    others = [process for rank, process in enumerate(processes) if rank != victim]
    assert [process.wait() for process in others] == [2, 2]
    processes[victim].send(signal.SIGKILL)
    processes[victim].wait()
    who = "" if victim else "rank 1: "
    assert others[0].stderr.startswith(f"newllm: {who}rank {victim} did not come to "), others[0].stderr
    assert others[1].stderr == ""


@pytest.mark.slow
def test_a_replay_in_one_process_is_the_run_of_ranks_that_share_rows(train, spiking, assert_replayed, tmp_path) -> None:
    shared = ["--set", "model.dropout=0.1", "--set", "parallel.sequence=2"]
    train(2, *spiking, *shared, "--out", tmp_path / "run")
    assert_replayed(tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "policy", "handover"),
    [(2, "guard", "serial"), (4, "guard", "parallel"), (2, "rollback-and-skip", "serial")],
)
def test_a_guard_takes_ranks_that_share_rows_back_as_one_process(
    size, policy, handover, spiking, taken_back_as_one
) -> None:
    """It decides, tries and recovers as where one process computes the pieces in turn, to the bit."""
    options = [
        *(*spiking, "--set", "parallel.sequence=2", "--set", f"numerics.handover={handover}"),
        *("--set", "training.evaluate_every=40", "--set", "training.snapshot_every=8"),
    ]
    taken_back_as_one(size, policy, options)


_MEASURES = """
import json, os, sys, threading, time
from newllm.cli.main import main

def own_megabytes():
    for line in open("/proc/self/status"):
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024

most = 0.0

def watch():
    global most
    while True:
        most = max(most, own_megabytes())
        time.sleep(0.002)

threading.Thread(target=watch, daemon=True).start()
code = main(sys.argv[1:])
print(json.dumps(most))
sys.exit(code)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from Linux")
def test_a_rank_holds_less_of_a_long_row_than_one_process(text, tiny, tmp_path, environment) -> None:
    options = [text, *tiny, "--set", "data.batch=1", "--set", "model.layers=4", "--steps", 3, "--quiet"]
    options += ["--set", "training.evaluate_tokens=1", "--set", "model.width=64"]
    held = {}
    for size, window in ((1, 1024), (1, 4096), (2, 4096)):
        own = ["--set", f"data.window={window}", "--set", f"parallel.sequence={size}"]
        words = [*options, *own, "--out", tmp_path / f"{size}-{window}"]
        held[size, window] = _most_held(size, words, environment)
    extra = {key: value - held[1, 1024] for key, value in held.items()}
    assert extra[2, 4096] < 0.6 * extra[1, 4096], held


def _most_held(size: int, words: list, environment: dict[str, str]) -> float:
    """Return the megabytes that any of the processes of a training held at most."""
    launched = {"WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(20000 + os.getpid() % 20000)}
    command = [sys.executable, "-c", _MEASURES, "train", *map(str, words)]
    processes = [
        subprocess.Popen(
            command, env={**environment, **launched, "RANK": str(rank), "LOCAL_RANK": str(rank)}, stdout=subprocess.PIPE
        )
        for rank in range(size)
    ]
    said = [process.communicate(timeout=400)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * size
    return max(float(one.split()[-1]) for one in said)
