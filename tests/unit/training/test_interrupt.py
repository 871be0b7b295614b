"""Stopping from inside one process, where the moment is exact."""

import signal

import pytest

import newllm
from newllm.training.observer import Observer


class Raise(Observer):
    """Raises signals after a step."""

    def __init__(self, step: int, *signals: signal.Signals) -> None:
        self.step, self.signals = step, signals

    def started(self, summary) -> None: ...
    def noticed(self, notice) -> None: ...
    def left_trend(self, onset) -> None: ...
    def evaluated(self, step, evaluation, *, best) -> None: ...
    def ended(self, summary) -> None: ...

    def stepped(self, report) -> None:
        if report.step == self.step:
            for number in self.signals:
                signal.raise_signal(number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_run_ends_after_the_step_with_a_snapshot(number, train, weights) -> None:
    run = train(observers=[Raise(7, number)])
    assert (run.summary.status, run.summary.step) == ("interrupted", 7)
    assert run.summary.message == f"stopped by {number.name} after step 7"
    assert (run.path / "snapshots/step-00000007").is_dir()
    resumed = newllm.resume(run.path)
    assert (resumed.summary.status, resumed.summary.message) == ("finished", None)
    assert weights(resumed) == weights(train())


def test_the_second_signal_stops_at_once(train, weights, tmp_path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train("training.snapshot_every=5", out=tmp_path / "run", observers=[Raise(7, signal.SIGINT, signal.SIGTERM)])
    assert not (tmp_path / "run/snapshots/step-00000007").exists()
    assert '"interrupted"' in (tmp_path / "run/summary.json").read_text()
    assert weights(newllm.resume(tmp_path / "run")) == weights(train())


def test_the_handlers_are_put_back(train) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    train("training.steps=1")
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_stop_after_the_last_step_is_a_finish(train) -> None:
    assert train(observers=[Raise(20, signal.SIGINT)]).summary.status == "finished"


def test_training_works_outside_the_main_thread(train) -> None:
    import concurrent.futures

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        assert pool.submit(train, "training.steps=2").result().summary.status == "finished"
