"""What an evaluation shows on the batch of a training step."""

from typing import Any

import pytest
import torch
from tests.unit.checks.healthy import classes, convolutions, mlp, table
from torch import Tensor, nn

import newllm


def right(model: nn.Module, batch: Any) -> float:
    model.eval()
    with torch.no_grad():
        loss = classes(model, batch)
    model.train()
    return loss.item()


def leaving(model: nn.Module, batch: Any) -> dict[str, Tensor]:
    with torch.no_grad():
        return {"loss": classes(model.eval(), batch)}


def in_training_mode(model: nn.Module, batch: Any) -> Tensor:
    with torch.no_grad():
        return classes(model, batch)


def shuffled(model: nn.Module, batch: Any) -> float:
    return right(model, (batch[0], batch[1].roll(1)))


def accuracy(model: nn.Module, batch: Any) -> float:
    with torch.no_grad():
        return (model.eval()(batch[0]).argmax(-1) == batch[1]).float().mean().item()


def training(model: nn.Module, batch: Any) -> float:
    loss = classes(model.eval(), batch)
    loss.backward()
    with torch.no_grad():
        for each in model.parameters():
            each -= 0.1 * each.grad  # type: ignore[operator] (there is one after a backward pass)
    return loss.item()


@pytest.mark.parametrize(
    ("evaluate", "status", "says"),
    [
        (right, "sound", "in evaluation mode"),
        (leaving, "sound", "call model.train() after it"),
        (in_training_mode, "wrong", "runs in training mode: 1 (BatchNorm2d) and 4 (Dropout)"),
        (shuffled, "wrong", "targets of other rows"),
        (
            training,
            "wrong",
            "that the evaluation changes: 0.weight (Conv2d), 0.bias (Conv2d) and 1.weight (BatchNorm2d) and 3 more",
        ),
        (accuracy, "unchecked", "something else"),
        (lambda *_: None, "unchecked", "gives a NoneType"),
        (None, "unchecked", "evaluate="),
    ],
)
def test_an_evaluation_is_seen_through(evaluate: Any, status: str, says: str) -> None:
    torch.manual_seed(0)
    model = convolutions()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    batch = torch.randn(16, 1, 8, 8), torch.randint(0, 10, (16,))
    before = {name: each.clone() for name, each in model.state_dict().items()}
    report = newllm.check(model, optimizer, classes, batch, evaluate=evaluate, seconds=60)
    outcome = next(each for each in report.outcomes if each.probe == "evaluation")
    assert (outcome.status, says in str(outcome.sentence)) == (status, True), str(outcome.sentence)
    assert report.wrong == [outcome] * (status == "wrong")
    assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())
    assert model.training
    assert all(each.grad is None for each in model.parameters())


def test_what_an_evaluation_keeps_comes_back() -> None:
    torch.manual_seed(0)
    model, seen = mlp(), [0.0]

    def evaluate(model: nn.Module, batch: Any) -> float:
        seen.append(right(model, batch))
        return seen[-1]

    report = newllm.check(model, torch.optim.SGD(model.parameters(), 0.1), classes, table(), evaluate=evaluate)
    assert "evaluation" in {outcome.probe for outcome in report.of("sound")}
    assert seen == [0.0]
