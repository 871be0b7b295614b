"""Several processes that train one run: however they are killed or stopped, it ends with the same bits."""

import contextlib
import importlib.metadata
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import newllm as newllm_api
from newllm.checksum import read_checked
from newllm.replays.watcher import Watcher
from newllm.time_limit import TimeLimit
from newllm.trace import read_signal
from newllm.training.snapshots import list_snapshots

STEPS = 40
KILLS = int(os.environ.get("NEWLLM_KILLS", "7"))  # of each variant and size in the slow test
LAUNCHED = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
SOME = ["--set", "data.batch=4", "--set", "training.steps=40", "--set", "training.snapshot_every=8"]
LONG = ("accumulated", "carried-dropout", "sentences", "tied")
VARIANTS = {
    "stack": ["--set", "data.batch=5"],
    "carried-dropout": ["--set", "data.carry=true", "--set", "model.dropout=0.1", "--rule", "dual"],
    "sentences": ["--preset", "founding-baseline", "--set", "data.batch=4", "--set", "numerics.threads=1"],
    "tied": ["--set", "model.tied_embeddings=true", "--set", "model.ngram_rows=50", "--set", "data.carry=true"],
    "accumulated": ["--set", "training.accumulate=2", "--rule", "delta", "--set", "training.recompute=true"],
}


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _options(variant: str, text: Path, tiny: list[str]) -> list[object]:
    own = VARIANTS[variant]
    return [*own, *SOME[2:]] if variant == "sentences" else [text, *tiny, *SOME, *own]


@pytest.mark.parametrize(
    "variant", [pytest.param(one, marks=[pytest.mark.slow] if one in LONG else []) for one in VARIANTS]
)
def test_processes_come_to_the_bits_of_one_that_computes_all_parts(
    variant, train, newllm, text, tiny, tmp_path, result, assert_whole
) -> None:
    """And to its trace: what they record, too."""
    size = {"stack": 3, "sentences": 3, "accumulated": 4}.get(variant, 2)
    processes = train(size, *_options(variant, text, tiny), "--out", tmp_path / "together", "--json")
    assert_whole(tmp_path / "together")
    newllm.run("train", "--config", tmp_path / "together/config.toml", "--out", tmp_path / "alone", "--quiet")
    assert result(tmp_path / "together") == result(tmp_path / "alone")
    told = json.loads(processes[0].stdout)
    assert (told["ranks"], told["status"], told["step"]) == (size, "finished", STEPS)
    assert [(process.stdout, process.stderr) for process in processes[1:]] == [("", "")] * (size - 1)
    rows = [(tmp_path / f"together/ranks/rank-{rank:05}.jsonl").read_text().splitlines() for rank in range(size)]
    rows = [[row for row in map(json.loads, one[1:]) if "weights" in row] for one in rows]  # others have numbers alone
    weights = [[(row["step"], row["weights"]) for row in one] for one in rows]
    assert len(weights[0]) > 3
    assert all(one == weights[0] for one in weights), "every process holds the same weights"


def _killed_until_done(start, run: Path, options: list[object], size: int, chance: random.Random, kills: int, longest):
    """Kill one process after random waits; all end by themselves. Return how often one was killed."""
    killed = 0
    while True:
        begun = (run / "config.toml").exists()
        processes = start(size, "train", "--quiet", *(["--resume", run] if begun else [*options, "--out", run]))
        victim = chance.randrange(size)
        if killed < kills:
            time.sleep(chance.uniform(0.0, longest))
            processes[victim].send(signal.SIGKILL)
            if not _trains(run, processes[0]):  # they may wait for each other still: a launcher ends the others
                time.sleep(2)
                for process in processes:
                    with contextlib.suppress(ProcessLookupError):
                        process.send(signal.SIGKILL)
            since = time.monotonic()
            codes = [process.wait() for process in processes]
            assert time.monotonic() - since < 10, "the others wait for one that is gone"
        else:
            codes = [process.wait() for process in processes]
        if codes[victim] != -signal.SIGKILL:
            assert set(codes) == {0}, [process.stderr for process in processes]
            return killed
        assert set(codes) <= {0, 1, 2, -signal.SIGKILL}
        killed += 1


def _trains(run: Path, leader) -> bool:
    try:
        return json.loads((run / "summary.json").read_bytes())["pid"] == leader.pid and (run / "trace.jsonl").exists()
    except (OSError, ValueError):
        return False


def _kills(start, train, text, tiny, tmp_path, result, variant: str, size: int, kills: int) -> None:
    options = _options(variant, text, tiny)
    began = time.monotonic()
    train(size, *options, "--out", tmp_path / "undisturbed", "--quiet")
    longest = 0.7 * (time.monotonic() - began)
    expected, chance, killed, runs = result(tmp_path / "undisturbed"), random.Random(f"{variant} {size}"), 0, 0
    while killed < kills:
        runs += 1
        run = tmp_path / f"killed-{runs}"
        killed += _killed_until_done(start, run, options, size, chance, kills - killed, longest)
        assert result(run) == expected


@pytest.mark.slow
def test_a_process_killed_twice_changes_no_bit(start, train, text, tiny, tmp_path, result) -> None:
    _kills(start, train, text, tiny, tmp_path, result, "stack", 2, 2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variant", "size"), [("stack", 2), ("stack", 3), ("stack", 4), ("carried-dropout", 2), ("carried-dropout", 4)]
)
def test_processes_killed_again_and_again_change_no_bit(
    start, train, text, tiny, tmp_path, result, variant, size
) -> None:
    _kills(start, train, text, tiny, tmp_path, result, variant, size, KILLS)


