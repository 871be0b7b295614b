"""A cell of a study: a run, whose trace holds what the same updates done by hand give."""

import dataclasses
import math
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

import newllm
from newllm.checksum import read_checked
from newllm.cli.main import main
from newllm.data import prepare, training_batches
from newllm.engines.pool import Died, Done, Failed
from newllm.errors import StoppedError
from newllm.messages import Message
from newllm.replays.subjects.own_run import OwnRun
from newllm.study import cell_recording
from newllm.study.cell import train_cell
from newllm.study.cell_recording import no_signals
from newllm.study.design import Cell
from newllm.study.grid import Tally, Watcher, _Listener
from newllm.study.record import read_record
from newllm.study.store import Records, Runs
from newllm.trace import Summary, TraceWriter, read_trace
from newllm.training.budget import Budget
from newllm.training.config import RunConfig
from newllm.training.configure import configure
from newllm.training.optimizer import build_optimizer
from newllm.training.resolve import resolve
from newllm.training.run import RunDirectory
from newllm.training.step import Stepper

SHAPE = ("model.hidden=16", "model.width=8", "model.context=12", "model.layers=2", "numerics.threads=1")
PLAIN = ("numerics.device=cpu", "numerics.precision=fp32", "numerics.scan_backend=torch", "training.evaluate_every=2")
CLIP = 0.05


def config(*more: str, preset: str = "founding-baseline") -> RunConfig:
    return configure(preset, None, None, [*SHAPE, *PLAIN, "training.steps=6", *more], {"seed": 3})


def measured(config: RunConfig, place: Path, signals: cell_recording.OwnSignals = no_signals) -> dict[str, Any]:
    """Train a cell and return its record."""
    return read_record(RunDirectory(place), train_cell(config, place, signals))


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("study") / "cells" / "base-seed3"
    train_cell(config(f"optimizer.clip={CLIP}"), place, no_signals)
    return place


@pytest.fixture
def record(cell: Path) -> dict[str, Any]:
    return read_record(RunDirectory(cell), 0.25)


def test_training_is_told_by_the_mean_of_its_losses_and_the_largest_of_its_gradients(record: dict[str, Any]) -> None:
    corpus = prepare(config().data)
    resolved, model = resolve(config(f"optimizer.clip={CLIP}"), corpus, Budget())
    batches = training_batches(corpus, resolved.data, 3)
    stepper = Stepper(model.train(), build_optimizer(model, resolved.optimizer), batches, resolved)
    reports = [stepper.update(step) for step in range(6)]
    assert (record["epoch"], record["diverged"]) == ([0, 1, 2, 3], None)
    train, pairs = record["train"], [reports[at : at + 2] for at in (0, 2, 4)]
    means = [sum(one.loss * one.tokens for one in pair) / sum(one.tokens for one in pair) for pair in pairs]
    assert len({one.tokens for one in reports}) > 1, "the mean is that over tokens, not over updates"
    assert train["loss"] == [None, *(pytest.approx(mean, rel=1e-5) for mean in means)]
    assert train["gradient"] == [None, *(pytest.approx(max(p.gradient_norm for p in pair), rel=1e-5) for pair in pairs)]
    assert train["gradient_clipped"] == [None, *[pytest.approx(CLIP, rel=1e-3)] * 3]
    assert all(max(layers.values()) > CLIP for layers in train["layer_gradient"][1:]), "before clipping"
    assert {value is not None for layers in train["layer_update"][1:] for value in layers.values()} == {True}


def test_the_losses_of_the_classes_add_up(record: dict[str, Any]) -> None:
    for name, targets in (("validation", 35), ("probe", None)):
        told = record[name]
        assert len(told["loss"]) == 4
        if targets is None:
            assert len(told["context_norm"][0]) == len(told["context_norm"][3])
            assert len(set(told["context_norm"][3])) >= 4, "after 1, 2, 4 ... positions, and the last"
            assert all(value > 0 for layers in told["activation"] for value in layers.values())
            continue
        classes = [kind for kind in ("unknown", "end", "seen") if told[f"{kind}_tokens"][0]]
        assert sum(told[f"{kind}_tokens"][0] for kind in classes) == targets
        for at, loss in enumerate(told["loss"]):
            parts = sum(told[kind][at] * told[f"{kind}_tokens"][at] for kind in classes)
            assert parts / targets == pytest.approx(loss, rel=1e-5)
        parts = zip(*(told[f"{kind}_correct"] for kind in classes), strict=True)
        assert told["correct"] == [sum(correct) for correct in parts]
    assert all(math.isfinite(value) for value in record["lyapunov"])
    assert record["seconds"] == 0.25
    assert record["train"]["loss"][1] == float(f"{record['train']['loss'][1]:.6g}"), "to six digits"


