"""A recording goes on from a checkpoint: it equals that of the uninterrupted training, and later rows are set aside."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import newllm
from newllm.errors import UserError
from newllm.trace import TraceWriter, pack_trace, read_trace

OF_TIME = {"step_seconds", "ledger_share"}


class Training:
    """A loop with dropout and a checkpoint, whose batches are a function of the step."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Embedding(7, 8), nn.Flatten(), nn.Dropout(0.2), nn.Linear(24, 7))
        self.optimizer = torch.optim.AdamW(self.model.parameters(), 1e-2)
        self.step = 0

    def go(self, out: Path, to: int, resumed_at: int | None = None, **more: Any) -> dict[int, Any]:
        checkpoints = {}
        with newllm.record(self.model, self.optimizer, out, every=5, resumed_at=resumed_at, **more) as recorder:
            recorder.note(3, "curriculum")
            while self.step < to:
                self.step += 1
                torch.manual_seed(self.step)
                tokens = torch.randint(7, (4, 3))
                self.optimizer.zero_grad()
                loss = F.cross_entropy(self.model(tokens), tokens[:, 0])
                loss.backward()
                self.optimizer.step()
                recorder.step(loss)
                if self.step % 4 == 0:
                    recorder.validation(loss.item() + 1, accuracy=0.5)
                    recorder.metrics({"reward": self.step, "loss": -1.0, "step": 7})
                    state = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
                    checkpoints[self.step] = json.loads(json.dumps({"step": self.step})), _copied(state)
        return checkpoints

    def load(self, checkpoint: Any) -> "Training":
        self.step = checkpoint[0]["step"]
        self.model.load_state_dict(checkpoint[1]["model"])
        self.optimizer.load_state_dict(checkpoint[1]["optimizer"])
        return self


def _copied(state: Any) -> Any:
    if isinstance(state, torch.Tensor):
        return state.clone()
    if isinstance(state, dict):
        return {key: _copied(value) for key, value in state.items()}
    return [_copied(one) for one in state] if isinstance(state, list) else state


OF_ALL_ROWS = (
    "rows_seen",
    "rows_distinct",
    "target_classes_seen",
    "targets_again",
    "targets_changed",
    "token_pairs_apart",
    "validation_token_pairs_apart",
    "token_pairs_new",
    "validation_token_pairs_new",
)


def recorded(path: Path) -> dict[str, dict[int, str]]:
    """The numbers of a trace as text, so that NaN equals NaN."""
    signals = read_trace(path).signals
    return {
        name: dict(zip(one.step.tolist(), map(str, one.value.tolist()), strict=True))
        for name, one in signals.items()
        if name not in OF_TIME
    }


def about(run: Path) -> dict[str, Any]:
    return json.loads((run / "recording.json").read_text())


@pytest.mark.parametrize("damage", ["none", "torn", "damaged end", "packed"])
def test_the_recording_of_a_resumed_training_is_that_of_the_uninterrupted_one(tmp_path: Path, damage: str) -> None:
    Training().go(tmp_path / "whole", 30)
    run = tmp_path / "run"
    checkpoints = Training().go(run, 19)
    lines = (run / "trace.jsonl").read_bytes()
    if damage == "torn":
        (run / "trace.jsonl").write_bytes(lines[:-20])
    if damage == "damaged end":
        (run / "trace.jsonl").write_bytes(lines[:-20] + b"#" * 19 + b"\n")
    if damage == "packed":
        pack_trace(run / "trace.jsonl")
    Training().load(checkpoints[16]).go(run, 30, resumed_at=16)
    found, whole = recorded(run / "trace.jsonl"), recorded(tmp_path / "whole" / "trace.jsonl")
    # What rests on all rows before a step is not known after a resume: it is left out, and not counted anew.
    for name in OF_ALL_ROWS:
        before = {step: value for step, value in whole.pop(name, {}).items() if step <= 16}
        assert found.pop(name, {}) == before
    assert found == whole
    assert set(recorded(run / "trace.jsonl")["reward"]) == {4, 8, 12, 16, 20, 24, 28}
    assert about(run)["resumed"] == [{"step": 16, "set_aside": "set-aside/after-step-16.jsonl"}]
    same = {name: value for name, value in about(run).items() if name not in ("resumed", "sha256")}
    assert same == {name: value for name, value in about(tmp_path / "whole").items() if name != "sha256"}
    aside = recorded(run / "set-aside" / "after-step-16.jsonl")["loss"]
    assert list(aside) == ([17, 18, 19] if damage in ("none", "packed") else [17, 18])
    assert all(aside[step] == recorded(tmp_path / "whole" / "trace.jsonl")["loss"][step] for step in aside)


def test_a_training_may_be_resumed_again_from_the_same_step(tmp_path: Path) -> None:
    run = tmp_path / "run"
    checkpoints = Training().go(run, 19)
    for to in (22, 25):
        Training().load(checkpoints[16]).go(run, to, resumed_at=16)
    names = ["set-aside/after-step-16.jsonl", "set-aside/after-step-16-2.jsonl"]
    assert [one["set_aside"] for one in about(run)["resumed"]] == names
    assert list(recorded(run / names[1])["loss"]) == list(range(17, 23))
    assert list(recorded(run / "trace.jsonl")["loss"]) == list(range(1, 26))
    assert about(run)["notes"] == [{"step": 3, "text": "curriculum"}]


