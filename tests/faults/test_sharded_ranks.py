"""Several processes that each hold a part of the model (FSDP): they end with the bits of those that hold all of it."""

import json
import os
import re
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import newllm as newllm_api
from newllm.diagnosis.ranks.fingerprints import read_ranks
from newllm.diagnosis.ranks.outliers import find_outliers
from newllm.errors import UserError
from newllm.trace import read_signal, read_trace
from newllm.training.snapshots import list_snapshots

STEPS = 30
KILLS = int(os.environ.get("NEWLLM_KILLS", "3"))
FSDP = ["--set", "parallel.mode=fsdp"]
HSDP = ["--set", "parallel.mode=hsdp", "--set", "parallel.shard=2"]
SOME = ["--set", "data.batch=4", "--set", f"training.steps={STEPS}", "--set", "training.snapshot_every=8", "--quiet"]
OF_LAYERS = {"gradient_norm", "weight_norm", "update_norm", "update_ratio", "activation_rms"}
VARIANTS = {
    "matrix, accumulated, recomputed": (
        4,
        ["--rule", "delta", "--set", "training.accumulate=2", "--set", "training.recompute=true"],
    ),
    "no blocks": (3, ["--preset", "founding-baseline", "--set", "numerics.threads=1"]),
    "tied": (3, ["--set", "model.tied_embeddings=true", "--set", "model.layers=2", "--set", "model.ngram_rows=50"]),
    "n-grams that decay": (3, ["--set", "model.ngram_rows=50", "--set", "optimizer.ngram_decay=3"]),
    "odd width": (3, ["--set", "model.width=30", "--set", "model.context=30", "--set", "data.batch=5"]),
    "attention, bf16": (2, ["--body", "attention", "--set", "numerics.precision=bf16"]),
    "compiled": (2, ["--set", "numerics.scan_backend=auto", "--set", "model.layers=2"]),
    "sgd": (3, ["--set", "optimizer.name=sgd", "--set", "optimizer.weight_decay=0.1", "--set", "model.layers=2"]),
    "muon": (3, ["--set", "optimizer.name=muon", "--set", "model.layers=2"]),
    "adam, norm on write": (3, ["--set", "optimizer.name=adam", "--norm", "write"]),
}


def _options(text: Path, tiny: list[str], *more: str) -> list[object]:
    return [text, *tiny, *FSDP, *SOME, *more]


def _same(run: dict[str, object], other: dict[str, object]) -> None:
    """Compare results; a sharded model writes no text."""
    signals = run.keys() - {"sample"}
    assert {"loss", "gradient_norm", "validation_loss", "model.safetensors"} <= signals
    assert {name.partition("/")[0] for name in signals if "/" in name} >= OF_LAYERS
    assert signals == other.keys() - {"sample"}
    assert {name: run[name] for name in signals} == {name: other[name] for name in signals}


def _described(run: Path) -> dict[str, object]:
    """What the doctor reads of a model beside its signals."""
    return json.loads((run / "recording.json").read_bytes())


@pytest.fixture(scope="module")
def sharded(train, text, tiny, tmp_path_factory) -> Path:
    """A run of two processes, with carried contexts and dropout; not to be changed."""
    run = tmp_path_factory.mktemp("sharded") / "run"
    more = ("--rule", "dual", "--set", "data.carry=true", "--set", "model.dropout=0.1")
    train(2, *_options(text, tiny, *more), "--out", run)
    return run


@pytest.fixture(scope="module")
def alone(sharded, newllm, tmp_path_factory) -> Path:
    """The same run, of one process that computes both parts; not to be changed."""
    run = tmp_path_factory.mktemp("alone") / "run"
    newllm.run("train", "--config", sharded / "config.toml", "--out", run, "--quiet")
    return run


def test_sharded_ranks_come_to_the_bits_of_one_that_computes_all_parts(sharded, alone, result, assert_whole) -> None:
    assert_whole(sharded)
    _same(result(sharded), result(alone))
    assert _described(sharded) == _described(alone)
    heads = [(sharded / f"ranks/rank-{rank:05}.jsonl").read_text().splitlines()[0] for rank in range(2)]
    assert json.loads(heads[1])["left_out"] > 5, "of most parameters it holds a part only"
    last = max(list_snapshots(sharded / "snapshots").values())
    assert not (last / "model.safetensors").exists()
    assert len(list(last.glob("shard-*.safetensors"))) == 4


def _own_numbers(run: Path, name: str) -> np.ndarray:
    """Return what each rank wrote of every step: (ranks, steps)."""
    ranks, _ = read_ranks(run)
    assert ranks is not None
    assert ranks.signals is not None
    assert list(find_outliers(ranks.signals)) == []
    steps, values_RS = ranks.signals.common(name)
    assert steps.tolist() == list(range(1, 1 + len(steps)))
    return values_RS


