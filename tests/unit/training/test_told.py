"""What is missing in a run is told, what another process wrote is not overwritten, what a kill left is cleaned up."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import newllm
from newllm.api.diagnosed import doctor
from newllm.checksum import write_checked
from newllm.diagnosis.onset import Onset
from newllm.errors import UserError
from newllm.messages import Message
from newllm.report.source import read_source
from newllm.trace import Series, lost_steps, read_trace, store
from newllm.trace.rows import rows_of
from newllm.training.observer import Observer
from newllm.training.pins import Pin, content_of
from newllm.training.run import LOCK, BusyError
from newllm.training.snapshots import list_snapshots

SETTINGS = ("training.steps=12", "training.snapshot_every=4", "training.evaluate_every=4", "training.keep=9")


class Heard(Observer):
    """Keeps the notices."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def noticed(self, notice: Message) -> None:
        self.lines.append(str(notice))


@pytest.fixture(scope="module")
def finished(text: Path, tiny_settings: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run whose trace stands in several blocks and some lines."""
    run = tmp_path_factory.mktemp("finished") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEWLLM_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        patch.setattr("newllm.api.training_curves.draw_training_curves", lambda *_, **__: None)
        patch.setattr(store, "FLUSH_SECONDS", 0.0)
        patch.setattr(store, "PACK_BYTES", 3000)
        newllm.train(str(text), out=run, settings=(*tiny_settings, *SETTINGS))
    assert (run / "trace.blocks").exists()
    return run


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished, tmp_path / "run")


def unfinished(run: Path) -> None:
    shutil.rmtree(run / "snapshots/step-00000012")
    (run / "summary.json").unlink()


def lines_hold(run: Path) -> list[int]:
    return [step for _, step, _ in rows_of(run, (run / "trace.jsonl").read_bytes())]


def test_what_a_power_cut_left_of_rows_after_the_last_snapshot_is_cut_off_and_written_again(run: Path) -> None:
    whole = read_trace(run / "trace.jsonl")
    unfinished(run)
    last = max(list_snapshots(run / "snapshots"))
    trace = run / "trace.jsonl"
    lines = trace.read_bytes().splitlines(keepends=True)
    first = next(at for at, step in enumerate(lines_hold(run)) if step > last)
    lines[first] = b"\0" * 60 + lines[first][60:]  # a block of the file never came to the disk
    trace.write_bytes(b"".join(lines))
    with pytest.raises(UserError, match=f"line {first + 1} is not a row"):
        doctor(run)
    heard = Heard()
    newllm.resume(run, observers=[heard])
    assert "trace.jsonl was damaged after the last snapshot: it is cut off there and written again" in heard.lines
    again = read_trace(run / "trace.jsonl")
    assert again.signals.keys() == whole.signals.keys()
    for name, series in whole.signals.items():
        assert again.signals[name].step.tolist() == series.step.tolist(), name
        assert again.signals[name].value.tobytes() == series.value.tobytes(), name


def test_steps_that_a_trace_lost_are_told_by_doctor_page_and_resume(run: Path) -> None:
    blocks = run / "trace.blocks"
    blocks.write_bytes(blocks.read_bytes()[:-1])
    (told,) = doctor(run).trace.left_out
    assert told.startswith("the trace holds nothing of step")
    assert told in map(str, read_source(run).problems)
    unfinished(run)
    blocks.write_bytes(blocks.read_bytes()[: len(blocks.read_bytes()) // 3])  # steps before the last snapshot too
    heard = Heard()
    assert newllm.resume(run, observers=[heard]).summary.status == "finished"
    assert any(line.startswith("the trace holds nothing of step") for line in heard.lines)


def test_a_whole_trace_lost_nothing(run: Path) -> None:
    assert doctor(run).trace.left_out == ()
    unfinished(run)
    heard = Heard()
    newllm.resume(run, observers=[heard])
    assert not any("lost" in line for line in heard.lines)
    assert doctor(run).trace.left_out == ()


@pytest.mark.parametrize(
    ("steps", "come_to", "told"),
    [
        ([1, 2, 3], None, ()),
        ([1, 2, 3], 3, ()),
        ([], None, ()),
        ([], 2, ("steps 1 to 2",)),
        ([1, 2, 2, 7, 9], None, ("steps 3 to 6, step 8:",)),
        ([1, 2], 1200, ("steps 3 to 1,200:",)),
        ([2, 4, 6, 8, 10], None, ("step 1, step 3, step 5 and 2 more ranges:",)),
    ],
)
def test_lost_steps(steps: list[int], come_to: int | None, told: tuple[str, ...]) -> None:
    found = lost_steps(Series(np.array(steps, np.int64), np.zeros(len(steps))), come_to)
    assert len(found) == len(told)
    assert all(part in str(remark) for part, remark in zip(told, found, strict=True))


def test_a_best_snapshot_without_its_state_is_told_before_another_is_used(run: Path) -> None:
    best = json.loads((run / "summary.json").read_bytes())["best_validation"]["step"]
    (run / f"snapshots/step-{best:08d}/state.json").unlink()
    with pytest.raises(UserError, match=r"step-\d+' is damaged \(state.json is missing\)"):
        newllm.load(run)


def test_a_best_snapshot_that_is_not_the_last_names_the_way_out(run: Path) -> None:
    place = run / "snapshots/step-00000012/state.json"
    state = json.loads(place.read_bytes())
    from newllm.training import snapshots

    state["best"] = {**state["best"], "step": 4}
    state["sha256"].pop("state.json")
    state["sha256"]["state.json"] = snapshots._digest(state)
    place.write_text(json.dumps(state))
    assert newllm.load(run).step == 4
    (run / "snapshots/step-00000004/state.json").unlink()
    with pytest.raises(UserError, match=r"best snapshot .* --snapshot last takes that of step 12"):
        newllm.load(run)
    assert newllm.load(run, "last").step == 12


def test_a_last_snapshot_without_its_state_is_told_before_a_run_goes_on(run: Path) -> None:
    unfinished(run)
    (run / "snapshots/step-00000008/state.json").unlink()
    before = (run / "trace.jsonl").read_bytes()
    with pytest.raises(UserError, match=r"state.json is missing\): remove it to go on from the one before it"):
        newllm.resume(run)
    assert (run / "trace.jsonl").read_bytes() == before


class Removes(Observer):
    """Takes the lock away at a step, as a person may who believes that its owner is dead."""

    def __init__(self, run: Path) -> None:
        self.run, self.there = run, {}

    def stepped(self, report) -> None:
        if report.step == 10:
            (self.run / LOCK).unlink()
            (self.run / LOCK).touch()
            self.there = content(self.run)


def content(run: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in run.rglob("*") if path.is_file()}


def test_a_run_whose_lock_was_taken_away_is_not_written_any_more(run: Path) -> None:
    unfinished(run)
    remover = Removes(run)
    with pytest.raises(BusyError, match="was removed while this process had it"):
        newllm.resume(run, observers=[remover])
    assert remover.there
    assert content(run) == remover.there


def test_a_lock_that_is_a_directory_is_one_line(run: Path) -> None:
    unfinished(run)
    (run / LOCK).unlink()
    (run / LOCK).mkdir()
    with pytest.raises(UserError, match=r"may not write .*run' \(Is a directory\)"):
        newllm.resume(run)


def test_a_damaged_pin_is_told_and_the_snapshot_stays(run: Path) -> None:
    unfinished(run)
    pin = run / "snapshots/step-00000004/pin.json"
    write_checked(pin, content_of([Pin("loss", Onset(3, 3, 2, 1.0, 1.0))]))
    pin.write_bytes(pin.read_bytes().replace(b'"step": 3', b'"step": 2'))
    heard = Heard()
    newllm.resume(run, observers=[heard])
    assert any("pin.json' is damaged: its snapshot is kept" in line for line in heard.lines)
    assert pin.exists()


def test_what_a_kill_left_in_a_snapshot_is_removed(run: Path) -> None:
    unfinished(run)
    left = run / "snapshots/step-00000004/.pin.json.x1.tmp"
    left.write_text("{")
    newllm.resume(run)
    assert not left.exists()


def test_the_evaluation_of_step_0_stands_once_after_a_kill_before_its_snapshot(
    text: Path, tiny_settings: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise SystemExit(9)

    monkeypatch.setattr("newllm.training.loop.write_snapshot", killed)
    with pytest.raises(SystemExit):
        newllm.train(str(text), out=tmp_path / "run", settings=(*tiny_settings, "training.steps=2"))
    assert lines_hold(tmp_path / "run") == [0]
    monkeypatch.undo()
    newllm.resume(tmp_path / "run")
    assert lines_hold(tmp_path / "run").count(0) == 1
