"""Which run of MLflow's files and base and of trackio's base is read, and which of its rows are numbers."""

import json
import math
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from newllm.errors import UserError
from newllm.trace import Trace
from newllm.trace.readers import read_log

Rows = Sequence[tuple[str, str, Sequence[tuple[object, object]]]]
"""Runs: identity, name, and steps with their losses."""


def losses(trace: Trace) -> dict[int, float]:
    series = trace.series("loss")
    return dict(zip(series.step.tolist(), series.value.tolist(), strict=True))


def mlflow_files(place: Path, runs: Rows) -> Path:
    for identity, name, rows in runs:
        run = place / "mlruns" / "0" / identity
        (run / "metrics").mkdir(parents=True)
        (run / "meta.yaml").write_text(f"run_id: {identity}\nrun_name: '{name}'\n" if name else "run_id: x\n")
        (run / "metrics" / "loss").write_text("".join(f"170000 {value} {step}\n" for step, value in rows))
    return place


def mlflow_base(place: Path, runs: Rows) -> Path:
    path = place / "mlflow.db"
    with sqlite3.connect(path) as base:
        base.execute("CREATE TABLE runs (run_uuid, name)")
        base.execute("CREATE TABLE metrics (run_uuid, key, value, timestamp, step, is_nan)")
        for identity, name, rows in runs:
            base.execute("INSERT INTO runs VALUES (?, ?)", (identity, name))
            for at, (step, value) in enumerate(rows):
                base.execute("INSERT INTO metrics VALUES (?, 'loss', ?, ?, ?, 0)", (identity, value, at, step))
    base.close()
    return path


def trackio(place: Path, runs: Rows) -> Path:
    path = place / "trackio.db"
    with sqlite3.connect(path) as base:
        base.execute("CREATE TABLE metrics (id INTEGER PRIMARY KEY, run_id, run_name, step, metrics)")
        for identity, name, rows in runs:
            for step, value in rows:
                said = (identity, name, step, json.dumps({"loss": value}))
                base.execute("INSERT INTO metrics (run_id, run_name, step, metrics) VALUES (?, ?, ?, ?)", said)
    base.close()
    return path


STORES = {"files": mlflow_files, "base": mlflow_base, "trackio": trackio}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> Callable[[Path, Rows], Path]:
    return STORES[request.param]


ONE, TWO, THREE = [(1, 3.0)], [(1, 2.0), (2, 1.0)], [(1, 6.0), (2, 5.0), (3, 4.0)]


def test_a_run_is_called_by_its_name_and_where_two_share_it_by_its_identity(tmp_path: Path, store: Callable) -> None:
    place = store(tmp_path, [("id1", "same", ONE), ("id2", "same", TWO), ("id3", "other", THREE)])
    trace = read_log(place)
    assert losses(trace) == dict(THREE)
    assert trace.left_out == (
        "2 other runs, for 'other' has the most values; name one as PATH#RUN: 'other', 'id2', 'id1'",
    )
    assert losses(read_log(Path(f"{place}#other"))) == dict(THREE)
    assert losses(read_log(Path(f"{place}#id1"))) == dict(ONE)
    assert losses(read_log(Path(f"{place}#id2"))) == dict(TWO)
    assert losses(read_log(Path(f"{place}#id3"))) == dict(THREE)  # its identity is known as well as its name
    for unknown in ("same", "id4"):
        with pytest.raises(UserError, match=f"no run '{unknown}'.*it holds 'other', 'id2', 'id1'$"):
            read_log(Path(f"{place}#{unknown}"))


def test_of_one_run_nothing_is_left_out(tmp_path: Path, store: Callable) -> None:
    trace = read_log(store(tmp_path, [("id1", "only", TWO)]))
    assert (losses(trace), trace.axis, trace.left_out) == (dict(TWO), "step", ())
    assert trace.decimals == {"loss": 0}


def test_a_run_of_files_without_a_name_is_called_by_its_identity(tmp_path: Path) -> None:
    mlflow_files(tmp_path, [("id1", "", ONE), ("id2", "b", TWO)])
    assert losses(read_log(Path(f"{tmp_path}#id1"))) == dict(ONE)
    (tmp_path / "mlruns/0/id1/metrics/val").mkdir()
    (tmp_path / "mlruns/0/id1/metrics/val/loss").write_text("1 9.5 7\n")
    assert read_log(Path(f"{tmp_path}#id1")).series("validation_loss").step.tolist() == [7]


