"""Weights of classes that make rare classes count for less."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import newllm

KIND = "reversed-weights"
SHARES = torch.tensor([0.65, 0.25, 0.1])


def findings(out: Path, loss: Callable[[Tensor, Tensor], Tensor], outputs: int, shares: Tensor = SHARES) -> set[str]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, outputs))
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    centres = torch.randn(len(shares), 6)
    with newllm.record(model, optimizer, out=out) as recorder:
        for _ in range(150):
            classes = torch.multinomial(shares, 64, replacement=True)
            value = loss(model(centres[classes] + torch.randn(64, 6)), classes)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            recorder.step(value)
    found = newllm.doctor(out, against=())
    return {one.kind for one in found.findings if one.severity != "note"}


def weighted(weights: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda logits, classes: F.cross_entropy(logits, classes, weight=weights)


def positives(weight: float) -> Callable[[Tensor, Tensor], Tensor]:
    by = torch.tensor(weight)
    return lambda o, classes: F.binary_cross_entropy_with_logits(o.flatten(), (classes == 1).float(), pos_weight=by)


def focal(logits: Tensor, classes: Tensor) -> Tensor:
    p = logits.softmax(-1).gather(1, classes[:, None])[:, 0]
    return (-((1 - p.detach()) ** 2) * p.log()).mean()


def each_its_own(logits: Tensor, classes: Tensor) -> Tensor:
    return (F.cross_entropy(logits, classes, reduction="none") * torch.rand(len(classes))).mean()


@pytest.mark.parametrize(
    ("loss", "outputs", "shares"),
    [
        (weighted(SHARES), 3, SHARES),
        (weighted(1 / SHARES[[2, 0, 1]]), 3, SHARES),  # in another order than the classes
        (positives(0.15 / 0.85), 1, torch.tensor([0.85, 0.15])),
        (positives(0.85 / 0.15), 1, torch.tensor([0.15, 0.85])),
    ],
)
def test_frequent_classes_that_weigh_more(
    tmp_path: Path, loss: Callable[[Tensor, Tensor], Tensor], outputs: int, shares: Tensor
) -> None:
    assert KIND in findings(tmp_path / "run", loss, outputs, shares)
    assert newllm.doctor(tmp_path / "run", against=()).findings[0].kind == KIND


@pytest.mark.parametrize(
    ("loss", "outputs", "shares"),
    [
        (weighted(torch.ones(3)), 3, SHARES),
        (weighted(1 / SHARES), 3, SHARES),
        (weighted(1 / SHARES.sqrt()), 3, SHARES),
        (weighted(torch.tensor([3.0, 1.0, 1.0])), 3, torch.ones(3) / 3),  # mistakes of one class cost more
        (focal, 3, SHARES),
        (each_its_own, 3, SHARES),
        (positives(1.0), 1, torch.tensor([0.85, 0.15])),
        (positives(0.85 / 0.15), 1, torch.tensor([0.85, 0.15])),
        (positives(0.15 / 0.85), 1, torch.tensor([0.15, 0.85])),
        (positives(4.0), 1, torch.tensor([0.5, 0.5])),
        (lambda o, c: F.mse_loss(o.flatten(), c.float()), 1, SHARES),
    ],
)
def test_weights_that_make_up_for_rare_classes(
    tmp_path: Path, loss: Callable[[Tensor, Tensor], Tensor], outputs: int, shares: Tensor
) -> None:
    assert KIND not in findings(tmp_path / "run", loss, outputs, shares)