def test_each_rank_writes_its_own_loss_and_gradient(sharded) -> None:
    """Of halves of a batch with as many targets each: their mean is the batch's loss, its gradient no longer one."""
    signals = read_trace(sharded / "trace.jsonl").signals
    loss_RS, norm_RS = _own_numbers(sharded, "loss"), _own_numbers(sharded, "gradient_norm")
    np.testing.assert_allclose(loss_RS.mean(axis=0), signals["loss"].value[-loss_RS.shape[1] :], rtol=1e-5)
    whole = signals["gradient_norm"].value
    assert (whole < norm_RS.mean(axis=0)).all()
    assert (whole > 0.3 * norm_RS.mean(axis=0)).all(), "two halves of a batch pull in much the same direction"
    assert (norm_RS[0] != norm_RS[1]).all()


@pytest.mark.slow
def test_a_rank_of_a_sharded_model_has_the_gradient_of_one_that_holds_all(train, text, tiny, tmp_path) -> None:
    """Taken where it is handed to be added up, and where it lies whole; of uneven parts of a batch."""
    more = ("--set", "data.batch=5", "--set", "training.accumulate=2")
    for mode in ("fsdp", "ddp"):
        asked = [*_options(text, tiny, *more), "--set", f"parallel.mode={mode}"]
        train(3, *asked, "--out", tmp_path / mode)
    assert (_own_numbers(tmp_path / "fsdp", "loss") == _own_numbers(tmp_path / "ddp", "loss")).all()
    own, whole = (_own_numbers(tmp_path / mode, "gradient_norm") for mode in ("fsdp", "ddp"))
    np.testing.assert_allclose(own, whole, rtol=1e-5)


def test_whoever_reads_a_run_reads_its_shards(sharded, newllm) -> None:
    model = newllm_api.load(sharded)
    assert model.step == STEPS
    assert newllm.start("doctor", sharded, "--quiet").wait() in (0, 1)


@pytest.mark.parametrize("step", [STEPS, 24])
def test_what_is_exported_of_shards_is_what_one_process_has(step, sharded, alone, newllm, tmp_path) -> None:
    """Each tensor, to the bit; of the last snapshot and of an earlier one."""
    for run in (sharded, alone):
        newllm.run("export", run, "--to", "hf", tmp_path / run.parent.name, "--snapshot", step)
    found, expected = (load_file(tmp_path / run.parent.name / "model.safetensors") for run in (sharded, alone))
    assert found.keys() == expected.keys() != set()
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype
        assert found[name].tobytes() == tensor.tobytes(), name


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 3])
def test_another_number_of_processes_goes_on_with_shards(size, sharded, train, newllm, tmp_path, result) -> None:
    """One process to the bits of two; three with the same batches, as the losses say."""
    run = tmp_path / "run"
    shutil.copytree(sharded, run)
    train(size, "--resume", run, "--steps", STEPS + 10, "--quiet")
    newllm.run("train", "--config", run / "config.toml", "--out", tmp_path / "alone", "--quiet")
    _same(result(run), result(tmp_path / "alone"))


def _damage(snapshot: Path, what: str) -> Path:
    one = max(snapshot.glob("shard-*-00001-of-00002.safetensors"))
    if what == "missing":
        one.unlink()
    elif what == "half written":
        one.write_bytes(one.read_bytes()[:-100])
    elif what == "another":
        one.write_bytes(min(snapshot.glob("shard-*-00001-of-00002.safetensors")).read_bytes())
    else:
        content = bytearray(one.read_bytes())
        content[-9] ^= 1
        one.write_bytes(content)
    return one


@pytest.mark.parametrize("what", ["missing", "half written", "another", "a bit"])
def test_a_snapshot_of_which_a_shard_is_not_as_it_was_is_not_believed(what, sharded, tmp_path) -> None:
    run = tmp_path / "run"
    shutil.copytree(sharded, run)
    last = max(list_snapshots(run / "snapshots").values())
    shard = _damage(last, what)
    why = "No such file or directory" if what == "missing" else "is not what was written"
    said = rf"step-{STEPS:08}' is damaged \({shard.name}:? {why}\): remove it"
    with pytest.raises(UserError, match=said):
        newllm_api.load(run)
    shutil.rmtree(last)
    assert newllm_api.load(run, "last").step < STEPS


