"""Where each process of a training is, and which one does not come."""

import json
import time

import pytest

from newllm.diagnosis.ranks.hangs import Hang
from newllm.errors import UserError
from newllm.launcher import hang_seconds, join_seconds
from newllm.training import whereabouts
from newllm.training.whereabouts import Whereabouts, remove_whereabouts


@pytest.fixture
def ranks(tmp_path, monkeypatch):
    """Three processes of a training, as far as their lines say; their threads write often."""
    monkeypatch.setattr(whereabouts, "_BEAT", 0.05)
    made = [Whereabouts(tmp_path, rank, 3) for rank in range(3)]
    yield made
    for one in made:
        one.close(keep=False)
    assert not list(tmp_path.glob("ranks/*.at"))


def test_who_computes_while_the_others_wait_is_late(ranks) -> None:
    for one in ranks:
        one.comes("order", 6)
        one.leaves()
    for one in ranks[:2]:
        one.comes("losses", 7)
    ranks[1].ends(waited=True)
    assert ranks[0].others_waited()
    time.sleep(0.2)
    found = ranks[0].hang(5.0)
    assert (found.ranks, found.what, found.step, found.seconds) == ((2,), "losses", 7, 5.0)
    assert (found.last, found.last_step, found.waits, found.answers) == ("order", 6, False, True)
    assert found.place.startswith("training/whereabouts.py:"), "the innermost in newllm, of all one thread here"
    assert [one.tells(found) for one in ranks] == [True, False, False]


def test_who_is_behind_is_late_though_it_waits(ranks) -> None:
    """It waits for another exchange than the others do."""
    for one in ranks:
        one.comes("order", 6)
    for one in ranks[:2]:
        one.leaves()
        one.comes("losses", 7)
    found = ranks[0].hang(5.0)
    assert (found.ranks, found.last, found.waits) == ((2,), "order", True)
    assert found.numbers()["place"] == "none"


def test_who_waits_for_one_that_is_late_is_not_it(ranks) -> None:
    """Some come together among themselves: rank 1 waits for rank 2 in an earlier exchange than rank 0 does."""
    for one in ranks:
        one.comes("order", 6)
        one.leaves()
    for one in ranks[:2]:
        one.comes("parts", 6)
    ranks[0].leaves()
    ranks[0].comes("gradients", 6)
    found = ranks[0].hang(5.0)
    assert (found.ranks, found.what, found.last) == ((2,), "gradients", "order")


def test_who_writes_no_more_is_stopped_wherever_it_is(ranks) -> None:
    for one in ranks:
        one.comes("losses", 7)
    ranks[0].close(keep=True)
    found = ranks[1].hang(5.0)
    assert (found.ranks, found.waits, found.answers) == ((0,), True, False)
    assert [one.tells(found) for one in ranks] == [False, True, False]
    ranks[0]._path.unlink()


def test_one_whose_line_is_not_there_may_be_it(ranks) -> None:
    for one in ranks[:2]:
        one.comes("losses", 7)
    ranks[2].close(keep=False)
    assert ranks[0].hang(5.0).ranks == (2,)
    ranks[1].close(keep=False)
    assert ranks[0].hang(5.0).ranks == (), "one of two"


def test_one_that_lost_another_did_not_wait_in_vain(ranks) -> None:
    ranks[1].comes("losses", 7)
    ranks[1].ends(waited=False)
    assert not ranks[0].others_waited()


def test_what_was_written_down_since_the_start_is_known_to_who_comes_late(ranks, tmp_path) -> None:
    found = Hang((1,), "gradients", 3, 5.0)
    assert ranks[1].kept() is None
    ranks[0].keep(found)
    assert ranks[1].kept() == found
    later = Whereabouts(tmp_path, 3, 4)
    assert later.kept() is None, "it is of the session before"
    later.close(keep=False)


def test_a_line_has_one_length_and_a_shorter_place_leaves_nothing_behind(ranks, tmp_path, monkeypatch) -> None:
    for place in ("\u00e9\u4e16" * 80, ""):
        monkeypatch.setattr(whereabouts, "_place", lambda _, said=place: said)
        time.sleep(0.2)
        ranks[0].comes("order", 10**9)
        content = (tmp_path / "ranks/rank-00000.at").read_bytes()
        assert json.loads(content)["place"] == place
        assert len(content) == whereabouts._LENGTH + 1


def test_the_lines_of_an_earlier_session_are_removed(tmp_path) -> None:
    (tmp_path / "ranks").mkdir()
    (tmp_path / "ranks/rank-00003.at").touch()
    remove_whereabouts(tmp_path)
    assert not list(tmp_path.glob("ranks/*"))


def test_how_long_is_waited_is_a_variable(monkeypatch) -> None:
    monkeypatch.delenv("NEWLLM_HANG_SECONDS", raising=False)
    assert hang_seconds() == 600
    monkeypatch.setenv("NEWLLM_HANG_SECONDS", "2.5")
    assert hang_seconds() == 2.5
    for wrong in ("soon", "0", "-1", "nan", "inf"):
        monkeypatch.setenv("NEWLLM_HANG_SECONDS", wrong)
        with pytest.raises(UserError, match=f"NEWLLM_HANG_SECONDS is '{wrong}': it must be a number of seconds above"):
            hang_seconds()


def test_who_is_gone_is_whoever_is_left_when_the_others_have_shown_up(ranks) -> None:
    """A killed process writes no end, its line stays as it was."""
    ranks[2]._ended.set()  # its thread, as if killed
    time.sleep(0.1)
    assert ranks[0].gone() == (2,)
    ranks[1].ends(waited=False)
    assert ranks[0].gone() == (2,), "who ended because another is gone is not it"
    assert (ranks[1].is_first_but((0,)), ranks[2].is_first_but((0,))) == (True, False)


def test_who_is_gone_stays_open_where_all_have_shown_up(ranks, monkeypatch) -> None:
    """And nobody waits for more: where a network is cut, all lose one another."""
    ranks[1].ends(waited=False)
    ranks[2].ends(waited=False)
    monkeypatch.setattr(whereabouts, "_BEAT", 20.0)
    since = time.monotonic()
    assert ranks[0].gone() == ()
    assert time.monotonic() - since < 5


def test_who_is_gone_stays_open_where_nobody_writes(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(whereabouts, "_BEAT", 0.05)
    (tmp_path / "elsewhere").mkdir()
    alone = Whereabouts(tmp_path / "elsewhere", 0, 3)
    assert alone.gone() == (), "the others share no disk with it"
    alone.close(keep=False)
    pair = Whereabouts(tmp_path / "elsewhere", 0, 2)
    assert pair.gone() == (1,), "of two it is the other"
    pair.close(keep=False)


def test_the_start_has_seconds_of_its_own(monkeypatch) -> None:
    monkeypatch.setenv("NEWLLM_HANG_SECONDS", "2")
    assert join_seconds() == 600
    monkeypatch.setenv("NEWLLM_JOIN_SECONDS", "soon")
    with pytest.raises(UserError, match="NEWLLM_JOIN_SECONDS is 'soon': it must be a number of seconds above 0"):
        join_seconds()
