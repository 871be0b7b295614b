"""Event files and .wandb files whose records do not bear out their checks, break off, or are made of nothing."""

import os
import random
import struct
import time
import zlib
from pathlib import Path

import pytest

from newllm.errors import UserError
from newllm.trace.readers import event_file, read_log, wandb_file
from newllm.trace.readers.crc32c import masked_crc32c

FIXTURES = Path(__file__).parent / "fixtures"
EVENTS = (FIXTURES / "tensorboardx.tfevents").read_bytes()
WANDB = (FIXTURES / "offline.wandb").read_bytes()
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def read(tmp_path, content, name):
    path = tmp_path / name
    path.write_bytes(content)
    return read_log(path)


def losses(trace):
    series = trace.series("loss")
    return dict(zip(series.step.tolist(), series.value.tolist(), strict=True))


def events(content):
    """Return where the data of each record of an event file begins and ends."""
    at, found = 0, []
    while at < len(content):
        (length,) = struct.unpack_from("<Q", content, at)
        found.append((at + 12, at + 12 + length))
        at += 16 + length
    return found


def message(*parts):
    """Return a protocol buffer of fields that hold fewer than 128 bytes."""
    keys = {1: b"\x0a", 2: b"\x12", 9: b"\x4a", 16: b"\x82\x01"}
    return b"".join(keys[number] + bytes([len(content)]) + content for number, content in parts)


def history(step, loss):
    """Return a record of W&B with one row of its history."""
    cells = [(b"_step", str(step).encode()), (b"loss", str(loss).encode())]
    row = message(*((1, message((1, name), (16, value))) for name, value in cells))
    return message((2, row))


def with_step(number, *cells):
    """Return a record whose row tells its step beside its cells, as new versions of W&B do."""
    row = message(*((1, message((1, name), (16, value))) for name, value in cells))
    step = b"\x08" + bytes([number]) if isinstance(number, int) else message((1, number))
    return message((2, row + message((2, step))))


def piece(kind, content, check=None):
    check = zlib.crc32(bytes([kind]) + content) if check is None else check
    return struct.pack("<IHB", check, len(content), kind) + content


def wandb(*pieces):
    return b":W&B\xe1\xbe\0" + b"".join(pieces)


def test_the_check_is_that_of_the_iscsi_document_by_chunks_too():
    def masked(check):
        return ((check >> 15 | check << 17) + 0xA282EAD8) & 0xFFFFFFFF

    assert masked_crc32c(b"123456789") == masked(0xE3069283)  # RFC 3720, and the catalogue of parametrised CRCs
    assert masked_crc32c(bytes(32)) == masked(0x8A9136AA)
    content = random.Random(0).randbytes(5000)
    by_bytes = 0xFFFFFFFF
    for byte in content:
        by_bytes ^= byte
        for _ in range(8):
            by_bytes = by_bytes >> 1 ^ (0x82F63B78 if by_bytes & 1 else 0)
    assert masked_crc32c(content) == masked(by_bytes ^ 0xFFFFFFFF)


@pytest.mark.parametrize("damage", ["data", "check"])
def test_a_damaged_event_is_left_out_and_told(tmp_path, damage):
    whole = losses(read(tmp_path, EVENTS, "a.tfevents"))
    content = bytearray(EVENTS)
    _, end = next(place for place in events(EVENTS) if b"train" in EVENTS[slice(*place)])
    content[end - 1 if damage == "data" else end] ^= 64  # data: the last byte of a float
    trace = read(tmp_path, bytes(content), "b.tfevents")
    assert len(losses(trace)) == len(whole) - 1
    assert losses(trace).items() < whole.items()
    assert trace.left_out == ("a damaged record",)


def test_an_event_file_of_more_than_is_looked_at_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(event_file, "_MOST_BYTES", events(EVENTS)[6][0])
    trace = read(tmp_path, EVENTS, "a.tfevents")
    assert 0 < len(losses(trace)) < 12
    assert any("what comes after the first" in note for note in trace.left_out)


@pytest.mark.parametrize("damage", ["content", "check", "kind"])
def test_a_damaged_record_of_wandb_is_left_out_and_told(tmp_path, damage):
    rows = [history(step, 4.0 - step) for step in range(3)]
    content = bytearray(wandb(*(piece(FULL, row) for row in rows)))
    start = 7 + len(piece(FULL, rows[0]))  # of the second piece
    at = {"check": start, "kind": start + 6, "content": start + 7 + rows[1].index(b"3.0")}[damage]
    content[at] ^= 3
    trace = read(tmp_path, bytes(content), "a.wandb")
    assert losses(trace) == {0: 4.0, 2: 2.0}
    assert trace.left_out == ("a damaged piece of a record",)


def test_what_follows_a_damaged_length_begins_with_the_next_block_of_wandb(tmp_path):
    row = history(0, 4.0)
    first = wandb(piece(FULL, row), struct.pack("<IHB", 0, 60_000, FULL))
    content = first + bytes(32768 - len(first)) + piece(FULL, history(1, 3.0))
    trace = read(tmp_path, content, "a.wandb")
    assert losses(trace) == {0: 4.0, 1: 3.0}
    assert trace.left_out == ("a damaged piece of a record",)


@pytest.mark.parametrize("lost", [FIRST, MIDDLE, LAST])
def test_a_record_that_lacks_a_piece_is_left_out(tmp_path, lost):
    row = history(1, 3.0)
    pieces = {FIRST: row[:4], MIDDLE: row[4:9], LAST: row[9:]}
    there = [piece(kind, content) for kind, content in pieces.items() if kind != lost]
    ends = [piece(FULL, history(0, 4.0)), piece(FULL, history(2, 2.0))]
    trace = read(tmp_path, wandb(ends[0], *there, ends[1]), "a.wandb")
    assert losses(trace) == {0: 4.0, 2: 2.0}
    assert any("record" in note for note in trace.left_out)
    whole = read(tmp_path, wandb(ends[0], *map(piece, pieces, pieces.values()), ends[1]), "b.wandb")
    assert losses(whole) == {0: 4.0, 1: 3.0, 2: 2.0}
    assert whole.left_out == ()


