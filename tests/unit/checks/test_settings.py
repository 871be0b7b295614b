"""Exchanged betas and the momentum of batch norms."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import newllm


def normed(**options: Any) -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4, **options), nn.Linear(4, 3))


def frozen() -> nn.Sequential:
    model = normed(momentum=0.0)
    model[1].requires_grad_(False)
    return model


def exchanged(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.AdamW(parameters, betas=(0.999, 0.9))


def sgd(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=0.1)


def loss(model: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    return nn.functional.cross_entropy(model(batch[0]), batch[1])


@pytest.mark.parametrize(
    ("build", "optimizer", "expected"),
    [
        pytest.param(normed, torch.optim.Adam, "sound", id="as usual"),
        pytest.param(normed, exchanged, "wrong", id="exchanged betas"),
        pytest.param(lambda: normed(momentum=0.0), sgd, "wrong", id="statistics that stand still"),
        pytest.param(lambda: normed(momentum=0.99), sgd, "wrong", id="momentum as in TensorFlow"),
        pytest.param(lambda: normed(momentum=None), sgd, "unchecked", id="every batch has the same share"),
        pytest.param(lambda: normed(momentum=1.0, track_running_stats=False), sgd, "unchecked", id="no statistics"),
        pytest.param(frozen, sgd, "unchecked", id="frozen on purpose"),
    ],
)
def test_settings(
    build: Callable[[], nn.Module], optimizer: Callable[[Any], torch.optim.Optimizer], expected: str
) -> None:
    torch.manual_seed(0)
    model = build()
    batch = (torch.randn(8, 4), torch.randint(3, (8,)))
    report = newllm.check(model, optimizer(model.parameters()), loss, batch)
    (found,) = (each for each in report.outcomes if each.probe == "settings")
    assert found.status == expected