def test_it_leaves_torch_as_it_was_and_the_model_trains_on(record: dict[str, Any], tmp_path: Path) -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    modes: list[tuple[int, bool, bool]] = []
    models: list[torch.nn.Module] = []

    def signals(model, _corpus, _config, step):
        modes.append((step, model.training, torch.is_grad_enabled()))
        models[:] = [model]
        return {"mine": step + 0.5}

    again = measured(config(f"optimizer.clip={CLIP}"), tmp_path / "again", signals)
    assert torch.equal(torch.get_rng_state(), before)
    assert again["signals"] == {"mine": [0.5, 2.5, 4.5, 6.5]}
    assert {**again, "seconds": 0.25, "signals": {}} == record
    assert modes == [(step, False, False) for step in (0, 2, 4, 6)]
    assert models[0].training


def test_a_run_whose_numbers_end_is_told_with_where(tmp_path: Path) -> None:
    broken = measured(config("optimizer.learning_rate=1e30"), tmp_path / "broken")
    assert (broken["epoch"], broken["diverged"]) == ([0, 1], 1)
    assert len(broken["train"]["loss"]) == len(broken["validation"]["loss"]) == 2


def test_a_cell_is_a_run_without_what_a_grid_cannot_pay_for(cell: Path) -> None:
    assert {path.name for path in cell.iterdir()} == {
        "config.toml", "data.json", "recording.json", "summary.json", "tokenizer.json", "trace.blocks", "trace.jsonl",
        ".lock",
    }  # fmt: skip
    assert Summary.load(cell / "summary.json").status == "finished"
    assert (cell / "trace.jsonl").read_bytes() == b"", "it is packed"
    trace = read_trace(cell / "trace.jsonl")
    assert trace.series("loss").step.tolist() == [1, 2, 3, 4, 5, 6]
    assert trace.series("gradient_norm/head").step.tolist() == [1, 2, 3, 4, 5, 6], "at every update"
    assert trace.series("probe_loss").step.tolist() == trace.series("validation_loss").step.tolist() == [0, 2, 4, 6]
    assert trace.series("probe_context_norm").value[-1] > 0


def test_its_losses_are_those_of_newllm_train(cell: Path, tmp_path: Path) -> None:
    given = [*SHAPE, *PLAIN, "training.steps=6", f"optimizer.clip={CLIP}", "training.evaluate_tokens=0"]
    run = newllm.train(preset="founding-baseline", seed=3, settings=given, out=tmp_path / "run").path
    mine, theirs = read_trace(cell / "trace.jsonl"), read_trace(run / "trace.jsonl")
    for name in theirs.signals.keys() - {"sample"}:
        assert mine.series(name).step.tolist()[-1] == theirs.series(name).step.tolist()[-1], name
        kept = dict(zip(mine.series(name).step.tolist(), mine.series(name).value.tolist(), strict=True))
        assert [kept[step] for step in theirs.series(name).step.tolist()] == theirs.series(name).value.tolist(), name


def test_doctor_and_report_open_it_and_a_replay_begins_at_step_0(cell: Path, tmp_path: Path, capsys) -> None:
    assert main(["doctor", str(cell)]) in (0, 1)
    assert "6 points" in capsys.readouterr().out.replace("steps 0 to 6", "6 points")
    assert main(["report", str(cell), "--out", str(tmp_path / "cell.html"), "--quiet"]) == 0
    assert (tmp_path / "cell.html").stat().st_size > 10_000
    subject = OwnRun(cell)
    assert subject.snapshot(6) == (0, None)
    replica = subject.start(subject.setup(0, 0, 5, 6), None)
    losses = [replica.update(step).loss for step in range(6)]
    assert losses == read_trace(cell / "trace.jsonl").series("loss").value.tolist()


def test_a_stopped_cell_goes_on_and_comes_to_the_same(cell: Path, tmp_path: Path) -> None:
    stops = iter([True])

    def signals(_model, _corpus, _config, step):
        if step == 4 and next(stops, False):
            os.kill(os.getpid(), signal.SIGTERM)
        return {}

    place = tmp_path / "stopped"
    with pytest.raises(StoppedError, match="stopped by SIGTERM after step 4"):
        train_cell(config(f"optimizer.clip={CLIP}"), place, signals)
    assert RunDirectory(place).last_step() == 4
    summary = Summary.load(place / "summary.json")
    assert summary.seconds > 0
    summary.seconds = 1000.0
    summary.save(place / "summary.json")
    begun = []
    seconds = train_cell(config(f"optimizer.clip={CLIP}"), place, lambda *given: begun.append(given[3]) or {})
    assert 1000 < seconds < 2000, "all its sessions count"
    assert begun == [6], "it goes on from its snapshot"
    assert not (place / "snapshots").exists()
    assert same_trace(place, cell)