def test_of_a_record_with_a_damaged_piece_the_damage_is_told_once(tmp_path):
    row = history(1, 3.0)
    torn = [piece(FIRST, row[:4]), piece(MIDDLE, row[4:6], check=0), piece(MIDDLE, row[6:9]), piece(LAST, row[9:])]
    ends = [piece(FULL, history(0, 4.0)), piece(FULL, history(2, 2.0))]
    trace = read(tmp_path, wandb(ends[0], *torn, ends[1]), "a.wandb")
    assert losses(trace) == {0: 4.0, 2: 2.0}
    assert trace.left_out == ("a damaged piece of a record",)


def test_a_wandb_file_that_is_cut_inside_a_record_gives_the_whole_records_before_it(tmp_path):
    rows = [piece(FULL, history(step, 4.0 - step)) for step in range(4)]
    content, ends = wandb(*rows), [len(wandb(*rows[:count])) for count in range(5)]
    for size in range(ends[1], len(content) + 1):
        trace = read(tmp_path, content[:size], "a.wandb")
        whole = sum(end <= size for end in ends[1:])
        assert losses(trace) == {step: 4.0 - step for step in range(whole)}
        assert trace.left_out == ()


def test_a_wandb_file_of_more_than_is_looked_at_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(wandb_file, "_MOST_BLOCKS", 1)
    first = wandb(piece(FULL, history(0, 4.0)))
    filler = piece(FULL, message((9, bytes(100))) * 320)
    filler += bytes(32768 - len(first) - len(filler))
    trace = read(tmp_path, first + filler + piece(FULL, history(1, 3.0)), "a.wandb")
    assert losses(trace) == {0: 4.0}
    assert any("what comes after the first" in note for note in trace.left_out)


@pytest.mark.parametrize("content", [b"", b"\0"])
def test_pieces_without_an_end_cost_no_more_than_they_are_many(tmp_path, content):
    def seconds(count):
        block = [piece(FIRST, b""), *[piece(MIDDLE, content)] * count, piece(LAST, b"")]
        best = float("inf")
        for _ in range(3 if count < 10_000 else 1):
            begun = time.process_time()
            with pytest.raises(UserError, match="no numbers to read"):
                read(tmp_path, _in_blocks(block), "a.wandb")
            best = min(best, time.process_time() - begun)
        return best

    assert seconds(40_000) < 24 * seconds(5_000)  # by their square it is 64 times


def _in_blocks(pieces):
    content = bytearray(b":W&B\xe1\xbe\0")
    for one in pieces:
        room = 32768 - len(content) % 32768
        content += bytes(room) if room < max(7, len(one)) else b""
        content += one
    return bytes(content)


def test_the_step_of_a_row_of_wandb_may_stand_beside_its_cells(tmp_path):
    rows = [with_step(10 * step, (b"loss", str(4.0 - step).encode())) for step in range(3)]
    trace = read(tmp_path, wandb(*(piece(FULL, row) for row in rows)), "a.wandb")
    assert losses(trace) == {0: 4.0, 10: 3.0, 20: 2.0}
    assert trace.left_out == ()
    odd = read(tmp_path, wandb(piece(FULL, with_step(b"5", (b"loss", b"4.0")))), "b.wandb")
    assert losses(odd) == {1: 4.0}  # a step that is no number is none


@pytest.mark.parametrize(
    ("value", "number"),
    [(b"{", None), (b"[1]", None), (b"true", None), (b'"2.5"', 2.5), (b"0" * 98 + b"7", None), (b" 7 ", 7.0),
     (b"7." + b"0" * 97, 7.0), (b"7." + b"0" * 98, None)],
)  # fmt: skip
def test_a_value_of_wandb_that_is_no_number_is_passed_over(tmp_path, value, number):
    rows = [with_step(7, (b"x", value)), history(8, 2.0)]
    trace = read(tmp_path, wandb(*(piece(FULL, row) for row in rows)), "a.wandb")
    assert trace.series("x").value.tolist() == ([] if number is None else [number])
    assert losses(trace) == {8: 2.0}


@pytest.mark.parametrize("less", [0, 1])
def test_a_record_of_wandb_that_is_too_long_is_passed_over(tmp_path, monkeypatch, less):
    rows = [history(0, 4.0), history(2, 2.0)]
    cells = (message((1, b"_step"), (16, b"1")), message((1, b"loss"), (16, b"3.0")), bytes(50))
    long = message((2, message((1, cells[0]), (1, cells[1]), (9, cells[2]))))
    monkeypatch.setattr(wandb_file, "_LONGEST_RECORD", len(long) - less)
    trace = read(tmp_path, wandb(piece(FULL, rows[0]), piece(FULL, long), piece(FULL, rows[1])), "a.wandb")
    assert trace.series("loss").value.tolist() == ([4.0, 2.0] if less else [4.0, 3.0, 2.0])
    assert bool(trace.left_out) is bool(less)


def test_of_a_wandb_file_a_gigabyte_is_looked_at(tmp_path):
    path = tmp_path / "a.wandb"
    path.write_bytes(wandb(piece(FULL, history(0, 4.0))))
    os.truncate(path, (1 << 30) + 1)  # nothing but zeros, which the disk need not hold
    trace = read_log(path)
    assert losses(trace) == {0: 4.0}
    assert "what comes after the first 1024 MB" in trace.left_out
