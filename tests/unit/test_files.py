"""Files whole or not at all, and never in the place of what is no file."""

import errno
import math
import os
from pathlib import Path

import pytest

from newllm.errors import UserError
from newllm.files import (
    checking,
    make_directory,
    new_directory,
    parse_toml,
    read_bytes,
    read_json,
    read_toml,
    remove_directory,
    remove_leftovers,
    to_json,
    write_bytes,
    write_json,
    writing,
)
from newllm.trace import TraceWriter, read_trace


def test_what_is_no_regular_file_is_not_replaced(tmp_path: Path) -> None:
    pipe, directory, link = tmp_path / "pipe", tmp_path / "directory", tmp_path / "link"
    os.mkfifo(pipe)
    directory.mkdir()
    link.symlink_to("/dev/null")
    for place in (pipe, directory, link):
        with pytest.raises(UserError) as told:
            write_bytes(place, b"x")
        assert str(told.value) == f"may not write '{place}' (it is not a regular file): choose another place"
    assert pipe.is_fifo()
    assert link.is_symlink()
    assert sorted(tmp_path.iterdir()) == [directory, link, pipe]


def test_a_file_and_a_link_to_one_are_replaced(tmp_path: Path) -> None:
    file, link, dangling = tmp_path / "file", tmp_path / "link", tmp_path / "dangling"
    file.write_bytes(b"old")
    link.symlink_to(file)
    dangling.symlink_to(tmp_path / "absent")
    write_bytes(link, b"new")
    write_bytes(dangling, b"new")
    assert (file.read_bytes(), link.read_bytes(), dangling.read_bytes()) == (b"old", b"new", b"new")
    write_bytes(file, b"newer", durable=False)
    assert file.read_bytes() == b"newer"
    assert sorted(tmp_path.iterdir()) == [dangling, file, link]


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """What is handed to fsync, by device and inode."""
    seen: list[tuple[int, int]] = []
    real = os.fsync

    def sync(handle: int) -> None:
        status = os.fstat(handle)
        seen.append((status.st_dev, status.st_ino))
        real(handle)

    monkeypatch.setattr(os, "fsync", sync)
    return seen


def number(path: Path) -> tuple[int, int]:
    return path.stat().st_dev, path.stat().st_ino


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot sync a directory")
def test_the_name_of_a_directory_is_on_the_disk_when_it_is_made(tmp_path: Path, synced: list) -> None:
    make_directory(tmp_path / "a" / "b")
    assert synced.count(number(tmp_path)) == 1
    assert synced.count(number(tmp_path / "a")) == 1
    synced.clear()
    make_directory(tmp_path / "a" / "b")  # it stands there: nothing to wait for
    assert synced == []


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot sync a directory")
def test_a_trace_is_on_the_disk_with_its_name_when_it_is_synced(tmp_path: Path, synced: list) -> None:
    path = tmp_path / "trace.jsonl"
    with TraceWriter(path) as writer:
        writer.write(1, loss=2.0)
        writer.sync()
        assert read_trace(path).series("loss").value.tolist() == [2.0]
        assert synced == [number(path), number(tmp_path)]
        writer.sync()
    assert synced.count(number(tmp_path)) == 1


def test_a_disk_that_fails_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    file, directory = tmp_path / "file", tmp_path / "directory"
    file.write_bytes(b"old")
    directory.mkdir()
    monkeypatch.setattr(os, "fsync", fail)
    monkeypatch.setattr(Path, "rename", fail)
    for call, place in ((lambda: write_bytes(file, b"new"), file), (lambda: remove_directory(directory), directory)):
        with pytest.raises(UserError) as told:
            call()
        assert str(told.value) == f"cannot write '{place}' (Input/output error): check the disk, then go on"
    assert file.read_bytes() == b"old"
    assert sorted(tmp_path.iterdir()) == [directory, file]


def test_a_directory_where_something_else_stands_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "nowhere").symlink_to("absent")
    for name in ("file", "nowhere", "file/below"):
        with pytest.raises(UserError, match=f"may not write '{tmp_path / name}'"):
            make_directory(tmp_path / name)


def test_a_directory_is_removed_where_there_is_no_room_for_another(tmp_path: Path, monkeypatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "large").mkdir()
    (tmp_path / "large/file").write_bytes(b"1")
    monkeypatch.setattr(os, "mkdir", full)
    remove_directory(tmp_path / "large")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("read", [read_bytes, read_json, read_toml])
def test_nothing_but_a_regular_file_is_read_and_a_pipe_is_not_waited_for(tmp_path: Path, read) -> None:
    pipe, directory, circle = tmp_path / "pipe", tmp_path / "directory", tmp_path / "circle"
    os.mkfifo(pipe)
    directory.mkdir()
    circle.symlink_to(circle)
    for place in (pipe, directory, circle, tmp_path / "absent", Path("/dev/zero"), Path("x" * 5000)):
        with pytest.raises(OSError) as told:  # noqa: PT011 - the system's words differ
            read(place)
        assert told.value.strerror
        assert str(place) in str(told.value)


def test_a_file_of_more_than_is_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert read_bytes(tmp_path / "a", 5) == b"12345"
    with pytest.raises(OSError, match="larger than 0 MiB"):
        read_bytes(tmp_path / "a", 4)


@pytest.mark.parametrize(("read", "start"), [(read_json, b""), (read_toml, b"x = ")])
@pytest.mark.parametrize("content", [b"[" * 100_000, b"9" * 5000, b"\xff", b"\0", b"", b"{"])
def test_whatever_is_no_json_and_no_toml_is_a_value_error(tmp_path: Path, read, start, content) -> None:
    (tmp_path / "a").write_bytes(start + content)
    with pytest.raises(ValueError, match=r"."):
        read(tmp_path / "a")