def _begun(run: Path, wait_until, step: int = 10) -> None:
    trace = run / "trace.jsonl"
    wait_until(lambda: trace.exists() and f'{{"step": {step},' in trace.read_text())


@pytest.mark.parametrize(
    ("mode", "size", "rank"),
    [
        ("ddp", 2, 1),
        *(pytest.param(*one, marks=pytest.mark.slow) for one in (("ddp", 2, 0), ("ddp", 3, 2), ("ddp", 4, 1))),
        *(pytest.param("fsdp", 2, rank, marks=pytest.mark.slow) for rank in range(2)),
    ],
)
def test_a_signal_to_any_process_stops_all_after_the_step(
    mode, size, rank, start, train, newllm, text, tiny, tmp_path, wait_until, result
) -> None:
    options = [text, *tiny, *SOME, "--set", f"parallel.mode={mode}", "--set", "training.steps=4000", "--quiet"]
    run = tmp_path / "run"
    processes = start(size, "train", *options, "--out", run)
    _begun(run, wait_until)
    processes[rank].send(signal.SIGTERM)
    assert [process.wait() for process in processes] == [128 + signal.SIGTERM] * size
    assert [process.stderr for process in processes[1:]] == [""] * (size - 1)
    summary = json.loads((run / "summary.json").read_bytes())
    assert summary["status"] == "interrupted"
    assert re.fullmatch(r"stopped by SIGTERM after step \d+", summary["message"])
    assert summary["step"] in list_snapshots(run / "snapshots")
    train(size, "--resume", run, "--steps", summary["step"] + 20, "--quiet")
    newllm.run("train", "--config", run / "config.toml", "--out", tmp_path / "alone", "--quiet")
    assert result(run)["model.safetensors"] == result(tmp_path / "alone")["model.safetensors"]


@pytest.mark.slow
@pytest.mark.parametrize("resets", [False, True])
def test_a_run_goes_on_with_other_numbers_of_processes(resets, train, newllm, text, tiny, tmp_path, result) -> None:
    """No row of a text is read twice or left out: the losses are those of one process, but for rounding."""
    carried = [text, *tiny, *SOME, "--set", "data.carry=true", "--set", "model.dropout=0"]
    if resets:
        carried = [_packed(text, tmp_path), *carried[1:], "--set", "data.resets=true"]
    run = tmp_path / "run"
    train(1, *carried, "--out", run, "--steps", 10, "--quiet")
    for size, steps in ((2, 20), (3, 30), (4, 40)):
        said = train(size, "--resume", run, "--steps", steps)
        assert f"from step {steps - 10} on it is computed by {size} processes" in said[0].stderr
    config = (run / "config.toml").read_text()
    assert [int(one) for one in re.findall(r"\d+", config.partition("ranks = ")[2].partition("\n]")[0])] == [
        *(10, 2, 20, 3, 30, 4)
    ]
    alone = tmp_path / "alone.toml"  # with the schedule as it came to be
    alone.write_text(re.sub(r"ranks = \[(\s+\[.*\],)*\s*\]", "ranks = []", config))
    newllm.run("train", "--config", alone, "--out", tmp_path / "alone", "--quiet")
    losses, expected = (read_signal(at / "trace.jsonl", "loss").value for at in (run, tmp_path / "alone"))
    assert len(losses) == len(expected) == STEPS
    assert 0 < np.abs(losses / expected - 1).max() < 1e-6
    shutil.rmtree(run / "ranks")
    newllm.run("train", "--config", run / "config.toml", "--out", tmp_path / "again", "--quiet")
    assert result(tmp_path / "again")["model.safetensors"] == result(run)["model.safetensors"]
    assert (tmp_path / "again" / "config.toml").read_text() == config


def _packed(text: Path, folder: Path) -> Path:
    """Return a file with a document a line of a text: several begin in each row."""
    lines = text.read_text().splitlines()
    path = folder / "documents.jsonl"
    path.write_text("".join(f"{json.dumps({'text': line})}\n" for line in lines))
    return path


@pytest.mark.slow
def test_one_process_goes_on_with_the_ranks_of_several(
    start, train, newllm, text, tiny, tmp_path, wait_until, result
) -> None:
    options = [text, *tiny, *SOME, "--set", "training.steps=400", "--set", "data.carry=true", "--quiet"]
    train(2, *options, "--out", tmp_path / "whole")
    processes = start(2, "train", *options, "--out", tmp_path / "run")
    _begun(tmp_path / "run", wait_until)
    processes[0].send(signal.SIGINT)
    assert [process.wait() for process in processes] == [128 + signal.SIGINT] * 2
    said = newllm.run("train", "--resume", tmp_path / "run")
    assert "one process computes the parts of all 2 ranks" in said.stderr
    told = newllm.start("doctor", tmp_path / "whole", "--json")
    assert told.wait() in (0, 1), told.stderr  # over-fitting of a text that is short
    assert "straggler" not in [one["kind"] for one in json.loads(told.stdout)["findings"]]
    found, expected = result(tmp_path / "run"), result(tmp_path / "whole")
    assert {**found, "snapshots": 0} == {**expected, "snapshots": 0}, "one more was written where it was stopped"


