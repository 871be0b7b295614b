import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from newllm.errors import UserError
from newllm.generation import Sampling, next_token
from newllm.generation.sampling import draw, keep_min_p, keep_top_k, keep_top_p, penalise

logits = st.lists(st.floats(-20, 20, width=32), min_size=1, max_size=30)


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def kept(logits_V: np.ndarray) -> set[int]:
    return {index for index, value in enumerate(logits_V.tolist()) if value > -math.inf}


def likeliest_first(values: list[float]) -> list[int]:
    return sorted(range(len(values)), key=lambda index: (-values[index], index))


def wide(values: list[float]) -> np.ndarray:
    return np.array(values)


@given(logits, st.integers(0, 40))
def test_top_k_is_its_naive_twin(values, k):
    expected = likeliest_first(values)[: k or None]
    assert kept(keep_top_k(wide(values), k)) == set(expected)


@given(logits, st.floats(0.01, 1.0))
def test_top_p_is_its_naive_twin(values, p):
    order, probability = likeliest_first(values), torch.tensor(values, dtype=torch.float64).softmax(0).tolist()
    expected = set()
    for index, reached in zip(order, itertools.accumulate(probability[i] for i in order), strict=True):
        expected.add(index)
        if reached >= p:
            break
    assert kept(keep_top_p(wide(values), p)) == (expected if p < 1.0 else set(order))


@given(logits, st.floats(0.0, 1.0))
def test_min_p_is_its_naive_twin(values, min_p):
    best, close = max(values), 1e-9
    result = kept(keep_min_p(wide(values), min_p))
    for index, value in enumerate(values):
        ratio = math.exp(value - best)
        if ratio > min_p * (1 + close):
            assert index in result
        if ratio < min_p * (1 - close):
            assert index not in result


@given(logits, st.lists(st.integers(0, 29)), st.floats(0.5, 3.0), st.integers(0, 8))
def test_the_penalty_is_its_naive_twin(values, recent, penalty, window):
    recent = [token for token in recent if token < len(values)]
    looked_at = set(recent[-window:]) if window else set()
    sampling = Sampling(repetition_penalty=penalty, repetition_window=window)
    expected = [
        (value / penalty if value > 0 else value * penalty) if token in looked_at else value
        for token, value in enumerate(values)
    ]
    assert penalise(wide(values), recent, sampling).tolist() == pytest.approx(expected)


def test_filters_on_a_known_distribution():
    logits_V = np.log([0.1, 0.5, 0.15, 0.25])
    assert kept(keep_top_k(logits_V, 2)) == {1, 3}
    assert kept(keep_top_p(logits_V, 0.4)) == {1}
    assert kept(keep_top_p(np.zeros(4), 0.5)) == {0, 1}  # reached exactly
    assert kept(keep_top_p(logits_V, 0.6)) == {1, 3}
    assert kept(keep_top_p(logits_V, 0.95)) == {0, 1, 2, 3}
    assert kept(keep_min_p(logits_V, 0.29)) == {1, 2, 3}
    assert kept(keep_min_p(logits_V, 1.0)) == {1}


def test_draws_follow_the_distribution():
    probability_V = np.array([0.0, 0.5, 0.0, 0.3, 0.2, 0.0])
    generator = chance()
    counts = np.bincount([draw(probability_V, generator) for _ in range(4000)], minlength=6)
    assert counts[probability_V == 0].sum() == 0
    assert abs(counts / 4000 - probability_V).max() < 0.03  # four standard errors


@pytest.mark.parametrize(("number", "expected"), [(0.0, 1), (1.0, 4)])
def test_the_ends_of_the_distribution_are_possible_tokens(monkeypatch, number, expected):
    monkeypatch.setattr(torch, "rand", lambda *_, **__: torch.tensor([number], dtype=torch.float64))
    probability_V = np.array([0.0, 0.5, 0.0, 0.3, 0.2, 0.0])
    assert draw(probability_V, chance()) == expected


@given(logits, st.integers(0, 2**31))
def test_a_draw_never_takes_what_is_forbidden(values, seed):
    logits_V = torch.tensor([*values, -math.inf], dtype=torch.float64)
    assert next_token(logits_V, Sampling(temperature=1.0), [], chance(seed)) < len(values)
    logits_V[-1] = 50.0
    before = logits_V.clone()
    assert next_token(logits_V, Sampling(temperature=1.0), [], chance(seed), [len(values)]) < len(values)
    assert torch.equal(logits_V, before)


@pytest.mark.parametrize("temperature", [1e-320, 1e-5])
def test_a_tiny_temperature_is_greedy(temperature):
    logits_V = torch.tensor([1.0, 30.0, 29.9, -math.inf])
    assert next_token(logits_V, Sampling(temperature=temperature), [], chance()) == 1


def test_temperature_zero_takes_the_likeliest_and_no_chance():
    generator = chance()
    before = generator.get_state()
    assert next_token(torch.tensor([1.0, 3.0, 2.0]), Sampling(temperature=0), [], generator) == 1
    assert torch.equal(generator.get_state(), before)


def test_a_penalty_turns_the_greedy_choice():
    sampling = Sampling(temperature=0.0, repetition_penalty=2.0, repetition_window=2)
    logits_V = torch.tensor([1.0, 3.0, 2.0])
    assert next_token(logits_V, sampling, [1, 0], chance()) == 2
    assert next_token(logits_V, sampling, [1, 0, 0], chance()) == 1  # out of the window


def test_temperature_flattens():
    logits_V = torch.tensor([0.0, 2.0])
    share = {
        temperature: sum(next_token(logits_V, Sampling(temperature), [], chance(seed)) for seed in range(600)) / 600
        for temperature in (0.5, 1.0, 5.0)
    }
    for temperature, found in share.items():
        assert found == pytest.approx(1 / (1 + math.exp(-2 / temperature)), abs=0.07)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_diverged_model_is_told_in_one_line(bad):
    with pytest.raises(UserError, match="diverged") as told:
        next_token(torch.tensor([0.0, bad]), Sampling(), [], chance())
    assert "\n" not in str(told.value)


WRONG = [
    ("temperature", -0.1),
    ("temperature", math.nan),
    ("temperature", math.inf),
    ("temperature", "hot"),
    ("temperature", True),
    ("top_k", -1),
    ("top_k", 1.5),
    ("top_p", 0.0),
    ("top_p", 1.1),
    ("min_p", -0.1),
    ("min_p", 2.0),
    ("repetition_penalty", 0.0),
    ("repetition_penalty", 1e9),
    ("repetition_window", -1),
    ("repetition_window", 5000),
    ("repetition_window", None),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_value_is_told_in_one_line_that_quotes_it(name, value):
    with pytest.raises(UserError) as told:
        dataclasses.replace(Sampling(), **{name: value}).check()
    message = str(told.value)
    assert message.startswith(f"{name} is {value!r}: ")
    assert "\n" not in message


@settings(max_examples=50)
@given(st.floats(0, 5), st.integers(0, 9), st.floats(0.001, 1), st.floats(0, 1), st.floats(0.01, 100))
def test_every_right_setting_chooses_a_token(temperature, k, p, min_p, penalty):
    sampling = Sampling(temperature, k, p, min_p, penalty)
    sampling.check()
    assert 0 <= next_token(torch.tensor([3.0, -2.0, 0.0, 1.0]), sampling, [0, 3, 0], chance()) < 4
