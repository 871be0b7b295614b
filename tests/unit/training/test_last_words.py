"""What processes write down before they end, and whose words are quoted."""

from pathlib import Path

import pytest

from newllm.diagnosis.ranks.hangs import exchange
from newllm.errors import UserError
from newllm.messages import message
from newllm.training import last_words
from newllm.training.last_words import explained, read_last_words, remove_last_words, write_last_words
from newllm.training.world import LostError

WHY = message("training-lost", rank=2, more=0, error="Connection closed by peer")
LOST = LostError(WHY, at=exchange("losses", 13))


def test_the_error_of_who_is_gone_is_quoted_before_what_the_others_saw(tmp_path: Path) -> None:
    assert write_last_words(tmp_path, 1, LOST)
    assert write_last_words(tmp_path, 2, UserError("no room is left"))
    assert write_last_words(tmp_path, 3, LOST)
    assert read_last_words(tmp_path) == "rank 2: no room is left"
    assert str(explained(LOST, tmp_path)).startswith(f"{WHY}, which said: rank 2: no room is left; start all")
    said = "in the losses of step 13: rank 2 of this training is gone (Connection closed by peer)\n"
    assert [path.read_text() for path in sorted(tmp_path.glob("ranks/*-lost.log"))] == [said, said]
    remove_last_words(tmp_path)
    assert not list(tmp_path.glob("ranks/*"))


def test_what_the_others_saw_is_nobodys_last_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_words, "_PATIENCE", 0.2)
    assert write_last_words(tmp_path, 1, LOST)
    assert read_last_words(tmp_path) is None
    assert str(explained(LOST, tmp_path)) == f"{WHY}; start all processes again with --resume {tmp_path} to go on"


def test_an_error_of_the_program_comes_with_its_calls(tmp_path: Path) -> None:
    def wrong() -> None:
        raise KeyError("weights")

    with pytest.raises(KeyError) as caught:
        wrong()
    assert write_last_words(tmp_path, 1, caught.value)
    assert "in wrong" in (tmp_path / "ranks/rank-00001.log").read_text()
    assert read_last_words(tmp_path) == "rank 1: KeyError: 'weights'"


def test_a_run_on_no_disk_of_this_machine_hears_nothing(tmp_path: Path) -> None:
    assert not write_last_words(tmp_path / "elsewhere", 1, LOST)
