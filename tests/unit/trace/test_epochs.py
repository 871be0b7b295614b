"""The epoch of each step, where a log says both."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from newllm.diagnosis.losses import end_of_first_epoch
from newllm.trace import Series, Trace
from newllm.trace.epochs import epochs_done
from newllm.trace.readers import read_log


def read(folder: Path, name: str, text: str) -> Trace:
    path = folder / name
    path.write_text(text)
    return read_log(path)


def epochs_of(trace: Trace) -> list[tuple[int, float]] | None:
    return None if trace.epochs is None else list(zip(trace.epochs.step.tolist(), trace.epochs.value, strict=True))


LINES = [f"epoch {at // 5} step {at} loss {3 - at / 10:.4f}" for at in range(15)]


def test_a_console_log_of_steps_and_epochs_has_both(tmp_path: Path) -> None:
    trace = read(tmp_path, "train.log", "\n".join(LINES))
    assert trace.axis == "step"
    assert epochs_of(trace) == [(at, at // 5) for at in range(15)]
    assert "epoch" not in trace.signals


def test_steps_that_begin_anew_in_each_epoch_are_counted_on_and_the_epochs_with_them(tmp_path: Path) -> None:
    lines = [f"Epoch [{1 + at // 5}/3], Step [{1 + at % 5}/5], Loss: {3 - at / 10:.4f}" for at in range(15)]
    assert epochs_of(read(tmp_path, "train.log", "\n".join(lines))) == [(1 + at, 1 + at // 5) for at in range(15)]


def rows(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"epoch": at / 4, "step": 10 * at, "loss": 3 - at / 10, **more} for at in range(1, count + 1)]


def test_a_trainers_history_has_epochs_as_fractions(tmp_path: Path) -> None:
    history = rows(8)
    history[3] = {"epoch": 1.0, "step": 40, "eval_loss": 2.5}
    trace = read(tmp_path, "trainer_state.json", json.dumps({"log_history": history}))
    assert epochs_of(trace) == [(10 * at, at / 4) for at in range(1, 9)]
    assert trace.series("validation_loss").step.tolist() == [40]


OF_STEPS = "\n".join(line.split(" ", 2)[2] for line in LINES)


@pytest.mark.parametrize("text", ["\n".join(f"epoch {at} loss {3 - at / 10}" for at in range(8)), OF_STEPS])
def test_a_log_of_one_of_the_two_has_no_epochs_of_steps(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, "train.log", text).epochs is None


@pytest.mark.parametrize(
    ("value", "end"),
    [
        ([0, 0, 0, 1, 1, 2], 30),
        ([1, 1, 2, 2, 3, 3], 20),
        ([0.25, 0.5, 0.75, 1.0, 1.25, 1.5], 40),  # as a Trainer counts: read once at 1.0
        ([0.5, 0.6, 0.7, 0.8, 0.9, 1.0], math.inf),
        ([1, 1, 1, 1, 1, 1], math.inf),
        ([1.5, 2.0, 2.5, 3.0, 3.5, 4.0], 10),
    ],
)
def test_the_first_epoch_ends_before_data_are_read_again(value: list[float], end: float) -> None:
    epochs = Series(np.arange(10, 70, 10), np.array(value, float))
    assert end_of_first_epoch(Trace(epochs=epochs)) == end


def test_without_epochs_nothing_is_known_to_be_new() -> None:
    nothing = Series(np.empty(0, np.int64), np.empty(0))
    assert end_of_first_epoch(Trace()) == end_of_first_epoch(Trace(epochs=nothing)) == 0.0


@pytest.mark.parametrize(
    ("value", "done"),
    [
        ([0, 0, 1, 1, 2, 2], 3),  # the last is as long as the others
        ([1, 1, 2, 2, 3, 3], 3),
        ([0, 0, 0, 0, 1, 1], 1.5),
        ([1, 1, 1, 1, 2, 2], 1.5),
        ([0, 1, 2, 3, 4, 5], 6),  # a row at the end of each
        ([5, 5, 6, 6, 7, 7], 7),  # of a training that was resumed
        ([0, 0, 0, 0, 0, 0], 0),  # nothing says how long it is
        ([1, 1, 1, 1, 1, 1], 0),
        ([0.5, 1.0, 1.5, 2.0, 2.5, 3.0], 3.0),
    ],
)
def test_epochs_that_are_over_are_counted(value: list[float], done: float) -> None:
    assert epochs_done(Trace(epochs=Series(np.arange(10, 70, 10), np.array(value, float)))) == done


@pytest.mark.parametrize(("first", "last", "done"), [(0, 4, 5), (1, 5, 5), (11, 30, 30)])
def test_a_row_of_each_epoch_is_of_one_that_is_over(first: int, last: int, done: float) -> None:
    steps = np.arange(first, last + 1)
    assert epochs_done(Trace({"loss": Series(steps, np.ones(len(steps)))}, axis="epoch")) == done


def test_without_epochs_none_is_known_to_be_over() -> None:
    assert epochs_done(Trace()) is None


def test_a_log_of_all_epochs_has_come_to_its_end(tmp_path: Path) -> None:
    table = ["epoch,step,max_epochs,loss", *(f"{at // 5},{at},3,{3 - at / 10:.4f}" for at in range(15))]
    assert read(tmp_path, "train.csv", "\n".join(table)).done == 1.0
    assert read(tmp_path, "young.csv", "\n".join(table[:9])).done == pytest.approx(1.6 / 3)
