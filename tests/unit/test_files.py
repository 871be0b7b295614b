"""Files whole or not at all, and never in the place of what is no file."""

import os
from pathlib import Path

import pytest

from newllm.errors import UserError
from newllm.files import write_bytes


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