def test_shards_without_state_json_are_not_passed_over(sharded, tmp_path) -> None:
    run = tmp_path / "run"
    shutil.copytree(sharded, run)
    (max(list_snapshots(run / "snapshots").values()) / "state.json").unlink()
    with pytest.raises(UserError, match=r"is damaged \(state.json is missing\)"):
        newllm_api.load(run)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "what"),
    [(2, "missing"), (2, "half written"), (3, "another"), (3, "a bit"), (2, "state.json"), (3, "missing")],
)
def test_no_rank_goes_on_with_a_damaged_snapshot_and_nothing_is_changed(size, what, sharded, start, tmp_path) -> None:
    run = tmp_path / "run"
    shutil.copytree(sharded, run)
    last = max(list_snapshots(run / "snapshots").values())
    if what == "state.json":
        (last / what).unlink()
    else:
        what = _damage(last, what).name
    before = _content(run)
    processes = start(size, "train", "--resume", run, "--steps", STEPS + 10, "--quiet")
    assert [process.wait() for process in processes] == [2] * size
    (line,) = processes[0].stderr.splitlines()
    assert line.startswith("newllm: ")
    assert f"step-{STEPS:08}' is damaged ({what}" in line
    assert [process.stderr for process in processes[1:]] == [""] * (size - 1)
    assert _content(run) == before


def _content(run: Path) -> dict[str, bytes]:
    """What a run's files hold, but for the steps that are asked for, and what its processes wrote of their end."""
    others = (".toml", ".txt", ".log", ".at")
    files = (path for path in run.rglob("*") if path.is_file() and path.suffix not in others)
    return {str(path.relative_to(run)): path.read_bytes() for path in files}


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_kind_of_model_comes_to_the_bits_of_one_process(
    variant, train, newllm, text, tiny, tmp_path, result, assert_whole
) -> None:
    size, more = VARIANTS[variant]
    options = [*more, *FSDP, *SOME] if "--preset" in more else _options(text, tiny, *more)
    train(size, *options, "--out", tmp_path / "run")
    assert_whole(tmp_path / "run")
    newllm.run("train", "--config", tmp_path / "run/config.toml", "--out", tmp_path / "alone", "--quiet")
    _same(result(tmp_path / "run"), result(tmp_path / "alone"))


@pytest.mark.slow
def test_a_run_goes_on_sharded_and_whole_with_other_numbers_of_processes(
    train, newllm, text, tiny, tmp_path, result
) -> None:
    """From one process to two, three, two that hold all, and one; the losses are those of one, but for rounding."""
    options, run = _options(text, tiny, "--set", "data.carry=true", "--set", "model.dropout=0"), tmp_path / "run"
    train(1, *options, "--out", run, "--steps", 6)
    config = run / "config.toml"
    for size, steps, mode in ((2, 12, "fsdp"), (3, 18, "fsdp"), (2, 24, "ddp"), (1, STEPS, "fsdp")):
        config.write_text(re.sub('mode = ".*"', f'mode = "{mode}"', config.read_text()))
        train(size, "--resume", run, "--steps", steps, "--quiet")
        last = max(list_snapshots(run / "snapshots").values())
        assert (last / "model.safetensors").exists() == (mode == "ddp" or size == 1)
    newllm.run("train", "--config", config, "--out", tmp_path / "again", "--quiet")
    assert result(tmp_path / "again")["model.safetensors"] == result(run)["model.safetensors"]
    alone = tmp_path / "alone.toml"
    alone.write_text(re.sub(r"ranks = \[(\s+\[.*\],)*\s*\]", "ranks = []", config.read_text()))
    newllm.run("train", "--config", alone, "--out", tmp_path / "one", "--quiet")
    losses, expected = (read_signal(at / "trace.jsonl", "loss").value for at in (run, tmp_path / "one"))
    assert 0 < np.abs(losses / expected - 1).max() < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize(("size", "more"), [(2, []), (3, []), (4, []), (4, HSDP)])