@pytest.mark.slow
def test_a_guard_that_goes_back_to_before_another_number_of_ranks_takes_this_number(
    train, newllm, spoilt, tiny, tmp_path
) -> None:
    options = [
        *(spoilt, *tiny, "--set", "data.batch=3", "--set", "data.carry=true", "--set", "optimizer.learning_rate=1e-2"),
        *("--set", "optimizer.warmup=10", "--set", "training.snapshot_every=8", "--guard", "rollback-and-skip"),
    ]
    run = tmp_path / "run"
    newllm.run("train", *options, "--out", tmp_path / "alone", "--steps", 80, "--quiet")
    found = json.loads((tmp_path / "alone/summary.json").read_bytes())["recoveries"]
    onset, back = found[0]["onset"], found[0]["back"]
    between = (onset + back) // 2
    assert back < between < onset
    train(2, *options, "--out", run, "--steps", between, "--quiet")
    train(3, "--resume", run, "--steps", 80, "--quiet")
    summary = json.loads((run / "summary.json").read_bytes())
    assert (summary["status"], summary["step"]) == ("finished", 80)
    assert summary["recoveries"][0]["back"] < between, "the test tests nothing"
    newllm.run("train", "--config", run / "config.toml", "--out", tmp_path / "again", "--quiet")


def test_a_loss_that_is_no_number_on_one_rank_ends_all(train, text, tiny, tmp_path) -> None:
    options = [text, *tiny, *SOME, "--set", "optimizer.learning_rate=1e30", "--set", "optimizer.clip=0", "--quiet"]
    train(2, *options, "--out", tmp_path / "run", codes={1})
    assert json.loads((tmp_path / "run/summary.json").read_bytes())["status"] == "diverged"


_NOT_A_NUMBER = """
import os, sys
from newllm.cli.main import main
from newllm.training.step import Stepper

passes = Stepper._passes

def passed(stepper, step, *arguments):
    found = passes(stepper, step, *arguments)
    return ([float("nan")], found[1]) if os.environ["RANK"] == os.environ["VICTIM"] and step == 9 else found

Stepper._passes = passed
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "size", "victim"), [("ddp", 2, 0), ("ddp", 3, 2), ("fsdp", 2, 1)])
def test_a_loss_that_is_no_number_on_one_rank_alone_ends_all_and_names_it(
    mode, size, victim, newllm, text, tiny, tmp_path, environment
) -> None:
    run = tmp_path / "run"
    words = ["train", text, *tiny, *SOME, "--set", f"parallel.mode={mode}", "--out", run]
    processes = _launched(_NOT_A_NUMBER, words, {**environment, "VICTIM": str(victim)}, size)
    said = ["".join(process.communicate(timeout=60)) for process in processes]
    assert [process.returncode for process in processes] == [1] * size, said
    summary = json.loads((run / "summary.json").read_bytes())
    assert (summary["status"], summary["step"]) == ("diverged", 9)
    assert said[0].splitlines().count(summary["message"]) == 1
    assert said[1:] == [""] * (size - 1)
    found = newllm.run("doctor", run, "--json", code=1)
    (outlier,) = [one for one in json.loads(found.stdout)["findings"] if one["kind"] == "rank-outlier"]
    assert outlier["first_step"] == 10
    assert f"rank {victim}" in outlier["sentence"]


_OTHER_TEXT = """
import sys
from newllm.api import following
from newllm.cli.main import main

read = following.prepare

def prepare(config, tokenizer):
    with open(sys.argv[2], "w") as text:
        text.write("Another text, which is much too short.")
    return read(config, tokenizer)

following.prepare = prepare
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_a_text_that_is_another_one_for_one_process_is_one_line(text, tiny, tmp_path, environment) -> None:
    """The leader says what the other wrote down."""
    own, run = tmp_path / "own.txt", tmp_path / "run"
    shutil.copy(text, own)
    words = ["train", own, *tiny, "--out", run, "--set", "training.steps=4000", "--quiet"]
    processes = _launched(_OTHER_TEXT, words, environment)
    said = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [2, 2]
    (line,) = said[0].splitlines()
    assert "rank 1 of this training is gone" in line
    assert f"rank 1: '{own}' is another text for rank 1 than for rank 0" in line
    assert f"--resume {run}" in line
    assert said[1] == ""
    assert json.loads((run / "summary.json").read_bytes())["status"] == "failed"


