"""A batch that is learnt because its chance is the same each time: what the loss draws, and what it is given."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.unit.checks.asked import answer
from tests.unit.checks.healthy import classes, mlp
from torch import Tensor, nn
from torch.nn import functional as F

Batch = tuple[Tensor, Tensor]


def batch(rows: int = 32) -> Batch:
    return torch.randn(rows, 10), torch.randint(0, 3, (rows,))


def _shuffled(model: nn.Module, batch: Batch) -> Tensor:
    return F.cross_entropy(model(batch[0]), batch[1][torch.randperm(len(batch[1]))])


def _both_shuffled(model: nn.Module, batch: Batch) -> Tensor:
    order = torch.randperm(len(batch[1]))
    return F.cross_entropy(model(batch[0])[order], batch[1][order])


def _noise_in_the_input(model: nn.Module, batch: Batch) -> Tensor:
    return classes(model, (batch[0] + 0.1 * torch.randn_like(batch[0]), batch[1]))


def _policy(model: nn.Module, batch: Batch) -> Tensor:
    """Actions that the policy draws are its targets."""
    policy = torch.distributions.Categorical(logits=model(batch[0]))
    return -policy.log_prob(policy.sample()).mean()


def _some_weigh_more(model: nn.Module, batch: Batch) -> Tensor:
    each = F.cross_entropy(model(batch[0]), batch[1], reduction="none")
    return (each * torch.rand(len(each))).mean()


def _shuffled_numbers(model: nn.Module, batch: Batch) -> Tensor:
    return F.mse_loss(model(batch[0])[:, 0], batch[0][torch.randperm(len(batch[0])), 0])


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (classes, "sound"),
        (_shuffled, "wrong"),
        (_both_shuffled, "sound"),
        (_noise_in_the_input, "sound"),
        (_policy, "targets-drawn"),
        (_some_weigh_more, "sound"),
        (_shuffled_numbers, "drawn"),
    ],
)
def test_what_a_loss_draws(loss: Callable[[Any, Any], Tensor], expected: str) -> None:
    torch.manual_seed(0)
    assert answer("learns", mlp(), loss, batch()) == expected


def test_dropout_is_no_chance_of_the_loss() -> None:
    torch.manual_seed(0)
    assert answer("learns", mlp(3, nn.Dropout(0.2)), classes, batch()) == "sound"


def test_few_targets_may_come_in_another_order_by_chance() -> None:
    torch.manual_seed(0)
    assert answer("learns", mlp(), _shuffled, batch(6)) == "targets-drawn"
