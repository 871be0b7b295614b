"""Runs that the clock ends, on a clock of our own: what they take never hangs on the machine."""

import json
import re
from pathlib import Path

import pytest

import newllm
from newllm.errors import UserError
from newllm.replays.subjects.own_run import OwnRun
from newllm.trace import read_signal
from newllm.training import pace
from newllm.training.budget import Budget
from newllm.training.observer import Observer
from newllm.training.snapshots import load_progress

SECONDS = 100.0
ENDS = SECONDS - min(pace.CLOSING * SECONDS, pace.LONGEST_CLOSING)


def rates(run: Path) -> list[float]:
    series = read_signal(run / "trace.jsonl", "learning_rate")
    assert series.step.tolist() == list(range(1, len(series.step) + 1))
    return series.value.tolist()


def again(train, run: newllm.TrainedRun) -> newllm.TrainedRun:
    """Run a run's config.toml, where no clock is asked."""
    return train(config=run.path / "config.toml", texts=(), observers=[NoClock()])


class NoClock(Observer):
    def planned(self, steps: int, seconds_left: float) -> None:
        raise AssertionError(f"the clock was asked: {steps} steps, {seconds_left} s left")


@pytest.mark.slow
@pytest.mark.parametrize(
    "step_seconds",
    [lambda _: 0.5, lambda step: 0.3 if step < 60 else 1.5, lambda step: 2.0 if step < 20 else 0.2],
    ids=["steady", "slower", "faster"],
)
def test_a_run_ends_when_its_seconds_are_over_and_its_rate_has_come_down(by_the_clock, clock, step_seconds) -> None:
    clock.step_seconds, began = step_seconds, clock.now
    run = by_the_clock()
    assert ENDS - 1.5 <= clock.now - began <= ENDS + 1.0
    assert run.summary.status == "finished"
    assert run.summary.steps == run.summary.step == run.config.training.steps
    seen = rates(run.path)
    top = seen.index(max(seen))
    assert top < 12
    assert seen[top:] == sorted(seen[top:], reverse=True)
    assert seen[-1] < 1.25 * 0.1 * run.config.optimizer.learning_rate
    assert run.config.training.seconds == 0


@pytest.mark.slow
def test_what_was_decided_runs_again_to_the_same_bits(by_the_clock, clock, train, weights) -> None:
    clock.step_seconds = lambda step: 0.3 if step % 50 < 25 else 1.2
    run = by_the_clock()
    assert len(run.config.training.plan) > 3
    rerun = again(train, run)
    assert weights(rerun) == weights(run)
    assert rates(rerun.path) == rates(run.path)
    assert (rerun.path / "config.toml").read_bytes() == (run.path / "config.toml").read_bytes()
    assert sorted(p.name for p in rerun.path.glob("snapshots/*")) == sorted(
        p.name for p in run.path.glob("snapshots/*")
    )


@pytest.mark.slow
@pytest.mark.parametrize("killed", [1, 37, 90])
def test_a_killed_run_follows_what_was_written_and_goes_on_with_the_seconds_that_remain(
    killed, by_the_clock, clock, train, weights, tmp_path
) -> None:
    clock.step_seconds, clock.fails_at, out = lambda step: 0.4 + 0.3 * (step % 40 > 20), killed, tmp_path / "run"
    with pytest.raises(RuntimeError):
        by_the_clock(out=out)
    before, snapshot = rates(out), max(out.glob("snapshots/step-*"))
    clock.fails_at, began = None, clock.now
    clock.step_seconds = lambda _: 0.8  # the machine has become another
    resumed = newllm.resume(out, observers=[clock], budget=Budget(began=clock.now))
    assert rates(out)[:killed] == before
    assert resumed.summary.status == "finished"
    used = 0.4 * load_progress(snapshot).step  # at least
    assert clock.now - began < SECONDS - used
    assert clock.now - began > 0.35 * (SECONDS - used)
    assert weights(again(train, resumed)) == weights(resumed)


@pytest.mark.slow
def test_a_kill_before_a_decision_is_written_loses_it_and_nothing_else(
    by_the_clock, clock, train, weights, tmp_path, monkeypatch
) -> None:
    written, out = pace.append_decision, tmp_path / "run"

    def torn(path, decision) -> None:
        if decision.step > 30:
            with path.open("ab") as file:
                file.write(b'{"step": 31, "ste')
            raise RuntimeError("killed")
        written(path, decision)

    monkeypatch.setattr(pace, "append_decision", torn)
    clock.step_seconds = lambda step: 0.2 + 0.02 * step
    with pytest.raises(RuntimeError):
        by_the_clock(out=out)
    before = rates(out)
    monkeypatch.setattr(pace, "append_decision", written)
    resumed = newllm.resume(out, observers=[clock], budget=Budget(began=clock.now))
    assert rates(out)[: len(before)] == before
    assert weights(again(train, resumed)) == weights(resumed)


