"""Whether numbers of the inputs lie where their shape says."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import newllm
from newllm.recorder.input_axes import mixed_axes

ROWS = 64


def pictures(channels: int, height: int = 14, width: int = 22) -> Tensor:
    """Return smooth pictures of colours that go together: [N, C, H, W]."""
    draw = torch.Generator().manual_seed(0)
    coarse = torch.randn(ROWS, channels, 5, 6, generator=draw) + 2 * torch.randn(ROWS, 1, 5, 6, generator=draw)
    return F.interpolate(coarse, (height, width), mode="bilinear")


def series(features: int = 7, length: int = 100) -> Tensor:
    """Return walks by chance: [N, T, F]."""
    return torch.randn(ROWS, length, features, generator=torch.Generator().manual_seed(0)).cumsum(1)


def seasons(features: int, length: int = 168) -> Tensor:
    """Return days of 24 hours, each feature in a phase of its own: [N, T, F]."""
    draw = torch.Generator().manual_seed(0)
    phase = torch.arange(length)[None, :, None] / 24 + torch.rand(ROWS, 1, features, generator=draw)
    return (2 * math.pi * phase).sin() + 0.3 * torch.randn(ROWS, length, features, generator=draw)


def distance(inputs: Tensor) -> float | None:
    found = mixed_axes(inputs.reshape(len(inputs), -1), inputs.shape[1:])
    return None if found is None else found["axes_mixed"]


@pytest.mark.parametrize(
    ("inputs", "apart"),
    [
        (pictures(1).transpose(2, 3).reshape(ROWS, 1, 14, 22), 14),  # (W, H) as (H, W)
        (pictures(3).permute(0, 2, 3, 1).reshape(ROWS, 3, 14, 22), 66),  # (H, W, C) as (C, H, W)
        (series().reshape(ROWS, 7, 100), 7),  # (T, F) as (F, T)
        (seasons(5).reshape(ROWS, 5, 168), 5),
    ],
)
def test_a_reshape_in_place_of_a_transpose(inputs: Tensor, apart: int) -> None:
    assert distance(inputs) == apart


@pytest.mark.parametrize(
    "inputs",
    [
        pictures(1),
        pictures(3),
        pictures(3).transpose(2, 3),  # turned: rows are columns, and still neighbours
        pictures(3, 16, 16),
        pictures(3).flip(2),
        series(),
        series().transpose(1, 2),
        seasons(5),
        seasons(5).transpose(1, 2),
        seasons(24).transpose(1, 2),  # as many features as a day has hours: what repeats by itself
        torch.randn(ROWS, 3, 14, 22, generator=torch.Generator().manual_seed(0)),
        torch.randn(50, 16, generator=torch.Generator().manual_seed(0))[
            torch.randint(50, (ROWS, 20), generator=torch.Generator().manual_seed(1))  # embedded tokens
        ],
    ],
)
def test_what_lies_where_its_shape_says(inputs: Tensor) -> None:
    assert not distance(inputs)


@pytest.mark.parametrize("rows", [torch.zeros(ROWS, 1, 8, 9), torch.full((ROWS, 1, 8, 9), math.nan), series(2)])
def test_what_says_nothing(rows: Tensor) -> None:
    assert distance(rows) is None


@pytest.mark.parametrize("mix", [True, False])
def test_the_doctor_tells_it(tmp_path: Path, mix: bool) -> None:
    change: Callable[[Tensor], Tensor] = lambda x: x.transpose(2, 3).reshape(x.shape) if mix else x  # noqa: E731
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(960, 2))
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    with newllm.record(model, optimizer, out=tmp_path / "run") as recorder:
        for _ in range(12):
            some = pictures(1)[torch.randperm(ROWS)[:32]]
            loss = F.cross_entropy(model(change(some)), (some.mean((1, 2, 3)) > 0).long())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
    found = [one for one in newllm.doctor(tmp_path / "run", against=()).findings if one.kind == "input-axes"]
    assert [(one.severity, one.evidence["distance"]) for one in found] == ([("warning", 14)] if mix else [])
