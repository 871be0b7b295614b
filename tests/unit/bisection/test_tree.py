"""The copies that trials run in."""

import errno
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from newllm.bisection.tree import Tree, files_below
from newllm.errors import UserError
from newllm.trace.program import Program


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for name in (
        "train.py", "data/a.txt", ".git/config", ".hidden/b", "venv/pyvenv.cfg", "venv/lib.py", "pkg/__pycache__/c.pyc",
        "runs/sound/recording.json", "runs/sound/trace.jsonl", "runs/notes.txt",
    ):  # fmt: skip
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (root / "link").symlink_to(root / "data")
    (root / "data" / "back").symlink_to(root)
    return root


def program(root: Path, directory: Path | None = None) -> Program:
    return Program("train.py", directory=str(directory or root), root=str(root), files={"train.py": ""})


def test_a_copy_leaves_out_what_is_no_part_of_the_program(root: Path) -> None:
    names = {one.relative_to(root).as_posix() for one in files_below(root)}
    assert names == {"train.py", "data/a.txt", "link/a.txt", "runs/notes.txt"}


def test_a_copy_has_the_programs_files_and_the_original_stays(root: Path) -> None:
    tree = Tree(program(root))
    try:
        made = tree.fresh({"train.py": f"OUT = '{root}/out'\n", "pkg/new.py": "x = 1\n", "data/a.txt": None})
        copy = tree.counterpart(root)
        assert copy.is_relative_to(tree.path)
        assert (copy / "train.py").read_text() == f"OUT = '{copy}/out'\n"
        assert (copy / "pkg/new.py").read_text() == "x = 1\n"
        assert not (copy / "data/a.txt").exists()
        assert (copy / ".git").is_dir()  # by which the recorder knows the root
        assert not (copy / ".git/config").exists()
        assert made.is_dir()
        (copy / "data").mkdir(exist_ok=True)
        (copy / "data" / "a.txt").write_text("changed")
        tree.fresh({})
        assert (tree.counterpart(root) / "data/a.txt").read_text() == "data/a.txt"
        assert not copy.exists()
    finally:
        tree.remove()
    assert not tree.path.exists()
    assert (root / "train.py").read_text() == "train.py"
    assert (root / "data/a.txt").read_text() == "data/a.txt"


def test_a_directory_that_is_not_below_the_root_is_copied_too(root: Path, tmp_path: Path) -> None:
    other = tmp_path / "started-here"
    other.mkdir()
    (other / "conf.yaml").write_text("a: 1\n")
    tree = Tree(program(root, other))
    try:
        tree.fresh({})
        assert (tree.counterpart(other) / "conf.yaml").is_file()
        assert tree.counterpart(root).parent == tree.counterpart(other).parent  # ../root means the same
    finally:
        tree.remove()


def test_what_was_written_while_a_run_trained_is_left_out(root: Path) -> None:
    run, now = root / "runs" / "sound", time.time()
    for name, age in (
        ("runs/sound/program.json", 500), ("runs/sound/trace.jsonl", 300), ("runs/sound/recording.json", 400),
        ("data/a.txt", 900), ("train.py", 400), ("conf.yaml", 400), ("last.pt", 350), ("result.json", 290),
        ("new.csv", 10),
    ):  # fmt: skip
        (root / name).touch()
        os.utime(root / name, (now - age, now - age))
    kept = Program("train.py", directory=str(root), root=str(root), files={"train.py": "", "conf.yaml": ""})
    tree = Tree(kept, runs=(run,))
    try:
        tree.fresh({})
        copy = tree.counterpart(root)
        assert [one.name for one in tree.left_out] == ["last.pt"]
        assert [one.name for one in tree.left_out_after] == ["result.json"]
        assert {one.name for one in copy.iterdir() if one.is_file()} == {"train.py", "conf.yaml", "new.csv"}
    finally:
        tree.remove()


