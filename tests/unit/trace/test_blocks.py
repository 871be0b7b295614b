"""The older rows of a long trace, packed as columns: nothing is lost, whatever happens between."""

import json
import math
import os
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newllm.errors import UserError
from newllm.trace import TraceWriter, cut_damaged_end, read_signal, read_trace, store, truncate_after
from newllm.trace.blocks import encode_block, read_blocks


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "PACK_BYTES", 2000)
    return tmp_path / "trace.jsonl"


def write(path, steps, flush_every=1):
    with TraceWriter(path) as writer:
        for step in steps:
            row = {"loss": 1 / (step + 1), "gradient_norm/blocks.0": math.sqrt(step)}
            writer.write_row(step, row | ({"validation_loss": float(step)} if step % 10 == 0 else {}))
            if step % flush_every == 0:
                writer.flush()


def whole(trace, steps):
    steps = np.array(steps)
    np.testing.assert_array_equal(trace.signals["loss"].step, steps)
    np.testing.assert_array_equal(trace.signals["loss"].value, 1 / (steps + 1))
    np.testing.assert_array_equal(trace.signals["gradient_norm/blocks.0"].value, np.sqrt(steps))
    np.testing.assert_array_equal(trace.signals["validation_loss"].step, steps[steps % 10 == 0])


def test_rows_that_are_packed_read_back_to_the_same_bits_and_the_newest_are_lines(path):
    write(path, range(1000))
    assert path.with_suffix(".blocks").stat().st_size > 0
    assert path.stat().st_size < 2500
    assert b'"step": 999' in path.read_bytes()
    whole(read_trace(path), range(1000))


def test_one_signal_alone(path):
    write(path, range(500))
    trace = read_trace(path)
    for name in ("loss", "gradient_norm/blocks.0", "validation_loss"):
        series = read_signal(path, name)
        np.testing.assert_array_equal(series.step, trace.signals[name].step)
        np.testing.assert_array_equal(series.value, trace.signals[name].value)
    assert len(read_signal(path, "never").step) == 0


def test_writing_goes_on_after_a_close_and_the_later_value_of_a_step_holds(path):
    write(path, range(300))
    write(path, range(300, 600))
    whole(read_trace(path), range(600))
    with TraceWriter(path) as writer:
        writer.write(5, loss=9.0)
    assert read_trace(path).signals["loss"].value[5] == 9.0


def test_what_a_kill_between_block_and_lines_leaves_is_read_once(path):
    write(path, range(40))
    lines = path.read_bytes()
    write(path, range(40, 300))
    blocks = path.with_suffix(".blocks")
    packed = blocks.read_bytes()
    path.write_bytes(lines)  # as if the lines had not been cut away
    blocks.write_bytes(packed)
    trace = read_trace(path)
    assert len(trace.signals["loss"].step) == len(set(trace.signals["loss"].step.tolist()))
    np.testing.assert_array_equal(trace.signals["loss"].value, 1 / (trace.signals["loss"].step + 1))


@pytest.mark.parametrize("hole", [(0, 100), (60, 30), (-50, 50), (-1, 1)])
def test_a_last_block_that_a_power_cut_left_with_holes_is_cut_off_where_its_rows_are_lines(path, hole, monkeypatch):
    write(path, range(500))
    blocks = path.with_suffix(".blocks")
    sound = blocks.read_bytes()
    monkeypatch.setattr(store, "PACK_BYTES", 10**6)
    write(path, range(500, 540))
    lines = path.read_bytes()
    monkeypatch.setattr(store, "PACK_BYTES", 2000)
    write(path, [540])  # packs them
    block = bytearray(blocks.read_bytes()[len(sound) :])
    start = hole[0] % len(block)
    block[start : start + hole[1]] = bytes(hole[1])
    blocks.write_bytes(sound + block)
    damaged = sound + block
    path.write_bytes(b"")
    assert cut_damaged_end(path, 400)  # its rows are later than the snapshot: they are written again
    assert blocks.read_bytes() == sound
    blocks.write_bytes(damaged)
    assert not cut_damaged_end(path, 540)  # here they are not, and whatever is left is somebody's
    path.write_bytes(lines.split(b"\n", 1)[1])
    assert not cut_damaged_end(path, 540)  # nor where one of them is missing
    path.write_bytes(lines)
    assert cut_damaged_end(path, 540)
    assert blocks.read_bytes() == sound
    whole(read_trace(path), range(540))
    assert not cut_damaged_end(path, 540)


