"""A training that is sent to a tracker: the same bits, rows as in the trace; one that goes on, one taken back."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.tracking.sinks import KEEPS, calls

import newllm
from newllm.errors import UserError
from newllm.messages import Message
from newllm.training.observer import Observer

SINKS = (
    KEEPS
    + """
class Raises(Keeps):
    def put(self, *call):
        raise RuntimeError(call[0])
"""
)
TRACKER = "kept_calls:Keeps"


class StopAt(Observer):
    def __init__(self, step: int) -> None:
        self.step, self.said = step, []

    def stepped(self, report) -> None:
        if report.step == self.step:
            signal.raise_signal(signal.SIGINT)

    def noticed(self, notice: Message) -> None:
        self.said.append(str(notice))


@pytest.fixture
def train(text: Path, tiny_settings: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable:
    (tmp_path / "kept_calls.py").write_text(SINKS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("NEWLLM_CACHE", str(tmp_path / "cache"))

    def run(track, name: str = "run", *settings: str, given: Path = text, **more) -> newllm.TrainedRun:
        more: dict[str, Any] = {"budget": newllm.Budget(steps=20), **more}
        every = ("training.evaluate_every=8", "training.snapshot_every=8", *settings)
        return newllm.train(str(given), track=track, out=tmp_path / name, settings=(*tiny_settings, *every), **more)

    return run


def sessions(run: Path) -> list[list[int]]:
    return [[step, config["model"]["width"], number] for _, config, step, number in calls(run, "start")]


def weights(run: Path) -> list[bytes]:
    return [(run / "snapshots" / "step-00000020" / name).read_bytes() for name in ("model.safetensors", "state.json")]


@pytest.mark.slow
def test_the_bits_are_the_same_with_a_tracker_without_and_with_one_that_raises(train: Callable) -> None:
    without = train(None, "without")
    for name, kind in (("with", TRACKER), ("raising", "kept_calls:Raises"), ("none", "none")):
        tracked = train(kind, name)
        assert weights(tracked.path)[0] == weights(without.path)[0]
        assert (tracked.path / "trace.jsonl").read_bytes() == (without.path / "trace.jsonl").read_bytes()
    assert not (without.path / "trackers").exists()


def test_what_the_trace_has_is_sent_with_files_texts_and_the_end(train: Callable) -> None:
    run = train(TRACKER).path
    rows: dict[int, dict] = {}
    for line in (run / "trace.jsonl").read_text().splitlines():
        row = json.loads(line)
        rows.setdefault(row.pop("step"), {}).update(row)
    sent: dict[int, dict] = {}
    for step, values in calls(run, "step"):
        sent.setdefault(step, {}).update(values)
    assert set(sent) == set(rows) == set(range(21))
    assert all(sent[step]["loss"] == pytest.approx(rows[step]["loss"]) for step in range(1, 21))
    assert sent[8]["validation_loss"] == newllm_validation(run, 8)
    assert sessions(run) == [[0, 32, 1]]
    assert [name for (name,) in calls(run, "file")] == [
        "config.toml",
        "data.json",
        "training_curves.png",
        "summary.json",
    ]
    assert [step for step, name, _ in calls(run, "text") if name == "sample"] == [0, 8, 16, 20]
    assert calls(run)[-1] == ["finish", "finished"]


def newllm_validation(run: Path, step: int) -> float:
    from newllm.trace import read_signal

    series = read_signal(run / "trace.jsonl", "validation_loss")
    return float(series.value[series.step.tolist().index(step)])


@pytest.mark.slow
def test_a_resumed_run_goes_on_with_its_tracker_or_with_none(train: Callable) -> None:
    run = train(TRACKER, observers=[StopAt(11)]).path
    assert calls(run)[-1] == ["finish", "interrupted"]
    stop = StopAt(15)
    newllm.resume(run, [stop])
    assert sessions(run) == [[0, 32, 1], [11, 32, 2]]
    newllm.resume(run, track="none")
    assert len(calls(run, "start")) == 2
    assert {step for step, _ in calls(run, "step")} == set(range(16))


@pytest.mark.slow
def test_a_tracker_that_is_gone_when_a_run_goes_on_is_a_notice(train: Callable, tmp_path: Path) -> None:
    run = train(TRACKER, observers=[StopAt(11)]).path
    (tmp_path / "kept_calls.py").unlink()
    stop = StopAt(99)
    assert newllm.resume(run, [stop]).summary.status == "finished"
    assert stop.said[0].startswith("this session is not tracked: tracker 'kept_calls:Keeps' cannot be loaded")


@pytest.mark.slow
def test_a_tracker_that_lies_in_the_run_is_not_loaded(train: Callable, tmp_path: Path) -> None:
    run = train(None, observers=[StopAt(11)]).path
    (run / "trackers").mkdir()
    (run / "trackers" / "any.json").write_text('{"tracker": "run.program:Sink"}')
    (run / "program.py").write_text(f"open({str(tmp_path / 'was-run')!r}, 'w')")
    stop = StopAt(99)
    assert newllm.resume(run, [stop]).summary.status == "finished"
    assert stop.said[0].startswith(
        "this session is not tracked: tracker 'run.program:Sink' would be loaded from the run"
    )
    assert not (tmp_path / "was-run").exists()


def test_an_end_that_nobody_wished_for_is_an_alert(train: Callable) -> None:
    run = train(TRACKER, "run", "optimizer.learning_rate=1e30", "optimizer.clip=0.0", "optimizer.name=sgd").path
    assert calls(run)[-1] == ["finish", "diverged"]
    assert any(title == "diverged" for _, _, _, title, _ in calls(run, "alert"))


@pytest.mark.slow
def test_a_guard_that_goes_back_is_told(train: Callable, spoilt: Path) -> None:
    more = ("data.carry=true", "optimizer.learning_rate=0.01", "model.ngram_rows=0")
    steps = newllm.Budget(steps=80)
    run = train(TRACKER, "run", *more, given=spoilt, guard="rollback-and-skip", budget=steps).path
    (back,) = [step for (step,) in calls(run, "back")]
    at = calls(run).index(["back", back])
    assert next(call for call in calls(run)[at + 1 :] if call[0] == "step" and "loss" in call[2])[1] == back + 1
    onset = next(call for call in calls(run, "alert") if call[3] == "the training loss has left its trend")
    assert back < onset[0] <= 80


def test_an_unknown_tracker_is_refused_before_anything_is_made(train: Callable, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^unknown tracker 'tensorbord': did you mean 'tensorboard'"):
        train("tensorbord")
    assert not (tmp_path / "run").exists()
