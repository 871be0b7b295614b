"""Logs that are broken, huge or meant to do harm: a partial reading that says so, or one line; never the memory."""

import gzip
import json
import os
import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard

from newllm.errors import UserError
from newllm.trace.readers import directory, gathered, read_log, text

MEGABYTE = 1 << 20
FIXTURES = Path(__file__).parent / "fixtures"


def write(tmp_path, content, name):
    path = tmp_path / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "name", "told"),
    [
        (b"", "a.csv", "a.csv' is empty"),
        (b"\n \n\n", "a.csv", "a.csv' is empty"),
        (b"epoch,loss\n", "a.csv", "no numbers to read"),
        (b"a,b\nc,d\n", "a.csv", "no numbers to read"),
        (random.Random(0).randbytes(5000), "a.csv", "is no log that newllm knows"),
        (b"\0" * 5000, "a.csv", "is no log that newllm knows"),
        (b"[" * 100_000, "a.json", "nested too deep"),
        (b'{"a":[\n' * 100_000, "a.json", "nested too deep"),
        (b'{"log_history": []}', "a.json", "no numbers to read"),
        (b'{"log_history"', "a.json", "is no JSON|no numbers to read"),
        (b"PK\x03\x04" + b"x" * 100, "a.zip", "a zip file"),
        (b"\xfd7zXZ\x00" + b"x" * 100, "a.xz", "an xz file"),
        (b"\x1f\x8b" + b"x" * 100, "a.csv.gz", "cannot unpack"),
        (b"\x28\xb5\x2f\xfd" + b"x" * 100, "a.csv.zst", "cannot unpack"),
        (b"SQLite format 3\0" + b"x" * 100, "a.db", "cannot read|no SQLite base that newllm knows"),
        (b":W&B\xe1\xbe\0" + b"x" * 100, "a.wandb", "no numbers to read"),
    ],
)
def test_what_is_no_log_is_told_in_one_line(tmp_path, content, name, told):
    with pytest.raises(UserError, match=told) as caught:
        read_log(write(tmp_path, content, name))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


def test_places_that_cannot_be_read(tmp_path):
    for path in (tmp_path / "none", Path("a\0b"), Path("x" * 5000)):
        with pytest.raises(UserError, match="cannot read"):
            read_log(path)
    with pytest.raises(UserError, match="no log in"):
        read_log(tmp_path)
    with pytest.raises(UserError, match="not a regular file"):
        read_log(Path("/dev/zero"))


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path):
    path = write(tmp_path, b"epoch,loss\n1,2\n", "a.csv")
    path.chmod(0)
    with pytest.raises(UserError, match="Permission denied"):
        read_log(path)


def test_a_file_that_leads_to_itself_may_not_be_read(tmp_path):
    path = tmp_path / "a.csv"
    path.symlink_to(path)  # nobody may read this, root neither
    with pytest.raises(UserError, match="cannot read"):
        read_log(path)


def test_a_link_in_a_circle_and_links_out_of_a_directory_are_not_followed(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    write(tmp_path / "a", b"epoch,loss\n1,2\n", "metrics.csv")
    assert read_log(tmp_path).series("loss").value.tolist() == [2.0]


ROW = b'{"step": %d, "loss": 2.5}\n'


@pytest.mark.parametrize(
    ("start", "end", "name"),
    [(b"step,loss\n1,2\n", b"\n2,3\n", "a.csv"), (ROW % 1 + b'{"x": "', b'"}\n' + ROW % 2, "a.jsonl")],
)
def test_a_line_of_a_hundred_megabytes_is_passed_over(tmp_path, start, end, name):
    path = write(tmp_path, start + b"1" * (100 * MEGABYTE) + end, name)
    kind, told, size = in_a_child(path)
    assert kind == "2"
    assert "a line longer than" in told
    assert size < 20


@pytest.mark.slow
@pytest.mark.parametrize(
    ("unit", "told"),
    [(b'{"a":' * 200_000, "a line longer"), (b"\n" * MEGABYTE, "what comes after the first 2000000 lines")],
)
@pytest.mark.parametrize("pack", [gzip, zstandard])
def test_a_packed_bomb_is_read_so_far(tmp_path, monkeypatch, unit, told, pack):
    monkeypatch.setattr(text, "MOST_LINES", 2_000_000)
    monkeypatch.setattr(text, "MOST_BYTES", 64 * MEGABYTE)
    path = tmp_path / "a.jsonl.packed"
    with pack.open(path, "wb") as file:
        file.write(ROW % 1)
        for _ in range(100):
            file.write(unit)
        file.write(ROW % 2)
    trace = read_log(path)
    assert trace.series("loss").step.tolist() == [1]
    assert any(told in note for note in trace.left_out)


def test_json_that_is_one_huge_list_or_object(tmp_path):
    path = write(tmp_path, b'{"log_history": [{"x": "' + b"1" * (60 * MEGABYTE) + b'"}]}', "a.json")
    kind, told, size = in_a_child(path)
    assert kind == "UserError"
    assert "breaks off" in told
    assert size < 60


def test_more_values_than_fit_keep_the_signals_that_have_a_name(tmp_path, monkeypatch):
    monkeypatch.setattr(gathered, "MOST_VALUES", 1000)
    rows = "".join(f"{step},2.5,{','.join(['1'] * 20)}\n" for step in range(200))
    path = write(tmp_path, f"step,loss,{','.join(f'x{place}' for place in range(20))}\n{rows}".encode(), "a.csv")
    trace = read_log(path)
    assert set(trace.signals) == {"loss"}
    assert len(trace.series("loss").step) == 200
    assert "20 signals of the log's own" in trace.left_out[0]
    path = write(tmp_path, b"step,loss\n" + b"".join(b"%d,1\n" % step for step in range(5000)), "b.csv")
    assert len(read_log(path).series("loss").step) == 500
    assert "after the first 1000 values" in read_log(path).left_out[0]


def test_more_signals_than_fit_leave_room_for_the_loss(tmp_path, monkeypatch):
    monkeypatch.setattr(gathered, "MOST_SIGNALS", 10)
    rows = [{"step": 1} | {f"x{place}": 1.0 for place in range(50)}, {"step": 2, "val_loss": 3.0}]
    trace = read_log(write(tmp_path, "\n".join(map(json.dumps, rows)).encode(), "a.jsonl"))
    assert 3 < len(trace.signals) < 15
    assert trace.series("validation_loss").value.tolist() == [3.0]
    assert "signals beyond" in trace.left_out[0]


def test_a_base_whose_tables_are_queries_without_end(tmp_path):
    path = tmp_path / "a.db"
    base = sqlite3.connect(path)
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x AS run_name, x AS step FROM c"
    base.execute(f"CREATE VIEW metrics AS {endless}")
    base.commit()
    base.close()
    with pytest.raises(UserError, match="no SQLite base"):
        read_log(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"CREATE TABLE", b"CREATE TAB\xffE"), (b"run_uuid", b"run_\xffuid"), (b"metrics", b"m\xfftrics")],
)
def test_a_base_whose_schema_is_no_text(tmp_path, old, new):
    base = gzip.decompress((FIXTURES / "mlflow.db.gz").read_bytes())
    assert old in base
    with pytest.raises(UserError, match="SQLite base") as caught:
        read_log(write(tmp_path, base.replace(old, new), "a.db"))
    assert str(caught.value).isprintable()


