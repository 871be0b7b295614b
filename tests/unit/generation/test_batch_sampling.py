"""Many rows at once: the tokens that `next_token` chooses for each alone, with the same numbers of chance."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from newllm.chance import stream_seed
from newllm.errors import UserError
from newllm.generation import Sampling, next_token
from newllm.generation.batch_sampling import DIVERGED, BatchSampling
from newllm.generation.text_chance import TextChance

PLAIN = Sampling()
NONE = np.array([], dtype=np.int64)


def alone(
    logits_V: torch.Tensor, sampling: Sampling, recent: Sequence[int], seed: int, place: int, forbidden: np.ndarray
) -> int:
    chance = torch.Generator().manual_seed(stream_seed(seed, "sampling", place))
    try:
        return next_token(logits_V, sampling, recent, chance, forbidden)
    except UserError:
        return DIVERGED


def together(
    logits_BV: torch.Tensor,
    samplings: Sequence[Sampling],
    recent: Sequence[Sequence[int]],
    seeds: Sequence[int],
    places: Sequence[int] | None = None,
    forbidden: np.ndarray = NONE,
) -> list[int]:
    batch, before = BatchSampling(samplings, seeds, forbidden), logits_BV.clone()
    places = [1] * len(seeds) if places is None else places
    tokens = batch.choose(logits_BV.numpy(), places, [recent[row] for row in batch.penalised])
    assert torch.equal(logits_BV.nan_to_num(), before.nan_to_num())
    return tokens


def any_sampling(chance: np.random.Generator) -> Sampling:
    """Settings of which some are off, as most are."""

    def sometimes(value: float, off: float) -> float:
        return value if chance.random() < 0.5 else off

    return Sampling(
        temperature=sometimes(float(chance.choice([1e-9, 0.3, 0.8, 1.0, 2.0])), 0.0 if chance.random() < 0.3 else 0.8),
        top_k=int(sometimes(float(chance.integers(1, 400)), 0)),
        top_p=sometimes(float(chance.uniform(0.01, 1.0)), 1.0),
        min_p=sometimes(float(chance.uniform(0.0, 1.0)), 0.0),
        repetition_penalty=sometimes(float(chance.uniform(0.5, 2.0)), 1.0),
        repetition_window=int(chance.integers(0, 60)),
    )


@pytest.mark.parametrize("vocabulary", [1, 7, 257, 9001])
@pytest.mark.parametrize("is_coarse", [False, True], ids=["", "with equals"])
def test_each_row_has_the_token_that_it_has_alone(vocabulary: int, is_coarse: bool) -> None:
    chance = np.random.default_rng(vocabulary)
    for rows in (1, 2, 13, 64, 5):
        logits = chance.normal(size=(rows, vocabulary)) * chance.choice([0.1, 3.0, 30.0], size=(rows, 1))
        logits_BV = torch.tensor(logits.round() if is_coarse else logits, dtype=torch.float32)
        same = any_sampling(chance)
        samplings = [same if rows == 13 else any_sampling(chance) for _ in range(rows)]
        recent = [chance.integers(0, vocabulary, chance.integers(0, 90)).tolist() for _ in range(rows)]
        seeds = chance.integers(0, 2**63 - 1, rows).tolist()
        forbidden = np.flatnonzero(chance.random(vocabulary) < 0.2)[: vocabulary - 1]
        places = chance.integers(1, 10**6, rows).tolist()
        each = zip(logits_BV, samplings, recent, seeds, places, strict=True)
        expected = [alone(*one, forbidden) for one in each]
        assert together(logits_BV, samplings, recent, seeds, places, forbidden) == expected


SEEDS = st.integers(-(2**63), 2**63 + 200)


@pytest.mark.parametrize("compiled", [False, True])
@given(st.lists(st.tuples(SEEDS | st.integers(-9, 99), st.integers(0, 2**53) | st.integers(0, 1200)), max_size=40))
def test_a_number_of_chance_is_that_of_a_generator_of_its_own(compiled: bool, texts: list[tuple[int, int]]) -> None:
    if compiled:
        pytest.importorskip("numba")
    numbers = TextChance([seed for seed, _ in texts], compiled=compiled)
    for more in (0, 1):
        generators = [torch.Generator().manual_seed(stream_seed(seed, "sampling", at + more)) for seed, at in texts]
        expected = [torch.rand(1, generator=one, dtype=torch.float64).item() for one in generators]
        assert numbers([at + more for _, at in texts]).tolist() == expected


def test_a_seed_that_fills_no_block_has_its_numbers_all_the_same() -> None:
    seed = 10**40
    expected = torch.rand(
        1, generator=torch.Generator().manual_seed(stream_seed(seed, "sampling", 3)), dtype=torch.float64
    )
    assert TextChance([seed, 1])([3, 3])[0] == expected.item()


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_a_row_that_is_not_finite_harms_no_other(wrong: float, temperature: float) -> None:
    logits_BV = torch.randn(3, 9, generator=torch.Generator().manual_seed(1))
    samplings, recent = [Sampling(temperature), Sampling(temperature, repetition_penalty=1.3), PLAIN], [[], [1], []]
    expected = together(logits_BV, samplings, recent, [4, 5, 6])
    logits_BV[1] = wrong
    assert together(logits_BV, samplings, recent, [4, 5, 6]) == [expected[0], DIVERGED, expected[2]]


def test_rows_of_which_none_draws() -> None:
    assert together(torch.tensor([[1.0, 3.0, 2.0], [5.0, 5.0, 1.0]]), [Sampling(0.0)] * 2, [[], []], [0, 0]) == [1, 0]


def test_a_penalty_without_anything_read_is_none() -> None:
    sampling = Sampling(0.0, repetition_penalty=2.0)
    assert together(torch.tensor([[1.0, 3.0]]), [sampling], [[]], [0]) == [1]
