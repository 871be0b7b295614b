"""Copies of a sharded model (HSDP), four ranks as two times two: they end with the bits of one process."""

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from newllm.diagnosis.ranks.fingerprints import read_ranks
from newllm.training.snapshots import list_snapshots

STEPS = 20
HSDP = ["--set", "parallel.mode=hsdp", "--set", "parallel.shard=2"]
SOME = ["--set", "data.batch=4", "--set", f"training.steps={STEPS}", "--set", "training.snapshot_every=8", "--quiet"]
MACHINES = [{"GROUP_RANK": str(rank // 2)} for rank in range(4)]  # as torchrun counts them: two of two
VARIANTS = {
    "matrix, accumulated, recomputed": (
        (6, 3),
        ["--rule", "delta", "--set", "training.accumulate=2", "--set", "training.recompute=true"],
    ),
    "odd width, three copies": ((6, 2), ["--set", "model.width=30", "--set", "model.context=30"]),
    "sgd": ((4, 2), ["--set", "optimizer.name=sgd", "--set", "optimizer.weight_decay=0.1", "--set", "model.layers=2"]),
}


def _options(text: Path, tiny: list[str], *more: str) -> list[object]:
    return [text, *tiny, *HSDP, *SOME, *more]


def _same(run: dict[str, object], other: dict[str, object]) -> None:
    """Compare results; a sharded model writes no text."""
    signals = run.keys() - {"sample"}
    assert {"loss", "gradient_norm", "validation_loss", "model.safetensors", "optimizer.safetensors"} <= signals
    assert {name: run[name] for name in signals} == {name: other[name] for name in other.keys() - {"sample"}}


def _shards(snapshot: Path) -> set[str]:
    """Return whose files a snapshot has."""
    return {path.name[: len("shard-00001")] for path in snapshot.glob("shard-*.safetensors")}


def _findings(newllm, run: Path) -> dict[str, dict]:
    told = newllm.start("doctor", run, "--json")
    assert told.wait() in (0, 1), told.stderr
    return {one["kind"]: one for one in json.loads(told.stdout)["findings"]}


@pytest.fixture(scope="module")
def hybrid(start, text, tiny, tmp_path_factory) -> Path:
    """A run of two machines with two ranks each, with carried contexts and dropout; not to be changed."""
    run = tmp_path_factory.mktemp("hybrid") / "run"
    more = ("--rule", "dual", "--set", "data.carry=true", "--set", "model.dropout=0.1", "--set", "parallel.shard=0")
    processes = start(4, "train", *_options(text, tiny, *more), "--out", run, each=MACHINES)
    assert [process.wait() for process in processes] == [0] * 4, [process.stderr for process in processes]
    return run


def test_copies_come_to_the_bits_of_one_process_and_the_first_is_kept(
    hybrid, newllm, tmp_path, result, assert_whole
) -> None:
    assert_whole(hybrid)
    newllm.run("train", "--config", hybrid / "config.toml", "--out", tmp_path / "alone", "--quiet")
    _same(result(hybrid), result(tmp_path / "alone"))
    assert all(
        _shards(place) == {"shard-00001", "shard-00002"} for place in list_snapshots(hybrid / "snapshots").values()
    )
    ranks, remarks = read_ranks(hybrid)
    assert ranks is not None
    heads = [json.loads(path.read_text().splitlines()[0]) for path in sorted((hybrid / "ranks").glob("rank-*.jsonl"))]
    assert [{*head["pieces"]} for head in heads] == [{None, 0}, {None, 1}] * 2
    assert (ranks.count, ranks.compared, ranks.apart, remarks) == (4, len(heads[0]["parameters"]), (), ())


@pytest.mark.parametrize(
    ("shard", "why"),
    [
        ("3", "it does not divide 2 ranks"),
        pytest.param("2", "ranks of a copy would be on", marks=pytest.mark.slow),
    ],
)
def test_copies_that_cannot_be_are_refused_in_a_line(shard, why, start, text, tiny, tmp_path) -> None:
    options = [*_options(text, tiny), "--set", f"parallel.shard={shard}", "--out", tmp_path / "run"]
    processes = start(2, "train", *options, each=MACHINES[::2])
    assert [process.wait() for process in processes] == [2, 2]
    assert re.fullmatch(rf"newllm: parallel.shard is {shard}: {why}.*\n", processes[0].stderr)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["ddp", "fsdp"])
def test_copies_come_to_the_bits_of_other_modes(mode, hybrid, train, tmp_path, result) -> None:
    config = tmp_path / "config.toml"
    config.write_text((hybrid / "config.toml").read_text().replace('mode = "hsdp"', f'mode = "{mode}"'))
    train(4, "--config", config, "--out", tmp_path / "run", "--quiet")
    _same(result(hybrid), result(tmp_path / "run"))


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_kind_of_model_comes_to_the_bits_of_one_process(
    variant, train, newllm, text, tiny, tmp_path, result, assert_whole
) -> None:
    (size, shard), more = VARIANTS[variant]
    options = _options(text, tiny, *more, "--set", "data.batch=7", "--set", f"parallel.shard={shard}")
    train(size, *options, "--out", tmp_path / "run")
    assert_whole(tmp_path / "run")
    newllm.run("train", "--config", tmp_path / "run/config.toml", "--out", tmp_path / "alone", "--quiet")
    _same(result(tmp_path / "run"), result(tmp_path / "alone"))


@pytest.mark.slow
def test_a_run_goes_on_with_copies_and_without(train, newllm, hybrid, tmp_path, result) -> None:
    """By 2, 4 (two copies), 3, 1 and 4 processes; one process computes all of it to the same bits."""
    run = tmp_path / "run"
    shutil.copytree(hybrid, run)
    for size, shards in ((2, 2), (4, 2), (3, 3), (1, 0), (4, 2)):
        config = (run / "config.toml").read_text()
        (run / "config.toml").write_text(re.sub("shard = .*", f"shard = {2 if size == 4 else 0}", config))
        steps = max(list_snapshots(run / "snapshots")) + 4
        train(size, "--resume", run, "--steps", steps, "--quiet")
        assert len(_shards(list_snapshots(run / "snapshots")[steps])) == shards
    newllm.run("train", "--config", run / "config.toml", "--out", tmp_path / "alone", "--quiet")
    for name in ("model.safetensors", "optimizer.safetensors"):
        assert result(run)[name] == result(tmp_path / "alone")[name]


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["off", "guard"])
def test_a_spike_is_kept_and_guarded_as_by_ranks_that_hold_all(policy, train, spiking, pins, tmp_path, result) -> None:
    options = [
        *(*spiking, "--set", "data.batch=4", "--set", "training.ring_every=5"),
        *("--set", "training.snapshot_every=40", "--guard", policy),
    ]
    train(4, *options, *HSDP, "--out", tmp_path / "run")
    train(4, *options, "--set", "parallel.mode=ddp", "--out", tmp_path / "ddp")
    _same(result(tmp_path / "run"), result(tmp_path / "ddp"))
    assert pins(tmp_path / "run") == pins(tmp_path / "ddp")
    if policy == "off":
        assert pins(tmp_path / "run")
    else:
        assert json.loads((tmp_path / "run/summary.json").read_bytes())["recoveries"]


def _free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def _planted(what: str, words: list[object], environment: dict[str, str]) -> list[int]:
    """Fork four processes of a newllm that is changed, and return their codes."""
    program = _PLANTED.replace("PLANT", what)
    launched = {**environment, "WORLD_SIZE": "4", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": _free_port()}
    command = [sys.executable, "-c", program, *map(str, words)]
    return json.loads(subprocess.run(command, env=launched, stdout=subprocess.PIPE, timeout=300, check=True).stdout)


_PLANTED = """
import json, os, sys, torch
import torch.distributed.checkpoint, torch.distributed.fsdp
from newllm.cli.main import main
from newllm.training.step import Stepper

apply, passes = Stepper._apply, Stepper._passes

def own(parameter):
    return parameter.detach().to_local()

def applied(stepper, rate):
    norm = apply(stepper, rate)
    if stepper.world.rank == 3 and stepper.world._meetings.step > 9:
        own(stepper.model.head.weight)[0, 0] += 1e-4
    return norm

def passed(stepper, step, *arguments):
    found = passes(stepper, step, *arguments)
    return ([float("nan")], found[1]) if stepper.world.rank == 3 and step == 9 else found

Stepper.PLANT
ranks = []
for rank in range(4):
    ranks.append(os.fork())
    if ranks[-1] == 0:
        os.environ["RANK"] = str(rank)
        os._exit(main(sys.argv[1:]))
print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(one, 0)[1]) for one in ranks]))
"""


@pytest.mark.slow
def test_a_copy_whose_weights_go_their_own_way_is_found(newllm, text, tiny, tmp_path, environment) -> None:
    words = ["train", *_options(text, tiny), "--out", tmp_path / "run"]
    assert _planted("_apply = applied", words, environment) == [0] * 4
    apart = _findings(newllm, tmp_path / "run")["ranks-apart"]
    assert (apart["severity"], apart["first_step"]) == ("warning", 10)
    assert "a parameter differs on rank 3 (head.weight" in apart["sentence"]


@pytest.mark.slow
def test_a_loss_that_is_no_number_on_one_rank_ends_all(text, tiny, tmp_path, environment) -> None:
    words = ["train", *_options(text, tiny), "--out", tmp_path / "run"]
    assert _planted("_passes = passed", words, environment) == [1] * 4
    summary = json.loads((tmp_path / "run/summary.json").read_bytes())
    assert (summary["status"], summary["step"]) == ("diverged", 9)


@pytest.mark.slow
def test_copies_on_another_kind_of_processor_hold_the_same(start, newllm, text, tiny, tmp_path) -> None:
    """Each updates its parts by itself: without the first copy's numbers the second would drift away."""
    if torch.backends.cpu.get_cpu_capability() == "DEFAULT":
        pytest.skip("this processor has no vector instructions that torch uses")
    run, options = tmp_path / "run", _options(text, tiny, "--set", "numerics.threads=1")
    other = {"ATEN_CPU_CAPABILITY": "default"}
    processes = start(4, "train", *options, "--out", run, each=({}, {}, other, other))
    assert [process.wait() for process in processes] == [0] * 4, [process.stderr for process in processes]
    assert "unlike = [\n    [0, 2],\n]" in (run / "config.toml").read_text()
    assert "ranks-apart" not in _findings(newllm, run)


@pytest.mark.slow
def test_a_rank_that_is_stopped_is_named_though_another_waits_for_it_first(
    start, text, tiny, tmp_path, wait_until
) -> None:
    """Rank 2 waits for rank 3 in what they do among themselves, the others for rank 2."""
    run = tmp_path / "run"
    options = _options(text, tiny, "--set", "training.steps=4000")
    processes = start(4, "train", *options, "--out", run, each=[{"NEWLLM_HANG_SECONDS": "3"}] * 4)
    trace = run / "trace.jsonl"
    wait_until(lambda: trace.exists() and '{"step": 5,' in trace.read_text(), 60)
    processes[3].send(signal.SIGSTOP)
    assert [process.wait() for process in processes[:3]] == [2] * 3
    processes[3].send(signal.SIGKILL)
    processes[3].wait()
    assert processes[0].stderr.startswith("newllm: rank 3 did not come to the "), processes[0].stderr
    assert "within 3 s, and all ended" in processes[0].stderr
