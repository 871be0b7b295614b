"""The facts about data, against data in which each of them is known."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from newllm.data.facts import data_facts
from newllm.data.facts_sample import Reader, among
from newllm.data.facts_windows import _BASE, mixed, rolling_hash
from newllm.errors import UserError

WORDS = ("the", "whale", "sea", "ship", "captain", "of", "and", "a", "was", "to", "his", "white", "boat", "upon")


def draw(count: int, kinds: int = 60, seed: int = 0) -> np.ndarray:
    """Independent tokens, the low ids commoner."""
    shares = 1 / np.arange(1, kinds + 1)
    return np.random.default_rng(seed).choice(kinds, count, p=shares / shares.sum())


def test_healthy_data_has_nothing() -> None:
    facts = data_facts([draw(40_000)], [draw(5_000, seed=1)])
    assert facts["training"] == {"documents": 1, "tokens": 40_000, "distinct": 60, "looked_at": 1.0}
    assert facts["overlap"] == facts["repeated"] == {"share": 0.0, "longest": 0}
    assert facts["never_trained"]["tokens"] == 0
    assert facts["unknown"] is None
    assert not facts["padding"]["inferred"]
    for name in ("order", "shift"):
        drift = facts[name]
        assert abs(drift["nats"] - drift["expected"]) < 5 * drift["spread"]
    json.dumps(facts, allow_nan=False)


def test_unknown_and_never_trained_are_told_apart() -> None:
    facts = data_facts([[2, 3, 4, 2, 3]], [[0, 2, 9, 9, 8, 0, 3, 3]], unknown=0)
    assert facts["unknown"] == {"id": 0, "tokens": 2, "share": 0.25, "share_in_training": 0.0}
    assert facts["never_trained"] == {"tokens": 3, "distinct": 2, "share": 0.375, "expected": 0.2}


def test_copies_near_copies_and_strangers() -> None:
    training = [draw(40, 1000, seed) for seed in range(30)]
    changed = training[1].copy()
    changed[20] = 5000
    facts = data_facts([*training, training[4]], [training[0], changed, draw(40, 1000, 99), [1, 2]])["documents"]
    assert (facts["compared"], facts["exact"], facts["near"]) == (3, 1, 1)
    assert (facts["training"], facts["inside_training"]) == (31, 1)


def test_a_stretch_of_training_in_validation() -> None:
    training, validation = draw(30_000), draw(4_000, seed=1)
    validation[1000:2000] = training[7_000:8_000]
    overlap = data_facts([training], [validation])["overlap"]
    assert overlap["share"] == pytest.approx(0.25, abs=0.001)
    assert overlap["longest"] == pytest.approx(1000, abs=3)


def test_a_burst_of_repeated_text() -> None:
    training = draw(30_000)
    training[10_000:12_000] = np.tile(training[10_000:10_100], 20)
    repeated = data_facts([training], [draw(1000, seed=1)])["repeated"]
    assert repeated["longest"] == pytest.approx(1900, abs=60)
    assert repeated["share"] == pytest.approx(1900 / 30_000, rel=0.05)


def test_windows_end_with_their_document() -> None:
    rows = [draw(49, seed=seed) for seed in range(40)]
    facts = data_facts(rows, rows[::-1])
    assert facts["overlap"]["share"] == 0.0  # 49 tokens hold no window of 50
    assert facts["documents"]["exact"] == 40


def test_unshuffled_domains_and_a_validation_of_another_kind() -> None:
    domains = np.concatenate([draw(10_000), 59 - draw(10_000)])
    mixture = np.concatenate([domains[i::2][:100] for i in range(2)])
    facts = data_facts([domains], [mixture])
    assert facts["order"]["nats"] - facts["order"]["expected"] > 0.2
    apart = data_facts([draw(20_000)], [59 - draw(2_000)])["shift"]
    assert apart["nats"] - apart["expected"] > 0.05


def test_padding_known_and_inferred() -> None:
    rows = [[*draw(10, seed=seed).tolist(), *[77] * 10] for seed in range(20)]
    for given_id, inferred in ((77, False), (None, True)):
        padding = data_facts(rows, rows[:3], padding=given_id)["padding"]
        assert padding == {"id": 77, "inferred": inferred, "share": 0.5, "validation_share": 0.5, "trailing": 1.0}


def test_label_frequencies() -> None:
    labels = data_facts([0, 0, 0, 1], np.array([1, 1, 0]))["labels"]
    assert labels["commonest"] == 0
    assert labels["share"] == 0.75
    assert labels["share_in_validation"] == pytest.approx(1 / 3)
    assert labels["commonest_of_validation"] == 1
    assert labels["entropy"] == pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)))


def test_texts_are_words_and_one_text_is_one_document() -> None:
    lines = [" ".join(np.random.default_rng(seed).choice(WORDS, 9)) for seed in range(30)]
    facts = data_facts(lines, [lines[3], "a stranger"])
    assert facts["unit"] == "word"
    assert facts["documents"]["exact"] == 1
    assert facts["never_trained"]["tokens"] == 1
    assert data_facts("the whole sea", "the ship")["training"]["documents"] == 1


def test_large_data_are_thinned_and_say_so() -> None:
    facts = data_facts((draw(500, seed=seed) for seed in range(400)), [draw(500, seed=1000)], most=50_000)
    training = facts["training"]
    assert training["tokens"] == 200_000
    assert training["documents"] == 400
    assert 0.1 < training["looked_at"] <= 0.25


def test_the_same_data_give_the_same_facts() -> None:
    assert data_facts([draw(9_000)], [draw(900)]) == data_facts([draw(9_000)], [draw(900)])


@pytest.mark.parametrize("nothing", [[], [[]], [""], np.zeros(0, int)])
def test_nothing_is_no_error(nothing) -> None:
    json.dumps(data_facts(nothing, nothing, unknown=1, padding=0), allow_nan=False)
    json.dumps(data_facts([[1, 2, 3]], nothing), allow_nan=False)


ROWS = np.arange(12).reshape(4, 3)


@pytest.mark.parametrize(
    "items",
    [
        [{"input_ids": row.tolist(), "attention_mask": [1, 1, 1]} for row in ROWS],
        [{"input_ids": ROWS[:2]}, {"input_ids": ROWS[2:]}],
        [{"input_ids": ROWS.tolist()}],
        [(row, 1) for row in ROWS],
        [(row, np.array(1)) for row in ROWS],
        [(row,) for row in ROWS],
        [(row, row + 1) for row in ROWS],
        [[ROWS[:2], np.array([0, 1])], [ROWS[2:], np.array([0, 1])]],
    ],
)
def test_what_loaders_give_is_taken_apart(items) -> None:
    part = Reader(1000).read(items)
    assert (part.documents, part.tokens.tolist(), part.starts.tolist()) == (4, list(range(12)), [0, 3, 6, 9])


def test_a_data_set_without_an_end_is_read_to_its_length() -> None:
    class Endless:
        def __len__(self) -> int:
            return 3

        def __getitem__(self, place: int) -> list[int]:
            return [place, place]

    endless: Any = Endless()
    assert Reader(1000).read(endless).documents == 3


def test_a_pair_of_ids_is_a_document_and_a_picture_with_its_label_is_one() -> None:
    assert Reader(1000).read([(5, 7), [1, 2]]).documents == 2
    assert Reader(1000).read([(np.ones((4, 4), np.uint8), 3)]).documents == 1


@pytest.mark.parametrize(
    "bad",
    [[{"text": "a"}], [[0.5, 1.0]], [None, "a"], [[[1, 2], [3]]], [(np.ones((3, 3)), 1)], [{"input_ids": [0.5]}]],
)
def test_what_is_no_document_is_quoted(bad) -> None:
    with pytest.raises(UserError, match="is no document: give"):
        data_facts(bad, [])


@settings(deadline=None)
@given(arrays.arrays(np.int64, st.integers(1, 60), elements=st.integers(0, 2)), st.integers(1, 20))
def test_hashes_are_equal_where_windows_are(tokens, window) -> None:
    hashes = rolling_hash(mixed(tokens), window)
    windows = [tuple(tokens[i : i + window]) for i in range(max(0, len(tokens) - window + 1))]
    assert len(hashes) == len(windows)
    first = {words: windows.index(words) for words in windows}
    seen = {value: hashes.tolist().index(value) for value in hashes.tolist()}
    assert [first[words] for words in windows] == [seen[value] for value in hashes.tolist()]


@settings(deadline=None)
@given(arrays.arrays(np.uint64, st.integers(0, 40)), st.integers(1, 20))
def test_a_hash_is_the_polynomial_of_its_window(values, window) -> None:
    naive = [
        sum(int(value) * _BASE ** (window - 1 - at) for at, value in enumerate(values[first : first + window])) % 2**64
        for first in range(max(0, len(values) - window + 1))
    ]
    assert rolling_hash(values, window).tolist() == naive


def test_the_longest_of_several_stretches_in_common_is_told() -> None:
    shared, chance = np.arange(1000, 1200), np.random.default_rng(0)
    own = [chance.integers(2000, 10**6, 10) for _ in range(3)]
    held_out = np.concatenate([own[0], shared[:60], own[1], shared[60:150], own[2], shared[140:197]])
    told = data_facts([np.concatenate([chance.integers(2000, 10**6, 40), shared])], [held_out])
    assert told["window"] == 50
    assert told["overlap"]["longest"] == 90
    assert told["overlap"]["share"] == pytest.approx(207 / 237)


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(-5, 10**12), max_size=9), max_size=9))
def test_reading_keeps_every_token(documents) -> None:
    part = Reader(10**6).read(documents if documents != [[]] else [])
    assert part.tokens.tolist() == [token for document in documents for token in document]
    assert part.total == sum(map(len, documents))
    tokens, counts = part.counts
    assert dict(zip(tokens.tolist(), counts.tolist(), strict=True)) == {
        token: part.tokens.tolist().count(token) for token in part.tokens.tolist()
    }


@settings(deadline=None)
@given(st.lists(st.integers(0, 9)), st.sets(st.integers(0, 9)))
def test_among(values, known) -> None:
    found = among(np.array(values, int), np.array(sorted(known), int))
    assert found.tolist() == [value in known for value in values]
