"""Facts of anyone's data at their bounds: numbers by hand."""

import math
from typing import Any

import numpy as np
import pytest

from newllm.data import train_tokenizer
from newllm.data.facts import data_facts
from newllm.data.facts_order import order_drift, part_drift
from newllm.data.facts_sample import PIECE, Part, Reader
from newllm.data.facts_windows import Repetition, overlapping_windows, repeated_windows
from newllm.data.near_duplicates import duplicates
from newllm.errors import UserError

BYTES = train_tokenizer("bytes", [], 1)


def _part(*documents: Any, most: int = 10**6) -> Part:
    return Reader(most).read([list(document) for document in documents])


# Reading anyone's data.


def test_long_documents_are_cut_and_too_many_are_thinned() -> None:
    part = _part(range(PIECE + 3), [1], [])
    assert (part.starts.tolist(), part.stops.tolist()) == ([0, PIECE, PIECE + 3], [PIECE, PIECE + 3, PIECE + 4])
    assert part.whole.tolist() == [False, False, True]
    assert (part.documents, part.total, part.share) == (3, PIECE + 4, 1.0)
    assert _part(range(PIECE)).whole.tolist() == [True]
    assert _part([1, 2], [3, 4], [5, 6], most=6).tokens.tolist() == [1, 2, 3, 4, 5, 6]
    thinned = _part([1, 2], [3, 4], [5, 6], [7, 8], [9, 9], most=5)
    assert (thinned.tokens.tolist(), thinned.total, thinned.share) == ([1, 2, 9, 9], 10, 0.4)
    assert _part(range(9), most=5).tokens.tolist() == list(range(9))  # one piece stays
    assert _part().share == 1.0


def test_counts_are_the_same_of_small_and_of_large_ids() -> None:
    for tokens in ([3, 1, 3], [47, 1, 47], [48, 1, 48], [-1, 5, -1]):
        ids, counts = _part(tokens).counts
        assert (ids.tolist(), counts.tolist()) == (
            sorted(set(tokens)),
            [tokens.count(one) for one in sorted(set(tokens))],
        )


def test_what_is_no_document_is_quoted_as_far_as_it_goes() -> None:
    for letters, end in ((48, "'}"), (49, "...")):
        with pytest.raises(UserError, match="is no document: give texts") as told:
            Reader(9).read([{"text": "x" * letters}])
        assert str(told.value).partition(" is no document")[0].endswith(end)


def test_windows_that_come_again() -> None:
    assert repeated_windows(_part([1, 2, 3, 9, 1, 2, 3]), 3) == Repetition(3 / 7, 3)
    assert repeated_windows(_part([1, 2, 3, 9, 1, 2]), 3) == Repetition(0.0, 0)
    assert repeated_windows(_part([1, 2, 3], [1, 2, 3], [2, 3]), 3) == Repetition(3 / 8, 3)
    assert repeated_windows(_part([1, 2], [3, 1, 2]), 3) == Repetition(0.0, 0)  # no window crosses two documents
    assert overlapping_windows(_part([5, 1, 2, 3, 4, 6]), _part([1, 2, 3], [2, 3, 4]), 3) == Repetition(4 / 6, 4)
    assert overlapping_windows(_part([1, 2]), _part([1, 2]), 3) == Repetition(0.0, 0)
    assert overlapping_windows(_part([1, 2, 3]), _part([1]), 3) == Repetition(0.0, 0)


@pytest.mark.parametrize(("kinds", "window"), [(511, 50), (512, 50), (513, 16)])
def test_of_a_small_alphabet_short_windows_repeat_by_themselves(kinds: int, window: int) -> None:
    assert data_facts([range(kinds)], [[1]])["window"] == window
    assert data_facts([" ".join(map(str, range(kinds)))], ["1"])["window"] == 16


def test_documents_count_from_five_tokens_on() -> None:
    told = duplicates(_part(range(5), range(4), range(5), range(5)), _part(range(5), range(4), range(6)))
    assert (told.compared, told.exact, told.near_compared, told.near) == (2, 1, 1, 0)
    assert (told.inside_training, told.training) == (2, 3)


def _similar(changed: int, length: int = 42) -> int:
    """Near duplicates where so many tokens at the end of one of so many are others: a shingle each."""
    theirs = [*range(length - changed), *range(900, 900 + changed)]
    return duplicates(_part(range(length)), _part(theirs)).near


