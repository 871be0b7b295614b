"""What the loop owes to those who watch: an end, whatever it was, and a heartbeat."""

import io
import json

import pytest

import newllm
from newllm.cli.paper import LineConsole
from newllm.cli.progress import LiveDisplay
from newllm.messages import catalogue
from newllm.trace import Summary
from newllm.training import journal, loop
from newllm.training.observer import Observer


class Watch(Observer):
    """Remembers how the run ended; fails where it is told to."""

    def __init__(self, fail: str = "") -> None:
        self.fail, self.ends = fail, []

    def _maybe(self, name: str) -> None:
        if name == self.fail:
            raise RuntimeError(name)

    def started(self, summary) -> None:  # noqa: ARG002 (the form of an observer)
        self._maybe("started")

    def noticed(self, notice) -> None: ...

    def left_trend(self, onset) -> None: ...

    def stepped(self, report) -> None:  # noqa: ARG002 (the same)
        self._maybe("stepped")

    def evaluated(self, step, evaluation, *, best) -> None: ...

    def ended(self, summary) -> None:
        self.ends.append((summary["status"], summary["message"]))


@pytest.mark.parametrize("moment", ["started", "stepped"])
def test_observers_hear_the_end_of_a_run_that_fails(moment, train, tmp_path) -> None:
    watch = Watch(moment)
    with pytest.raises(RuntimeError, match=moment):
        train(out=tmp_path / "run", observers=[watch])
    assert watch.ends == [("failed", moment)]
    assert json.loads((tmp_path / "run/summary.json").read_bytes())["status"] == "failed"


def test_observers_hear_the_end_once(train) -> None:
    watch = Watch()
    train("training.steps=2", observers=[watch])
    assert watch.ends == [("finished", None)]


def test_the_live_display_stops_when_the_run_fails(train) -> None:
    display = LiveDisplay(LineConsole(io.StringIO(), force_terminal=True), catalogue("en"))
    with pytest.raises(RuntimeError):
        train(observers=[display, Watch("stepped")])
    assert not display._live.is_started


def test_the_heart_beats_during_an_evaluation(train, monkeypatch) -> None:
    saves, during = [], []
    save, evaluate = Summary.save, loop.evaluate

    def saved(self, path) -> None:
        saves.append(path)
        save(self, path)

    def evaluated(model, batches, *others):
        before, batches = len(saves), list(batches)
        during.append((len(saves) - before, len(batches)))
        return evaluate(model, batches, *others)

    monkeypatch.setattr(journal, "HEARTBEAT_SECONDS", 0.0)
    monkeypatch.setattr(Summary, "save", saved)
    monkeypatch.setattr(loop, "evaluate", evaluated)
    assert newllm.load(train("training.steps=1").path)
    assert all(beats == batches > 1 for beats, batches in during), during
