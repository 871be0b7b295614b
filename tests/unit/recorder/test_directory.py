"""Where a recording is made where NEWLLM_RECORD_TO is set."""

from pathlib import Path

import pytest
import torch
from torch import nn

import newllm
from newllm.recorder import directory
from newllm.recorder.directory import directory_of


def test_a_recording_is_made_where_the_variable_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWLLM_RECORD_TO", str(tmp_path / "elsewhere"))
    model = nn.Linear(2, 1)
    with newllm.record(model, torch.optim.SGD(model.parameters(), 0.1), tmp_path / "runs" / "mine") as recorder:
        model(torch.ones(1, 2)).sum().backward()
        recorder.step(1.0)
    assert {one.name for one in tmp_path.iterdir()} == {"elsewhere"}
    assert (tmp_path / "elsewhere" / "mine" / "trace.jsonl").stat().st_size > 0


def test_recordings_that_end_alike_keep_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "_TAKEN", {})
    assert directory_of(Path("a/run")) == Path("a/run")
    monkeypatch.setenv("NEWLLM_RECORD_TO", str(tmp_path))
    names = [directory_of(Path(one)).relative_to(tmp_path) for one in ("a/run", "b/run", "a/run", "c/other", "b/run/")]
    assert [*map(str, names)] == ["run", "run-2", "run", "other", "run-2"]
