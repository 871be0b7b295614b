"""Updates that are looked at because the loss has just leapt."""

import math
from pathlib import Path

import pytest
import torch
from torch import nn

import newllm
from newllm.recorder.leaps import Leaps
from newllm.trace import read_trace

CALM = [1.0 + 0.1 * (step % 3) for step in range(30)]


def asked(losses: list[float], every: int = 10) -> list[int]:
    """The places of the losses after which the next update is sampled."""
    leaps, found = Leaps(every), []
    for place, loss in enumerate(losses):
        leaps.see(loss)
        found += [place] * leaps.asks
    return found


def test_two_updates_after_a_leap_are_looked_at() -> None:
    assert asked([*CALM, 5.0, 1.0, 1.0, 1.0]) == [30, 31]


@pytest.mark.parametrize("losses", [CALM, [1.0] * 7 + [50.0], [2.0**-step for step in range(30)]])
def test_a_calm_loss_a_beginning_and_a_fall_are_none(losses: list[float]) -> None:
    assert asked(losses) == []


def test_leaps_one_after_another_are_looked_at_now_and_then() -> None:
    leaping = [value for step in range(12) for value in (*CALM, 10.0 ** (step + 1))]
    assert len(asked(leaping, every=10)) <= 2 * len(leaping) / 50 + 2


def test_a_loss_that_is_no_number_or_lies_elsewhere_hides_none() -> None:
    assert asked([*CALM, math.nan, 5.0]) == [31]
    leaps = Leaps(10)
    leaps.see(None)
    leaps.see(torch.zeros((), device="meta"))
    assert not leaps.asks
    assert asked([*CALM, math.inf]) == [30]


def test_the_recorder_samples_them(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    with newllm.record(model, optimizer, tmp_path / "run", every=100) as recorder:
        for step in range(1, 41):
            optimizer.zero_grad()
            loss = model(torch.ones(8, 4)).square().mean() * (100.0 if step == 33 else 1.0)
            loss.backward()
            optimizer.step()
            recorder.step(loss.item())
    assert read_trace(tmp_path / "run" / "trace.jsonl").series("target_mean").step.tolist() == [1, 34, 35]
