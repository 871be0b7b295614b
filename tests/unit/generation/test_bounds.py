"""Where a setting ends and what is exactly so much: values at the bound and just beyond it."""

import os
from collections.abc import Callable
from typing import Any

import pytest
import torch

from newllm.errors import UserError
from newllm.generation import Engine, Sampling
from newllm.generation.compiled_step.pace import Pace
from newllm.generation.compiled_step.state import Layout
from newllm.generation.compiled_step.team import threads_for
from newllm.generation.memory import Memory
from newllm.generation.sampling import keep_min_p, keep_top_k, keep_top_p, next_token
from newllm.generation.stop_strings import StopStrings
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


# --- the compiled step


@pytest.mark.parametrize(
    ("products", "torchs", "processors", "threads"),
    [(0, 8, 8, 1), (2**20 - 1, 8, 8, 1), (2**20, 8, 8, 2), (3 * 2**19, 8, 8, 3), (2**30, 8, 4, 4), (2**30, 2, 8, 2)],
)
def test_a_thread_has_half_a_million_multiply_adds(
    products: int, torchs: int, processors: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: torchs)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(processors)), raising=False)
    assert threads_for(products) == threads


def ways(together: int, alone: int, count: int, pace: Pace) -> list[bool]:
    """Which of so many tokens were run alone, where they take so long together and alone."""
    found = []
    for _ in range(count):
        found.append(pace.alone)
        pace.took(alone if pace.alone else together)
    return found


def test_four_tokens_are_tried_each_way_and_again_after_five_hundred() -> None:
    pace = Pace()
    trial = [False] * 4 + [True] * 4
    assert ways(9, 5, 512, pace) == [*trial, *[True] * 504]
    assert ways(9, 5, 512, pace) == [*[True] * 4, *[False] * 4, *[True] * 504]
    assert ways(5, 9, 512, pace) == [*[True] * 4, *[False] * 4, *[False] * 504]
    assert ways(5, 5, 512, pace) == [*trial, *[False] * 504]  # no quicker: as it was meant to be


def test_the_quickest_of_four_counts() -> None:
    pace = Pace()
    for nanoseconds in (9, 3, 9, 9, 8, 8, 8, 8):
        pace.took(nanoseconds)
    assert not pace.alone


@pytest.mark.parametrize(("rows", "start"), [(1, 16), (8, 16), (9, 32), (64, 128)])
def test_where_the_parts_of_a_packed_state_stand(rows: int, start: int) -> None:
    layout = Layout(2, (12, 16), (20, 32))
    assert (layout.start(rows), layout.floats(rows)) == (start, start + rows * 2 * (16 + 3 * 32))
    state = {"position": torch.arange(rows) + 7}
    for layer in range(2):
        state[f"{layer}.context"] = torch.randn(rows, 12)
        state[f"{layer}.tail"] = torch.randn(rows, 3, 20)
    packed = layout.packed(state)
    assert list(packed) == list(layout.names) == ["position", "0.context", "0.tail", "1.context", "1.tail"]
    assert len(packed) == 5
    for name, value in state.items():
        assert torch.equal(packed[name], value)
    assert layout.packed(packed) is packed
    assert packed.memory.count_nonzero() <= 2 * rows + rows * 2 * (12 + 60), "what lies between is zero"
