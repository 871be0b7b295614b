"""Records of TensorBoard that are made here: numbers of every kind, and what is no number of a run."""

import math
import struct
from pathlib import Path

import pytest

from newllm.errors import UserError
from newllm.trace import Trace
from newllm.trace.readers import event_file, read_log
from newllm.trace.readers.crc32c import masked_crc32c


def varint(value: int) -> bytes:
    value %= 1 << 64
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def part(number: int, content: bytes | int) -> bytes:
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def simple(tag: str, value: float) -> bytes:
    return part(1, part(1, tag.encode()) + varint(2 << 3 | 5) + struct.pack("<f", value))


def tensor(tag: str, kind: int, **held: bytes) -> bytes:
    """Return a value that is a tensor: of float32 (1), of float64 (2), with its numbers in one of its fields."""
    fields = {"content": 4, "floats": 5, "doubles": 6}
    content = b"".join(part(fields[name], value) for name, value in held.items())
    return part(1, part(1, tag.encode()) + part(8, part(1, kind) + content))


def event(step: int, *values: bytes) -> bytes:
    return part(2, step) + b"".join(part(5, value) for value in values)


def record(content: bytes) -> bytes:
    head = struct.pack("<Q", len(content))
    return head + struct.pack("<I", masked_crc32c(head)) + content + struct.pack("<I", masked_crc32c(content))


def read(place: Path, *contents: bytes, name: str = "a.tfevents") -> Trace:
    path = place / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(map(record, contents)))
    return read_log(path)


def losses(trace: Trace) -> dict[int, float]:
    series = trace.series("loss")
    return dict(zip(series.step.tolist(), series.value.tolist(), strict=True))


def test_numbers_of_every_kind(tmp_path: Path) -> None:
    four, eight = struct.pack("<f", 2.5), struct.pack("<d", 0.1)
    trace = read(
        tmp_path,
        event(3, simple("loss", 2.0), simple("accuracy", 0.5)),
        event(4, tensor("loss", 1, content=four)),
        event(5, tensor("loss", 1, floats=four)),
        event(6, tensor("loss", 2, content=eight)),
        event(7, tensor("loss", 2, doubles=eight)),
        event(-8, simple("loss", math.inf)),
    )
    assert losses(trace) == {-8: math.inf, 3: 2.0, 4: 2.5, 5: 2.5, 6: 0.1, 7: 0.1}
    assert trace.series("accuracy").value.tolist() == [0.5]
    assert (trace.axis, trace.decimals, trace.left_out) == ("step", {}, ())


def test_several_numbers_or_none_are_no_scalar(tmp_path: Path) -> None:
    four, eight = struct.pack("<f", 2.5), struct.pack("<d", 0.1)
    odd = [
        tensor("loss", 1, content=four + four), tensor("loss", 1, content=eight), tensor("loss", 2, content=four),
        tensor("loss", 3, content=four), tensor("loss", 1), tensor("loss", 1, doubles=eight),
        tensor("loss", 2, floats=four), part(1, part(1, b"loss")), simple("", 1.0), part(2, b"loss"),
        part(1, part(1, b"loss") + part(8, part(4, four))), part(1, part(1, b"loss") + part(8, part(4, eight))),
    ]  # fmt: skip
    trace = read(tmp_path, event(1, simple("loss", 1.0)), *(event(2, one) for one in odd))
    assert losses(trace) == {1: 1.0}
    assert trace.left_out == ()


@pytest.mark.parametrize(("tags", "axis"), [(["epoch_loss", "epoch_acc"], "epoch"), (["epoch_loss", "loss"], "step")])
def test_keras_counts_epochs(tmp_path: Path, tags: list[str], axis: str) -> None:
    trace = read(tmp_path, event(1, *(simple(tag, 2.0) for tag in tags)), event(2, *(simple(tag, 1.0) for tag in tags)))
    assert trace.axis == axis


def test_a_step_past_what_a_float_counts_is_none(tmp_path: Path) -> None:
    steps = (1, 2**53, -(2**53), 2**53 + 1, -(2**53) - 1)
    trace = read(tmp_path, *(event(step, simple("loss", 2.0)) for step in steps))
    assert sorted(losses(trace)) == [-(2**53), 1, 2**53]
    assert trace.left_out == ("2 times: a record with a step past 2^53",)


def test_a_record_without_a_step_is_of_step_nothing_and_one_that_breaks_off_is_no_event(tmp_path: Path) -> None:
    trace = read(
        tmp_path, part(5, simple("loss", 4.0)), event(1, simple("loss", 3.0)), b"\x12\x7f", part(5, b"\x0a\x7f")
    )
    assert losses(trace) == {0: 4.0, 1: 3.0}
    assert trace.left_out == ("2 times: a record that is no event",)


@pytest.mark.parametrize("less", [0, 1])
def test_a_record_that_is_too_long_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, less: int) -> None:
    long = event(2, simple("loss", 2.0), simple("x" * 50, 1.0))
    monkeypatch.setattr(event_file, "_LONGEST_RECORD", len(long) - less)
    trace = read(tmp_path, event(1, simple("loss", 3.0)), long, event(3, simple("loss", 1.0)))
    assert sorted(losses(trace)) == ([1, 3] if less else [1, 2, 3])
    assert len(trace.left_out) == less


def test_directories_of_splits_are_parts_of_one_run(tmp_path: Path) -> None:
    for name, value in (("train", 2.0), ("validation", 3.0)):
        read(tmp_path / "logs", event(1, simple("loss", value)), name=f"{name}/events.out.tfevents.1")
    trace = read_log(tmp_path / "logs")
    assert losses(trace) == {1: 2.0}
    assert trace.series("validation_loss").value.tolist() == [3.0]
    assert trace.left_out == ()


@pytest.mark.parametrize("size", [0, 11, 12, 15])
def test_where_a_file_breaks_off_it_ends(tmp_path: Path, size: int) -> None:
    whole, rest = record(event(1, simple("loss", 2.0))), record(event(2, simple("loss", 1.0)))
    (tmp_path / "a.tfevents").write_bytes(whole + rest[:size])
    trace = read_log(tmp_path / "a.tfevents")
    assert losses(trace) == {1: 2.0}
    assert bool(trace.left_out) is (size > 0)
    (tmp_path / "b.tfevents").write_bytes(whole[:-1])
    with pytest.raises(UserError, match="breaks off"):
        read_log(tmp_path / "b.tfevents")