def test_a_table_that_is_one_line_too_long_says_so_packed_or_not(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "LONGEST_LINE", 100_000)
    monkeypatch.setattr(text, "MOST_BYTES", 4 * MEGABYTE)
    for name, pack in (("a.csv", bytes), ("a.csv.gz", gzip.compress), ("a.csv.zst", zstandard.compress)):
        path = write(tmp_path, pack(b"1" * (16 * MEGABYTE)), name)
        with pytest.raises(UserError, match=r"can be read .left out: a line longer than 100000"):
            read_log(path)


@pytest.mark.slow
@pytest.mark.parametrize("cell", [b"12,", b"12;", b"12 ", b'"2",'])
def test_lines_of_more_columns_than_are_read_take_the_room_of_those(tmp_path, cell):
    path = write(tmp_path, (cell * (MEGABYTE // len(cell) - 1) + b"\n") * 20, "a.csv")
    _, _, size = in_a_child(path)
    assert size < 150  # whole they take 400


def test_a_torn_last_row_and_odd_lines_in_between(tmp_path):
    trace = read_log(write(tmp_path, b"epoch,loss,val_loss\n1,3,4\n2,2,3\nTraceback:\n3,1,2\n4,0.9,2.1\n5,0.", "a.csv"))
    assert trace.series("loss").step.tolist() == [1, 2, 3, 4]
    rows = read_log(write(tmp_path, ROW % 1 + b"\xff\xfe\n[1\n" + ROW % 2 + b'{"step": 3, "lo', "a.jsonl"))
    assert rows.series("loss").step.tolist() == [1, 2]
    assert "3 times: a line that is no JSON" in rows.left_out


def test_numbers_past_all_bounds(tmp_path):
    row = {"step": 10**400, "loss": 2.0}
    trace = read_log(
        write(
            tmp_path, f'{json.dumps(row)}\n{{"step": 2, "loss": 1e999}}\n{{"step": {"9" * 6000}}}'.encode(), "a.jsonl"
        )
    )
    assert trace.series("loss").value.tolist()[-1] == float("inf")


CHILD = """
import sys, tracemalloc
from pathlib import Path
from newllm.errors import UserError
from newllm.trace.readers import read_log
tracemalloc.start()
try:
    trace = read_log(Path(sys.argv[1]))
    print(len(trace.series("loss").step), *trace.left_out, sep="|")
except UserError as error:
    print("UserError", error, sep="|")
print(tracemalloc.get_traced_memory()[1] // 1024**2)
"""


def in_a_child(path):
    """Read a log in a process of its own; return what it said and its largest size in megabytes."""
    done = subprocess.run([sys.executable, "-c", CHILD, str(path)], capture_output=True, text=True, check=True)
    said, size = done.stdout.splitlines()
    kind, told = said.split("|", 1)
    return kind, told, int(size)


def test_a_log_of_nothing_but_its_own_names_is_read_so_far(tmp_path, monkeypatch):
    monkeypatch.setattr(gathered, "MOST_VALUES", 1000)
    path = write(tmp_path, b"step,objective\n" + b"".join(b"%d,%d\n" % (n, n) for n in range(3000)), "a.csv")
    trace = read_log(path)
    assert 400 < len(trace.signals["objective"].step) <= 1000
    assert "what comes after the first 1000 values" in trace.left_out


def test_a_trace_of_our_name_and_not_our_size_is_read_so_far(tmp_path, monkeypatch):
    for module in (directory, text):
        monkeypatch.setattr(module, "MOST_BYTES", 100_000)
    (tmp_path / "trace.jsonl").write_bytes(b"".join(ROW % n for n in range(10_000)))
    trace = read_log(tmp_path)
    assert 1000 < len(trace.signals["loss"].step) < 9000
    assert any("what comes after" in line for line in trace.left_out)
