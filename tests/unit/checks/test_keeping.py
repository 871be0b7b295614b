"""A check is kept with the run that it was made for, in the place of an older one, until the training begins."""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import newllm
from newllm.checksum import read_checked
from newllm.errors import UserError
from newllm.integrations.recording import CallbackRecording
from newllm.trace.check import keep_check, read_check
from newllm.version import VERSION


def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return F.cross_entropy(model(batch[0]), batch[1])


def parts(*, forgotten: bool = False) -> tuple[nn.Module, torch.optim.Optimizer, Any, tuple[Tensor, Tensor]]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    trained = list(model.parameters())[: -1 if forgotten else None]
    batch = torch.randn(16, 6), torch.randint(3, (16,))
    return model, torch.optim.Adam(trained, 1e-2), loss, batch


def record(out: Path, resumed_at: int | None = None) -> None:
    model, optimizer, _, batch = parts()
    with newllm.record(model, optimizer, out, resumed_at=resumed_at) as recorder:
        for _ in range(3):
            optimizer.zero_grad()
            value = loss(model, batch)
            value.backward()
            optimizer.step()
            recorder.step(value)


def test_what_was_found_is_kept_with_what_was_checked(tmp_path: Path) -> None:
    out = tmp_path / "runs" / "x"
    report = newllm.check(*parts(forgotten=True), out=out)
    kept = read_checked(out / "check.json")
    assert {name: kept[name] for name in report.as_dict()} == report.as_dict()
    about = {name: kept[name] for name in ("version", "model", "parameters", "optimizer", "device")}
    assert about == {
        "version": VERSION, "model": "Sequential", "parameters": 83, "optimizer": "Adam", "device": "cpu",
    }  # fmt: skip
    read = read_check(kept)
    assert read.outcomes == report.outcomes
    assert [one.probe for one in read.wrong] == ["optimizer-holds"]
    assert read.about.when is not None


def test_a_newer_check_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    newllm.check(*parts(forgotten=True), out=tmp_path)
    newllm.check(*parts(), out=str(tmp_path))
    assert not read_check(read_checked(tmp_path / "check.json")).wrong
    assert [file.name for file in tmp_path.iterdir()] == ["check.json"]


def test_a_training_is_recorded_where_a_check_stands_and_keeps_it_when_it_is_resumed(tmp_path: Path) -> None:
    newllm.check(*parts(forgotten=True), out=tmp_path)
    before = (tmp_path / "check.json").read_bytes()
    record(tmp_path)
    record(tmp_path, resumed_at=2)
    assert (tmp_path / "check.json").read_bytes() == before


def test_a_training_that_has_begun_keeps_the_check_that_it_began_with(tmp_path: Path) -> None:
    newllm.check(*parts(forgotten=True), out=tmp_path)
    before = (tmp_path / "check.json").read_bytes()
    record(tmp_path)
    with pytest.warns(UserWarning, match="a training has begun in") as caught:
        report = newllm.check(*parts(), out=tmp_path)
    assert caught[0].filename == __file__
    assert not report.wrong  # what is found is told all the same: a resumed script goes on
    assert (tmp_path / "check.json").read_bytes() == before


@pytest.mark.parametrize("name", ["trace.jsonl", "trace.blocks", "recording.json", "config.toml", "summary.json"])
def test_a_check_is_no_later_addition_to_a_run(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("")
    with pytest.warns(UserWarning, match="not made before it"):
        newllm.check(*parts(), out=tmp_path)
    assert not (tmp_path / "check.json").exists()


def test_without_a_directory_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        newllm.check(*parts())
    assert not list(tmp_path.iterdir())


def test_a_file_in_the_place_of_the_directory_is_said_before_anything_is_tried(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_text("")
    model, optimizer, _, batch = parts()
    with pytest.raises(UserError, match="x' is a file: give the directory of the run"):
        newllm.check(model, optimizer, lambda *_: pytest.fail("it was tried"), batch, out=file)


def test_a_failed_write_leaves_the_older_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    newllm.check(*parts(forgotten=True), out=tmp_path)
    before = (tmp_path / "check.json").read_bytes()
    found = read_check(json.loads(before))

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UserError, match="no room to write"):
        keep_check(tmp_path, found, found.about)
    assert [file.name for file in tmp_path.iterdir()] == ["check.json"]
    assert (tmp_path / "check.json").read_bytes() == before


def test_the_callbacks_of_trainers_record_where_a_check_stands(tmp_path: Path) -> None:
    newllm.check(*parts(), out=tmp_path)
    model, optimizer, _, _ = parts()
    recording = CallbackRecording(tmp_path, 10, None, None)
    recording.open(model, optimizer, resumed_at=None)
    recording.close()
    assert {"check.json", "recording.json", "trace.jsonl"} <= {file.name for file in tmp_path.iterdir()}