def test_documents_are_alike_from_four_fifths_of_their_shingles_on() -> None:
    assert _similar(4) == 1  # 36 of 40 + 4 shingles
    assert _similar(5) == 0  # 35 of 40 + 5
    assert _similar(4, 38) == 1  # 32 of 36 + 4, just so many
    assert _similar(9, 512) == 1
    assert _similar(9, 513) == 0  # longer documents share windows
    assert duplicates(_part(range(513)), _part([*range(40)])).near_compared == 1
    assert duplicates(_part(range(42)), _part(range(513))).near_compared == 0


def test_near_duplicates_are_those_that_every_pair_of_sets_shows() -> None:
    chance = np.random.default_rng(7)
    ours = [chance.integers(0, 6, chance.integers(5, 40)) for _ in range(60)]
    theirs = [np.where(chance.random(len(one)) < 0.04, 6, one) for one in ours]
    sets = [[{tuple(one[at : at + 3]) for at in range(len(one) - 2)} for one in part] for part in (ours, theirs)]
    known = {one.tobytes() for one in ours}
    near = sum(
        any(len(shingles & other) >= 0.8 * len(shingles | other) for other in sets[0])
        for one, shingles in zip(theirs, sets[1], strict=True)
        if one.tobytes() not in known
    )
    assert 5 < near < 50
    assert duplicates(_part(*ours), _part(*theirs)).near == near


def test_drift_is_measured_in_blocks_of_four_stretches_or_more() -> None:
    rows = np.arange(64 * 32) // (32 * 32)  # the second half is another token
    told = order_drift(_part(rows))
    assert told is not None
    assert (told.stretches, round(told.nats, 6)) == (64, round(math.log(2), 6))
    assert (told.expected, told.spread) == (pytest.approx(0.143098435), pytest.approx(0.052274628))
    assert order_drift(_part(rows[: 63 * 32])) is None
    assert order_drift(_part(np.arange(2048 * 64) % 3)).stretches == 2048  # type: ignore[union-attr]
    apart = part_drift(_part([0] * 4 * 32), _part([0, 7] * 4 * 32))  # 7 is not in training: it is left out
    assert apart is not None
    assert (apart.stretches, apart.nats) == (8, pytest.approx(0.0))
    assert part_drift(_part([0] * 4 * 32), _part([0] * 3 * 32)) is None
    halves = part_drift(_part([0, 1] * 64), _part([1] * 128))
    assert halves is not None
    assert halves.nats == pytest.approx(0.25 * math.log(2) + 0.25 * math.log(2 / 3) + 0.5 * math.log(4 / 3))


def test_the_filler_stands_twice_at_the_end_of_half_of_the_documents() -> None:
    def padding(*rows: list[int], known: int | None = None) -> dict[str, Any]:
        return data_facts(rows, [[9, 9]], padding=known)["padding"]

    assert padding([1, 9, 9], [2, 3]) == {
        "id": 9, "inferred": True, "share": 0.4, "validation_share": 1.0, "trailing": 0.5
    }  # fmt: skip
    none = {"id": None, "inferred": False, "share": 0.0, "validation_share": 0.0}
    assert padding([1, 9, 9], [2, 3], [4, 5]) == {**none, "trailing": pytest.approx(1 / 3)}
    assert padding([1, 9], [2, 9]) == {**none, "trailing": 0.0}
    assert padding([1, 9, 9]) == {**none, "trailing": 0.0}  # one document says nothing
    assert padding([9, 9], [9, 9])["trailing"] == 1.0
    assert padding([1, 9, 9], [2, 9, 9], known=0)["inferred"] is False


def test_labels_in_numbers() -> None:
    labels = data_facts([0, 0, 0, 1], [1, 1, 1, 0, 2])["labels"]
    assert (labels["commonest"], labels["share"], labels["share_in_validation"]) == (0, 0.75, 0.2)
    assert (labels["commonest_of_validation"], labels["largest_in_validation"]) == (1, 0.6)
    assert labels["entropy_of_validation"] == pytest.approx(-(0.6 * math.log(0.6) + 0.4 * math.log(0.2)))
    assert data_facts([0], [])["labels"] is None
    assert data_facts([], [0])["labels"] is None
    assert data_facts([], [0])["never_trained"] == {"tokens": 1, "distinct": 1, "share": 1.0, "expected": 0.0}
