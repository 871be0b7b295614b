import json
import math
import threading
import time

import numpy as np
import pytest

from newllm.trace import TraceWriter, read_trace, store, truncate_after
from newllm.trace.remark import left_out
from newllm.ui import columns as columns_module
from newllm.ui.columns import Columns
from newllm.ui.traces import Traces


@pytest.fixture(autouse=True)
def always_looks(monkeypatch):
    monkeypatch.setattr(columns_module, "_FRESH", -1.0)


def same_as_file(columns, path):
    whole, trace = read_trace(path), columns.trace()
    assert trace.signals.keys() == whole.signals.keys()
    for name, series in whole.signals.items():
        np.testing.assert_array_equal(trace.series(name).step, series.step, err_msg=name)
        np.testing.assert_array_equal(trace.series(name).value, series.value, err_msg=name)


def rows(writer, first, last):
    for step in range(first, last):
        writer.write(step, loss=math.sin(step), gradient_norm=math.inf if step % 7 == 0 else step / 3)
        if step % 10 == 0:
            writer.write(step, validation_loss=1 / (1 + step))
    writer.flush()


def test_reads_on_where_it_was_left(tmp_path):
    path = tmp_path / "trace.jsonl"
    columns = Columns(path)
    assert columns.update() == columns.version
    with TraceWriter(path) as writer:
        for first in range(0, 200, 40):
            before = columns.update()
            rows(writer, first, first + 40)
            version, appended = columns.since(before) if columns.update() else (0, None)
            assert appended is not None
            assert version == columns.version
            assert appended["loss"].step.tolist() == list(range(first, first + 40))
            same_as_file(columns, path)
    assert columns.generation == 0
    assert columns.since(columns.version)[1] == {}


def test_only_appended_bytes_are_parsed(tmp_path, monkeypatch):
    path, seen = tmp_path / "trace.jsonl", []
    parse = columns_module.rows_of
    monkeypatch.setattr(
        columns_module, "rows_of", lambda path, content: seen.append(len(content)) or parse(path, content)
    )
    with TraceWriter(path) as writer:
        rows(writer, 0, 1000)
        columns = Columns(path)
        columns.update()
        size = path.stat().st_size
        rows(writer, 1000, 1003)
        columns.update()
        columns.update()
    assert seen == [size, path.stat().st_size - size, 0]


def test_packing_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "PACK_BYTES", 5000)
    path = tmp_path / "trace.jsonl"
    columns = Columns(path)
    version = columns.version
    shown: dict[int, float] = {}
    with TraceWriter(path) as writer:
        for first in range(0, 1500, 25):
            rows(writer, first, first + 25)
            if first % 3:  # sometimes it is packed, and grown past what was read, between two looks
                columns.update()
                version, appended = columns.since(version)
                assert appended is not None, "what was shown can always be gone on with"
                if "loss" in appended:
                    shown |= dict(zip(appended["loss"].step.tolist(), appended["loss"].value.tolist(), strict=True))
                same_as_file(columns, path)
    columns.update()
    same_as_file(columns, path)
    assert columns.generation == 0
    assert (tmp_path / "trace.blocks").exists()
    assert all(shown[step] == math.sin(step) for step in shown)
    assert len(shown) > 1400


def test_packed_between_reading_lines_and_blocks(tmp_path, monkeypatch):
    path = tmp_path / "trace.jsonl"
    writer = TraceWriter(path)
    rows(writer, 0, 50)
    columns = Columns(path)
    columns.update()
    rows(writer, 50, 90)
    take = columns._take_blocks

    def packs_first():
        writer.pack()
        monkeypatch.setattr(columns, "_take_blocks", take)
        return take()

    monkeypatch.setattr(columns, "_take_blocks", packs_first)
    columns.update()
    same_as_file(columns, path)
    rows(writer, 90, 95)
    columns.update()
    writer.close()
    same_as_file(columns, path)
    assert columns.generation == 0


@pytest.mark.parametrize("packed", [False, True])
def test_a_resumed_run_takes_steps_again(tmp_path, monkeypatch, packed):
    if packed:
        monkeypatch.setattr(store, "PACK_BYTES", 3000)
    path = tmp_path / "trace.jsonl"
    with TraceWriter(path) as writer:
        rows(writer, 0, 200)
    columns = Columns(path)
    before = columns.update()
    truncate_after(path, 120)
    with TraceWriter(path) as writer:
        writer.write(121, loss=7.0)
        writer.flush()
        columns.update()
        assert columns.since(before)[1] is None, "what was shown is no longer true"
        same_as_file(columns, path)
        rows(writer, 122, 300)
    columns.update()
    same_as_file(columns, path)
    assert columns.generation >= 1


def test_lines_that_were_cut_away_in_place_are_forgotten(tmp_path):
    path = tmp_path / "trace.jsonl"
    with TraceWriter(path) as writer:
        rows(writer, 0, 50)
    columns = Columns(path)
    columns.update()
    with path.open("r+b") as file:
        file.truncate(0)
    with TraceWriter(path) as writer:
        writer.write(3, loss=1.0)
    columns.update()
    same_as_file(columns, path)


def test_a_torn_line_waits_and_a_damaged_one_is_passed_over(tmp_path):
    path = tmp_path / "trace.jsonl"
    path.write_bytes(b'{"step": 1, "loss": 2.0}\n{"step": 2, "lo')
    columns = Columns(path)
    columns.update()
    assert columns.series("loss").step.tolist() == [1]
    assert columns.problems == []
    with path.open("ab") as file:
        file.write(b'ss": 3.0}\n<script>\n{"step": 3, "loss": "NaN"}\n')
    columns.update()
    assert columns.series("loss").step.tolist() == [1, 2, 3]
    assert list(map(str, columns.problems)) == ["trace.jsonl holds a line that is no row of a trace: passed over"]


