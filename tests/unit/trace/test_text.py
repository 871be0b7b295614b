"""Lines of text whatever their encoding, and which of the files of a directory is its log."""

import gzip
import json
import os
from pathlib import Path

import pytest

from newllm.errors import UserError
from newllm.trace import TraceWriter
from newllm.trace.readers import read_log, text
from newllm.trace.readers.gathered import Gathered
from newllm.trace.readers.text import chunks_of, head_of, is_packed, lines_of


def lines(place: Path, content: bytes) -> tuple[list[str], tuple[str, ...]]:
    path = place / "log"
    path.write_bytes(content)
    taken = Gathered(path)
    return list(lines_of(taken)), tuple(map(str, taken.remarks()))


@pytest.mark.parametrize(
    ("content", "read"),
    [
        (b"a\nb\n", ["a", "b"]),
        (b"a\r\nb", ["a", "b"]),
        ("é\n".encode(), ["é"]),
        ("é\n".encode("latin-1"), ["é"]),
        ("ab\ncd\n".encode("utf-16-le"), ["ab", "cd"]),
        ("ab\ncd\n".encode("utf-16-be"), ["ab", "cd"]),
        ("ab\n".encode("utf-32"), ["ab"]),
        (b"a\x1b[31mb\x0b\x0c\tc\n", ["a\x1b[31mb\x0b\x0c\tc"]),
        (b"x" * 99 + b"\x00" + b"\n", ["x" * 99 + "\x00"]),  # one odd byte in fifty is text
    ],
)
def test_text_in_every_encoding(tmp_path: Path, content: bytes, read: list[str]) -> None:
    assert lines(tmp_path, content) == (read, ())


@pytest.mark.parametrize(("odd", "is_text"), [(2, True), (3, False)])
def test_more_than_two_odd_bytes_in_a_hundred_are_no_text(tmp_path: Path, odd: int, is_text: bool) -> None:
    content = b"\x01" * odd + b"x" * (100 - odd)
    if is_text:
        assert len(lines(tmp_path, content)[0][0]) == 100
    else:
        with pytest.raises(UserError, match="it is no text"):
            lines(tmp_path, content)


def test_a_line_that_is_too_long_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "LONGEST_LINE", 10)
    assert lines(tmp_path, b"a\n" + b"x" * 8 + b"\nb\n") == (["a", "x" * 8, "b"], ())
    assert lines(tmp_path, b"a\n" + b"x" * 9 + b"\nb\n") == (["a", "x" * 9, "b"], ())
    told = ("a line longer than 10 characters",)
    assert lines(tmp_path, b"a\n" + b"x" * 10 + b"\nb\n") == (["a", "b"], told)
    assert lines(tmp_path, b"a\n" + b"x" * 35 + b"\nb\n") == (["a", "b"], told)


