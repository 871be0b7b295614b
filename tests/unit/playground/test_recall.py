"""What a worker says of a recall: the writes that the read of a token found, of one text in whatever parts it came."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.unit.playground.test_player import Asked, begun

from newllm.errors import UserError
from newllm.playground.recall import KEPT, Written
from newllm.recorder import ContextView, Writes, write_shares

Trained = Callable[..., Path]
TEXT = "the white whale of the sea"


@pytest.fixture(scope="module")
def run(trained: Trained) -> Path:
    return trained(rule="delta")


@pytest.fixture(scope="module")
def known(run: Path) -> Writes:
    """What the begin token and all of the text wrote, looked at in one go."""
    asked = Asked(run)
    begin, model = asked.player.engine.vocabulary.begin, asked.loaded.model
    writes = ContextView(model).look([begin, *TEXT.encode()], model.initial_state(1)).writes
    assert writes is not None
    return writes


def shares_of(known: Writes, place: int, head: int = 0) -> np.ndarray:
    until = Writes(*(array[: place + 2] for array in known))
    shares_TN = write_shares(until)
    return shares_TN[:, head - 1] if head else (shares_TN * until.added[-1]).sum(axis=1) / until.added[-1].sum()


@pytest.mark.parametrize("head", [0, 1, 4])
def test_it_is_what_the_read_of_a_token_found(run: Path, known: Writes, head: int) -> None:
    asked = begun(run, TEXT[:9])
    asked("read", branch="main", text=TEXT[9:])
    for place in (-1, 0, 8, 9, len(TEXT) - 1):
        done, _ = asked("recall", branch="main", place=place, head=head)
        assert (done["place"], done["head"], done["first"], len(done["shares"])) == (place, head, -1, place + 2)
        np.testing.assert_allclose(done["shares"], shares_of(known, place, head), atol=1e-4)
        assert sum(done["shares"]) == pytest.approx(1, abs=2e-3)


def test_a_token_that_is_written_comes_with_what_it_was_predicted_from(run: Path) -> None:
    asked = begun(run, TEXT)
    _, events = asked("write", branch="main", tokens=5, seed=1, head=2)
    recalls = [event["recall"] for event in events if event["event"] == "tokens"]
    assert [recall["place"] for recall in recalls] == [len(TEXT) - 1 + n for n in range(5)]
    for recall in recalls:
        assert recall == asked("recall", branch="main", place=recall["place"], head=2)[0]
    _, events = asked("write", branch="main", tokens=2)
    assert all("recall" not in event for event in events)


def test_a_branch_knows_what_was_written_before_it_parted(run: Path) -> None:
    asked = begun(run, TEXT)
    asked("branch", **{"from": "main", "name": "other"})
    asked("read", branch="main", text=" and a boat")
    asked("read", branch="other", text="!")
    wanted = begun(run, TEXT + "!")("recall", branch="main", place=len(TEXT))[0]
    found = asked("recall", branch="other", place=len(TEXT))[0]
    np.testing.assert_allclose(found.pop("shares"), wanted.pop("shares"), atol=2e-4)
    assert found == wanted


def test_after_a_restored_context_the_rest_was_written_before(run: Path) -> None:
    asked = begun(run, TEXT)
    asked("save", branch="main", name="kept", replace=True)
    asked("restore", branch="again", name="kept")
    with pytest.raises(UserError, match="of this branch no token is known"):
        asked("recall", branch="again", place=len(TEXT) - 1)
    _, events = asked("write", branch="again", tokens=2, seed=1, head=0)
    assert ["recall" in event for event in events] == [False, True]
    done, _ = asked("recall", branch="again", place=len(TEXT))
    assert (done["first"], len(done["shares"])) == (len(TEXT), 1)
    known = rf"tokens {len(TEXT)} to {len(TEXT) + 1} are known"
    with pytest.raises(UserError, match=f"'place' is 3: of this branch {known}"):
        asked("recall", branch="again", place=3)


def test_of_a_long_text_the_last_tokens_are_known(run: Path) -> None:
    asked, text = begun(run, ""), "the sea " * 500
    asked("read", branch="main", text=text)
    done, _ = asked("recall", branch="main", place=len(text) - 1)
    assert KEPT <= len(done["shares"]) <= 2 * KEPT
    assert done["first"] == len(text) - len(done["shares"])


def test_no_more_is_kept_than_is_said() -> None:
    def writes(count: int) -> Writes:
        return Writes(*(np.zeros((count, 2, 3), np.float32),) * 6, np.full((count, 2), count, np.float32))

    def known(written: Written) -> int:
        return sum(len(piece.added) for piece in written.pieces)

    written = Written()
    for at in range(3 * KEPT):
        written = written.after(at, writes(1))
    assert KEPT <= known(written) < KEPT + 64
    assert len(written.pieces) < 20
    longer = written.after(3 * KEPT, writes(KEPT - 1))
    assert KEPT <= known(longer) < KEPT + 64
    assert (known(written), written.end, longer.end) == (KEPT, 3 * KEPT, 4 * KEPT - 1)  # it is not changed
    later = longer.after(9 * KEPT, writes(2))  # what was between is not known
    assert ([len(piece.added) for piece in later.pieces], later.end) == ([2], 9 * KEPT + 2)
    assert longer.recall(4 * KEPT - 2, 0)["shares"] == [0.0] * known(longer)  # of a read of nothing


def test_a_hybrid_draws_its_vector_and_tells_of_its_matrices(trained: Trained) -> None:
    asked = begun(trained(rule="gated,delta"), "the")
    _, events = asked("write", branch="main", tokens=1, head=1)
    assert {"channels", "recall"} <= events[0].keys()
    assert len(events[0]["recall"]["shares"]) == 4


def test_it_is_written_what_would_be_without_it(run: Path) -> None:
    asked, plain = begun(run), begun(run)
    told = asked.tokens("write", branch="main", tokens=30, seed=4, head=0)
    assert told == plain.tokens("write", branch="main", tokens=30, seed=4)
    assert all(torch.equal(asked.memory().state[name], value) for name, value in plain.memory().state.items())


@pytest.mark.parametrize(
    ("rule", "fields", "says"),
    [
        ("delta", {"place": 9}, "'place' is 9: of this branch tokens -1 to 8 are known by what they wrote"),
        ("delta", {"place": -2}, "'place' is -2"),
        ("delta", {"place": 1, "head": 5}, "'head' is 5: give a whole number from 0 to 4"),
        ("delta", {"place": "1"}, "'place' is '1': give a whole number"),
        ("delta", {}, "'place' is None: give a whole number"),
        ("gated", {"place": 1}, "this model keeps no matrices"),
    ],
)
def test_a_mistake_is_told_in_one_line(trained: Trained, rule: str, fields: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        begun(trained(rule=rule))("recall", branch="main", **fields)
    assert "\n" not in str(caught.value)
