"""What a squared error asks for: noise that is drawn anew, a target among the inputs."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import newllm
from newllm.trace import Trace, read_trace

Loss = Callable[[Tensor, Tensor], Tensor]
LOSSES: list[Loss] = [
    F.mse_loss,
    lambda o, t: 0.5 * F.mse_loss(o, t),
    lambda o, t: F.mse_loss(o, t, reduction="sum") / len(o),
    lambda o, t: F.mse_loss(o, t, reduction="sum"),
]


def record(out: Path, model: nn.Module, batch: Callable[[], tuple[Tensor, Tensor]], loss: Loss, rate: float) -> Trace:
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    with newllm.record(model, optimizer, out, every=1) as recorder:
        for _ in range(30):
            inputs, targets = batch()
            optimizer.zero_grad()
            value = loss(model(inputs), targets)
            value.backward()
            optimizer.step()
            recorder.step(value)
    return read_trace(out / "trace.jsonl")


def noisy(again: bool) -> tuple[Tensor, Tensor]:
    """Pictures in noise, with that noise, or with another draw."""
    noise = torch.randn(64, 16)
    pictures = torch.rand(64, 16)
    return pictures + noise, torch.randn(64, 16) if again else noise


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("again", [False, True])
def test_noise_that_is_drawn_anew_is_not_in_the_input(tmp_path: Path, loss: Loss, again: bool) -> None:
    torch.manual_seed(0)
    trace = record(tmp_path / "run", nn.Linear(16, 16), lambda: noisy(again), loss, 0.02)
    assert trace.series("target_noise").value.mean() > 0.9
    within = float(trace.series("noise_in_input").value.mean())
    assert (abs(within) < 0.02) if again else (within > 0.8)
    assert (trace.series("noise_explained").value[-1] > 0.5) == (not again)


def test_pictures_as_targets_are_no_noise(tmp_path: Path) -> None:
    torch.manual_seed(0)

    def batch() -> tuple[Tensor, Tensor]:
        pictures = torch.rand(64, 16)
        return pictures, pictures

    trace = record(tmp_path / "run", nn.Linear(16, 16), batch, F.mse_loss, 0.01)
    assert set(trace.series("target_noise").value.tolist()) == {0.0}


@pytest.mark.parametrize("among", [False, True])
def test_a_number_that_is_nearly_the_target_is_seen_among_the_inputs(tmp_path: Path, among: bool) -> None:
    torch.manual_seed(0)

    def batch() -> tuple[Tensor, Tensor]:
        x = torch.randn(64, 8)
        target = x[:, :5].sum(1) + torch.randn(64)
        if among:
            x[:, 6] = target + 0.01 * torch.randn(64)
        return x, target[:, None]

    trace = record(tmp_path / "run", nn.Linear(8, 1), batch, F.mse_loss, 0.01)
    follows = trace.series("target_in_input").value
    assert (follows.min() > 0.99) if among else (follows.max() < 0.9)


def test_of_many_calls_in_a_step_one_is_kept(tmp_path: Path) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(16, 16)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.01)
    with newllm.record(layer, optimizer, tmp_path / "run", every=1) as recorder:
        x, noise = noisy(again=False)
        for _ in range(5):
            x = layer(x)
        loss = F.mse_loss(x, noise)
        loss.backward()
        assert len(recorder._calls._errors._gradients.take()) == 1
        optimizer.step()
        recorder.step(loss)