@pytest.mark.parametrize("torn", [1, 10, 40, 300])
def test_a_torn_last_block_is_none_and_is_cut_off_by_the_next(path, torn):
    write(path, range(1000))
    lines, blocks = path.read_bytes(), path.with_suffix(".blocks")
    before = blocks.read_bytes()
    blocks.write_bytes(before + before[:torn])  # what a kill left of the next block, whose rows are lines still
    path.write_bytes(lines)
    whole(read_trace(path), range(1000))
    write(path, range(1000, 1200))
    whole(read_trace(path), range(1200))


@pytest.mark.parametrize("step", [-1, 0, 137, 500, 998, 999, 5000])
def test_truncate_drops_later_rows_of_blocks_and_lines(path, step):
    write(path, range(1000))
    truncate_after(path, step)
    trace = read_trace(path)
    if step < 0:
        assert trace.signals == {}
        return
    whole(trace, range(min(step, 999) + 1))
    write(path, range(min(step, 999) + 1, 1100))
    whole(read_trace(path), range(1100))
    assert sorted(child.name for child in path.parent.iterdir()) == ["trace.blocks", "trace.jsonl"]


@pytest.mark.parametrize("at", [0, 5, 9, 14, 30, 200])
def test_a_damaged_block_is_told(path, at):
    write(path, range(1000))
    blocks = path.with_suffix(".blocks")
    content = bytearray(blocks.read_bytes())
    content[at] ^= 0xFF
    blocks.write_bytes(bytes(content))
    with pytest.raises(UserError, match=r"trace\.blocks' (holds no block|is damaged)"):
        read_trace(path)
    with pytest.raises(UserError, match=r"trace\.blocks' (holds no block|is damaged)"):
        truncate_after(path, 999)
    assert blocks.read_bytes() == bytes(content)


@pytest.mark.parametrize("put", [Path.mkdir, os.mkfifo])
def test_what_is_no_file_in_the_place_of_blocks_is_told_and_not_waited_for(path, put):
    write(path, range(9))
    put(path.with_suffix(".blocks"))
    with pytest.raises(UserError, match=r"cannot read '.*trace\.blocks'"):
        truncate_after(path, 5)