def test_damaged_blocks_are_told(tmp_path):
    (tmp_path / "trace.jsonl").write_text(json.dumps({"step": 1, "loss": 2.0}) + "\n")
    (tmp_path / "trace.blocks").write_bytes(b"nonsense" * 10)
    columns = Columns(tmp_path / "trace.jsonl")
    columns.update()
    assert columns.series("loss").value.tolist() == [2.0]
    assert "trace.blocks" in str(columns.problems[0])


def test_read_by_many_while_it_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "PACK_BYTES", 4000)
    path, failures, done = tmp_path / "trace.jsonl", [], threading.Event()
    columns = Columns(path)

    def look():
        while not done.is_set():
            columns.update()
            series = columns.series("loss")
            if not np.array_equal(series.value, np.sin(series.step)) or (np.diff(series.step) != 1).any():
                failures.append(series)

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    with TraceWriter(path) as writer:
        for first in range(0, 2000, 50):
            rows(writer, first, first + 50)
    done.set()
    for thread in threads:
        thread.join()
    columns.update()
    same_as_file(columns, path)
    assert not failures


def test_memory_is_bounded(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        with TraceWriter(tmp_path / name / "trace.jsonl") as writer:
            rows(writer, 0, 100)
    traces = Traces(most=1)
    first = traces.of(tmp_path / "a")
    assert traces.of(tmp_path / "a") is first
    traces.of(tmp_path / "b")
    assert traces.of(tmp_path / "a") is not first


def test_who_shows_what_was_let_go_is_told_to_fetch_everything(tmp_path):
    path = tmp_path / "trace.jsonl"
    with TraceWriter(path) as writer:
        rows(writer, 1, 50)
        shown = Columns(path).update()  # of a server before, or let go since
        rows(writer, 50, 90)
        time.sleep(0.002)
        columns = Columns(path)
        assert columns.update() != shown
        assert columns.since(shown)[1] is None


def test_packed_twice_while_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "PACK_BYTES", 2000)
    path = tmp_path / "trace.jsonl"
    columns = Columns(path)
    with TraceWriter(path) as writer:
        rows(writer, 0, 10)
        columns.update()
        rows(writer, 10, 60)  # packs
        take = Columns._take_blocks

        def packed_after(self):
            taken = take(self)
            monkeypatch.setattr(Columns, "_take_blocks", take)
            rows(writer, 60, 120)  # packs again
            rows(writer, 120, 125)
            return taken

        monkeypatch.setattr(Columns, "_take_blocks", packed_after)
        columns.update()
        np.testing.assert_array_equal(np.diff(columns.series("loss").step), 1)
        columns.update()
        same_as_file(columns, path)


def test_who_asks_what_is_new_never_waits_for_the_files(tmp_path, monkeypatch):
    path, reads, goes_on = tmp_path / "trace.jsonl", threading.Event(), threading.Event()
    with TraceWriter(path) as writer:
        rows(writer, 0, 50)
    columns = Columns(path)
    shown, take = columns.version, Columns._take_lines

    def slow(self, content):
        reads.set()
        goes_on.wait(60)
        return take(self, content)

    monkeypatch.setattr(Columns, "_take_lines", slow)
    reading = threading.Thread(target=columns.update)
    reading.start()
    assert reads.wait(60)
    assert columns.since(shown) == (shown, {})
    assert reading.is_alive()  # it still reads, and nobody waited for it
    goes_on.set()
    reading.join()
    newer = columns.since(shown)[1]
    assert newer is not None
    assert len(newer["loss"].step) == 50


def test_one_can_go_on_from_the_last_so_many_versions(tmp_path, monkeypatch):
    monkeypatch.setattr(columns_module, "_MARKS", 3)
    path, columns, versions = tmp_path / "trace.jsonl", Columns(tmp_path / "trace.jsonl"), []
    with TraceWriter(path) as writer:
        for first in range(0, 50, 10):
            rows(writer, first, first + 10)
            versions.append(columns.update())
    assert [columns.since(version)[1] is not None for version in versions] == [False, False, True, True, True]
    _, grown = columns.since(versions[2])
    assert grown is not None
    assert grown["loss"].step.tolist() == list(range(30, 50))
    assert columns.update() == versions[-1]  # nothing is new


def test_a_problem_is_told_once_and_five_at_most(tmp_path):
    columns = Columns(tmp_path / "trace.jsonl")
    for number in (*range(4), *range(9)):
        columns._tell(left_out("quoted", text=f"problem {number}"))
    assert list(map(str, columns.problems)) == [f"problem {number}" for number in range(5)]


def test_nobody_looks_twice_within_a_fifth_of_a_second(tmp_path, monkeypatch):
    class Clock:
        now = 100.0

        def monotonic(self):
            return self.now

        def time_ns(self):
            return 10**12

    clock = Clock()
    monkeypatch.setattr(columns_module, "_FRESH", 0.2)
    monkeypatch.setattr(columns_module, "time", clock)
    columns = Columns(tmp_path / "trace.jsonl")
    columns.update()
    with TraceWriter(tmp_path / "trace.jsonl") as writer:
        rows(writer, 0, 5)
    clock.now += 0.19
    columns.update()
    assert len(columns.series("loss").step) == 0
    clock.now += 0.02
    columns.update()
    assert len(columns.series("loss").step) == 5
