"""Where the rows of a log stand, whatever its columns of steps and epochs are like."""

from pathlib import Path

import numpy as np
import pytest

from newllm.trace.readers import Chosen, read_log
from newllm.trace.readers.axes import Axis, locate_rows


def placed(rows: int = 4, crowded: bool = False, **columns: list[float | None]) -> Axis:
    """Place rows by columns; None is an empty cell."""
    arrays = {
        name: (
            np.array([row for row, cell in enumerate(cells) if cell is not None], np.int64),
            np.array([cell for cell in cells if cell is not None], np.float64),
        )
        for name, cells in columns.items()
    }
    return locate_rows(rows, arrays, crowded)


def test_steps_come_before_epochs_and_the_better_name_before_others() -> None:
    assert placed(step=[10, 20, 30, 40], epoch=[1, 1, 2, 2]).position.tolist() == [10, 20, 30, 40]
    both = placed(batch=[1, 2, 1, 2], global_step=[10, 20, 30, 40])
    assert (both.kind, both.position.tolist()) == ("step", [10, 20, 30, 40])
    assert placed(epoch=[1, 2, 3, 4]).kind == "epoch"
    assert placed(epoch=[1, 2, 3, 4]).position.dtype == np.int64


def test_a_better_name_that_fills_less_than_half_as_many_rows_is_passed_over() -> None:
    whole: list[float | None] = [1, 2, 3, 4]
    assert placed(batch=whole, global_step=[10, None, None, 40]).position.tolist() == [10, 10, 10, 40]
    assert placed(batch=whole, global_step=[10, None, None, None]).position.tolist() == [1, 2, 3, 4]


def test_a_row_without_a_step_stands_where_the_one_before_it_does() -> None:
    assert placed(step=[None, 5, None, 7]).position.tolist() == [5, 5, 5, 7]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 2.0**53])
def test_what_is_no_step_is_none(bad: float) -> None:
    assert placed(step=[1, bad, 3, 4]).position.tolist() == [1, 1, 3, 4]
    assert placed(step=[bad] * 4, epoch=[1, 2, 3, 4]).kind == "epoch"


def test_steps_that_are_fractions_give_way_to_epochs_and_these_to_rows() -> None:
    assert placed(step=[0.5, 1, 2, 3], epoch=[1, 2, 3, 4]).kind == "epoch"
    counted = placed(step=[0.5, 1, 2, 3])
    assert (counted.kind, counted.position.tolist()) == ("step", [1, 2, 3, 4])
    assert "no column of steps" in str(counted.remarks[0])
    assert "no whole numbers" in str(placed(epoch=[0.5, 1, 2, 3]).remarks[0])
    crowded = placed(epoch=[1, 1, 2, 2], crowded=True)
    assert (crowded.kind, crowded.position.tolist()) == ("step", [1, 2, 3, 4])
    assert "several rows of one epoch" in str(crowded.remarks[0])
    empty = placed(0)
    assert (empty.kind, len(empty.position), empty.remarks) == ("step", 0, ())


def test_steps_that_begin_anew_in_an_epoch_are_counted_on_by_the_usual_step() -> None:
    anew = placed(6, batch=[0, 10, 20, 0, 10, 20], epoch=[0, 0, 0, 1, 1, 1])
    assert anew.position.tolist() == [0, 10, 20, 30, 40, 50]
    assert "begin again" in str(anew.remarks[0])
    assert placed(6, batch=[0, 10, 20, 0, 10, 20]).position.tolist() == [0, 10, 20, 0, 10, 20]
    same_epoch = placed(6, batch=[0, 10, 20, 0, 10, 20], epoch=[0] * 6)
    assert (same_epoch.position.tolist(), same_epoch.remarks) == ([0, 10, 20, 0, 10, 20], ())
    falling = placed(3, batch=[3, 2, 1], epoch=[0, 1, 2])
    assert falling.position.tolist() == [3, 4, 5]  # nothing ever rose: by one
    huge = placed(3, batch=[2.0**52, 2.0**53 - 2, 5], epoch=[0, 0, 1])
    assert huge.position.tolist() == [2**52, 2**53 - 2, 5]
    assert placed(1, batch=[3], epoch=[0]).position.tolist() == [3]


@pytest.mark.parametrize(("filled", "first"), [(4, 0), (5, 100)])
def test_a_better_name_counts_that_fills_half_as_many_rows(filled: int, first: int) -> None:
    better = (np.arange(filled), np.arange(100.0, 100 + filled))
    axis = locate_rows(10, {"step": better, "iter": (np.arange(10), np.arange(10.0))}, crowded=False)
    assert axis.position[0] == first


@pytest.mark.parametrize(("step", "last"), [(2**52, 2**53), (2**52 + 1, 0)])
def test_steps_are_counted_on_as_far_as_a_float_counts(step: int, last: int) -> None:
    steps, epochs = np.array([0.0, step, 0.0]), np.array([0.0, 0.0, 1.0])
    axis = locate_rows(3, {"step": (np.arange(3), steps), "epoch": (np.arange(3), epochs)}, crowded=False)
    assert axis.position.tolist() == [0, step, last]
    assert bool(axis.remarks) is (last > 0)


@pytest.mark.parametrize(
    ("name", "values", "named"),
    [
        ("tick", [5, 10, 15, 20, 30], True),
        ("tick", [5, 10, 10, 20, 30], False),
        ("tick", [5.5, 10, 15, 20, 30], False),
        ("tick", [5, 10, 15, 20], False),
        ("upd", [5, 10, 15, 20, 30], None),
    ],
)
def test_a_column_that_counts_up_is_named_where_none_is_called_steps(
    tmp_path: Path, name: str, values: list[float], named: bool | None
) -> None:
    log = tmp_path / "log.csv"
    rows = zip(values, np.linspace(4, 3, len(values)), strict=True)
    log.write_text(f"{name},loss\n" + "".join(f"{value},{loss:.3f}\n" for value, loss in rows))
    trace = read_log(log)
    said = [one.sentence.id for one in trace.remarks]
    assert said == {True: ["remark-no-steps_named"], False: ["remark-no-steps"], None: []}[named]
    if named:
        assert str(trace.remarks[0]).endswith("'tick' counts up as steps do (--step tick takes it)")
        assert read_log(log, Chosen(step="tick")).series("loss").step.tolist() == values
    if named is None:
        assert trace.series("loss").step.tolist() == values
