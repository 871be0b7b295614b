"""A run of ours under a guard: what is written, in which order, and that every later start and replay knows of it."""

import dataclasses
import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

import newllm
from newllm.checksum import read_checked, write_checked
from newllm.errors import UserError
from newllm.messages import Message
from newllm.replays.guard.run_guard import RunGuard
from newllm.replays.subjects.own_run import OwnRun
from newllm.trace import Recovery, load_recoveries, read_trace, save_recoveries, truncate_after
from newllm.training.guard import commit, take_back
from newllm.training.observer import Observer
from newllm.training.run import RunDirectory
from newllm.training.snapshots import list_snapshots

SETTINGS = (
    *("data.carry=true", "optimizer.learning_rate=1e-2", "optimizer.warmup=10", "training.steps=80"),
    *("training.evaluate_every=40", "training.snapshot_every=20"),
)


@pytest.fixture(scope="session")
def runs(spoilt: Path, tiny_settings: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One run for each policy. Copy what is changed."""
    place = tmp_path_factory.mktemp("guarded")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEWLLM_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        patch.setattr("newllm.api.training_curves.draw_training_curves", lambda *_, **__: None)
        for policy in ("off", "ask", "guard", "rollback-and-skip"):
            newllm.train(str(spoilt), out=place / policy, settings=(*tiny_settings, *SETTINGS), guard=policy)
    return {policy.name: policy for policy in place.iterdir()}


@pytest.fixture
def run(runs: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    return lambda policy: Path(shutil.copytree(runs[policy], tmp_path / policy))


def losses(run: Path) -> dict[int, float]:
    series = read_trace(run / "trace.jsonl").series("loss")
    return dict(zip(series.step.tolist(), series.value.tolist(), strict=True))


def weights(run: Path) -> bytes:
    return (max(run.glob("snapshots/step-*")) / "model.safetensors").read_bytes()


def summary(run: Path) -> dict:
    return json.loads((run / "summary.json").read_bytes())


def only_of(run: Path) -> tuple[Recovery, int]:
    """Return the only recovery of a run, and the step that it went back to."""
    (only,) = load_recoveries(run / "recoveries.json")
    assert only.back is not None
    return only, only.back


def cut(run: Path, step: int) -> None:
    """Make it a run that was killed, whose last snapshot is of this step or one before."""
    for at, place in list_snapshots(run / "snapshots").items():
        if at > step:
            shutil.rmtree(place)
    write_checked(run / "summary.json", read_checked(run / "summary.json") | {"status": "running"})


@pytest.mark.parametrize("policy", ["guard", "ask", "rollback-and-skip"])
def test_a_healthy_run_keeps_its_bits(policy, train) -> None:
    plain, guarded = train("training.steps=40"), train("training.steps=40", guard=policy)
    assert weights(guarded.path) == weights(plain.path)
    assert (guarded.path / "trace.jsonl").read_bytes() == (plain.path / "trace.jsonl").read_bytes()
    assert not (guarded.path / "recoveries.json").exists()
    assert guarded.summary.recoveries == []


@pytest.mark.slow
def test_a_guarded_run_goes_back_and_reads_on_behind_the_garbage(runs) -> None:
    run = runs["guard"]
    only, back = only_of(run)
    assert (only.action, only.in_force, only.done) == ("remedy", True, True)
    assert only.nulls["identical"] is True
    assert only.tried
    before, after = losses(runs["off"]), losses(run)
    assert list(after) == list(range(1, 81)), "every step once"
    assert [after[step] for step in range(1, back + 1)] == [before[step] for step in range(1, back + 1)]
    assert max(after[step] for step in range(back + 1, 81)) < 0.5 * before[only.detected]


def test_it_is_recorded_and_never_silent(runs) -> None:
    run = runs["guard"]
    only, back = only_of(run)
    told = summary(run)["recoveries"]
    assert [(one["remedy"], one["back"], one["sentence"]) for one in told] == [(only.remedy, only.back, only.sentence)]
    assert summary(run)["status"] == "finished"
    marks = read_trace(run / "trace.jsonl").series("recovery")
    assert (marks.step.tolist(), marks.value.tolist()) == ([only.back], [1.0])
    rows = [json.loads(line) for line in (run / "recoveries/attempt-1.jsonl").read_text().splitlines()]
    abandoned = {row["step"]: row["loss"] for row in rows if "loss" in row}
    before = losses(runs["off"])
    assert abandoned == {step: before[step] for step in range(back + 1, only.detected + 1)}


def test_observers_are_told_once_that_it_begins_and_ends(spoilt, train) -> None:
    said: list[str] = []

    class Ears(Observer):
        def started(self, summary: dict) -> None:
            said.append(f"started {summary['step']}")

        def noticed(self, notice: Message) -> None:
            said.append(str(notice))

        def ended(self, summary: dict) -> None:
            said.append(f"ended {summary['status']} {len(summary['recoveries'])}")

    train(*SETTINGS, texts=(str(spoilt),), guard="rollback-and-skip", observers=[Ears()])
    assert [line for line in said if "started" in line or "ended" in line] == ["started 0", "ended finished 1"]
    assert any("rolled back to step" in line for line in said)


@pytest.mark.slow
def test_ctrl_c_while_the_run_is_taken_back_stops_it_there(spoilt, train) -> None:
    class Stops(Observer):
        def noticed(self, notice: Message) -> None:
            if "rolled back to step" in str(notice):
                signal.raise_signal(signal.SIGINT)

    options = {"texts": (str(spoilt),), "guard": "rollback-and-skip"}
    stopped = train(*SETTINGS, observers=[Stops()], **options)
    _, back = only_of(stopped.path)
    assert (stopped.summary.status, stopped.summary.step, stopped.stopped_by) == ("interrupted", back, "SIGINT")
    assert stopped.summary.message == f"stopped by SIGINT after step {back}"
    assert weights(newllm.resume(stopped.path).path) == weights(train(*SETTINGS, **options).path)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["guard", "rollback-and-skip"])
def test_a_run_that_went_back_is_gone_on_with_from_any_snapshot_to_the_same_bits(policy, run, runs) -> None:
    _, back = only_of(runs[policy])
    for keep in (0, back, 60):
        again = run(policy)
        cut(again, keep)
        newllm.resume(again)
        assert weights(again) == weights(runs[policy]), f"from step {keep}"
        assert losses(again) == losses(runs[policy])
        assert read_trace(again / "trace.jsonl").series("recovery").step.tolist() == [back]
        shutil.rmtree(again)


def test_a_replay_of_a_run_that_went_back_is_the_run(runs) -> None:
    subject = OwnRun(runs["guard"])
    recorded = losses(runs["guard"])
    _, back = only_of(runs["guard"])
    for start in (0, back, 60):
        begin, state = subject.snapshot(start)
        replica = subject.start(subject.setup(begin, 0, 70, 72), state)
        assert [replica.update(step).loss for step in range(begin, 80)] == [
            recorded[step + 1] for step in range(begin, 80)
        ]


def test_asked_it_stops_and_another_policy_goes_on(run, runs) -> None:
    asked = run("ask")
    assert summary(asked)["status"] == "interrupted"
    assert "nothing was changed; go on with --resume and --guard" in summary(asked)["message"]
    assert summary(asked)["recoveries"][0]["action"] == "asked"
    newllm.resume(asked, guard="guard")
    assert losses(asked) == losses(runs["guard"])
    assert weights(asked) == weights(runs["guard"])
    assert 'guard = "guard"' in (asked / "config.toml").read_text()


@pytest.mark.parametrize("policy", [None, "off"])
def test_asked_once_it_goes_on_as_it_was(policy, run, runs) -> None:
    asked = run("ask")
    assert newllm.resume(asked, guard=policy).summary.status == "finished"
    assert losses(asked) == losses(runs["off"])
    assert weights(asked) == weights(runs["off"])


@pytest.mark.slow
@pytest.mark.parametrize("killed_in", ["list_snapshots", "truncate_after", "TraceWriter", "save_recoveries"])
def test_a_kill_after_the_decision_is_mended_by_the_next_start(killed_in, run, runs, monkeypatch) -> None:
    """However much of the taking back was done."""
    (only,) = load_recoveries(runs["rollback-and-skip"] / "recoveries.json")
    place = RunDirectory(run("off"))
    cut(place.path, only.detected)
    truncate_after(place.trace, only.detected)
    commit(place, [dataclasses.replace(only, done=False)])

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"newllm.training.guard.{killed_in}", killed)
        with pytest.raises(KeyboardInterrupt):
            take_back(place)
    newllm.resume(place.path)
    assert losses(place.path) == losses(runs["rollback-and-skip"])
    assert weights(place.path) == weights(runs["rollback-and-skip"])
    assert load_recoveries(place.recoveries)[0].done
    assert read_trace(place.trace).series("recovery").step.tolist() == [only.back]


def test_what_is_done_is_not_done_again(runs) -> None:
    assert take_back(RunDirectory(runs["guard"])) is None
    assert take_back(RunDirectory(runs["off"])) is None


def test_a_decision_that_finds_no_room_changes_nothing(run, runs, monkeypatch) -> None:
    place = RunDirectory(run("off"))
    before = {path: path.read_bytes() for path in place.path.rglob("*") if path.is_file()}

    def full(path: Path, *_: object, **__: object) -> None:
        raise UserError(f"no room to write '{path}'")

    monkeypatch.setattr("newllm.training.guard.write_bytes", full)
    with pytest.raises(UserError, match="no room"):
        commit(place, [_recovery(runs, done=False)])
    after = {path: path.read_bytes() for path in place.path.rglob("*") if path.is_file()}
    assert after == before


def _recovery(runs: dict[str, Path], **changes: object) -> Recovery:
    (only,) = load_recoveries(runs["rollback-and-skip"] / "recoveries.json")
    return dataclasses.replace(only, **changes)  # type: ignore[arg-type]


def test_a_damaged_record_is_one_line(run) -> None:
    again = run("guard")
    (again / "recoveries.json").write_text("{")
    with pytest.raises(UserError, match=r"recoveries\.json' is damaged"):
        newllm.resume(again)


def test_a_remedy_that_this_version_does_not_know_is_one_line(run, runs) -> None:
    again = run("guard")
    save_recoveries(again / "recoveries.json", [_recovery(runs, remedy="prayer")])
    cut(again, 60)
    with pytest.raises(UserError, match="remedy 'prayer' does not exist"):
        newllm.resume(again)


def test_a_guard_that_is_off_is_never_asked(runs) -> None:
    run = RunDirectory(runs["off"])
    assert not RunGuard(run, OwnRun(run.path).corpus, "off").watches
