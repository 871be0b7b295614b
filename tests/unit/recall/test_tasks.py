"""Rows of the recall tasks, read again slowly by somebody who knows nothing of how they were made."""

import time
from collections.abc import Callable

import numpy as np
import pytest
import torch

from newllm.errors import UserError
from newllm.recall.tasks import TASKS, Size, Task, mqar_task, parse_size
from newllm.recall.tasks.copying import copying
from newllm.recall.tasks.induction import induction
from newllm.recall.tasks.mqar import mqar, without_repeats
from newllm.recall.tasks.needle import needle
from newllm.recall.tasks.parity import parity
from newllm.recall.tasks.s5 import PERMUTATIONS, s5

MQAR_SIZES = [(1, 4), (4, 64), (16, 64), (64, 256), (128, 512), (64, 2048)]


def chance(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def lists(rows: tuple[torch.Tensor, torch.Tensor]) -> list[tuple[list[int], list[int]]]:
    tokens_BT, targets_BT = rows
    assert tokens_BT.dtype == targets_BT.dtype == torch.int64
    assert tokens_BT.shape == targets_BT.shape
    return list(zip(tokens_BT.tolist(), targets_BT.tolist(), strict=True))


def asked(targets: list[int]) -> list[int]:
    return [place for place, target in enumerate(targets) if target != -100]


@pytest.mark.parametrize("random_fillers", [True, False])
@pytest.mark.parametrize(("pairs", "length"), MQAR_SIZES)
def test_an_answer_of_mqar_is_what_followed_the_key_when_it_came_first(
    pairs: int, length: int, random_fillers: bool
) -> None:
    for tokens, targets in lists(mqar(chance(), 4, pairs, length, random_fillers=random_fillers)):
        keys = tokens[: 2 * pairs : 2]
        assert len(tokens) == length
        assert len(set(keys)) == len(keys) == pairs
        assert all(0 < key < 4096 for key in keys)
        assert all(4096 <= value < 8192 for value in tokens[1 : 2 * pairs : 2])
        places = asked(targets)
        assert sorted(tokens[place] for place in places) == sorted(keys)  # each is asked once
        for place in places:
            assert place >= 2 * pairs
            assert targets[place] == tokens[tokens.index(tokens[place]) + 1]


@pytest.mark.parametrize("vocabulary", [16, 8192])
def test_a_filler_of_mqar_is_no_key_of_its_row(vocabulary: int) -> None:
    pairs, length = 4, 2048
    for tokens, targets in lists(mqar(chance(), 4, pairs, length, vocabulary=vocabulary)):
        keys, places = set(tokens[: 2 * pairs : 2]), set(asked(targets))
        fillers = {token for place, token in enumerate(tokens) if place >= 2 * pairs and place not in places}
        assert not fillers & keys
        if vocabulary == 16:
            assert fillers == set(range(16)) - keys  # everything else does occur


def test_fillers_of_mqar_may_be_zeros() -> None:
    for tokens, targets in lists(mqar(chance(), 4, 4, 64, random_fillers=False)):
        assert tokens.count(0) == 64 - 3 * 4
        assert all(tokens[place] for place in asked(targets))


def test_most_queries_of_mqar_come_soon_and_with_a_power_of_one_they_are_spread() -> None:
    def middle(power: float) -> float:
        _, targets_BT = mqar(chance(), 256, 1, 2050, power=power)
        return float((targets_BT != -100).nonzero()[:, 1].double().median())

    assert middle(0.01) < 128 < 700 < middle(1.0) < 1300


def test_draws_without_repeats_follow_their_weights() -> None:
    weights = np.array([1.0, 2.0, 5.0])
    drawn = without_repeats(chance(), 20000, 2, weights)
    assert (drawn[:, 0] != drawn[:, 1]).all()
    for first in range(3):
        assert np.mean(drawn[:, 0] == first) == pytest.approx(weights[first] / 8, abs=0.015)
        seconds = drawn[drawn[:, 0] == first, 1]
        for second in {0, 1, 2} - {first}:
            expected = weights[second] / (8 - weights[first])
            assert np.mean(seconds == second) == pytest.approx(expected, abs=0.03)


def test_long_rows_of_mqar_are_drawn_quickly() -> None:
    start = time.process_time()
    mqar(chance(), 4, 64, 65536)
    assert time.process_time() - start < 5


@pytest.mark.parametrize(("symbols", "length"), [(1, 2), (5, 10), (5, 64)])
def test_copying_asks_for_the_string_after_the_delimiter(symbols: int, length: int) -> None:
    for tokens, targets in lists(copying(chance(), 8, symbols, length)):
        place = tokens.index(1)
        string = tokens[:symbols]
        assert all(2 <= symbol < 28 for symbol in string)
        assert tokens[symbols:place] == [0] * (length - 2 * symbols)
        assert targets == [-100] * place + string
        assert tokens[place + 1 :] == string[:-1]


@pytest.mark.parametrize("length", [3, 16, 256])
def test_induction_asks_what_followed_the_special_token(length: int) -> None:
    places = set()
    for tokens, targets in lists(induction(chance(), 200, length)):
        place = tokens.index(0)
        places.add(place)
        assert [index for index, token in enumerate(tokens) if token == 0] == [place, length - 1]
        assert max(tokens) < 16
        assert targets == [-100] * (length - 1) + [tokens[place + 1]]
        assert targets[-1] != 0
    assert min(places) < length / 8
    assert max(places) > length * 7 / 8 - 3


def test_parity_says_whether_the_ones_so_far_are_odd() -> None:
    for bits, targets in lists(parity(chance(), 8, 50)):
        assert set(bits) == {0, 1}
        assert targets == [bits[: place + 1].count(1) % 2 for place in range(50)]


@pytest.mark.parametrize("length", [1, 2, 7, 64])
def test_s5_says_which_permutation_all_so_far_make(length: int) -> None:
    for tokens, targets in lists(s5(chance(), 8, length)):
        places = list(range(5))  # where each element is
        for token, target in zip(tokens, targets, strict=True):
            places = [PERMUTATIONS[token][place] for place in places]
            assert tuple(places) == PERMUTATIONS[target]


def test_s5_has_all_permutations_once_and_its_order_of_factors_matters() -> None:
    assert len(set(PERMUTATIONS)) == 120
    assert PERMUTATIONS[0] == (0, 1, 2, 3, 4)
    tokens_BT, _ = s5(chance(), 64, 64)
    assert tokens_BT.unique().tolist() == list(range(120))


@pytest.mark.parametrize("length", [4, 64, 1024])
def test_a_needle_lies_early_and_is_asked_at_the_end(length: int) -> None:
    places = set()
    for tokens, targets in lists(needle(chance(), 100, length)):
        place = next(index for index, token in enumerate(tokens) if token >= 256)
        places.add(place)
        assert place < length / 4
        assert 256 <= tokens[place] < 512 <= tokens[place + 1] < 768
        assert all(token < 256 for token in tokens[:place] + tokens[place + 2 : -1])
        assert tokens[-1] == tokens[place]
        assert targets == [-100] * (length - 1) + [tokens[place + 1]]
    assert len(places) > length / 4 * 0.3


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_a_seed_gives_the_same_rows_and_another_seed_others(task: Task) -> None:
    size = task.trained[0]
    first, again, other = (task.draw(chance(seed), 8, size) for seed in (1, 1, 2))
    assert all(torch.equal(one, two) for one, two in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])
    assert not torch.equal(first[0][0], first[0][1])  # nor are the rows alike


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_every_size_of_a_task_can_be_drawn_and_is_in_the_vocabulary(task: Task) -> None:
    assert max(size.length for size in task.trained) < max(size.length for size in task.evaluated)
    for size in {*task.trained, *task.evaluated}:
        tokens_BT, targets_BT = task.draw(chance(), 2, size)
        assert tokens_BT.shape == targets_BT.shape == (2, size.length)
        assert tokens_BT.min() >= 0
        assert max(int(tokens_BT.max()), int(targets_BT.max())) < task.vocabulary
        assert 0 < task.floor(size) <= 0.5


