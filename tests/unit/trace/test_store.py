import contextlib
import json
import math
import subprocess
import sys

import numpy as np
import pytest

from newllm.errors import UserError
from newllm.trace import TraceWriter, cut_damaged_end, read_signal, read_trace, store, truncate_after
from newllm.trace.readers import read_log

INF = math.inf


@pytest.fixture
def path(tmp_path):
    return tmp_path / "trace.jsonl"


def write(path, rows):
    with TraceWriter(path) as writer:
        for step, signals in rows:
            writer.write(step, **signals)


def test_what_is_written_is_read_to_the_same_bits(path):
    loss = [0.1 + 0.2, 1e-310, np.float32(0.1), 1e300, 3]
    write(path, [(step, {"loss": value, "norm": 1.0}) for step, value in enumerate(loss)])
    trace = read_trace(path)
    assert set(trace.signals) == {"loss", "norm"}
    series = trace.signals["loss"]
    assert series.step.dtype == np.int64
    assert series.value.dtype == np.float64
    assert series.step.tolist() == [0, 1, 2, 3, 4]
    assert series.value.tolist() == [float(value) for value in loss]


def test_numbers_that_are_not_finite_survive_inside_strict_json(path):
    write(path, [(1, {"a": math.nan, "b": INF, "c": -INF})])

    def refuse(word):
        raise AssertionError(f"'{word}' is no strict JSON")

    row = json.loads(path.read_text(), parse_constant=refuse)
    assert row == {"step": 1, "a": "NaN", "b": "Infinity", "c": "-Infinity", "crc32": row["crc32"]}
    signals = read_trace(path).signals
    assert math.isnan(signals["a"].value[0])
    assert [signals["b"].value[0], signals["c"].value[0]] == [INF, -INF]


def test_a_signal_need_not_stand_in_every_row(path):
    write(path, [(1, {"loss": 3.0}), (2, {"loss": 2.0, "validation_loss": 4.0}), (3, {})])
    trace = read_trace(path)
    assert trace.series("validation_loss").step.tolist() == [2]
    assert trace.series("never").step.tolist() == []


def test_the_later_value_of_a_step_holds_and_steps_rise(path):
    write(path, [(5, {"a": 1.0}), (6, {"a": 2.0}), (4, {"a": 3.0}), (5, {"a": 4.0, "b": 0.0})])
    series = read_trace(path).signals["a"]
    assert series.step.tolist() == [4, 5, 6]
    assert series.value.tolist() == [3.0, 4.0, 2.0]


def test_damage_after_the_last_snapshot_is_cut_off_and_no_other(path):
    with TraceWriter(path) as writer:
        for step in range(1, 7):
            writer.write(step, loss=1 / step)
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    assert not cut_damaged_end(path, 3)
    for hole in (b"\0" * 40 + b"\n", lines[4][:-9] + b"\r\n", lines[4].replace(b"5", b"6"), b"\n"):
        path.write_bytes(b"".join((*lines[:4], hole, *lines[5:])))
        assert not cut_damaged_end(path, 6)  # the row of step 6 was synced: this is no power cut
        assert path.read_bytes().count(b"\n") == len(lines) + hole.count(b"\n") - 1
        assert cut_damaged_end(path, 4)
        assert path.read_bytes() == b"".join(lines[:4])
    path.write_bytes(whole.replace(lines[3], lines[3].replace(b"loss", b"lost")))
    assert not cut_damaged_end(path, 4)  # the snapshot's own row is not to be cut off
    path.write_bytes(whole + b"torn")
    assert not cut_damaged_end(path, 3)
    assert path.read_bytes() == whole + b"torn"
    assert not cut_damaged_end(path.with_name("absent.jsonl"), -1)


