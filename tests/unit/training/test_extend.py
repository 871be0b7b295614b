"""A finished run trained longer: exact, re-runnable, and the same after a kill as without one."""

from pathlib import Path

import pytest

import newllm
from newllm.errors import UserError
from newllm.replays.subjects.own_run import OwnRun
from newllm.trace import read_signal
from newllm.training.budget import Budget
from newllm.training.observer import Observer


class Watching(Observer):
    def __init__(self, fails_at: int | None = None) -> None:
        self.lines: list[str] = []
        self.fails_at = fails_at

    def noticed(self, notice) -> None:
        self.lines.append(str(notice))

    def stepped(self, report) -> None:
        if report.step == self.fails_at:
            raise RuntimeError("killed")


def signal(run: Path, name: str) -> list[float]:
    series = read_signal(run / "trace.jsonl", name)
    assert series.step.tolist() == sorted(set(series.step.tolist()))
    return series.value.tolist()


@pytest.fixture
def finished(train) -> newllm.TrainedRun:
    return train("optimizer.warmup=10", "training.snapshot_every=7", "training.evaluate_every=7")


@pytest.fixture
def rerun(train):
    """Run a run's config.toml from its beginning."""
    return lambda run: train(config=run.path / "config.toml", texts=())


def test_a_finished_run_is_trained_longer_and_its_config_runs_all_of_it_again(finished, rerun, weights) -> None:
    before, watching = signal(finished.path, "loss"), Watching()
    longer = newllm.resume(finished.path, [watching], budget=Budget(steps=40))
    assert (longer.summary.status, longer.summary.step, longer.summary.steps) == ("finished", 40, 40)
    assert longer.config.training.plan == ((0, 20, 10), (20, 40, 22))
    (line,) = watching.lines
    assert line.startswith("the schedule was 20 steps, it becomes 40 steps: the learning rate goes from 0.00")
    losses, rates = signal(longer.path, "loss"), signal(longer.path, "learning_rate")
    assert (losses[:20], len(losses)) == (before, 40)
    assert rates[19] < rates[20] < rates[21]
    assert rates[21:] == sorted(rates[21:], reverse=True)
    again = rerun(longer)
    assert weights(again) == weights(longer)
    assert signal(again.path, "loss") == losses
    assert signal(again.path, "validation_loss") == signal(longer.path, "validation_loss")
    assert (again.path / "config.toml").read_bytes() == (longer.path / "config.toml").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("killed", [21, 33])
def test_an_extended_run_that_is_killed_ends_with_the_same_bits(killed, finished, rerun, weights) -> None:
    with pytest.raises(RuntimeError):
        newllm.resume(finished.path, [Watching(killed)], budget=Budget(steps=40))
    resumed = newllm.resume(finished.path)
    assert (resumed.summary.status, resumed.summary.step) == ("finished", 40)
    assert weights(resumed) == weights(rerun(resumed))


def test_a_kill_before_the_first_further_update_leaves_an_extended_run(finished, rerun, weights, monkeypatch) -> None:
    def killed(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr("newllm.api.resumed.train_to_end", killed)
        with pytest.raises(RuntimeError):
            newllm.resume(finished.path, budget=Budget(steps=40))
    assert '"finished"' in (finished.path / "summary.json").read_text()
    resumed = newllm.resume(finished.path)
    assert resumed.summary.step == 40
    assert weights(resumed) == weights(rerun(resumed))


@pytest.mark.slow
def test_twice_and_by_tokens(finished, rerun, weights) -> None:
    newllm.resume(finished.path, budget=Budget(steps=30))
    twice = newllm.resume(finished.path, budget=Budget(tokens=50 * 32 - 5))
    assert twice.config.training.plan == ((0, 20, 10), (20, 30, 21), (30, 50, 32))
    assert twice.summary.step == 50
    assert weights(rerun(twice)) == weights(twice)


def test_fewer_steps_than_are_done_is_one_line_and_changes_nothing(finished) -> None:
    before = (finished.path / "config.toml").read_bytes()
    for budget, said in ((Budget(steps=20), "--steps 20"), (Budget(tokens=3), "--tokens 3")):
        with pytest.raises(UserError, match=rf"^{said}: '.*' has done 20 steps already: give more than those"):
            newllm.resume(finished.path, budget=budget)
    assert (finished.path / "config.toml").read_bytes() == before


@pytest.mark.slow
def test_a_stopped_run_is_planned_anew_without_a_jump(train, rerun, weights, tmp_path) -> None:
    out, watching = tmp_path / "run", Watching(12)
    with pytest.raises(RuntimeError):
        train("optimizer.warmup=2", "training.snapshot_every=10", observers=[watching], out=out)
    longer = newllm.resume(out, budget=Budget(steps=60))
    assert longer.config.training.plan == ((0, 20, 2), (10, 60, 10))
    rates = signal(out, "learning_rate")
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert weights(rerun(longer)) == weights(longer)


def test_a_replay_of_an_extended_run_has_its_rates(finished) -> None:
    longer = newllm.resume(finished.path, budget=Budget(steps=30))
    subject = OwnRun(longer.path)
    replica = subject.start(subject.setup(0, 0, 0, 0), None)
    assert [replica.update(step).loss for step in range(30)] == signal(longer.path, "loss")


@pytest.mark.slow
def test_a_finished_run_goes_on_by_the_clock(finished, clock, rerun, weights) -> None:
    began = clock.now
    longer = newllm.resume(finished.path, [clock], budget=Budget(seconds=100.0, began=clock.now))
    assert any("from step 20 on it follows the clock for 100 s" in line for line in clock.lines)
    assert 85 < clock.now - began < 97
    assert longer.summary.step > 150
    assert longer.config.training.seconds == 0
    rates = signal(longer.path, "learning_rate")
    top = rates.index(max(rates[20:]))
    assert top < 40
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert weights(rerun(longer)) == weights(longer)


@pytest.mark.slow
def test_a_run_of_the_clock_goes_on_by_steps_and_by_the_clock_again(by_the_clock, clock, rerun, weights) -> None:
    run = by_the_clock(seconds=40.0)
    done = run.summary.step
    longer = newllm.resume(run.path, budget=Budget(steps=done + 25))
    assert longer.summary.step == done + 25
    assert weights(rerun(longer)) == weights(longer)
    clock.step_seconds, clock.fails_at = lambda step: 0.2 if step % 9 else 1.0, done + 60
    with pytest.raises(RuntimeError):
        newllm.resume(run.path, [clock], budget=Budget(seconds=60.0, began=clock.now))
    clock.fails_at = None
    last = newllm.resume(run.path, [clock], budget=Budget(began=clock.now))
    assert last.summary.status == "finished"
    assert last.summary.step > done + 60
    assert weights(rerun(last)) == weights(last)