FULL = """
import resource, sys
from pathlib import Path
from newllm.errors import UserError
from newllm.trace import TraceWriter, read_trace, store
store.PACK_BYTES = 2000
path = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, resource.RLIM_INFINITY))
writer = TraceWriter(path)
step, failed = 0, 0
while step < 600:
    step += 1
    try:
        writer.write(step, loss=1 / step)
        writer.flush()
    except UserError as error:
        failed, message = failed + 1, error
print(failed > 0, message)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
writer.close()
print(len(read_trace(path).signals["loss"].step))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_a_full_disk_while_packing_loses_no_row(path):
    done = subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True)
    message, rows = done.stdout.splitlines()
    assert message.startswith("True no room to write")
    assert rows == "600"


def columns_of(pairs):
    return np.array([step for step, _ in pairs], np.int64), np.array([value for _, value in pairs], np.float64)


NAME = st.text(min_size=1, max_size=20)
COLUMN = st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.floats()), max_size=20)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.dictionaries(NAME, COLUMN, max_size=5), max_size=3))
def test_any_columns_come_back(tmp_path_factory, blocks):
    path = tmp_path_factory.getbasetemp() / "any.blocks"
    arrays = [
        {
            name: (np.array([s for s, _ in pairs], np.int64), np.array([v for _, v in pairs]))
            for name, pairs in block.items()
        }
        for block in blocks
    ]
    path.write_bytes(b"".join(map(encode_block, arrays)))
    read = list(read_blocks(path, None))
    wanted = [(name, *pair) for block in arrays for name, pair in block.items()]
    assert [name for name, _, _ in read] == [name for name, _, _ in wanted]
    for (_, step, value), (_, true_step, true_value) in zip(read, wanted, strict=True):
        np.testing.assert_array_equal(step, true_step)
        assert value.tobytes() == true_value.astype(np.float64).tobytes()


ROWS = st.lists(
    st.dictionaries(st.sampled_from(["loss", 'a", "loss": 1', "step ", "é/loss", "loss "]), st.floats()), max_size=8
)


@settings(deadline=None, max_examples=60)
@given(ROWS, st.booleans())
def test_one_signal_alone_is_the_same_as_among_the_others(tmp_path_factory, rows, spaced):
    path = tmp_path_factory.getbasetemp() / "one.jsonl"
    path.unlink(missing_ok=True)
    with TraceWriter(path) as writer:
        for step, row in enumerate(rows):
            writer.write_row(step, row)
    if spaced:  # lines that another program wrote, without checksums
        path.write_bytes(re.sub(rb', "crc32": "#.{8}"', b"", path.read_bytes()).replace(b": ", b" :  "))
    trace = read_trace(path)
    for name in ("loss", 'a", "loss": 1', "step ", "é/loss", "loss ", "never"):
        alone, among = read_signal(path, name), trace.series(name)
        assert alone.step.tolist() == among.step.tolist()
        np.testing.assert_array_equal(alone.value, among.value)


def test_an_interrupt_while_the_lines_are_cut_away_leaves_no_hole(path, monkeypatch):
    class Interrupted:
        def __init__(self, file):
            self.file = file

        def truncate(self, size):
            self.file.truncate(size)
            if size == 0 and path.with_suffix(".blocks").exists():
                monkeypatch.setattr(store, "PACK_BYTES", 1 << 20)
                raise KeyboardInterrupt  # where Python looks for Ctrl-C: right after the call

        def __getattr__(self, name):
            return getattr(self.file, name)

    writer = TraceWriter(path)
    file = writer._file
    monkeypatch.setattr(writer, "_file", Interrupted(file))
    writer.write(0, loss=0.0)
    for step in range(1, 100):
        writer.write(step, loss=float(step))
    with pytest.raises(KeyboardInterrupt):
        writer.flush()
    monkeypatch.setattr(writer, "_file", file)
    writer.write(100, loss=100.0)
    writer.close()
    assert read_trace(path).signals["loss"].step.tolist() == list(range(101))


@pytest.mark.parametrize(
    ("names", "steps_of"),
    [([1], 0), ([["a"]], 0), (["a", "b"], 0), ([], 0), (["a"], 1), (["a"], 7)],
)
def test_an_index_that_is_sound_but_makes_no_sense_is_told(path, names, steps_of):
    column = np.arange(3)
    _, _, length, _ = struct.unpack("<4sIII", (block := encode_block({"a": (column, column / 2)}))[:16])
    groups, columns, size, _, value_size = struct.unpack_from("<5I", block, 16)
    index = struct.pack("<5I", groups, columns, size, steps_of, value_size) + json.dumps(names).encode()
    body = index + block[16 + length :]
    path.write_bytes(b"")
    path.with_suffix(".blocks").write_bytes(
        struct.pack("<4sIII", b"NLB1", len(body), len(index), zlib.crc32(index)) + body
    )
    with pytest.raises(UserError, match="holds no block"):
        read_trace(path)


def test_a_last_block_that_lacks_a_byte_is_none(tmp_path):
    place = tmp_path / "trace.blocks"
    blocks = [encode_block({"loss": (np.arange(at, at + 5), np.ones(5))}) for at in (0, 5)]
    for lacks, steps in ((0, 10), (1, 5), (len(blocks[1]) - 1, 5), (len(blocks[1]), 5)):
        place.write_bytes(b"".join(blocks)[: sum(map(len, blocks)) - lacks])
        assert sum(len(step) for _, step, _ in read_blocks(place, "loss")) == steps