_OTHER_VERSION = """
import os, sys
from newllm.cli.main import main
from newllm.training import peers

known = peers.describe_environment

def described():
    other = {"torch": "2.9.1", "numba": "absent"} if os.environ["RANK"] != "0" else {}
    return {**known(), **other}

peers.describe_environment = described
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_another_version_on_one_rank_ends_the_start_in_a_line(text, tiny, tmp_path, environment) -> None:
    run = tmp_path / "run"
    processes = _launched(_OTHER_VERSION, ["train", text, *tiny, *SOME, "--out", run, "--quiet"], environment, 3)
    said = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [2, 2, 2]
    here = {name: importlib.metadata.version(name) for name in ("torch", "numba")}
    assert said[0] == (
        f"newllm: rank 1 has torch 2.9.1, numba absent where rank 0 has torch {here['torch']}, numba {here['numba']} "
        f"(and 1 more rank is unlike rank 0): pip install torch=={here['torch']} numba=={here['numba']} "
        "on its machine\n"
    )
    assert said[1:] == ["", ""]
    assert not run.exists()


@pytest.mark.slow
def test_ranks_on_another_kind_of_processor_hold_the_same_weights_and_it_is_written_down(
    start, newllm, text, tiny, tmp_path
) -> None:
    """torch without vector instructions rounds otherwise than with them: the weights would drift apart."""
    if torch.backends.cpu.get_cpu_capability() == "DEFAULT":
        pytest.skip("this processor has no vector instructions that torch uses")
    run, options = tmp_path / "run", [text, *tiny, *SOME, "--set", "numerics.threads=1"]
    processes = start(2, "train", *options, "--out", run, each=({}, {"ATEN_CPU_CAPABILITY": "default"}))
    assert [process.wait() for process in processes] == [0, 0], [process.stderr for process in processes]
    assert re.search("rank 1 has cpu_capability DEFAULT where rank 0 has .*rounds otherwise", processes[0].stderr)
    assert "unlike = [\n    [0, 1],\n]" in (run / "config.toml").read_text()
    told = newllm.start("doctor", run, "--json")
    assert told.wait() in (0, 1), told.stderr
    assert "ranks-apart" not in [one["kind"] for one in json.loads(told.stdout)["findings"]]
    said = newllm.run("train", "--resume", run, "--steps", STEPS + 5)
    assert "with other bits than theirs" in said.stderr
    assert f"    [{STEPS}, 0],\n" in (run / "config.toml").read_text()


def _launched(program: str, words: list[object], environment: dict[str, str], size: int = 2) -> list[subprocess.Popen]:
    """Start processes of a program that changes newllm before it runs the command line."""
    environment = {**environment, "WORLD_SIZE": str(size)}
    launched = {**LAUNCHED, **environment, "MASTER_PORT": str(_free_port())}
    return [
        subprocess.Popen(
            [sys.executable, "-c", program, *map(str, words)],
            env={**launched, "RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(size)
    ]


_COUNTED = """
import os, sys
from newllm.cli.main import main
from newllm.training import evaluation

sum_nats, counted = evaluation.sum_nats, []

def summed(*arguments, **options):
    counted.append(1)
    return sum_nats(*arguments, **options)

