"""How often a run evaluates and saves where that is left to us."""

import dataclasses
from typing import Any

import pytest

from newllm.training.config import RunConfig
from newllm.training.intervals import resolve_intervals


def resolved(steps: int, tokens: int = 0, batch: int = 1, **training: Any) -> tuple[int, int]:
    config = RunConfig()
    data = dataclasses.replace(config.data, window=10, batch=batch)
    own = dataclasses.replace(config.training, steps=steps, evaluate_tokens=tokens, **training)
    found = resolve_intervals(dataclasses.replace(config, data=data, training=own)).training
    return found.evaluate_every, found.snapshot_every


@pytest.mark.parametrize(("steps", "every"), [(1, 1), (9, 1), (50, 5), (10_000, 1000), (50_000, 1000)])
def test_ten_times_and_every_thousand_steps_at_least(steps: int, every: int) -> None:
    assert resolved(steps) == (every, every)


@pytest.mark.parametrize(("tokens", "batch", "every"), [(600, 1, 100), (601, 1, 101), (600, 2, 50), (60_000, 1, 500)])
def test_not_so_often_that_it_takes_more_than_a_fifth_of_the_training(tokens: int, batch: int, every: int) -> None:
    assert resolved(500, tokens, batch) == (every, every)
    assert resolved(500, tokens, batch, accumulate=1) == (every, every)


def test_micro_batches_count_and_what_is_set_stays() -> None:
    assert resolved(500, 600, accumulate=2) == (50, 50)
    assert resolved(500, evaluate_every=7) == (7, 7)
    assert resolved(500, snapshot_every=9) == (50, 9)
    assert resolved(500, evaluate_every=7, snapshot_every=9) == (7, 9)