@pytest.mark.slow
def test_a_kill_between_the_end_and_the_summary_is_mended(by_the_clock, clock, train, weights, monkeypatch, tmp_path):
    out = tmp_path / "run"

    def killed(_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(pace.ClockPace, "finished", killed)
        with pytest.raises(RuntimeError):
            by_the_clock(out=out)
    ended = len(rates(out))
    resumed = newllm.resume(out, observers=[clock], budget=Budget(began=clock.now))
    assert (resumed.summary.status, resumed.summary.step) == ("finished", ended)
    assert weights(again(train, resumed)) == weights(resumed)


@pytest.mark.slow
def test_a_replay_uses_the_rates_that_were_decided(by_the_clock, clock) -> None:
    clock.step_seconds = lambda step: 0.3 if step < 40 else 1.0
    run = by_the_clock()
    subject = OwnRun(run.path)
    replica = subject.start(subject.setup(0, 0, 0, 0), None)
    losses = [replica.update(step).loss for step in range(run.summary.step)]
    assert losses == read_signal(run.path / "trace.jsonl", "loss").value.tolist()


def test_a_run_that_still_runs_can_be_replayed_by_what_was_decided_so_far(by_the_clock, clock, tmp_path) -> None:
    clock.fails_at, clock.step_seconds = 60, lambda step: 0.3 if step < 40 else 1.0
    with pytest.raises(RuntimeError):
        by_the_clock(out=tmp_path / "run")
    subject = OwnRun(tmp_path / "run")
    replica = subject.start(subject.setup(0, 0, 0, 0), None)
    losses = [replica.update(step).loss for step in range(60)]
    assert losses == read_signal(tmp_path / "run/trace.jsonl", "loss").value.tolist()


def test_the_time_that_was_used_is_known_where_the_first_plan_was_right(by_the_clock, clock, tmp_path) -> None:
    clock.step_seconds, clock.fails_at, out = lambda _: 0.55, 101, tmp_path / "run"
    with pytest.raises(RuntimeError):
        by_the_clock("training.snapshot_every=50", out=out)
    assert len((out / "schedule.jsonl").read_text().splitlines()) == 1  # nothing was decided anew
    clock.fails_at = None
    newllm.resume(out, observers=[clock], budget=Budget(began=clock.now))
    (line,) = (line for line in clock.lines if "remain" in line)
    assert 35 < int(line.split()[0]) < 55
    assert line.endswith("of the 100 s remain at step 100")


@pytest.mark.slow
def test_what_fits_is_told_of_the_seconds_that_there_are(by_the_clock, clock, tmp_path) -> None:
    clock.fails_at, out = 185, tmp_path / "run"
    with pytest.raises(RuntimeError):
        by_the_clock("training.snapshot_every=10", out=out)
    clock.fails_at = None
    began, clock.now = clock.now, clock.now + 2.0
    run = newllm.resume(out, observers=[clock], budget=Budget(began=began))
    done = run.summary.step - 180
    assert 0 < done < 20
    assert re.search(
        rf"only {done} updates? fits? into [\d.]+ s here and now: one takes 0\.5 s, .* getting ready took 2 s$",
        clock.lines[-1],
    )
    assert float(clock.lines[-1].split(" into ")[1].split()[0]) < 20


def test_evaluations_are_few_and_the_last_one_is_planned_for(by_the_clock, clock) -> None:
    clock.evaluation, began = 12.0, clock.now
    run = by_the_clock("training.evaluate_every=100000")
    assert clock.now - began <= ENDS + 0.5
    assert read_signal(run.path / "trace.jsonl", "validation_loss").step.tolist() == [0, run.summary.step]


def test_one_long_step_is_said_and_the_run_still_ends_in_time(by_the_clock, clock) -> None:
    clock.step_seconds, began = lambda step: 30.0 if step == 50 else 0.5, clock.now
    run = by_the_clock()
    assert ENDS - 1.5 <= clock.now - began <= ENDS + 1.0
    assert any(line.startswith("step 50 took 30 s where 0.5 s are usual") for line in clock.lines)
    assert rates(run.path)[-1] < 1.25 * 0.1 * run.config.optimizer.learning_rate


def test_a_machine_that_slept_past_the_end_ends_the_run_and_says_so(by_the_clock, clock) -> None:
    clock.step_seconds = lambda step: 5000.0 if step == 50 else 0.5
    run = by_the_clock()
    assert (run.summary.status, run.summary.step) == ("finished", 50)
    assert any(line.startswith("step 50 took 5000 s") for line in clock.lines)
    assert any("of the plan, at a learning rate of" in line for line in clock.lines)


def test_a_step_longer_than_the_time_is_one_line(by_the_clock, clock) -> None:
    clock.step_seconds = lambda _: 300.0
    run = by_the_clock()
    assert run.summary.step == 1
    assert "only 1 update fits into 100 s here and now: one takes 3e+02 s" in "\n".join(clock.lines)


def test_where_getting_ready_takes_all_of_the_time_nothing_is_left_behind(train, clock, tmp_path) -> None:
    budget = Budget(seconds=SECONDS, began=clock.now - SECONDS)
    with pytest.raises(UserError, match=r"^--seconds 100: getting ready took .* s \(.*\): give more, or --steps N$"):
        train(budget=budget, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_getting_ready_took_stands_in_the_summary(by_the_clock, clock) -> None:
    run = by_the_clock("numerics.precision=auto")
    ready = json.loads((run.path / "summary.json").read_text())["preparation"]
    assert ready["budget"] == SECONDS
    assert {"start", "text", "model", "precision", "compiling"} <= ready["seconds"].keys()
    assert ready["precision"].keys() == {"chosen", "seconds", "rounds", "agreed"}
    assert ready["precision"]["chosen"] == run.config.numerics.precision
    assert any(line.startswith("getting ready took") and line.endswith("of the 100 s") for line in clock.lines)


def test_a_plan_and_steps_that_disagree_are_one_line(by_the_clock, train) -> None:
    config = by_the_clock().path / "config.toml"
    with pytest.raises(UserError, match=r"training\.plan ends after .* steps, training\.steps is 7"):
        train("training.steps=7", config=config, texts=())
    assert train(config=config, texts=(), budget=Budget(steps=7)).config.training.plan == ()


@pytest.fixture
def killed(by_the_clock, clock, tmp_path) -> Path:
    """A run by the clock that was killed at step 40, with a snapshot of that step."""
    clock.fails_at, out = 41, tmp_path / "run"
    with pytest.raises(RuntimeError):
        by_the_clock("training.snapshot_every=10", out=out)
    clock.fails_at = None
    return out


def damaged(schedule: Path) -> None:
    schedule.write_text("nonsense\n")


def emptied(schedule: Path) -> None:
    schedule.write_text("")


def shortened(schedule: Path) -> None:
    lines = schedule.read_text().splitlines(keepends=True)
    assert len(lines) > 1
    schedule.write_text(lines[0])


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (damaged, r"schedule\.jsonl' is damaged \(Expecting value.*\): put it back as it was$"),
        (shortened, r"schedule\.jsonl' is damaged \(decisions are missing at its end\): put it back as it was$"),
        (emptied, r"schedule\.jsonl' is missing: put it back"),
        (Path.unlink, r"schedule\.jsonl' is missing: put it back"),
    ],
)
def test_without_its_schedule_a_run_is_not_gone_on_with_and_its_model_is_used_all_the_same(
    harm, said, killed, clock, text
) -> None:
    before = newllm.load(killed)
    harm(killed / "schedule.jsonl")
    kept = {path: path.read_bytes() for path in killed.rglob("*") if path.is_file() and path.name != ".lock"}
    with pytest.raises(UserError, match=said):
        newllm.resume(killed, observers=[clock], budget=Budget(began=clock.now))
    assert {path: path.read_bytes() for path in kept} == kept
    after = newllm.load(killed)
    assert after.generate("the ", 8) == before.generate("the ", 8)
    assert after.evaluate(text) == before.evaluate(text)
    assert newllm.doctor(killed).trace.left_out == ()