def test_a_mark_of_utf8_says_nothing(tmp_path: Path) -> None:
    for read, content in ((read_json, b'{"a": 1}'), (read_toml, b"a = 1")):
        (tmp_path / "a").write_bytes(b"\xef\xbb\xbf" + content)
        assert read(tmp_path / "a") == {"a": 1}


def test_what_may_not_be_written_any_more_does_not_take_its_place(tmp_path: Path, monkeypatch) -> None:
    """Somebody takes the place away while a file is synced, the last thing before it is put there."""
    own, lost = tmp_path / "own", False
    own.mkdir()
    write_bytes(own / "file", b"theirs")
    (own / "directory").mkdir()

    def check() -> None:
        if lost:
            raise UserError("not ours")

    def take_away(_: int) -> None:
        nonlocal lost
        lost = True

    with checking(own, check):
        monkeypatch.setattr(os, "fsync", take_away)
        with pytest.raises(UserError, match="not ours"):
            write_bytes(own / "file", b"ours")
        lost = False
        with pytest.raises(UserError, match="not ours"), new_directory(own / "directory") as made:
            (made / "file").write_bytes(b"ours")
        for write in (lambda: write_bytes(own / "new", b""), lambda: remove_directory(own / "directory")):
            with pytest.raises(UserError, match="not ours"):
                write()
        with pytest.raises(UserError, match="not ours"), writing(own / "file"):
            raise FileNotFoundError  # their sweeping took our temporary file
        write_bytes(tmp_path / "elsewhere", b"")
    assert {path.name for path in own.iterdir()} == {"file", "directory"}
    assert (own / "file").read_bytes() == b"theirs"
    assert not list((own / "directory").iterdir())
    write_bytes(own / "file", b"ours")  # nobody asks any more


def test_what_is_written_may_be_read_by_all_and_is_on_the_disk_unless_it_is_not_worth_waiting(tmp_path, synced) -> None:
    file = tmp_path / "file"
    write_bytes(file, b"1")
    assert (synced, file.stat().st_mode & 0o777) == ([number(file), number(tmp_path)], 0o644)
    synced.clear()
    write_json(file, {"a": 1})
    assert synced == [number(file), number(tmp_path)]
    synced.clear()
    write_json(file, {"a": 2}, durable=False)
    write_bytes(tmp_path / "other", b"2", durable=False)
    assert synced == []


def test_a_new_directory_takes_the_place_of_the_old_one_when_it_is_complete(tmp_path, synced) -> None:
    place = tmp_path / "place"
    with new_directory(place) as made:
        (made / "one").write_bytes(b"1")
        assert not place.exists()
    assert synced == [number(place / "one"), number(place), number(tmp_path)]
    assert place.stat().st_mode & 0o777 == 0o755
    with new_directory(place) as made:
        (made / "two").write_bytes(b"2")
    assert [path.name for path in place.iterdir()] == ["two"]
    with pytest.raises(RuntimeError), new_directory(place) as made:
        raise RuntimeError
    assert list(tmp_path.rglob("*")) == [place, place / "two"]


def test_leftovers_are_what_a_killed_process_left_half_written(tmp_path: Path) -> None:
    (tmp_path / ".a.x.tmp").mkdir()
    (tmp_path / ".a.x.tmp/file").touch()
    for name in (".b.x.tmp", "b.tmp", ".b", "c"):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"b.tmp", ".b", "c"}


def test_a_leftover_that_is_gone_by_now_is_no_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "glob", lambda *_: iter([tmp_path / ".gone.tmp"]))
    remove_leftovers(tmp_path)


def test_json_is_strict_and_as_it_is_read() -> None:
    content = {"é": [1.5, math.nan, (math.inf, -math.inf)], "a": {"b": True, "c": None, "d": "x"}}
    assert to_json(content) == '{"é": [1.5, null, [null, null]], "a": {"b": true, "c": null, "d": "x"}}'
    assert to_json({"a": [1]}, indent=1) == '{\n "a": [\n  1\n ]\n}'


def test_json_is_written_in_lines(tmp_path: Path) -> None:
    write_json(tmp_path / "a", {"a": {"é": math.nan}})
    assert (tmp_path / "a").read_text(encoding="utf-8") == '{\n  "a": {\n    "é": null\n  }\n}\n'


@pytest.mark.parametrize(
    ("code", "said"),
    [(errno.ENOSPC, "no room to write"), (errno.EDQUOT, "no room to write"), (errno.EACCES, "may not write"),
     (errno.EROFS, "may not write"), (errno.EIO, "cannot write"), (errno.EINVAL, None)],
)  # fmt: skip
def test_what_the_system_says_of_a_place_is_one_line_and_a_defect_is_none(tmp_path: Path, code, said) -> None:
    error = OSError(code, os.strerror(code))
    with pytest.raises(OSError if said is None else UserError) as told, writing(tmp_path / "a"):
        raise error
    assert said is None or str(told.value).startswith(f"{said} '{tmp_path / 'a'}' ({os.strerror(code)}): ")


@pytest.mark.parametrize(("prefix", "digit"), [("0x", "f"), ("0o", "7"), ("0b", "1"), ("0x", "_")])
def test_a_number_that_python_could_not_print_is_no_toml(prefix: str, digit: str) -> None:
    with pytest.raises(ValueError, match="a whole number of a thousand digits"):
        parse_toml(f"a = {prefix}{digit * 1000}")