evaluation.sum_nats = summed
code = main(sys.argv[1:])
print(len(counted), file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.slow
@pytest.mark.parametrize("carry", ["false", "true"])
def test_an_evaluation_is_shared_out_and_has_the_bits_of_one_process(
    carry, newllm, text, tiny, tmp_path, environment, result
) -> None:
    """More batches than are sent at once, and not as many for each rank."""
    options = [text, *tiny, "--set", "data.window=6", "--set", f"data.carry={carry}", "--steps", 8, "--quiet"]
    options += ["--set", "training.evaluate_every=4", "--set", "training.evaluate_tokens=612"]
    processes = _launched(_COUNTED, ["train", *options, "--out", tmp_path / "together"], environment)
    said = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert said == ["78\n", "75\n"], "three evaluations of 51 batches"
    newllm.run("train", "--config", tmp_path / "together/config.toml", "--out", tmp_path / "alone", "--quiet")
    assert result(tmp_path / "together") == result(tmp_path / "alone")


_APART = """
import sys, torch
from newllm.cli.main import main
from newllm.training.step import Stepper

apply = Stepper._apply

def applied(stepper, rate):
    norm = apply(stepper, rate)
    if stepper.world.rank == 1 and stepper.optimizer.state and stepper.model.head.weight[0, 0] != 0:
        with torch.no_grad():
            stepper.model.head.weight[0, 0] += 1e-4
    return norm

Stepper._apply = applied
sys.exit(main(sys.argv[1:]))
"""


def test_a_rank_whose_weights_go_their_own_way_is_found(newllm, text, tiny, tmp_path, environment) -> None:
    """By the fingerprints that each process writes, from the first step that they are compared at."""
    run = tmp_path / "run"
    processes = _launched(_APART, ["train", text, *tiny, *SOME, "--out", run, "--quiet"], environment)
    said = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    found = newllm.run("doctor", run, "--json", code=1)
    (apart,) = [one for one in json.loads(found.stdout)["findings"] if one["kind"] == "ranks-apart"]
    assert (apart["severity"], apart["first_step"]) == ("warning", 1)
    assert "1 parameter" in apart["sentence"] or "a parameter differs" in apart["sentence"]
    assert "head.weight" in apart["sentence"]


_ONE_IS_UNLIKE = """
import dataclasses, os, sys, time
import numpy as np
from newllm.cli.main import main
from newllm.training import step as of_step

part_of, passes, how = of_step.part_of, of_step.Stepper._passes, os.environ["HOW"]
unlike, spoilt = os.environ["RANK"] == os.environ["VICTIM"], False

def parted(*arguments):
    part = part_of(*arguments)
    noise = np.random.default_rng(0).integers(0, 256, part.targets.shape)
    return dataclasses.replace(part, targets=noise) if spoilt else part

def passed(stepper, step, *arguments):
    global spoilt
    spoilt = unlike and how == "broken" and 120 <= step < 123
    time.sleep(0.05 if unlike and how == "slow" else 0.0)
    return passes(stepper, step, *arguments)

of_step.part_of, of_step.Stepper._passes = parted, passed
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("size", "victim"), [(2, 0), (2, 1), (3, 1)])
@pytest.mark.parametrize(("how", "kind"), [("slow", "straggler"), ("broken", "rank-outlier"), ("sound", None)])
def test_a_rank_that_is_slow_or_reads_broken_rows_is_named(
    how, kind, size, victim, newllm, text, tiny, tmp_path, environment
) -> None:
    """Of ranks that are alike nothing is said."""
    run = tmp_path / "run"
    words = ["train", text, *tiny, *SOME, "--set", "training.steps=160", "--out", run, "--quiet"]
    own = {**environment, "VICTIM": str(victim), "HOW": how}
    processes = _launched(_ONE_IS_UNLIKE, words, own, size)
    said = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * size, said
    told = newllm.start("doctor", run, "--json")
    assert told.wait() in (0, 1), told.stderr
    of_ranks = {"straggler", "rank-outlier", "rank-stopped", "ranks-apart", "ranks-alike"}
    found = [one for one in json.loads(told.stdout)["findings"] if one["kind"] in of_ranks]
    assert [one["kind"] for one in found] == ([kind] if kind else [])
    assert all(f"rank {victim}" in one["sentence"] for one in found)


_OTHER_SEED = """
import os, sys
from newllm.api import following
from newllm.cli.main import main

batches = following.training_batches

def drawn(corpus, config, seed):
    return batches(corpus, config, seed + (os.environ["RANK"] == os.environ["OTHER"]))

following.training_batches = drawn
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("size", "more"),
    [
        (2, []),
        pytest.param(3, ["--set", "training.accumulate=2"], marks=pytest.mark.slow),
        pytest.param(2, ["--set", "parallel.mode=fsdp"], marks=pytest.mark.slow),
        pytest.param(2, ["--set", "parallel.sequence=2"], marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("planted", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_rank_that_draws_other_batches_is_named(
    planted, size, more, newllm, text, tiny, tmp_path, environment
) -> None:
    """Each draws the whole batch, also where weights are shared out and where rows are."""
    run, other = tmp_path / "run", size - 1
    own = {**environment, "OTHER": str(other) if planted else "nobody"}
    processes = _launched(_OTHER_SEED, ["train", text, *tiny, *SOME, *more, "--out", run, "--quiet"], own, size)
    said = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * size, said
    told = newllm.start("doctor", run, "--json")
    assert told.wait() in (0, 1), told.stderr
    found = [one["sentence"] for one in json.loads(told.stdout)["findings"] if one["kind"] == "rank-outlier"]
    assert [one[: one.index(",")] for one in found] == [f"rank {other} draws other batches than rank 0"] * planted
    assert all("first by step 1 (40 of 40 comparisons differ)" in one for one in found)


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_process_that_is_stopped_is_named_by_the_others_which_end(
    victim, start, newllm, text, tiny, tmp_path, wait_until
) -> None:
    """SIGSTOP: it is alive, its connections are open, and it never comes again."""
    run, size = tmp_path / "run", 3
    options = [text, *tiny, *SOME, "--set", "training.steps=4000", "--quiet"]
    processes = start(size, "train", *options, "--out", run, each=[{"NEWLLM_HANG_SECONDS": "3"}] * size)
    _begun(run, wait_until)
    processes[victim].send(signal.SIGSTOP)
    since = time.monotonic()
    others = [process for rank, process in enumerate(processes) if rank != victim]
    assert [process.wait() for process in others] == [2, 2]
    assert time.monotonic() - since < 30, "three seconds, four to look at the others, and the curves"
    processes[victim].send(signal.SIGKILL)
    processes[victim].wait()
    who = "" if victim else "rank 1: "
    assert others[0].stderr.startswith(f"newllm: {who}rank {victim} did not come to the "), others[0].stderr
    for words in ("of step", "within 3 s, and all ended", "did not run any more", f"--resume {run} to go on"):
        assert words in others[0].stderr
    assert len(others[0].stderr.splitlines()) == 1
    assert others[1].stderr == ""
    found = newllm.run("doctor", run, "--json", code=1)
    (hang,) = [one for one in json.loads(found.stdout)["findings"] if one["kind"] == "hang"]
    assert hang["severity"] == "warning"
    assert hang["sentence"].startswith(f"rank {victim} did not come to the ")
    done = int(hang["first_step"])
    newllm.run("train", "--resume", run, "--steps", done + 5, "--quiet")
    again = newllm.start("doctor", run, "--json")
    assert again.wait() in (0, 1)
    (hang,) = [one for one in json.loads(again.stdout)["findings"] if one["kind"] == "hang"]
    assert hang["severity"] == "note"
    assert not list((run / "ranks").glob("*.at")), "they are of the session that hung"


_SLEEPS = """
import os, sys, time
from newllm.cli.main import main
from newllm.training.step import Stepper

passes = Stepper._passes

def slept(stepper, step, *arguments):
    if step == 12 and os.environ["RANK"] == os.environ["SLEEPER"]:
        time.sleep(float(os.environ["SLEEPS"]))
    return passes(stepper, step, *arguments)

Stepper._passes = slept
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_waits_for_something_else_is_named_with_its_place(
    rank, text, tiny, tmp_path, environment
) -> None:
    """Its other thread runs still; when it comes at last it says no more than the others did."""
    run = tmp_path / "run"
    own = {**environment, "NEWLLM_HANG_SECONDS": "2", "SLEEPER": str(rank), "SLEEPS": "16"}
    processes = _launched(_SLEEPS, ["train", text, *tiny, *SOME, "--out", run, "--quiet"], own)
    said = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [2, 2], said
    line = said[1 - rank]
    assert f"rank {rank} did not come to the losses of step 13 within 2 s" in line
    assert "it was last seen computing" in line
    assert "at training/step.py:" in line
    assert "and still ran" in line
    assert said[rank].count("\n") == (1 if rank == 0 else 0)
    assert len((run / "ranks/hangs.jsonl").read_text().splitlines()) == 1


_ENDS = """
import os, signal, sys
from newllm.cli.main import main
from newllm.training.step import Stepper

passes = Stepper._passes

def ended(stepper, step, *arguments):
    if step == 12 and os.environ["RANK"] == os.environ["VICTIM"]:
        if os.environ["HOW"] == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        raise ValueError("its own mistake")
    return passes(stepper, step, *arguments)

Stepper._passes = ended
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("victim", "how"), [(1, "killed"), (2, "errs"), (0, "killed")])
def test_the_others_write_down_who_was_gone_and_where_they_missed_it(
    victim, how, text, tiny, tmp_path, environment
) -> None:
    """What the rank itself said is quoted, and not what they saw."""
    run = tmp_path / "run"
    own = {**environment, "VICTIM": str(victim), "HOW": how}
    processes = _launched(_ENDS, ["train", text, *tiny, *SOME, "--out", run, "--quiet"], own, 3)
    said = [process.communicate(timeout=60)[1] for process in processes]
    (*_, line) = said[0 if victim else 1].splitlines()
    assert f"rank {victim} of this training is gone" in line
    assert (f", which said: rank {victim}: ValueError: its own mistake;" in line) == (how == "errs")
    assert ("which said" in line) == (how == "errs")
    words = {path.name: path.read_text() for path in (run / "ranks").glob("*.log")}
    own_words = words.pop(f"rank-{victim:05}.log", "")
    assert own_words.endswith("ValueError: its own mistake\n" if how == "errs" else "")
    assert words.keys() == {f"rank-{rank:05}-lost.log" for rank in {1, 2} - {victim}}
    assert all(f"step 13: rank {victim} of this training is gone (" in one for one in words.values()), words


_LEAVES = """
import os, pathlib, sys, threading, time
from newllm.cli.main import main
from newllm.training.ranks import Ranks

ends, summary = Ranks.ends, pathlib.Path(sys.argv[sys.argv.index("--out") + 1]) / "summary.json"

def leave():
    while not (summary.exists() and '"finished"' in summary.read_text()):
        time.sleep(0.01)
    os._exit(9)

def ended(world, result):
    time.sleep(1)
    ends(world, result)

Ranks.ends = ended
if os.environ["RANK"] == "2":
    threading.Thread(target=leave, daemon=True).start()
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_a_process_that_is_gone_when_all_is_done_keeps_nobody_waiting(text, tiny, tmp_path, environment) -> None:
    """The leader knew of it and waited for the others, which waited for the leader's last word."""
    options = [text, *tiny, *SOME, "--out", tmp_path / "run", "--quiet"]
    processes = _launched(_LEAVES, ["train", *options], environment, 4)
    said = [process.communicate(timeout=90)[1] for process in processes]
    codes = [process.returncode for process in processes]
    assert (codes[0], codes[2]) == (0, 9), said
    assert {codes[1], codes[3]} <= {0, 2}
    assert said[0] == "", "the run is finished"


_REPLAYS = """
import os, sys, time
from newllm.cli.main import main
from newllm.training import loop
from newllm.training.guard import Guard

def replayed(guard, stepper, step):
    if step == 12:
        for _ in range(24):
            time.sleep(0.5)
            if "TICKS" in os.environ:
                stepper.world.busy()
    return None

loop.Guard.stepping = replayed
from newllm.replays.guard.run_guard import RunGuard
RunGuard.stepping = replayed
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("ticks", [True, False])
def test_the_others_wait_for_a_leader_that_says_that_it_is_busy(ticks, text, tiny, tmp_path, environment) -> None:
    own = {**environment, "NEWLLM_HANG_SECONDS": "6", **({"TICKS": "1"} if ticks else {})}
    words = ["train", text, *tiny, *SOME, "--out", tmp_path / "run", "--quiet"]
    processes = _launched(_REPLAYS, words, own)
    said = [process.communicate(timeout=90)[1] for process in processes]
    assert [process.returncode for process in processes] == [0 if ticks else 2] * 2, said
    assert ticks or "rank 0 did not come to the order that follows step 12" in said[1]


@pytest.mark.slow
def test_a_process_that_is_slow_but_comes_in_time_ends_nothing(text, tiny, tmp_path, environment) -> None:
    run = tmp_path / "run"
    own = {**environment, "NEWLLM_HANG_SECONDS": "8", "SLEEPER": "1", "SLEEPS": "4"}
    processes = _launched(_SLEEPS, ["train", text, *tiny, *SOME, "--out", run, "--quiet"], own)
    said = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert not list((run / "ranks").glob("*.at"))
    assert not (run / "ranks/hangs.jsonl").exists()


@pytest.mark.slow
def test_a_mistake_in_the_call_is_said_once(start, newllm, tmp_path) -> None:
    for mistake in (["--no-such-option"], [tmp_path / "no-such-text.txt", "--set", "data.batch=0"]):
        processes = start(2, "train", *mistake)
        assert processes[0].wait() == 2
        processes[1].send(signal.SIGTERM)  # as a launcher does
        code = processes[1].wait()
        assert len(processes[0].stderr.splitlines()) == 1
        if code == 2:  # the first was seconds later than the other, on a busy machine
            assert processes[1].stderr.startswith("newllm: rank 1: ")
        else:
            assert (code in (-signal.SIGTERM, 128 + signal.SIGTERM), processes[1].stderr) == (True, "")
    alone = newllm.start("train", "--no-such-option", environment=LAUNCHED | {"RANK": "1"})
    assert alone.wait() == 2
    assert alone.stderr.startswith("newllm: rank 1: unknown option"), "the first one has no such mistake"
    other = newllm.start("doctor", tmp_path / "no-such-log.csv", environment=LAUNCHED | {"RANK": "x"})
    assert other.wait() == 2
    assert other.stderr.startswith("newllm: cannot read")


def test_fewer_rows_than_processes_are_refused_in_a_line(start, text, tiny, tmp_path) -> None:
    processes = start(3, "train", text, *tiny, "--out", tmp_path / "run")
    assert [process.wait() for process in processes] == [2, 2, 2]
    assert processes[0].stderr == (
        "newllm: data.batch 2 has fewer rows than 3 ranks: --set data.batch=3, or fewer ranks\n"
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("policy", "size"), [("rollback-and-skip", 2), ("guard", 2), ("guard", 3)])
def test_a_guard_takes_all_processes_back(policy, size, spiking, taken_back_as_one) -> None:
    """The spike is seen by one, decided on by one, and all go back; one process does the same to the bit."""
    options = [
        *(*spiking, "--set", "training.evaluate_every=40", "--set", "training.snapshot_every=8"),
        *("--set", f"data.batch={size}"),
    ]
    taken_back_as_one(size, policy, options)


@pytest.mark.slow
def test_replays_find_of_a_run_of_two_what_they_find_of_one(train, newllm, spiking, tmp_path) -> None:
    """The replay with nothing changed is the run to the bit; the verdict and what it rests on are the same."""
    train(2, *spiking, "--set", "model.dropout=0.1", "--out", tmp_path / "together")
    newllm.run("train", "--config", tmp_path / "together/config.toml", "--out", tmp_path / "alone", "--quiet")
    found, expected = (_replayed(tmp_path / name) for name in ("together", "alone"))
    verdict, trajectories = found
    assert verdict["null"]["identical"]
    assert [one["name"] for one in verdict["interventions"]] == ["half-learning-rate"]
    assert len(trajectories) >= 4, "of the null replays and of the change"
    assert found == expected


def _replayed(run: Path) -> tuple[Any, Any]:
    """Return the verdict on one change, and the trajectories that were kept, by file; without what a call adds."""
    limit = TimeLimit(600, lambda: 0.0)  # all that a verdict can use
    verdict = newllm_api.replay(run, only=("half-learning-rate",), budget=limit, workers=0, watcher=Watcher())
    kept = {place.name: read_checked(place) for place in run.glob("replays/*/trajectories/*.json")}
    return _timeless(verdict.as_dict()), _timeless(kept)


def _timeless(data):
    of_the_call = {"run", "place", "sha256", "seconds", "cost"}
    if isinstance(data, dict):
        return {name: _timeless(value) for name, value in data.items() if name not in of_the_call}
    return [_timeless(item) for item in data] if isinstance(data, list) else data


TWICE = """
import os, sys, time, newllm
newllm.train(sys.argv[1], out="run", preset="tiny", budget=newllm.Budget(steps=2), settings=sys.argv[2:])
if os.environ["RANK"] == "0":
    time.sleep(2)  # the other comes first, and must not find where this one was before
newllm.resume("run", budget=newllm.Budget(steps=4))
"""


@pytest.mark.slow
def test_a_script_trains_and_goes_on_whoever_comes_first(text, tmp_path, environment) -> None:
    (tmp_path / "twice.py").write_text(TWICE)
    launch = ["-m", "torch.distributed.run", "--nproc-per-node=2", "--master-port", str(_free_port()), "twice.py"]
    settings = ["data.window=16", "numerics.precision=fp32", "training.evaluate_tokens=64"]
    command = [sys.executable, *launch, str(text), *settings]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, timeout=200, capture_output=True)
    assert json.loads((tmp_path / "run/summary.json").read_bytes())["step"] == 4


@pytest.mark.slow
def test_torchrun_starts_a_killed_training_again_and_it_ends_like_an_undisturbed_one(
    train, text, tiny, tmp_path, environment, result
) -> None:
    options = [text, *tiny, *SOME, "--set", "training.steps=600", "--quiet"]
    train(2, *options, "--out", tmp_path / "undisturbed")
    run = tmp_path / "run"
    launch = ["-m", "torch.distributed.run", "--nproc-per-node=2", "--max-restarts=1", "-m", "newllm"]
    command = [sys.executable, *launch, "train", *options, "--out", run]
    with subprocess.Popen([str(word) for word in command], env=environment, stderr=subprocess.DEVNULL) as launcher:
        ends = time.monotonic() + 60
        while not ((run / "trace.jsonl").exists() and '{"step": 20,' in (run / "trace.jsonl").read_text()):
            assert time.monotonic() < ends, "it never began"
            time.sleep(0.02)
        os.kill(json.loads((run / "summary.json").read_bytes())["pid"], signal.SIGKILL)
        assert launcher.wait() == 0
    assert result(run) == result(tmp_path / "undisturbed")


@pytest.mark.slow
def test_a_restart_goes_on_with_the_seconds_that_remain(start, train, text, tiny, tmp_path, wait_until) -> None:
    """As torchrun restarts it: with the same options, and the number of the restart."""
    run = tmp_path / "run"
    train(2, text, *tiny, *SOME, "--set", "training.snapshot_every=2", "--out", run, "--steps", 10, "--quiet")
    words, port = ("train", "--resume", run, "--seconds", 30), {"MASTER_PORT": str(_free_port())}
    processes = start(2, *words, each=(port, port))
    wait_until(lambda: '{"step": 30,' in (run / "trace.jsonl").read_text(), 60)
    processes[1].send(signal.SIGKILL)
    assert [process.wait() for process in processes] == [2, -signal.SIGKILL]
    assert "follows the clock for 30 s" in processes[0].stderr
    config = (run / "config.toml").read_text()

    def told(words_said: str, **launched: str) -> bool:
        """Start again; return whether the schedule is what it was."""
        each = {**port, **launched, "TORCHELASTIC_RESTART_COUNT": "1"}
        leader, other = start(2, *words, each=(each, each))
        wait_until(lambda: words_said in leader.stderr, 60)
        leader.send(signal.SIGTERM)
        assert leader.wait() == 128 + signal.SIGTERM
        assert other.wait() in (2, 128 + signal.SIGTERM), "2 where training had not begun yet"
        return (run / "config.toml").read_text() == config

    assert told("of the 30 s remain")
    assert not told("follows the clock for 30 s", TORCHELASTIC_RUN_ID="another call", MASTER_PORT=str(_free_port()))


@pytest.fixture
def cable():
    """Two network namespaces with a cable between them; yields their names, and what cuts it."""
    names = [f"newllm-{side}-{os.getpid()}" for side in "ab"]

    def ip(*words: str) -> bool:
        return subprocess.run(["ip", *words], capture_output=True, check=False).returncode == 0

    try:
        if shutil.which("ip") is None or not all(ip("netns", "add", name) for name in names):
            pytest.skip("network namespaces may not be made here")
        made = ip("link", "add", "va", "netns", names[0], "type", "veth", "peer", "name", "vb", "netns", names[1])
        if not made:
            pytest.skip("no cable between network namespaces can be made here")
        for name, side, address in zip(names, "ab", ("10.77.0.1", "10.77.0.2"), strict=True):
            ip("-n", name, "addr", "add", f"{address}/24", "dev", f"v{side}")
            ip("-n", name, "link", "set", f"v{side}", "up")
            ip("-n", name, "link", "set", "lo", "up")
        # What is sent is lost on the way, and nobody is told: as behind a switch that lost its power.
        yield names, lambda: ip("netns", "exec", names[1], "ip", "addr", "del", "10.77.0.2/24", "dev", "vb")
    finally:
        for name in names:
            ip("netns", "del", name)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("each", "more"),
    [
        (1, []),
        (1, ["--set", "parallel.mode=fsdp"]),
        (2, ["--set", "parallel.mode=hsdp", "--set", "parallel.shard=2"]),
    ],
)
def test_a_network_that_is_cut_ends_all_within_seconds(
    each, more, cable, train, text, tiny, tmp_path, environment, newllm, result
) -> None:
    """The connection counts as lost after ten seconds; then the first one looks who is gone and draws the curves."""
    names, cut = cable
    run = tmp_path / "run"
    command = [sys.executable, "-m", "newllm", "train", text, *tiny, *SOME, *more, "--out", run, "--quiet"]
    command += ["--steps", 100_000]
    launched = {"WORLD_SIZE": str(2 * each), "MASTER_ADDR": "10.77.0.1", "MASTER_PORT": str(_free_port())}
    processes = []
    for rank in range(2 * each):
        machine = rank // each
        own = {**environment, **launched, "RANK": str(rank), "GLOO_SOCKET_IFNAME": "vb" if machine else "va"}
        words = ["ip", "netns", "exec", names[machine], *map(str, command)]
        processes.append(subprocess.Popen(words, env=own, stderr=subprocess.PIPE, text=True))
    ends = time.monotonic() + 60
    while not ((run / "trace.jsonl").exists() and '{"step": 10,' in (run / "trace.jsonl").read_text()):
        assert time.monotonic() < ends, "it never began"
        time.sleep(0.05)
    assert cut()
    since = time.monotonic()
    said = [process.communicate(timeout=60)[1] for process in processes]
    took = time.monotonic() - since
    assert took < 20
    assert [process.returncode for process in processes] == [2, 2] * each
    who = r"(another process|rank \d( \(and .* more\))?)"
    (line,) = said[0].splitlines()
    assert re.match(f"newllm: {who} of this training is gone", line)
    summary = json.loads((run / "summary.json").read_bytes())
    assert summary["status"] == "failed"
    train(2 * each, "--resume", run, "--steps", summary["step"] + 20, "--quiet")
    newllm.run("train", "--config", run / "config.toml", "--out", tmp_path / "alone", "--quiet")
    for name in ("model.safetensors", "optimizer.safetensors"):
        assert result(run)[name] == result(tmp_path / "alone")[name]