def test_a_cell_that_was_killed_begins_anew(cell: Path, tmp_path: Path) -> None:
    place = tmp_path / "killed"

    def signals(_model, _corpus, _config, step):
        if step == 4:
            raise KeyboardInterrupt
        return {}

    with pytest.raises(KeyboardInterrupt):
        train_cell(config(f"optimizer.clip={CLIP}"), place, signals)
    assert RunDirectory(place).last_step() is None
    train_cell(config(f"optimizer.clip={CLIP}"), place, no_signals)
    assert same_trace(place, cell)


def same_trace(one: Path, other: Path) -> bool:
    traces = [read_trace(place / "trace.jsonl").signals for place in (one, other)]
    plain = [{name: (s.step.tolist(), s.value.tolist()) for name, s in signals.items()} for signals in traces]
    return plain[0] == plain[1]


def test_a_cell_counts_once_it_is_said_to_be_finished_and_while_it_is_whole(cell: Path) -> None:
    runs = Runs(cell.parent)
    mine = Cell("base", 3, "set", config(), "key")
    assert runs.path(mine) == cell
    assert runs.get(mine) is None
    assert not runs.any
    runs.finish(mine, '{"seconds": 1.5}')
    try:
        assert runs.any
        found = runs.get(mine)
        assert found is not None
        assert (found["seconds"], len(found["epoch"])) == (1.5, 4)
        kept = read_checked(cell / "cell.json")
        assert {name: kept[name] for name in ("schema", "arm", "seed", "data", "key", "seconds")} == {
            "schema": 1, "arm": "base", "seed": 3, "data": "set", "key": "key", "seconds": 1.5,
        }  # fmt: skip
        assert runs.get(dataclasses.replace(mine, key="other")) is None
        blocks = (cell / "trace.blocks").read_bytes()
        (cell / "trace.blocks").write_bytes(blocks[: len(blocks) // 2])
        assert runs.get(mine) is None
        (cell / "trace.blocks").write_bytes(blocks)
        (cell / "trace.blocks").rename(cell / "away")
        with TraceWriter(cell / "trace.jsonl") as trace:  # as of `newllm train`: without the probe
            trace.write(6, loss=1.0)
        assert runs.get(mine) is None
        (cell / "trace.jsonl").write_bytes(b"")
        (cell / "away").rename(cell / "trace.blocks")
        (cell / "data.json").rename(cell / "data.away")
        assert runs.get(mine) is None
        (cell / "data.away").rename(cell / "data.json")
        assert runs.get(mine) is not None
    finally:
        (cell / "cell.json").unlink()


def test_exponents_are_measured_at_every_young_epoch_and_then_at_every_tenth() -> None:
    assert [epoch for epoch in range(55, 95) if cell_recording._is_due(epoch)] == [*range(55, 61), 70, 80, 90]


class Heard(Watcher):
    def __init__(self) -> None:
        self.lines: list[tuple[Any, ...]] = []

    def finished(self, cell: Cell, seconds: float) -> None:
        self.lines.append(("finished", cell.arm, seconds))

    def failed(self, cell: Cell, why: str) -> None:
        self.lines.append(("failed", cell.arm, why))

    def died(self, death: Message) -> None:
        self.lines.append(("died", death))


def test_what_comes_back_from_the_workers_is_kept_counted_and_passed_on(tmp_path: Path) -> None:
    one, two, three = (Cell(name, 4, "set", RunConfig(), name) for name in ("one", "two", "three"))
    records, tally, heard = Records(tmp_path), Tally(done=5), Heard()
    listener = _Listener(records, tally, heard)
    listener.hear(Done(one, '{"seconds": 2.5}'))
    listener.hear(Done(two, '{"epoch": []}'))
    listener.hear(Failed(three, "no room"))
    listener.hear(Died(two, -9))
    assert (tally.done, tally.failed) == (7, {"three, seed 4": "no room"})
    assert list(map(str, tally.deaths)) == ["a worker died (exit code -9) at two, seed 4"]
    assert heard.lines == [
        ("finished", "one", 2.5), ("finished", "two", 0.0), ("failed", "three", "no room"), ("died", *tally.deaths),
    ]  # fmt: skip
    kept = records.get(one)
    assert kept is not None
    assert kept["seconds"] == 2.5
    assert [records.get(cell) is None for cell in (two, three)] == [False, True]