def test_guessing_among_the_values_of_a_row_is_the_floor_of_mqar() -> None:
    right = total = 0
    for tokens, targets in lists(mqar(chance(), 200, 4, 64)):
        for place in asked(targets):
            right, total = right + (targets[place] == tokens[1]), total + 1
    assert right / total == TASKS["mqar"].floor(Size(4, 64)) == 0.25


def test_a_task_of_mqar_has_its_vocabulary_and_fillers() -> None:
    tokens_BT, targets_BT = mqar_task(64, random_fillers=False).draw(chance(), 8, Size(4, 64))
    assert tokens_BT.max() < 64
    assert int((tokens_BT == 0).sum()) == 8 * (64 - 12)
    assert targets_BT.max() >= 32


@pytest.mark.parametrize(
    ("draw", "says"),
    [
        (lambda: mqar(chance(), 1, 4, 14), "length is 14 with 4 pairs: give an even number of at least 16"),
        (lambda: mqar(chance(), 1, 4, 17), "length is 17 with 4 pairs: give an even number of at least 16"),
        (lambda: mqar(chance(), 1, 0, 16), "pairs is 0: give at least 1"),
        (lambda: mqar(chance(), 0, 4, 16), "rows is 0: give at least 1"),
        (lambda: mqar(chance(), 1, 4, 16, vocabulary=9), "vocabulary is 9 with 4 pairs: give at least 10"),
        (lambda: copying(chance(), 1, 4, 7), "length with 4 symbols is 7: give at least 8"),
        (lambda: copying(chance(), 1, 0, 7), "symbols is 0: give at least 1"),
        (lambda: induction(chance(), 1, 2), "length is 2: give at least 3"),
        (lambda: parity(chance(), 1, 0), "length is 0: give at least 1"),
        (lambda: s5(chance(), 1, -3), "length is -3: give at least 1"),
        (lambda: needle(chance(), 1, 3), "length is 3: give at least 4"),
        (
            lambda: TASKS["parity"].draw(chance(), 1, Size(4, 64)),
            "size '4x64' has 4 items, and task parity has 1: give 1x64",
        ),
        (lambda: parse_size("64"), "size '64' is not ITEMSxLENGTH: give for example 4x64"),
    ],
)
def test_a_size_that_cannot_be_is_refused_in_one_line(draw: Callable[[], object], says: str) -> None:
    with pytest.raises(UserError) as error:
        draw()
    assert str(error.value) == says


def test_the_least_sizes_can_be_drawn() -> None:
    assert mqar(chance(), 1, 4, 16, vocabulary=10)[0].shape == (1, 16)
    assert parse_size("4x64") == Size(4, 64)
    assert str(Size(4, 64)) == "4x64"