def test_settings_from_elsewhere_are_those_of_the_program(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside" / "lr.yaml"
    outside.parent.mkdir()
    outside.write_text("lr: 9\n")
    kept = Program("train.py", directory=str(root), root=str(root), files={"train.py": "", str(outside): "lr: 1\n"})
    tree = Tree(kept)
    try:
        tree.fresh(kept.files)
        place = Path(tree.placed(f"--config={outside}").partition("=")[2])
        assert place.is_relative_to(tree.path)
        assert place.read_text() == "lr: 1\n"
        assert outside.read_text() == "lr: 9\n"
    finally:
        tree.remove()


def test_a_file_that_may_not_be_written_or_has_gone_is_no_obstacle(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "train.py").chmod(0o444)
    copy = shutil.copy

    def copied(source: Path, place: Path) -> None:
        if source.name == "notes.txt":
            raise FileNotFoundError
        copy(source, place)

    monkeypatch.setattr(shutil, "copy", copied)
    tree = Tree(program(root))
    try:
        tree.fresh({"train.py": "x = 1\n"})
        copied_file = tree.counterpart(root) / "train.py"
        assert copied_file.read_text() == "x = 1\n"
        assert copied_file.stat().st_mode & 0o200
        assert not (tree.counterpart(root) / "runs" / "notes.txt").exists()
    finally:
        tree.remove()


def test_a_full_disk_is_one_line_with_the_mend(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copy", full)
    with pytest.raises(UserError, match=r"no room for a copy .* set TMPDIR"):
        Tree(program(root))


def test_modules_are_found_in_the_copy(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(root / "lib"), "/elsewhere"]))
    tree = Tree(program(root))
    try:
        tree.fresh({})
        copy = tree.counterpart(root)
        paths = tree.environment(Path("/x"), ["/other", str(root / "pkg")])["PYTHONPATH"].split(os.pathsep)
        assert paths == [str(copy / "pkg"), str(copy / "lib"), "/elsewhere"]
    finally:
        tree.remove()


@pytest.mark.skipif(os.name != "posix", reason="whether a process lives is not asked there")
def test_what_a_killed_bisection_left_is_removed_after_a_day(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    for name, age in (
        (f"{gone.pid}-old", 90_000),
        (f"{gone.pid}-new", 60),
        (f"{os.getpid()}-old", 90_000),
        ("x-old", 90_000),
    ):
        (tmp_path / "tmp" / f"newllm-bisect-{name}").mkdir()
        os.utime(tmp_path / "tmp" / f"newllm-bisect-{name}", (time.time() - age,) * 2)
    tree = Tree(program(root))
    tree.remove()
    left = {one.name.removeprefix("newllm-bisect-") for one in (tmp_path / "tmp").iterdir()}
    assert left == {f"{gone.pid}-new", f"{os.getpid()}-old", "x-old"}


def test_too_much_is_refused_with_the_mend(root: Path) -> None:
    with pytest.raises(UserError, match=r"larger than 0 MiB.*--in DIR"):
        files_below(root, largest=10)
    with pytest.raises(UserError, match="is gone"):
        Tree(program(root / "nowhere"))


def test_a_directory_of_the_users_is_taken_in_place_unless_it_is_the_programs(root: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    (own / "pkg").mkdir(parents=True)
    tree = Tree(program(root), own)
    try:
        tree.fresh({"train.py": "x = 1\n"})
        assert tree.counterpart(root) == own
        assert (own / "train.py").read_text() == "x = 1\n"
    finally:
        tree.remove()
    assert own.is_dir()
    for wrong in (root, tmp_path, root / "data"):
        with pytest.raises(UserError, match="own directory"):
            Tree(program(root), wrong)
    with pytest.raises(UserError, match="is no directory"):
        Tree(program(root), tmp_path / "absent")


@pytest.mark.parametrize("depth", [2, 40])
def test_no_name_of_a_file_leads_out_of_the_copy(root: Path, tmp_path: Path, depth: int) -> None:
    tree = Tree(program(root))
    try:
        tree.fresh({f"{'../' * depth}escaped.txt": "x", str(tmp_path / "far.txt"): "x"})
        assert len([*tree.path.rglob("escaped.txt")]) == 1
    finally:
        tree.remove()
    assert not (tmp_path.parent / "escaped.txt").exists()
    assert not (tmp_path / "far.txt").exists()