def test_sharded_ranks_killed_again_and_again_change_no_bit(
    size, more, train, text, tiny, tmp_path, kill_at_any_step, result
) -> None:
    options = _options(text, tiny, "--set", "data.carry=true", "--set", "model.dropout=0.1", *more)
    train(size, *options, "--out", tmp_path / "undisturbed")
    kill_at_any_step(size, options, STEPS, tmp_path / "run", KILLS, result(tmp_path / "undisturbed"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("victim", "kind", "part", "number"),
    [
        (0, "write", "shard-00001", 12),
        (1, "write", "shard-00002", 12),
        (1, "sync", "shard-00002", 4),
        (0, "write", "state.json", 2),
        (0, "rename", ".step-00000016", 1),
    ],
)
def test_killed_while_a_snapshot_is_written_beside_the_training(
    victim, kind, part, number, start, train, text, tiny, tmp_path, wait_until, result, assert_whole
) -> None:
    """Whoever it is, and at whatever byte: the snapshot before is there, or the new one, and the bits come again."""
    options, run = _options(text, tiny, "--set", "data.carry=true"), tmp_path / "run"
    train(2, *options, "--out", tmp_path / "undisturbed")
    where = [str(run / "snapshots"), kind, part, number]
    stop = [where if rank == victim else None for rank in range(2)]
    processes = start(2, "train", *options, "--out", run, stop=stop)
    state = Path(f"/proc/{processes[victim].pid}/stat")
    wait_until(lambda: state.read_text().split()[2] == "T", 60)
    processes[victim].send(signal.SIGKILL)
    assert {process.wait() for process in processes} == {-signal.SIGKILL, 2}
    assert_whole(run)
    last = max(list_snapshots(run / "snapshots"))
    assert last == 16 if kind == "rename" else last < 16
    train(2, "--resume", run, "--quiet")
    assert result(run) == result(tmp_path / "undisturbed")


@pytest.mark.slow
def test_a_disk_that_is_full_for_one_rank_ends_all_and_leaves_no_half_snapshot(
    start, train, newllm, text, tiny, tmp_path, wait_for_step, result, assert_whole
) -> None:
    options, run = _options(text, tiny), tmp_path / "run"
    train(2, *options, "--out", run, "--steps", 12)
    before = list_snapshots(run / "snapshots")
    leader, other = start(2, "train", "--resume", run, "--steps", STEPS, "--quiet", file_bytes=(None, 8000))
    wait_for_step(run, leader.pid, 16)  # the next snapshot
    since = time.monotonic()
    assert leader.wait() == 2
    assert other.wait() == 2
    assert time.monotonic() - since < 10
    assert leader.stderr.count("\n") == 1
    assert re.search(r"^newllm: rank 1: no room to write '.*step-000000\d\d.*' \(File too large\): free", leader.stderr)
    assert list_snapshots(run / "snapshots") == before
    assert {path.name for path in (run / "snapshots").iterdir()} == {place.name for place in before.values()}
    assert_whole(run)
    train(2, "--resume", run, "--quiet")
    newllm.run("train", "--config", run / "config.toml", "--out", tmp_path / "undisturbed", "--quiet")
    assert result(run)["model.safetensors"] == result(tmp_path / "undisturbed")["model.safetensors"]


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["fsdp", "ddp"])
def test_a_disk_without_a_byte_left_ends_all_in_a_line(
    mode, small_disk, fill, start, train, text, tiny, tmp_path, wait_for_step, result, assert_whole
) -> None:
    """The disk is everybody's: no rank can write, not even the trace."""
    options = [*_options(text, tiny), "--set", f"parallel.mode={mode}", "--set", "training.steps=200"]
    options += ["--set", "training.snapshot_every=200"]
    train(2, *options, "--out", tmp_path / "undisturbed")
    run = small_disk / "run"
    processes = start(2, "train", *options, "--out", run)
    wait_for_step(run, processes[0].pid, 16)
    filler, since = fill(small_disk), time.monotonic()
    assert [process.wait() for process in processes] == [2, 2]
    assert time.monotonic() - since < 10
    assert re.fullmatch(
        rf"newllm: no room to write '{run}.*' \(No space left on device\): free some space, then go on\n",
        processes[0].stderr,
    )
    said = processes[1].stderr  # its words find no room in RUN/ranks, or it saw the first one go
    assert re.fullmatch(r"(newllm: rank 1: .*\n)?", said)
    assert_whole(run)
    filler.unlink()
    train(2, "--resume", run, "--quiet")
    assert result(run) == result(tmp_path / "undisturbed")


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["off", "rollback-and-skip", "guard"])
def test_a_spike_is_kept_and_guarded_as_in_one_process(
    policy, train, newllm, spiking, pins, assert_replayed, tmp_path, result
) -> None:
    options = [
        *(*spiking, "--set", "data.batch=4", "--set", "training.ring_every=5"),
        *("--set", "training.snapshot_every=40", "--guard", policy),
    ]
    train(2, *options, *FSDP, "--out", tmp_path / "run")
    train(2, *options, "--set", "parallel.mode=ddp", "--out", tmp_path / "ddp")
    _same(result(tmp_path / "run"), result(tmp_path / "ddp"))
    assert pins(tmp_path / "run") == pins(tmp_path / "ddp")
    if policy == "off":
        newllm.run("train", "--config", tmp_path / "ddp/config.toml", "--out", tmp_path / "alone", "--quiet")
        assert pins(tmp_path / "run") == pins(tmp_path / "alone") != {}
        assert result(tmp_path / "ddp") == result(tmp_path / "alone")
        assert_replayed(tmp_path / "run")