def test_what_a_kill_took_before_the_checkpoint_is_said(tmp_path: Path) -> None:
    run = tmp_path / "run"
    checkpoints = Training().go(run, 19)
    lines = (run / "trace.jsonl").read_bytes().split(b"\n")
    (run / "trace.jsonl").write_bytes(b"\n".join([*(line for line in lines if b'"step": 16' not in line)]))
    kept = [line for line in lines if line and int(line.split(b" ")[1].strip(b",")) <= 14]
    (run / "trace.jsonl").write_bytes(b"\n".join([*kept, b""]))
    Training().load(checkpoints[16]).go(run, 20, resumed_at=16)
    assert about(run)["left_out"] == ["steps 15 to 16 were taken before this training was resumed and are not recorded"]
    assert about(run)["resumed"] == [{"step": 16, "set_aside": None}]


def test_a_recording_may_begin_in_the_middle_of_a_training(tmp_path: Path) -> None:
    checkpoints = Training().go(tmp_path / "before", 16)
    Training().load(checkpoints[16]).go(tmp_path / "run", 30, resumed_at=16)
    assert list(recorded(tmp_path / "run" / "trace.jsonl")["loss"]) == list(range(17, 31))
    assert about(tmp_path / "run")["left_out"][0].startswith("steps 1 to 16 were taken before")


@pytest.mark.parametrize("start", [None, 0])
def test_a_training_that_begins_in_a_directory_with_a_recording_is_refused(tmp_path: Path, start: int | None) -> None:
    Training().go(tmp_path / "run", 8, resumed_at=start)
    before = (tmp_path / "run" / "trace.jsonl").read_bytes()
    with pytest.raises(UserError, match="holds a recording already"):
        Training().go(tmp_path / "run", 8, resumed_at=start)
    assert (tmp_path / "run" / "trace.jsonl").read_bytes() == before


def test_mistakes_are_told_in_one_line(tmp_path: Path) -> None:
    mistakes: list[Any] = [-1, 1.5, True, "16"]
    for wrong in mistakes:
        with pytest.raises(UserError, match=rf"^resumed_at is {wrong!r}: give the checkpoint's step, or None"):
            Training().go(tmp_path / "run", 8, resumed_at=wrong)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="is a file"):
        Training().go(tmp_path / "file", 8, resumed_at=4)
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "config.toml").touch()
    with pytest.raises(UserError, match=r"holds a run of newllm train, which --resume continues"):
        Training().go(tmp_path / "ours", 8, resumed_at=4)
    assert not (tmp_path / "run").exists()


def test_facts_of_the_data_are_written_anew_once(tmp_path: Path) -> None:
    for resumed_at in (None, 4):
        training = Training()
        with newllm.record(training.model, training.optimizer, tmp_path / "run", resumed_at=resumed_at) as recorder:
            recorder.data([[1, 2]], [[3, 4]])
            with pytest.raises(UserError, match="there already"):
                recorder.data([[1, 2]], [[3, 4]])


def test_a_damaged_description_costs_its_words_and_no_row(tmp_path: Path) -> None:
    checkpoints = Training().go(tmp_path / "run", 8)
    (tmp_path / "run" / "recording.json").write_text('{"notes": 3, "remarks": 5, "resumed": 7, "vocabulary": "x"}')
    Training().load(checkpoints[8]).go(tmp_path / "run", 12, resumed_at=8)
    assert list(recorded(tmp_path / "run" / "trace.jsonl")["loss"]) == list(range(1, 13))
    assert about(tmp_path / "run")["resumed"] == [{"step": 8, "set_aside": None}]


def test_a_step_without_a_loss_is_an_update_left_out(tmp_path: Path) -> None:
    training = Training()
    with newllm.record(training.model, training.optimizer, tmp_path / "run") as recorder:
        recorder.step(math.nan)
        recorder.skip()
        assert recorder.steps == 2
        with TraceWriter(tmp_path / "other.jsonl") as other:
            other.write(1, loss=1.0)
        recorder.flush()
        signals = recorded(tmp_path / "run" / "trace.jsonl")
    assert signals["loss"] == {1: "nan"}
    assert signals["update_skipped"] == {1: "1.0", 2: "1.0"}


def test_passes_of_an_update_are_no_evaluation(tmp_path: Path) -> None:
    training = Training()
    with newllm.record(training.model, training.optimizer, tmp_path / "run") as recorder:
        for inside in (True, False):
            with torch.no_grad():
                if inside:
                    with recorder.updating():
                        training.model(torch.zeros(1, 3, dtype=torch.long))
                else:
                    training.model(torch.zeros(1, 3, dtype=torch.long))
            recorder.step(1.0)
            recorder.validation(None, accuracy=0.25)
    signals = recorded(tmp_path / "run" / "trace.jsonl")
    assert signals["evaluation_in_training_mode"] == {2: "1.0"}
    assert signals["validation_accuracy"] == {1: "0.25", 2: "0.25"}
    assert "validation_loss" not in signals


@pytest.mark.parametrize(
    ("rate", "momentum", "loaded", "steps"),
    [(1e-2, None, False, [9]), (1e-2, None, True, []), (0.1, 0.9, False, [9]), (0.1, 0.0, False, [])],
)
def test_an_optimizer_without_its_state_is_seen(
    tmp_path: Path, rate: float, momentum: float | None, loaded: bool, steps: list[int]
) -> None:
    first = Training()
    first.go(tmp_path / "run", 8)
    assert "moments_missing" not in read_trace(tmp_path / "run" / "trace.jsonl").signals
    again = Training()
    again.step = 8
    again.model.load_state_dict(first.model.state_dict())
    if momentum is not None:
        again.optimizer = torch.optim.SGD(again.model.parameters(), rate, momentum=momentum)  # type: ignore[assignment]
    if loaded:
        again.optimizer.load_state_dict(first.optimizer.state_dict())
    again.go(tmp_path / "run", 16, resumed_at=8)
    assert list(read_trace(tmp_path / "run" / "trace.jsonl").series("moments_missing").step) == steps
