"""The small curves of the list: in few points, made anew only where the trace is another."""

from pathlib import Path

import numpy as np
import pytest

from newllm.trace import Series, TraceWriter, truncate_after
from newllm.trace.blocks import blocks_path
from newllm.ui import sparks as module
from newllm.ui.sparks import Sparks, thinned


def written(place: Path, count: int, name: str = "loss") -> Path:
    place.mkdir(exist_ok=True)
    with TraceWriter(place / "trace.jsonl") as writer:
        for step in range(count):
            writer.write(step, **{name: float(step % 7)})
    return place


@pytest.mark.parametrize(("points", "whole"), [(31, True), (32, False)])
def test_a_signal_of_more_than_three_points_a_bucket_is_thinned(points: int, whole: bool) -> None:
    value = np.random.default_rng(0).normal(size=points)
    few = thinned(Series(np.arange(points), value), 10)
    assert (len(few.step) == points) is whole
    assert {value.min(), value.max()} <= set(few.value)
    assert few.value.tolist() == value[few.step].tolist()


def test_the_training_loss_comes_before_that_of_validation(tmp_path: Path) -> None:
    curves = Sparks()
    assert curves.of("a", written(tmp_path / "a", 3)) == {"name": "loss", "x": [0, 1, 2], "y": [0.0, 1.0, 2.0]}
    assert curves.of("b", written(tmp_path / "b", 2, "validation_loss"))["name"] == "validation_loss"
    assert curves.of("c", written(tmp_path / "c", 2, "other")) == {}
    assert curves.of("d", tmp_path / "none") == {}
    assert len(curves.of("e", written(tmp_path / "e", 400))["x"]) <= 181
    both = {"a": tmp_path / "a", "c": tmp_path / "c"}
    assert {name: len(curve) for name, curve in curves.many(both).items()} == {"a": 3, "c": 0}


def test_a_curve_is_kept_until_its_trace_is_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, curves, make = [], Sparks(), module._spark
    monkeypatch.setattr(module, "_spark", lambda path: made.append(path) or make(path))
    written(tmp_path / "a", 3)
    first = curves.of("a", tmp_path / "a")
    assert curves.of("a", tmp_path / "a") is first
    written(tmp_path / "a", 5)
    assert len(curves.of("a", tmp_path / "a")["x"]) == 5
    assert len(made) == 1  # of what grows only what was appended is read


@pytest.mark.parametrize("name", ["loss", "validation_loss"])
def test_a_trace_that_grows_has_the_curve_of_a_fresh_look(tmp_path: Path, name: str) -> None:
    curves, run = Sparks(), tmp_path / "a"
    run.mkdir()
    with TraceWriter(run / "trace.jsonl") as writer:
        for step in range(700):
            writer.write_row(step, {name: float(step % 7), "gradient_norm/0": 1.0, "validation_loss": 2.0 - step / 1e3})
            if step % 100 == 99:
                if step == 399:
                    writer.pack()  # into a block; the lines begin anew
                writer.flush()
                assert curves.of("a", run) == Sparks().of("a", run)
    truncate_after(run / "trace.jsonl", 350)  # as a run that is resumed does
    assert curves.of("a", run) == Sparks().of("a", run)
    assert curves.of("a", run)["x"][-1] == 350
    (run / "trace.jsonl").unlink()
    blocks_path(run / "trace.jsonl").unlink()
    assert curves.of("a", run) == {}


def test_so_many_traces_that_grow_are_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_GROWING", 2)
    curves = Sparks()
    for count in (3, 4):
        for name in "abc":
            assert len(curves.of(name, written(tmp_path / name, count))["x"]) == count
    assert list(curves._growing) == ["b", "c"]


def test_so_many_curves_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KEPT", 2)
    made, curves, make = [], Sparks(), module._spark
    monkeypatch.setattr(module, "_spark", lambda path: made.append(path.parent.name) or make(path))
    for name in "abab":
        curves.of(name, written(tmp_path / name, 1) if not (tmp_path / name).exists() else tmp_path / name)
    assert made == ["a", "b"]
    for name in "cab":
        curves.of(name, written(tmp_path / name, 1) if not (tmp_path / name).exists() else tmp_path / name)
    assert made == ["a", "b", "c", "a", "b"]


def test_a_trace_that_leads_out_is_not_followed(tmp_path: Path) -> None:
    written(tmp_path / "outside", 3)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "trace.jsonl").symlink_to(tmp_path / "outside" / "trace.jsonl")
    assert Sparks().of("a", tmp_path / "run") == {}


def test_the_curve_of_a_recording_brings_its_best_validation(tmp_path: Path) -> None:
    with TraceWriter(written(tmp_path / "a", 3) / "trace.jsonl") as writer:
        for step, loss in ((4, float("nan")), (5, 0.5), (6, 0.25), (7, 0.75)):
            writer.write(step, validation_loss=loss)
    assert Sparks().of("a", tmp_path / "a")["best"] == {"loss": 0.25, "at": 6}
    (tmp_path / "a" / "summary.json").write_text("{}")  # a run of newllm train, whose summary says it
    assert "best" not in Sparks().of("a", tmp_path / "a")