@pytest.mark.parametrize("torn", [b'{"step": 3, "lo', b'{"step": 3, "loss": 1.0}', b"\0" * 300, b"\xff"])
def test_a_torn_last_line_is_no_row_and_is_cut_off_by_the_next_writer(path, torn):
    write(path, [(1, {"loss": 1.0}), (2, {"loss": 2.0})])
    path.write_bytes(path.read_bytes() + torn)
    assert read_trace(path).signals["loss"].step.tolist() == [1, 2]
    write(path, [(3, {"loss": 3.0})])
    assert read_trace(path).signals["loss"].value.tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    "line",
    ["", "nonsense", "[1]", "7", '{"loss": 1.0}', '{"step": 1.5}', '{"step": true}', '{"step": 1e99}',
     '{"step": 99999999999999999999}', '{"step": 1, "loss": null}', '{"step": 1, "loss": "1.0"}',
     '{"step": 1, "loss": [1.0]}', '{"step": 1, "loss": {}}', "[" * 100_000],
)  # fmt: skip
def test_a_whole_line_that_is_no_row_is_named_by_its_number(path, line):
    path.write_text('{"step": 1, "loss": 1.0}\n' + line + '\n{"step": 2, "loss": 1.0}\n')
    with pytest.raises(UserError, match=r"trace\.jsonl' line 2 is not a row") as caught:
        read_trace(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_trace_that_is_absent_is_a_mistake_and_an_empty_one_is_not(path):
    with pytest.raises(UserError, match=r"cannot read the trace '.*trace\.jsonl'"):
        read_trace(path)
    write(path, [])
    assert read_trace(path).signals == {}


def test_rows_are_readable_while_the_writer_is_open_a_second_later(path, monkeypatch):
    now = 100.0
    monkeypatch.setattr(store.time, "monotonic", lambda: now)
    with TraceWriter(path) as writer:
        writer.write(1, loss=1.0)
        assert read_trace(path).series("loss").step.tolist() == [1]
        now = 100.9
        writer.write(2, loss=1.0)
        assert read_trace(path).series("loss").step.tolist() == [1]
        now = 101.0
        writer.write(3, loss=1.0)
        assert read_trace(path).series("loss").step.tolist() == [1, 2, 3]
        writer.write(4, loss=1.0)
        writer.flush()
        assert read_trace(path).series("loss").step.tolist() == [1, 2, 3, 4]
        writer.write(5, loss=1.0)
    assert read_trace(path).series("loss").step.tolist() == [1, 2, 3, 4, 5]
    writer.close()


def test_truncate_drops_later_rows_only_and_whole(path):
    write(path, [(step, {"loss": float(step)}) for step in (1, 2, 3, 4, 2)])
    path.write_bytes(path.read_bytes() + b'{"step": 1, "lo')
    truncate_after(path, 2)
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [1, 2, 2]
    assert path.read_bytes().endswith(b"}\n")
    assert [child.name for child in path.parent.iterdir()] == [path.name]
    truncate_after(path, 0)
    assert path.read_bytes() == b""


def test_truncate_of_no_trace_makes_none_and_of_a_corrupt_one_keeps_it(path):
    truncate_after(path, 2)
    assert not path.exists()
    path.write_text('rubbish\n{"step": 9}\n')
    with pytest.raises(UserError, match="line 1"):
        truncate_after(path, 2)
    assert path.read_text() == 'rubbish\n{"step": 9}\n'


CHILD = """
import sys, time
from pathlib import Path
from newllm.trace import TraceWriter
writer = TraceWriter(Path(sys.argv[1]))
step = 0
while True:
    step += 1
    writer.write(step, loss=step / 3, written=time.time())
    if step % 20 == 0:
        print(time.time(), flush=True)
    time.sleep(0.002)
"""


def test_a_kill_loses_the_last_second_at_most(path):
    with subprocess.Popen([sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        times = [float(child.stdout.readline())]
        while times[-1] - times[0] < 1.7:  # so that the kill comes between two flushes
            times.append(float(child.stdout.readline()))
        child.kill()
    trace = read_trace(path)
    step, at = trace.signals["loss"].step, trace.signals["written"].value
    np.testing.assert_array_equal(step, np.arange(1, len(step) + 1))
    np.testing.assert_array_equal(trace.signals["loss"].value, step / 3)
    pause = max(np.diff(times))  # of a busy machine
    assert times[-1] - at[-1] < store.FLUSH_SECONDS + 2 * pause
    write(path, [(len(step) + 1, {"loss": 0.0})])
    assert len(read_trace(path).signals["loss"].step) == len(step) + 1


FULL = """
import resource, sys
from pathlib import Path
from newllm.errors import UserError
from newllm.trace import TraceWriter, cut_damaged_end, read_trace
path = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, resource.RLIM_INFINITY))
writer = TraceWriter(path)
step = 0
try:
    while step < 5000:
        step += 1
        writer.write(step, loss=1 / step)
        writer.flush()
    print("no error")
except UserError as error:
    print(error)
print(step, read_trace(path).signals["loss"].step[-1])
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
writer.write(step + 1, loss=0.0)
writer.close()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_a_full_disk_is_told_in_one_line_and_once_there_is_room_nothing_is_lost(path):
    done = subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True)
    message, steps = done.stdout.splitlines()
    assert message.startswith(f"no room to write '{path}'")
    failed, last = map(int, steps.split())
    assert last == failed - 1
    assert path.stat().st_size > 5000
    assert read_trace(path).signals["loss"].step.tolist() == list(range(1, failed + 2))


TRUNCATE_FULL = """
import resource, sys
from pathlib import Path
from newllm.errors import UserError
from newllm.trace import truncate_after
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
try:
    truncate_after(Path(sys.argv[1]), 50)
except UserError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_a_full_disk_leaves_a_trace_that_was_to_be_truncated_as_it_was(path):
    write(path, [(step, {"loss": 1.0}) for step in range(100)])
    before = path.read_bytes()
    command = [sys.executable, "-c", TRUNCATE_FULL, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("no room to write")
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_flush_cut_short_is_made_good_by_the_next(path, monkeypatch):
    class Interrupted:
        def __init__(self, file):
            self.file, self.calls = file, 0

        def write(self, content):
            self.calls += 1
            if self.calls == 2:
                raise KeyboardInterrupt
            return self.file.write(content[:7])  # a short write is legal

        def __getattr__(self, name):
            return getattr(self.file, name)

    writer = TraceWriter(path)
    monkeypatch.setattr(writer, "_file", Interrupted(writer._file))
    with pytest.raises(KeyboardInterrupt):
        writer.write(1, loss=1.0)
    assert read_trace(path).signals == {}
    writer.close()
    assert read_trace(path).signals["loss"].step.tolist() == [1]
    assert path.read_text().count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")
def test_a_place_that_may_not_be_written_is_told(path, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", refuse)
    with pytest.raises(UserError, match="may not write"):
        TraceWriter(path)


def test_a_hundred_thousand_rows_are_written_and_read(path):
    """How long it takes is a question of benchmarks/recording_cost/trace_store.py."""
    names = ("loss", "gradient_norm", "context_norm", "learning_rate")
    values = np.random.default_rng(0).random((100_000, 4))
    write(path, ((step, dict(zip(names, row, strict=True))) for step, row in enumerate(values)))
    trace = read_trace(path)
    for at, name in enumerate(names):
        np.testing.assert_array_equal(trace.signals[name].value, values[:, at])


def test_every_flipped_bit_in_a_line_is_told(path):
    write(path, [(1, {"loss": 3.25, "context_norm": INF}), (2, {"loss": 3.0, "context_norm": 1.0})])
    raw = path.read_bytes()
    for at in range(8 * (len(raw) - 1)):  # without its last newline the file ends in the middle of a line
        damaged = bytearray(raw)
        damaged[at // 8] ^= 1 << at % 8
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=r"line \d is not a row of a trace"):
            read_trace(path)
        with contextlib.suppress(UserError):  # the word crc32 is no part of the signal
            assert read_signal(path, "loss").value.tolist() == [3.25, 3.0]


def test_lines_from_before_there_were_checksums_are_read(path):
    path.write_text('{"step": 1, "loss": 3.0}\n{"step": 2, "loss": 2.5}\n')
    with TraceWriter(path) as writer:
        writer.write(3, loss=2.0)
    assert read_trace(path).series("loss").value.tolist() == [3.0, 2.5, 2.0]
    assert read_signal(path, "loss").value.tolist() == [3.0, 2.5, 2.0]


def test_a_reader_of_json_lines_does_not_see_a_number_in_the_checksum(path):
    write(path, [(step, {"loss": 1.0 / step}) for step in range(1, 200)])
    assert set(read_log(path).signals) == {"loss"}
