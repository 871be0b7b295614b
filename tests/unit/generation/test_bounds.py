"""Where a setting ends and what is exactly so much: values at the bound and just beyond it."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from newllm.errors import UserError
from newllm.generation import Engine, Sampling
from newllm.generation.continuation import StopStrings
from newllm.generation.memory import Memory
from newllm.generation.sampling import keep_min_p, keep_top_k, keep_top_p, next_token
from newllm.generation.weights import quantise


@pytest.mark.parametrize(
    ("name", "may_be", "may_not_be"),
    [
        ("temperature", [0, 0.0, 1e-9, 1e9], [-1e-9, float("inf"), True]),
        ("top_k", [0, 1, 5.0, 10**6], [-1, 1.5]),
        ("top_p", [1e-9, 1.0, 1], [0.0, 1.0001]),
        ("min_p", [0.0, 1.0], [-1e-9, 1.0001]),
        ("repetition_penalty", [0.01, 1, 100.0], [0.0099, 100.01]),
        ("repetition_window", [0, 1, 1024], [-1, 1.5, 1025]),
    ],
)
def test_what_a_setting_may_be(name: str, may_be: list[float], may_not_be: list[float]) -> None:
    for value in may_be:
        settings: dict[str, Any] = {name: value}
        Sampling(**settings).check()
    for value in may_not_be:
        settings = {name: value}
        with pytest.raises(UserError, match=f"{name} is {value!r}: it must be"):
            Sampling(**settings).check()


def test_without_a_setting_only_the_temperature_is_another_than_none() -> None:
    assert Sampling() == Sampling(0.8, 0, 1.0, 0.0, 1.0, 64)


def allowed(kept: Any) -> list[int]:
    return [at for at, value in enumerate(kept.tolist()) if value > float("-inf")]


def test_how_many_each_filter_leaves() -> None:
    logits_V = torch.tensor([0.5, 0.25, 0.125, 0.125], dtype=torch.float64).log().numpy()
    assert [allowed(keep_top_k(logits_V, k)) for k in (0, 1, 3, 4)] == [[0, 1, 2, 3], [0], [0, 1, 2], [0, 1, 2, 3]]
    assert [allowed(keep_top_p(logits_V, p)) for p in (0.4, 0.6, 0.8, 0.9, 1.0)] == [
        [0], [0, 1], [0, 1, 2], [0, 1, 2, 3], [0, 1, 2, 3],
    ]  # fmt: skip
    assert [allowed(keep_min_p(logits_V, p)) for p in (0.0, 0.2, 0.3, 0.6)] == [[0, 1, 2, 3], [0, 1, 2, 3], [0, 1], [0]]


def test_the_penalty_is_for_the_tokens_of_its_window() -> None:
    logits_V, chance = torch.tensor([2.0, 1.5, 1.0]), torch.Generator()
    likeliest = {"temperature": 0.0, "repetition_penalty": 1.5}
    for window, recent, token in ((1, [0, 1], 0), (2, [0, 1], 0), (1, [1, 0], 1), (0, [0], 0), (64, [0, 1, 1], 0)):
        assert next_token(logits_V, Sampling(repetition_window=window, **likeliest), recent, chance) == token
    penalised = Sampling(repetition_window=2, **likeliest)
    assert next_token(torch.tensor([-1.0, -1.4, -2.0]), penalised, [0], chance) == 1, "what is below 0 is multiplied"


@pytest.mark.parametrize(
    ("rows", "chunks"), [(300, [1024, 1024, 452]), (8192, [512] * 4 + [452]), (2**16, [64] * 39 + [4])]
)
def test_a_prompt_is_cut_so_that_its_predictions_stay_small(
    make_engine: Callable[..., Engine], rows: int, chunks: list[int]
) -> None:
    engine = make_engine(vocabulary=rows, layers=1)
    assert [len(ids) for ids in engine.cut(engine.start(), "a" * 2500)] == chunks


def test_the_bytes_of_a_memory_are_those_of_its_state() -> None:
    state = {"context": torch.zeros(1, 6), "position": torch.zeros(1, dtype=torch.int64), "half": torch.zeros(3).half()}
    assert Memory(state, torch.zeros(9), 1).state_bytes == 6 * 4 + 8 + 3 * 2


def test_a_weight_of_eight_bits_by_hand() -> None:
    whole, scale = quantise(torch.tensor([[1.27, -0.64, 0.0], [-2.54, 2.54, 0.02], [0.0, 0.0, 0.0]]))
    assert whole.tolist() == [[127, -64, 0], [-127, 127, 1], [0, 0, 0]]
    assert scale.tolist() == pytest.approx([0.01, 0.02, 0.0])


def test_the_earliest_end_decides_which_stop_string_it_was() -> None:
    both = StopStrings(["abcd", "c"])
    assert (both.feed("xxab"), both.feed("cd"), both.found) == ("xx", "ab", True)
    assert both.rest() == ""
    held = StopStrings(["aab"])
    assert [held.feed(piece) for piece in ("a", "a", "a", "c")] == ["", "", "a", "aac"]