def test_lines_of_mlflow_are_a_time_a_value_and_a_step(tmp_path: Path) -> None:
    mlflow_files(tmp_path, [("id1", "a", ONE)])
    lines = ["1 2.5 4", "1 2.25 5 more", f"1 2.0 {2**53 - 1}", f"1 1.5 {-(2**53) + 1}"]
    odd = ["1 9", "9 8 x", "9 x 8", "", f"1 9 {2**53}", f"1 9 -{2**53}", "1 9 nan"]
    (tmp_path / "mlruns/0/id1/metrics/loss").write_text("\n".join(lines + odd) + "\n")
    trace = read_log(tmp_path)
    assert losses(trace) == {4: 2.5, 5: 2.25, 2**53 - 1: 2.0, -(2**53) + 1: 1.5}
    assert trace.left_out == ("7 times: a line that is no metric of MLflow",)


def test_values_of_mlflows_base(tmp_path: Path) -> None:
    place = mlflow_base(tmp_path, [("id1", "a", [(1, 2.5), (2, 1.7976931348623157e308), (3, -1.7976931348623157e308)])])
    with sqlite3.connect(place) as base:
        for row in ((0.0, 9, 4, 1), ("x", 9, 5, 0), (2.0, 9, "x", 0), (1.5, 9, 6, 0), (1.25, 8, 6, 0)):
            base.execute("INSERT INTO metrics VALUES ('id1', 'loss', ?, ?, ?, ?)", row)
    base.close()
    trace = read_log(place)
    found = losses(trace)
    assert math.isnan(found.pop(4))
    assert found == {1: 2.5, 2: math.inf, 3: -math.inf, 6: 1.5}  # of one step the later by the clock
    assert trace.left_out[0] == "2 times: a value that is no number"


def test_a_base_of_mlflow_without_names(tmp_path: Path) -> None:
    place = mlflow_base(tmp_path, [("id1", "a", ONE), ("id2", "", TWO)])
    assert losses(read_log(place)) == dict(TWO)
    with sqlite3.connect(place) as base:
        base.execute("DROP TABLE runs")
    base.close()
    assert losses(read_log(Path(f"{place}#id1"))) == dict(ONE)


def test_rows_that_are_none_of_trackios(tmp_path: Path) -> None:
    place = trackio(tmp_path, [("id1", "a", TWO)])
    with sqlite3.connect(place) as base:
        for step, content in ((3, "{"), (4, "[1]"), (5, None), ("x", '{"loss": 1}'), (6, '{"loss": 0.5, "x": "y"}')):
            base.execute(
                "INSERT INTO metrics (run_id, run_name, step, metrics) VALUES ('id1', 'a', ?, ?)", (step, content)
            )
    base.close()
    trace = read_log(place)
    assert losses(trace) == {**dict(TWO), 6: 0.5}
    assert trace.left_out == ("4 times: a row that is none of trackio's",)


def test_a_base_of_trackio_from_before_there_were_identities(tmp_path: Path) -> None:
    path = tmp_path / "trackio.db"
    with sqlite3.connect(path) as base:
        base.execute("CREATE TABLE metrics (id INTEGER PRIMARY KEY, run_name, step, metrics)")
        for name, step, value in (("a", 1, 3.0), ("b", 1, 2.0), ("b", 2, 1.0)):
            said = (name, step, json.dumps({"loss": value}))
            base.execute("INSERT INTO metrics (run_name, step, metrics) VALUES (?, ?, ?)", said)
    base.close()
    assert losses(read_log(path)) == dict(TWO)
    assert losses(read_log(Path(f"{path}#a"))) == dict(ONE)


def test_a_long_run_of_a_base_is_read_whole(tmp_path: Path) -> None:
    place = mlflow_base(tmp_path, [("id1", "a", ONE)])
    counted = "WITH RECURSIVE c(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM c LIMIT 20000) SELECT n FROM c"
    with sqlite3.connect(place) as base:
        base.execute(f"INSERT INTO metrics SELECT 'id1', 'loss', 1.5, n, n, 0 FROM ({counted})")
    base.close()
    assert len(losses(read_log(place))) == 20_001