def test_so_many_lines_and_bytes_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "MOST_LINES", 3)
    assert lines(tmp_path, b"1\n2\n3\n") == (["1", "2", "3"], ())
    assert lines(tmp_path, b"1\n2\n3\n4\n") == (["1", "2", "3"], ("what comes after the first 3 lines",))
    monkeypatch.setattr(text, "MOST_LINES", 10**6)
    monkeypatch.setattr(text, "MOST_BYTES", 1 << 20)
    whole, notes = lines(tmp_path, b"12345678\n" * 200_000)
    assert len(whole) == -(-(1 << 20) // 9)
    assert notes == ("what comes after the first 1 MB of text",)


def test_the_last_line_without_an_end_is_torn(tmp_path: Path) -> None:
    for content, torn in ((b"1\n2", True), (b"1\n2\n", False)):
        (tmp_path / "log").write_bytes(content)
        taken = Gathered(tmp_path / "log")
        list(lines_of(taken))
        assert taken.torn is torn


def test_packed_text_is_unpacked_as_far_as_it_is_sound(tmp_path: Path) -> None:
    packed = gzip.compress(b"".join(b"%d\n" % at for at in range(20_000)), mtime=0)
    assert len(lines(tmp_path, packed)[0]) == 20_000
    assert is_packed(tmp_path / "log")
    assert head_of(tmp_path / "log", 4) == b"0\n1\n"
    some, notes = lines(tmp_path, packed[: len(packed) // 2])
    assert 0 < len(some) < 20_000
    assert notes == ("what comes after the place where the compressed file is damaged",)
    short = lines(tmp_path, gzip.compress(b"1\n2\n3\n", mtime=0)[:-4])  # of its length only a half is there
    assert short == (["1", "2", "3"], notes)
    (tmp_path / "plain").write_text("a\n" * 40_000)
    assert not is_packed(tmp_path / "plain")
    assert [len(one) for one in chunks_of(Gathered(tmp_path / "plain"))] == [65536, 80_000 - 65536]


def log(place: Path, value: float, rows: int = 2) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("step,loss\n" + "".join(f"{row},{value}\n" for row in range(1, rows + 1)))
    return place


def loss_in(place: Path, run: str = "") -> float:
    return read_log(Path(f"{place}{run}")).series("loss").value[0]


def test_a_log_is_known_by_its_name_before_others(tmp_path: Path) -> None:
    log(tmp_path / "notes.csv", 1.0)
    assert loss_in(tmp_path) == 1.0
    log(tmp_path / "README.txt", 9.0, 50)
    log(tmp_path / ".hidden.csv", 9.0, 50)
    (tmp_path / "summary.json").write_text(json.dumps([{"step": at, "loss": 9.0} for at in range(99)]))
    assert loss_in(tmp_path) == 1.0
    log(tmp_path / "sub" / "metrics.csv", 2.0)
    assert loss_in(tmp_path) == 2.0
    rows = [{"step": 1, "loss": 3.0}, {"step": 2, "loss": 2.0}]
    (tmp_path / "trainer_state.json").write_text(json.dumps({"log_history": rows}))
    assert loss_in(tmp_path) == 3.0


def test_of_several_logs_the_largest_is_read_and_any_can_be_named(tmp_path: Path) -> None:
    log(tmp_path / "a" / "metrics.csv", 1.0)
    log(tmp_path / "b" / "metrics.csv", 2.0, 5)
    trace = read_log(tmp_path)
    assert trace.series("loss").value[0] == 2.0
    assert trace.left_out[0].startswith("another run, for 'b' has the most values")
    assert loss_in(tmp_path, "#a") == 1.0
    for name in ("one", "two"):
        log(tmp_path / "c" / f"{name}.csv", {"one": 3.0, "two": 4.0}[name])
    assert loss_in(tmp_path / "c", "#two.csv") == 4.0
    assert loss_in(tmp_path / "c") == 3.0  # of equals the first


def test_checkpoints_hold_parts_of_the_same_log(tmp_path: Path) -> None:
    for name, count in (("", 5), ("checkpoint-1", 2), ("checkpoint-2", 4)):
        rows = [{"step": at, "loss": 9.0 - count} for at in range(1, count + 1)]
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "trainer_state.json").write_text(json.dumps({"log_history": rows}))
    trace = read_log(tmp_path)
    assert (len(trace.series("loss").step), trace.left_out) == (5, ())
    (tmp_path / "trainer_state.json").unlink()
    trace = read_log(tmp_path)
    assert (len(trace.series("loss").step), trace.left_out) == (4, ())
    assert loss_in(tmp_path, "#checkpoint-1") == 7.0


def test_so_many_levels_are_looked_into(tmp_path: Path) -> None:
    log(tmp_path.joinpath(*"12345", "metrics.csv"), 5.0)
    assert loss_in(tmp_path) == 5.0
    other = tmp_path / "deeper"
    log(other.joinpath(*"123456", "metrics.csv"), 6.0)
    with pytest.raises(UserError, match="no log in"):
        read_log(other)


@pytest.mark.parametrize("name", ["a.tsv", "a.log", "a.txt", "a.csv.gz", "a.CSV"])
def test_files_that_may_be_logs(tmp_path: Path, name: str) -> None:
    log(tmp_path / name, 4.0)
    assert loss_in(tmp_path) == 4.0
    (tmp_path / name).rename(tmp_path / "a.bin")
    with pytest.raises(UserError, match="no log in"):
        read_log(tmp_path)


def test_a_run_below_a_run_is_read_where_it_is_named(tmp_path: Path) -> None:
    for name, value in ((".", 1.0), ("a", 2.0), ("b", 3.0)):
        (tmp_path / name).mkdir(exist_ok=True)
        with TraceWriter(tmp_path / name / "trace.jsonl") as writer:
            writer.write(1, loss=value)
    assert loss_in(tmp_path) == 1.0
    assert loss_in(tmp_path, "#a") == 2.0
    for name in ("a", "b"):  # what is packed counts as well
        (tmp_path / name / "trace.blocks").write_bytes(b"")
    (tmp_path / "trace.jsonl").unlink()
    (tmp_path / "b" / "trace.jsonl").write_text((tmp_path / "b" / "trace.jsonl").read_text() * 2)
    assert loss_in(tmp_path) == 3.0
    os.truncate(tmp_path / "a" / "trace.blocks", 10**6)
    with pytest.raises(UserError, match=r"a/trace.blocks"):
        read_log(tmp_path)


def test_a_packed_file_without_another_ending_is_no_log(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"step,loss\n1,2\n"))
    with pytest.raises(UserError, match="no log in"):
        read_log(tmp_path)
