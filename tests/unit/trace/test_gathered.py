"""What a reader takes in, how much of it, and how a log's rows and documents of JSON are told apart."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from newllm.errors import UserError
from newllm.trace import Series
from newllm.trace.readers import gathered as module
from newllm.trace.readers import json_log, read_log
from newllm.trace.readers.gathered import Gathered, canonical, most_values
from newllm.trace.readers.json_log import is_document, is_json
from newllm.trace.readers.rows import take_row
from newllm.trace.remark import left_out


def filled(*rows: dict[str, Any]) -> Gathered:
    taken = Gathered(Path("log"))
    for row, cells in enumerate(rows):
        take_row(taken, row, cells.items())
    return taken


def test_a_log_s_own_signals_are_bounded_and_those_with_a_name_are_not() -> None:
    many = {f"x{place}": 1.0 for place in range(2001)}
    trace = filled({"step": 1.0} | many | {"val_loss": 2.0}, {"step": 2.0} | many | {"val_loss": 1.0}).by_row()
    assert len(trace.signals) == 2000  # with the column of steps, and one more that has a name
    assert trace.series("validation_loss").value.tolist() == [2.0, 1.0]
    assert trace.left_out == ("signals beyond the first 2000",)


def test_where_the_log_s_own_signals_made_room_it_is_read_on_to_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_VALUES", 600)
    taken = Gathered(Path("log"))
    for row in range(300):
        cells = {"step": float(row), "loss": 2.0, "val_loss": 2.5, "acc": 0.5, "lr": 0.1, "x": 1.0}
        take_row(taken, row, cells.items())
    trace = taken.by_row()
    assert set(trace.signals) == {"loss", "validation_loss", "accuracy", "learning_rate"}
    assert len(trace.series("loss").step) == 120  # of five columns
    assert trace.left_out == (
        "1 signals of the log's own, because there are more than 600 values", "what comes after the first 600 values",
    )  # fmt: skip


def test_so_many_names_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_NAMES", 4)
    trace = filled({"step": 1.0, "a": 1.0, "b": 1.0, "c": 1.0, "loss": 1.0}).by_row()
    assert set(trace.signals) == {"a", "b", "c"}
    assert trace.left_out == ("signals beyond the first 2000",)


def test_twenty_sentences_are_kept_and_counted() -> None:
    taken = Gathered(Path("log"))
    for number in range(21):
        taken.note(left_out("quoted", text=f"sentence {number}"))
    taken.note(left_out("quoted", text="sentence 0"))
    taken.note(left_out("quoted", text="sentence 1"), 0)
    taken.note(left_out("quoted", text="sentence 20"))
    assert tuple(map(str, taken.remarks())) == (
        "2 times: sentence 0",
        *(f"sentence {number}" for number in range(1, 20)),
    )


def test_a_name_is_kept_apart_from_its_run_and_is_of_bounded_length() -> None:
    taken = Gathered(Path("log"))
    taken.add("a\x1fb", 0, 1.0)
    taken.add("y" * 700 + "!", 0, 1.0)
    taken.add("y" * 700 + "?", 1, 2.0)  # the same by all that is read of it
    taken.add("", 0, 1.0)
    assert set(taken.by_step().signals) == {"a b", "y" * 160}
    assert taken.values == 3


def test_values_from_text_tell_their_decimals_and_others_do_not() -> None:
    for printed, told in ((True, {"loss": 2}), (False, {})):
        taken = Gathered(Path("log"))
        taken.add("loss", 3, 2.25)
        trace = taken.by_step("epoch", printed=printed)
        assert (trace.decimals, trace.axis, trace.series("loss").step.tolist()) == (told, "epoch", [3])
    assert filled({"step": 1.0, "loss": 2.25}).by_row().decimals == {"loss": 2}
    plain = Gathered(Path("log"))
    plain.add("loss", 3, 2.25)
    assert plain.by_step().decimals == {}


def test_steps_that_come_again_are_counted() -> None:
    trace = filled({"step": 1.0, "loss": 3.0}, {"step": 1.0, "loss": 2.0}, {"step": 1.0, "loss": 1.5}).by_row()
    assert trace.series("loss").value.tolist() == [1.5]
    assert trace.left_out == ("2 times: values of a step that occurs more than once (the last value is used)",)


@pytest.mark.parametrize(("rows", "axis"), [(3, "epoch"), (4, "step")])
def test_epochs_with_several_values_of_a_signal_do_not_place_them(rows: int, axis: str) -> None:
    """Of two epochs: half as many again, and one more."""
    trace = filled(*({"epoch": float(row % 2), "loss": float(row)} for row in range(rows))).by_row()
    assert trace.axis == axis


def test_of_several_runs_the_one_with_the_most_values_is_read() -> None:
    taken = Gathered(Path("log"))
    assert most_values([("a", 2), ("b", 3), ("c", 3)], None, taken) == "b"
    assert tuple(map(str, taken.remarks())) == (
        "2 other runs, for 'b' has the most values; name one as PATH#RUN: 'b', 'c', 'a'",
    )
    one = Gathered(Path("log"))
    assert most_values([("a", 2)], None, one) == "a"
    assert tuple(map(str, one.remarks())) == ()
    assert most_values([("a", 2), ("b", 3)], "a", one) == "a"
    two = Gathered(Path("log"))
    most_values([("a", 2), ("b", 1)], None, two)
    assert str(two.remarks()[0]).startswith("another run, for 'a'")
    with pytest.raises(
        UserError, match=r"no run 'x' in 'log': it holds '0', '1', '2', '3', '4', '5', '6', '7', \.\.\."
    ):
        most_values([(str(name), 1) for name in range(9)], "x", taken)
    with pytest.raises(UserError, match=r"'7'$"):
        most_values([(str(name), 1) for name in range(8)], "x", taken)
    with pytest.raises(UserError, match="no run with numbers"):
        most_values([], None, taken)


def test_the_loss_that_a_person_names_is_it_whatever_the_names_say() -> None:
    one, two = Series(np.arange(2), np.ones(2)), Series(np.arange(3), np.ones(3))
    assert set(canonical({"loss": one, "x": two}, {"loss": "x"})) == {"loss (not chosen)", "loss"}
    assert canonical({"loss": one, "x": two}, {"loss": "x"})["loss"] is two
    assert canonical({"train_loss": one, "nll": two})["loss"] is two  # the plainer name
    assert canonical({"avg_loss": one, "mean_loss": two})["loss"] is two  # the longer of two as plain
    assert set(canonical({"train_loss": one, "x": two}, {"loss": "x"})) == {"train_loss", "loss"}
    assert canonical({"lr": one, "eta": two}, {"learning_rate": "eta"}) == {"lr": one, "learning_rate": two}


# What JSON of which shape is.


@pytest.mark.parametrize(
    ("text", "one"),
    [
        ('{"a": 1}\n{"a": 2}', False), ('{"a": 1}', False), ('{"log_history": [{"a": 1}]}', True), ("{}", False),
        ('{"a": [1, 2], "b": [3, 4]}', True), ('{"a": [1, 2], "b": 3}', False), ('{"history": {"loss": [1]}}', True),
        ('{"a": {"b": 1}}\n{"a": {"b": 2}}', False), ("{\n  \"a\": 1", True),
        ('{"log_history": [', True), ('{"x": [1,', True),
        ('{"x": 1, "rows" : [{', True), ('{"x": 1, "y": 2', False), ("[1]", False),
    ],
)  # fmt: skip
def test_one_object_is_told_from_one_a_line(text: str, one: bool) -> None:
    assert is_document(text) is one


@pytest.mark.parametrize(
    ("text", "json_it_is"),
    [('{"a": 1}', True), ("{'a': 1}", False), ("{ 'a': 1}", False), ("[{", True), ("[[1]]", True), ("[]", True),
     ("[", True), ("[12:30] loss 2", False), ("loss", False), ("[ \n {", True)],
)  # fmt: skip
def test_what_begins_as_json_does(text: str, json_it_is: bool) -> None:
    assert is_json(text) is json_it_is


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., dict[str, list[tuple[int, float]]]]:
    def reading(content: Any, name: str = "a.json") -> dict[str, list[tuple[int, float]]]:
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        signals = read_log(path).signals.items()
        return {key: list(zip(one.step.tolist(), one.value.tolist(), strict=True)) for key, one in signals}

    return reading


def test_rows_in_every_shape_are_the_same(read: Callable[..., Any]) -> None:
    expected = {"loss": [(1, 3.0), (2, 2.0)]}
    rows = [{"step": 1, "loss": 3.0}, {"step": 2, "loss": 2.0}]
    for content in (
        rows, {"log_history": rows}, {"best": 1, "x": {"y": 2}, "history": rows}, {"step": [1, 2], "loss": [3.0, 2.0]},
        {"history": {"step": [1, 2], "loss": [3.0, 2.0]}}, [[1, 3.0], [2, 2.0]], [[9.5, 1, 3.0], [9.75, 2, 2.0]],
    ):  # fmt: skip
        assert read(content) == expected
        assert read(json.dumps(content, indent=2)) == expected
    assert read("\n\n".join(map(json.dumps, rows)), "a.jsonl") == expected


def test_lists_of_unequal_length_end_each_by_itself(read: Callable[..., Any]) -> None:
    assert read({"epoch": [1, 2, 3], "loss": [3.0, 2.0, 1.0], "val_loss": [4.0]}) == {
        "loss": [(1, 3.0), (2, 2.0), (3, 1.0)], "validation_loss": [(1, 4.0)],
    }  # fmt: skip


def test_objects_in_objects_are_joined_to_a_depth(read: Callable[..., Any]) -> None:
    deep: Any = 2.5
    for name in reversed("abcde"):
        deep = {name: deep}
    assert set(read([{"step": 1, "loss": 1.0, "x": deep}, {"step": 2, "loss": 1.0}])) == {"loss"}
    rows = [{"step": 1, "loss": 1.0, "x": deep["a"]}, {"step": 2, "loss": 1.0}]
    assert set(read(rows)) == {"loss", "x/b/c/d/e"}


def test_the_means_of_a_whole_run_are_no_row(read: Callable[..., Any]) -> None:
    rows = [{"step": 1, "loss": 3.0}, {"step": 2, "loss": 2.0}, {"step": 2, "train_runtime": 9.0, "train_loss": 2.5}]
    assert read({"log_history": rows}) == {"loss": [(1, 3.0), (2, 2.0)]}


def test_so_many_cells_of_a_row_are_read(read: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_log, "_MOST_CELLS", 3)
    rows = [{"step": 1, "loss": 3.0, "a": 1.0, "b": 2.0}, {"step": 2, "loss": 2.0, "a": 1.0, "b": 2.0}]
    assert set(read(rows)) == {"loss", "a"}


def test_what_follows_a_row_that_breaks_off_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('[{"step": 1, "loss": 3.0}, {"step": 2, "loss": 2.0}, {"step": 3, "lo')
    trace = read_log(path)
    assert trace.series("loss").step.tolist() == [1, 2]
    assert trace.left_out == ("what comes after the place where the JSON breaks off",)
    path.write_text('[{"step": 1, "loss": 3.0}, 7, {"step": 2, "loss": 2.0}]')
    assert read_log(path).left_out == ("a row that is no JSON object",)
