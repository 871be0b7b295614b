"""The packaged demo: whole, small, read-only, and told in one line where it is damaged."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from newllm import demo, files
from newllm.checksum import read_checked
from newllm.errors import UserError

MOST = 4_000_000  # bytes of all of it


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A demo of two files in place of the packaged one."""
    place = tmp_path / "set"
    for name in ("one", "two"):
        (place / name).mkdir(parents=True)
        (place / name / "summary.json").write_text(name)
    demo.seal(place)
    monkeypatch.setattr(demo, "SET", place)
    monkeypatch.setattr(files, "_CHECKS", {})
    return place


def packaged() -> list[Path]:
    return [path for path in demo.SET.rglob("*") if path.is_file()]


def test_the_packaged_demo_is_whole_and_small() -> None:
    assert demo.demo_set() == demo.SET
    assert demo.demo_names() == [
        "founding-baseline", "learning-rate-as-planned", "learning-rate-doubled", "moby-dick", "spike-remedies"
    ]  # fmt: skip
    assert sum(path.stat().st_size for path in packaged()) < MOST


def test_nothing_else_lies_in_it() -> None:
    sealed = read_checked(demo.SET / "checksums.json")["files"]
    assert {path.relative_to(demo.SET).as_posix() for path in packaged()} == {*sealed, "checksums.json"}


def test_all_of_it_is_in_the_repository_from_which_the_wheel_is_built() -> None:
    root = Path(demo.__file__).parents[3]
    if not (root / ".git").exists():
        pytest.skip("the sources are no git checkout, which lists what a wheel is built from")
    listed = subprocess.run(["git", "ls-files", demo.SET], cwd=root, capture_output=True, text=True, check=True)
    assert {root / name for name in listed.stdout.splitlines()} == set(packaged())


def test_it_names_no_place_of_the_machine_that_made_it() -> None:
    texts = [path.read_bytes() for path in packaged() if path.suffix in (".json", ".jsonl", ".toml")]
    places = (b'"/work', b'"/tmp', b'"/home', b'"/root', os.fsencode(Path.home()) + b"/")
    assert [place for place in places if any(place in text for text in texts)] == []


def test_a_part_is_found_by_its_name(small: Path) -> None:
    assert demo.demo_run("demo:one") == demo.demo_run("one") == small / "one"
    assert demo.shown(small / "one") == "demo:one"
    assert demo.shown(small) == "demo:"
    assert demo.shown(small.parent) == str(small.parent)
    with pytest.raises(UserError, match="unknown part of the demo 'demo:ony': did you mean 'demo:one'"):
        demo.demo_run("demo:ony")


@pytest.mark.parametrize("name", ["one/summary.json", "checksums.json"])
def test_damage_is_told_in_one_line(small: Path, name: str) -> None:
    for content in (b"another", None):
        (small / name).write_bytes(content) if content else (small / name).unlink()
        with pytest.raises(UserError, match=rf"the demo is damaged \('.*{name}'.*\): install newllm again") as told:
            demo.demo_set()
        assert "\n" not in str(told.value)


def test_a_demo_that_is_not_there_is_damaged(small: Path) -> None:
    shutil.rmtree(small)
    with pytest.raises(UserError, match="install newllm again"):
        demo.demo_run("demo:one")


def test_nobody_writes_in_it(small: Path) -> None:
    files.write_bytes(small / "one" / "x", b"before")  # nobody has asked for it yet
    (small / "one" / "x").unlink()
    demo.demo_set()
    for write in (
        lambda: files.write_bytes(small / "one" / "x", b""),
        lambda: files.make_directory(small / "new"),
        lambda: files.remove_directory(small / "one"),
    ):
        with pytest.raises(UserError, match="the demo is read-only"):
            write()
    files.write_bytes(small.parent / "x", b"")
    assert hashlib.sha256((small / "one" / "summary.json").read_bytes()).hexdigest()
    assert sorted(path.name for path in small.iterdir()) == ["checksums.json", "one", "two"]
