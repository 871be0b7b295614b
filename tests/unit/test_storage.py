"""Directories that can be made again go when they take too much, but not from under who uses them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from newllm import storage
from newllm.errors import UserError
from newllm.files import remove_directory
from newllm.storage import Stored, hold, measured, trim


@pytest.fixture
def three(tmp_path: Path) -> list[Path]:
    """Three directories of 1000 bytes, used one after the other."""
    places = [tmp_path / name / "entry" for name in ("a", "b", "c")]
    for age, place in enumerate(places):
        place.mkdir(parents=True)
        (place / "file").write_bytes(bytes(1000))
        os.utime(place, (age, age))
    return places


def there(places: list[Path]) -> list[str]:
    return [place.parent.name for place in places if place.exists()]


def test_the_least_recently_used_go_until_the_rest_fits(three: list[Path]) -> None:
    assert [one.bytes for one in measured(three)] == [1000, 1000, 1000]
    assert trim(measured(three), 3000) == []
    assert [one.directory for one in trim(measured(three), 2999)] == three[:1]
    hold(three[1])()  # used just now
    assert [one.directory for one in trim(measured(three), 1000)] == three[2:]
    assert there(three) == ["b"]
    assert not [path for path in three[0].parent.iterdir() if path.suffix == ".tmp"]


def test_what_this_process_uses_stays_until_it_lets_go(three: list[Path]) -> None:
    let_go = hold(three[0])
    assert [one.directory for one in trim(measured(three), 0)] == three[1:]
    let_go()
    assert [one.directory for one in trim(measured(three), 0)] == three[:1]


def test_what_another_process_uses_stays_until_it_is_killed(three: list[Path]) -> None:
    code = (
        "import sys, pathlib as p, newllm.storage as k; k.hold(p.Path(sys.argv[1])); print('held', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(three[0])], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        trim(measured(three), 0)
        assert there(three) == ["a"]
        other.kill()
    trim(measured(three), 0)
    assert there(three) == []


def test_what_is_not_there_takes_no_room(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert measured([tmp_path / "none", tmp_path / "empty"]) == []


def test_what_goes_while_it_is_measured_is_not_there(three: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process trims too: a file that was listed a moment ago is gone."""
    listed = storage._files
    monkeypatch.setattr(
        storage, "_files", lambda place: [*listed(place), *([place / "gone"] if place == three[1] else [])]
    )
    assert [one.directory for one in measured(three)] == [three[2], three[0]]


def test_what_may_not_be_removed_stays_and_the_rest_goes(three: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def removed(place: Path) -> None:
        if place == three[0]:
            raise UserError("may not write")
        remove_directory(place)

    monkeypatch.setattr(storage, "remove_directory", removed)
    assert [one.directory for one in trim(measured(three), 1000)] == three[1:]
    assert there(three) == ["a"]


def test_a_lock_is_ours_to_write_and_everybodys_to_read(three: list[Path]) -> None:
    hold(three[0])()
    lock = three[0].with_name(".entry.in-use")
    assert lock.stat().st_mode & 0o777 == 0o644
    lock.unlink()
    trim(measured(three), 2000)
    assert lock.stat().st_mode & 0o777 == 0o644


def test_without_locks_or_where_nothing_may_be_written_nothing_is_held(three: list[Path], monkeypatch) -> None:
    hold(three[0].parent / "absent" / "entry")()
    monkeypatch.setattr(storage, "fcntl", None)
    hold(three[1])()
    assert [path.name for path in three[1].parent.iterdir()] == ["entry"]
    assert [one.directory for one in trim(measured(three), 1000)] == three[:2]


def test_directories_within_count_with_their_files_and_alike_ones_stand_by_name(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name / "in").mkdir(parents=True)
        (tmp_path / name / "in/file").write_bytes(bytes(7))
        os.utime(tmp_path / name, (5, 5))
    assert measured([tmp_path / "b", tmp_path / "a"]) == [
        Stored(tmp_path / "a", 7, 5.0), Stored(tmp_path / "b", 7, 5.0)
    ]  # fmt: skip
