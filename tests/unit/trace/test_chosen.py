"""Columns that a person names: whatever a log calls its loss and its steps."""

import json
from pathlib import Path

import pytest

from newllm.errors import UserError
from newllm.trace import TraceWriter
from newllm.trace.readers import Chosen, read_log
from newllm.trace.readers.chosen import column_named

TABLE = "counter,objective,loss,global_step\n10,5.0,50,1\n20,4.0,40,1\n30,3.0,30,1\n"


def _values(trace, name: str) -> list[tuple[int, float]]:
    series = trace.series(name)
    return list(zip(series.step.tolist(), series.value.tolist(), strict=True))


def test_the_named_columns_are_loss_and_steps_whatever_others_say(tmp_path: Path):
    (tmp_path / "log.csv").write_text(TABLE)
    trace = read_log(tmp_path / "log.csv", Chosen("objective", "counter"))
    assert _values(trace, "loss") == [(10, 5.0), (20, 4.0), (30, 3.0)]
    assert _values(trace, "loss (not chosen)") == [(10, 50), (20, 40), (30, 30)]
    assert {"counter", "objective", "step"}.isdisjoint(trace.signals)
    assert "loss" in read_log(tmp_path / "log.csv", Chosen(step="counter")).signals


def test_in_json_lines_and_in_a_directory(tmp_path: Path):
    rows = [{"my": {"target": 5.0 - at}, "n": at} for at in range(3)]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for place in (tmp_path / "log.jsonl", tmp_path):
        trace = read_log(place, Chosen("my/target", "n"))
        assert _values(trace, "loss") == [(0, 5.0), (1, 4.0), (2, 3.0)]


def test_a_column_whose_name_says_something_else_is_the_loss_all_the_same(tmp_path: Path):
    (tmp_path / "log.csv").write_text("step,val_loss,epoch\n1,5,9\n2,4,8\n")
    assert _values(read_log(tmp_path / "log.csv", Chosen("val_loss")), "loss") == [(1, 5.0), (2, 4.0)]
    assert _values(read_log(tmp_path / "log.csv", Chosen("epoch")), "loss") == [(1, 9.0), (2, 8.0)]


def test_other_signals_are_named_too(tmp_path: Path):
    (tmp_path / "log.csv").write_text("step,loss,eta,|g|,lr\n1,5,0.1,7,3\n2,4,0.2,8,3\n")
    trace = read_log(tmp_path / "log.csv", Chosen(signals={"learning_rate": "eta", "gradient_norm": "|g|"}))
    assert _values(trace, "learning_rate") == [(1, 0.1), (2, 0.2)]
    assert _values(trace, "gradient_norm") == [(1, 7.0), (2, 8.0)]
    assert _values(trace, "lr") == [(1, 3.0), (2, 3.0)]
    assert _values(trace, "loss") == [(1, 5.0), (2, 4.0)]


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        (
            Chosen("objectiv"),
            "--loss 'objectiv': '{}' has no such column of numbers: it has counter, global_step",
        ),
        (Chosen(step="time\x1b[2J"), "--step 'time': '{}' has no such column of numbers: it has counter, global_step"),
        (Chosen("objective", "steps"), "--step 'steps'"),
        (Chosen(signals={"learning_rate": "eta"}), "--role learning_rate 'eta': '{}' has no such column of numbers"),
        (
            Chosen("objective", signals={"learning_rate": "objective"}),
            "'objective' cannot be both loss and learning_rate",
        ),
    ],
)
def test_a_column_that_is_not_there_is_one_line_that_lists_those_that_are(chosen: Chosen, says: str, tmp_path: Path):
    place = tmp_path / "log.csv"
    place.write_text(TABLE)
    with pytest.raises(UserError) as raised:
        read_log(place, chosen)
    assert says.format(place) in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "\x1b" not in str(raised.value)


def test_a_trace_of_ours_takes_no_names(tmp_path: Path):
    with TraceWriter(tmp_path / "trace.jsonl") as writer:
        writer.write(1, loss=2.0)
    with pytest.raises(UserError, match=r"is a run of newllm, whose signals have their names: drop --loss$"):
        read_log(tmp_path, Chosen("other"))
    with pytest.raises(UserError, match=r"drop --step, --role learning_rate$"):
        read_log(tmp_path, Chosen(step="other", signals={"learning_rate": "x"}))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("log.csv", "step,loss,学習率\n1,5.0,0.1\n2,4.0,0.1\n"),
        ("log.jsonl", '{"step": 1, "loss": 5.0}\n{"step": 2, "loss": 4.0}\n'),
        ("log.txt", "step 1: loss 5.0\nstep 2: loss 4.0\n"),
        ("state.json", '{"log_history": [{"step": 1, "loss": 5.0}, {"step": 2, "loss": 4.0}]}'),
    ],
)
def test_utf_16_is_read(name: str, content: str, encoding: str, tmp_path: Path):
    if encoding in ("utf-16-le", "utf-16-be"):  # without a mark it is told by its zeros, which kanji do not have
        content = content.replace("学習率", "lr")
    (tmp_path / name).write_bytes(content.encode(encoding))
    assert _values(read_log(tmp_path / name), "loss") == [(1, 5.0), (2, 4.0)]


@pytest.mark.parametrize(("columns", "end"), [(40, "x38, x39"), (41, "x38, x39, ...")])
def test_forty_columns_are_listed(columns: int, end: str) -> None:
    known = [f"x{place:02}" for place in range(columns)]
    with pytest.raises(UserError, match=rf"it has x00, .*{end}$"):
        column_named("--loss", "y", known, "log")
    with pytest.raises(UserError, match=r"it has none$"):
        column_named("--loss", "y", [], "log")