@pytest.mark.parametrize("harm", [damaged, emptied, Path.unlink])
def test_a_replay_needs_the_schedule(harm, killed) -> None:
    harm(killed / "schedule.jsonl")
    with pytest.raises(UserError, match=r"schedule\.jsonl' is (missing|damaged)"):
        OwnRun(killed)


def test_a_schedule_of_seconds_is_not_said_to_be_of_steps_of_so_many_seconds(killed, clock) -> None:
    newllm.resume(killed, observers=[clock], budget=Budget(steps=60, began=clock.now))
    assert any(re.match(r"the schedule was \d+ steps in 100 s, it becomes 60 steps: ", line) for line in clock.lines)


def test_seconds_without_a_plan_are_one_line(by_the_clock, clock) -> None:
    config = by_the_clock().path / "config.toml"
    config.write_text(re.sub(r"(?s)seconds = 0.0\nplan = \[.*?\n\]", "seconds = 60.0", config.read_text()))
    with pytest.raises(UserError, match=r"config\.toml' is damaged: it does not say training\.plan"):
        newllm.resume(config.parent, observers=[clock], budget=Budget(began=clock.now))


@pytest.mark.slow
def test_a_guard_takes_a_run_by_the_clock_back_and_it_still_ends_in_time(by_the_clock, clock, spoilt) -> None:
    settings = ("data.carry=true", "optimizer.learning_rate=0.01", "training.snapshot_every=10")
    began = clock.now
    run = by_the_clock(*settings, texts=(str(spoilt),), guard="rollback-and-skip")
    (only,) = run.summary.recoveries[:1]
    assert only["action"] == "remedy"
    assert ENDS - 2.5 <= clock.now - began <= ENDS + 1.0
    assert run.summary.step == run.config.training.steps
    decided = [row[0] for row in run.config.training.plan]
    assert decided == sorted(decided)
    assert only["back"] in decided  # planned anew where it was taken back to
    assert len(rates(run.path)) == run.summary.step
